//! What a credential may do by now, where its platform tells.

use domain::GrantedScopes;
use futures_util::future::BoxFuture;

use crate::failure::PlatformFailure;
use crate::probe::ProbeRequest;

/// A platform's call that tells the scopes of the credential that is presented.
pub trait ScopeReader: Send + Sync {
    /// Any one of these scopes lets a credential ask.
    fn needs_any_of(&self) -> &'static [&'static str];

    /// Asks once. [`PlatformFailure::CredentialInvalid`] says that the platform knows the credential no more,
    /// [`PlatformFailure::ScopesInsufficient`] that it may not ask.
    fn read_scopes<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProbeRequest<'a>,
    ) -> BoxFuture<'a, Result<GrantedScopes, PlatformFailure>>;
}

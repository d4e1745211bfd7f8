//! How a credential is given up, so that its platform honours it no more.

use std::time::Duration;

use domain::Credential;
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::adapter::App;
use crate::failure::PlatformFailure;

/// A platform's way to end what it granted.
pub trait Revoke: Send + Sync {
    fn reach(&self) -> RevokeReach;

    /// Asks once, at the origin where the credential was proven. It may be asked again: a credential that
    /// the platform knows no more counts as revoked.
    fn revoke<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: RevokeRequest<'a>,
    ) -> BoxFuture<'a, Result<(), PlatformFailure>>;
}

/// What ends with the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeReach {
    /// Everything that the shop granted to the app: the app is gone from the shop.
    Installation,
    /// The credential, with what renews it.
    Credential,
}

/// What is given up.
#[derive(Clone, Copy, Debug)]
pub struct RevokeRequest<'a> {
    pub app: &'a App,
    /// Which of the app's secrets to use.
    pub secret: &'a SecretString,
    /// Where the credential was proven: a URL without a trailing slash.
    pub origin: &'a str,
    pub credential: &'a Credential,
    pub timeout: Duration,
}

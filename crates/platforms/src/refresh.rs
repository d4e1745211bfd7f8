//! How a grant is kept alive: an access token is exchanged for a newer one before it ends.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Credential, GrantedScopes, ProvenShop};
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::adapter::App;
use crate::failure::PlatformFailure;
use crate::proof::RefreshToken;

/// A platform's way to renew what it granted.
pub trait Refresh: Send + Sync {
    fn strategy(&self) -> RefreshStrategy;

    /// Asks for a newer access token, once.
    ///
    /// After [`PlatformFailure::ConnectFailed`] nothing was sent. After [`PlatformFailure::Unreachable`]
    /// the platform may have acted, and a refresh token that is good for one use may be spent. An answer
    /// that is not understood is `Unreachable` and never `Rejected`, because the latter ends the grant.
    fn refresh<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: RefreshRequest<'a>,
    ) -> BoxFuture<'a, Result<Refreshed, PlatformFailure>>;
}

/// What a refresh spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshStrategy {
    /// Nothing: the app's signature and the shop are the whole credential, so that a call may be repeated.
    AppSigned,
    /// A refresh token that is good for one use, and is answered by the next one.
    RotatingToken,
}

/// What a newer token is asked for with.
#[derive(Clone, Copy, Debug)]
pub struct RefreshRequest<'a> {
    pub app: &'a App,
    /// Which of the app's secrets to use.
    pub secret: &'a SecretString,
    pub shop: &'a ProvenShop,
    /// [`Proof::origin`](crate::Proof::origin) of the grant: it is refreshed nowhere else.
    pub origin: &'a str,
    /// There is one where the strategy is [`RefreshStrategy::RotatingToken`].
    pub refresh_token: Option<&'a SecretString>,
    pub timeout: Duration,
    pub now: DateTime<Utc>,
}

/// The newer token of the same shop.
#[derive(Clone, Debug)]
pub struct Refreshed {
    pub credential: Credential,
    /// `None` where the answer brings no new one: then the one before stays good.
    pub refresh_token: Option<RefreshToken>,
    /// The end as the answer tells it, or else by the lifetime that the platform documents.
    pub expires_at: Option<DateTime<Utc>>,
    /// What the newer token may do; `None` where the answer names no scopes: then it is what it was.
    pub scopes: Option<GrantedScopes>,
}

//! Sessions of users in an app that the platform shows inside of its own pages: the browser gets a session
//! token there, and a token for calls is had in exchange.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{ShopIdentity, ShopLabel};
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::adapter::App;
use crate::failure::PlatformFailure;
use crate::proof::Proof;

/// A platform's exchange of session tokens.
pub trait SessionExchange: Send + Sync {
    /// Whether a token that can be verified without the platform is for our app and counts now. One of
    /// another form is left to the exchange.
    fn check(
        &self,
        token: &SecretString,
        app: &App,
        now: DateTime<Utc>,
    ) -> Result<(), SessionTokenError>;

    /// Exchanges the token at the shop's own host, and has that host say whose the answer is. After every
    /// failure the session token must be taken for spent.
    fn exchange<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: SessionRequest<'a>,
    ) -> BoxFuture<'a, Result<SessionProof, PlatformFailure>>;
}

/// What a session token is exchanged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionAccess {
    /// A token that works without the user.
    Offline,
    /// A token of the user's own, as long as the session lasts.
    Online,
}

/// What a session token is exchanged with.
#[derive(Clone, Copy, Debug)]
pub struct SessionRequest<'a> {
    pub app: &'a App,
    pub shop: &'a ShopLabel,
    pub token: &'a SecretString,
    pub access: SessionAccess,
    /// The shop's stable id where the platform has told it before, beside this label and under its own
    /// signature.
    pub known: Option<&'a ShopIdentity>,
    /// For each of the calls.
    pub timeout: Duration,
    pub now: DateTime<Utc>,
}

/// What the exchange brought.
#[derive(Clone, Debug)]
pub struct SessionProof {
    pub proof: Proof,
    /// There is one where the access is [`SessionAccess::Online`].
    pub user: Option<SessionUser>,
}

/// The user whose session it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUser {
    pub id: String,
    pub email: Option<String>,
}

/// A session token that is not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionTokenError {
    #[error("is not signed for this app")]
    NotSigned,
    #[error("is for another app")]
    OfAnotherApp,
    #[error("has expired")]
    Expired,
    #[error("does not count yet")]
    NotYetValid,
}

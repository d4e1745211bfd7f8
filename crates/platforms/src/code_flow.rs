//! Authorization by URL: the seller consents on the platform, and a code comes back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{FailReason, ShopIdentity, ShopLabel};
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::adapter::App;
use crate::failure::PlatformFailure;
use crate::proof::Proof;

/// A platform's dialect of the authorization code grant.
pub trait CodeFlow: Send + Sync {
    /// The link that the seller follows. It carries the state, so it is for the seller alone and not
    /// for a log.
    fn authorize_url(&self, request: &AuthorizeRequest<'_>) -> String;

    /// What the platform's redirect says, once its signature, if the platform has any, is verified on the
    /// raw bytes of the query with any of the app's secrets. How old it may be, and whether its state is
    /// one of ours, is for the caller to judge.
    fn read_callback(&self, raw_query: &str, app: &App) -> Result<Callback, CallbackError>;

    /// Spends the code. After [`PlatformFailure::ConnectFailed`] it is unspent and may be tried again;
    /// after every other failure it must be taken for spent.
    fn exchange<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ExchangeRequest<'a>,
    ) -> BoxFuture<'a, Result<Proof, PlatformFailure>>;
}

/// What a link to the platform's consent page is made of.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizeRequest<'a> {
    pub app: &'a App,
    /// `None` only where the page is the same for every shop.
    pub shop: Option<&'a ShopLabel>,
    /// Our callback, exactly as it is registered at the platform.
    pub redirect_uri: &'a str,
    /// Comes back in the callback. Keep it within `[A-Za-z0-9_-]`, which no encoder changes.
    pub state: &'a SecretString,
}

/// What a verified callback says.
#[derive(Clone, Debug)]
pub struct Callback {
    /// `None` where the platform did not hand it through, which only some are known to leave out.
    pub state: Option<SecretString>,
    /// `None` where the callback names no shop, so that the state alone tells which one was asked.
    pub shop: Option<ShopLabel>,
    /// The shop's stable id, where the callback itself names it.
    pub identity: Option<ShopIdentity>,
    /// `None` where the platform does not sign its callbacks.
    pub signed: Option<Signed>,
    pub answer: CallbackAnswer,
}

/// What a callback's signature tells beside that it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    pub at: DateTime<Utc>,
    /// Which of [`App::secrets`] it was signed with: the one that the platform uses now.
    pub with: usize,
}

/// How the seller, or the platform, decided.
#[derive(Clone, Debug)]
pub enum CallbackAnswer {
    Code(SecretString),
    Failed(FailReason),
}

/// A callback that changes nothing. Both kinds lead to the same page, and neither quotes its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    #[error("the callback is not signed by the platform")]
    NotVerified,
    #[error("the callback is not of the platform's form")]
    Malformed,
}

/// What a code is exchanged with.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeRequest<'a> {
    pub app: &'a App,
    /// The shop that the answer must be about; `None` only where nobody could name it beforehand.
    pub shop: Option<&'a ShopLabel>,
    /// [`AuthorizeRequest::redirect_uri`] of the link.
    pub redirect_uri: &'a str,
    /// The callback that brought the code.
    pub callback: &'a Callback,
    pub code: &'a SecretString,
    pub timeout: Duration,
    pub now: DateTime<Utc>,
}

impl<'a> ExchangeRequest<'a> {
    /// The shop, on a platform that is always told which one it is about.
    pub(crate) fn named_shop(&self) -> Result<&'a ShopLabel, PlatformFailure> {
        self.shop.ok_or(PlatformFailure::Rejected)
    }
}

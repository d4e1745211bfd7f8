//! Authorization by KEY: the seller's own developer credential is handed over and proven.
//!
//! Some shops also make a key by themselves for whoever the seller allows, and send it: see [`KeyPush`].

use std::time::Duration;

use domain::{Credential, ShopLabel};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use url::Url;

use crate::adapter::App;
use crate::failure::PlatformFailure;
use crate::proof::Proof;

/// A platform's way to find out whose key it is.
pub trait KeyFlow: Send + Sync {
    /// What a seller who makes a key there is shown, in the platform's own names.
    fn key_guide(&self) -> &'static KeyGuide;

    /// A store's URL as the identity of its shop, where nothing else tells which shop a key was proven at;
    /// `None` elsewhere, and for a URL that is no shop's.
    fn shop_address(&self, _store_url: &Url) -> Option<String> {
        None
    }

    /// Asks the platform who the credential belongs to. It only reads, so that it may be asked again
    /// after any failure.
    fn prove<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProveRequest<'a>,
    ) -> BoxFuture<'a, Result<Proof, PlatformFailure>>;
}

/// A credential, and where it is said to belong.
#[derive(Clone, Copy, Debug)]
pub struct ProveRequest<'a> {
    /// `None` where the platform needs no app.
    pub app: Option<&'a App>,
    pub shop: Option<&'a ShopLabel>,
    pub store_url: &'a str,
    pub credential: &'a Credential,
    pub timeout: Duration,
}

/// Where a seller finds a key, and what it consists of, as the platform's pages in English name it.
#[derive(Debug)]
pub struct KeyGuide {
    /// The way to it in the shop's own back office.
    pub place: &'static [&'static str],
    /// What the key must be allowed, where the seller chooses that while making it.
    pub permission: Option<&'static str>,
    /// In the order in which the platform shows them.
    pub fields: &'static [KeyField],
    /// The platform's page about it.
    pub page: &'static str,
}

/// One of the texts that a key consists of.
#[derive(Debug)]
pub struct KeyField {
    pub part: KeyPart,
    pub name: &'static str,
    /// How every such text begins, where the platform sees to it: what begins otherwise is another text.
    pub begins_with: Option<&'static str>,
}

/// Which field of `auth_info` a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    Token,
    ApiKey,
    ApiSecret,
}

impl KeyPart {
    /// The name in `auth_info`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ApiKey => "api_key",
            Self::ApiSecret => "api_secret",
        }
    }
}

/// A platform whose shops make a key for whoever the seller allows, and send it from server to server.
///
/// What is sent is not signed: it counts for the click whose state it brings, and for nothing that it says
/// about the shop.
pub trait KeyPush: Send + Sync {
    /// The page of the shop on which the seller allows it; `None` if the store's URL is no shop's.
    fn authorize_url(&self, request: &KeyPushRequest<'_>) -> Option<Url>;

    /// What the shop sends, or `None` if it is something else.
    fn read_push(&self, body: &[u8]) -> Option<PushedKey>;

    /// What the seller's browser brings back from that page, or `None` if it is something else.
    fn read_return(&self, raw_query: &str) -> Option<KeyReturn>;
}

/// What a seller's shop is asked for.
#[derive(Clone, Copy, Debug)]
pub struct KeyPushRequest<'a> {
    pub store_url: &'a str,
    /// What the shop's page calls whoever asks.
    pub app_name: &'a str,
    pub state: &'a SecretString,
    /// Where the seller's browser goes afterwards.
    pub return_url: &'a str,
    /// Where the shop sends the key.
    pub callback_url: &'a str,
}

/// A key that a shop sent.
#[derive(Debug)]
pub struct PushedKey {
    pub state: SecretString,
    pub credential: Credential,
}

/// A browser that comes back from a shop's page.
#[derive(Debug)]
pub struct KeyReturn {
    pub state: SecretString,
    pub decision: KeyDecision,
}

/// What the seller said on the shop's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDecision {
    Allowed,
    Denied,
}

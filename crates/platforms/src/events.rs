//! What a platform tells by itself: a POST to an address of ours, which proves whose it is.

use domain::{NamedShop, PlatformEventKind, ShopIdentity, ShopLabel};
use secrecy::{ExposeSecret, SecretString};

use crate::adapter::App;

/// How a platform proves and words its events.
pub trait PlatformEvents: Send + Sync {
    /// What the event says, once its signature is verified on the raw bytes of the body with any of the
    /// app's secrets, or the key beside it is the app's.
    ///
    /// No platform here signs its headers, so that the topic and the id are hints: whoever has a signed
    /// body can send it once more under another name. A shop is taken from the body, if it names one. What
    /// is signed and cannot be read is [`PlatformEventKind::Other`]: a platform that is told of an error
    /// sends it again, and in the end sends nothing any more.
    fn read_event(
        &self,
        request: &EventRequest<'_>,
        app: &App,
    ) -> Result<PlatformEvent, EventNotVerified>;

    /// By what an event is known to be the platform's.
    fn proof(&self) -> EventProof;
}

/// By what an event is known to be a platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventProof {
    /// The app's secret signs it.
    AppSecret,
    /// [`App::event_key`] stands beside it.
    EventKey,
}

/// A request as it was received.
#[derive(Clone, Copy, Debug)]
pub struct EventRequest<'a> {
    /// Names and values. One that comes twice counts as none.
    pub headers: &'a [(String, String)],
    /// Byte for byte.
    pub body: &'a [u8],
    /// The header that names the shop, where the operator knows another than the platform's pages let guess.
    pub shop_header: Option<&'a str>,
}

impl EventRequest<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) if !value.is_empty() => Some(value),
            _ => None,
        }
    }
}

/// What a verified event says. It holds nothing about a shop's customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformEvent {
    pub topic: String,
    /// The platform's own id of the event, the same whenever it is sent again.
    pub id: Option<String>,
    pub shop: Option<NamedShop>,
    pub kind: PlatformEventKind,
    /// There is one where the kind is [`PlatformEventKind::CodeGranted`].
    pub code: Option<PushedCode>,
}

/// A code that nobody asked for, and the shop that it is about.
#[derive(Clone, Debug)]
pub struct PushedCode {
    pub code: SecretString,
    /// From a header, which no platform signs: the exchange has to prove it.
    pub label: ShopLabel,
    /// From the signed body.
    pub identity: ShopIdentity,
}

impl PartialEq for PushedCode {
    fn eq(&self, other: &Self) -> bool {
        let (own, others) = (&self.code, &other.code);
        own.expose_secret() == others.expose_secret()
            && self.label == other.label
            && self.identity == other.identity
    }
}

impl Eq for PushedCode {}

/// The events that the platforms' app stores demand an answer to; they are named alike everywhere.
pub(crate) fn kind_of_compliance(topic: &str) -> Option<PlatformEventKind> {
    Some(match topic {
        "customers/data_request" => PlatformEventKind::CustomerDataRequest,
        "customers/redact" => PlatformEventKind::CustomerRedaction,
        "shop/redact" | "merchants/redact" => PlatformEventKind::ShopRedaction,
        _ => return None,
    })
}

/// A request that is no platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is not proven to be the platform's")]
pub struct EventNotVerified;

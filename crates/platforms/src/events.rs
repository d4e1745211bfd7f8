//! What a platform tells by itself: a signed POST to an address of ours.

use domain::{NamedShop, PlatformEventKind};

use crate::adapter::App;

/// How a platform signs and words its events.
pub trait PlatformEvents: Send + Sync {
    /// What the event says, once its signature is verified on the raw bytes of the body with any of the
    /// app's secrets.
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
}

/// A request as it was received.
#[derive(Clone, Copy, Debug)]
pub struct EventRequest<'a> {
    /// Names and values. One that comes twice counts as none.
    pub headers: &'a [(String, String)],
    /// Byte for byte.
    pub body: &'a [u8],
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
}

/// The events that the platforms' app stores demand an answer to; they are named alike everywhere.
pub(crate) fn kind_of_compliance(topic: &str) -> Option<PlatformEventKind> {
    Some(match topic {
        "customers/data_request" => PlatformEventKind::CustomerDataRequest,
        "customers/redact" => PlatformEventKind::CustomerRedaction,
        "shop/redact" | "merchants/redact" => PlatformEventKind::ShopRedaction,
        _ => return None,
    })
}

/// A request that no platform signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is not signed by the platform")]
pub struct EventNotVerified;

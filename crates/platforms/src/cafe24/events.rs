//! What Cafe24 tells by itself. It signs none of it: a key that the developer centre hands out stands beside
//! it, which was seen by integrators and is on no page.
//!
//! <https://developers.cafe24.com/docs/api/admin> lists the events.

use domain::{NamedShop, PlatformEventKind, ShopLabel};
use serde_json::Value;

use super::FACTS;
use crate::adapter::App;
use crate::events::{EventNotVerified, EventRequest, PlatformEvent};
use crate::signature::is_same_key;

const KEY_HEADER: &str = "x-api-key";

/// Without a key of ours nothing is an event: there is nothing else by which one could be told from what
/// anybody sends.
pub(super) fn read(
    request: &EventRequest<'_>,
    app: &App,
) -> Result<PlatformEvent, EventNotVerified> {
    let known = app.event_key.as_ref().ok_or(EventNotVerified)?;
    let shown = request.header(KEY_HEADER).ok_or(EventNotVerified)?;
    if !is_same_key(known, shown) {
        return Err(EventNotVerified);
    }
    let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
    let resource = &body["resource"];
    let client_id = &resource["client_id"];
    let is_ours = client_id.is_null() || client_id.as_str() == Some(&app.client_id);
    let topic = read_topic(&body);
    Ok(PlatformEvent {
        kind: if is_ours {
            kind(&topic)
        } else {
            PlatformEventKind::Other
        },
        topic,
        id: None,
        shop: resource["mall_id"].as_str().and_then(mall),
        code: None,
    })
}

/// The number, or, in the older shape, the name of the event.
fn read_topic(body: &Value) -> String {
    let event_no = &body["event_no"];
    if event_no.is_u64() {
        return event_no.to_string();
    }
    if let Some(text) = event_no.as_str().filter(|text| is_number(text)) {
        return text.to_owned();
    }
    match (body["resource_type"].as_str(), body["event_type"].as_str()) {
        (Some("APP"), Some(name @ ("MALL.APP.DELETED" | "MALL.APP.EXPIRED"))) => name.to_owned(),
        _ => String::new(),
    }
}

fn is_number(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn kind(topic: &str) -> PlatformEventKind {
    match topic {
        "90077" | "MALL.APP.DELETED" => PlatformEventKind::Uninstalled,
        "90078" | "MALL.APP.EXPIRED" => PlatformEventKind::Expired,
        _ => PlatformEventKind::Other,
    }
}

/// An app is in a mall, and with that in all of its shops.
fn mall(mall_id: &str) -> Option<NamedShop> {
    let label: ShopLabel = FACTS.parse_seller_id(mall_id).ok()?;
    (label.as_str() == label.host_label()).then_some(NamedShop::Mall(label))
}

#[cfg(test)]
mod tests;

//! Events whose raw body is signed.

use domain::NamedShop;
use serde_json::Value;

use super::{EventWords, InitiatedWords};
use crate::adapter::App;
use crate::events::{EventNotVerified, EventRequest, PlatformEvent, kind_of_compliance};
use crate::facts::PlatformFacts;
use crate::signature::signs_body;

/// Topics and ids are short names; what is longer is none of a platform's.
const MAX_NAME_BYTES: usize = 128;

/// Verifies first: until a secret of ours has signed the body, nothing in it means anything.
pub(super) fn read(
    facts: &PlatformFacts,
    initiated: &InitiatedWords,
    request: &EventRequest<'_>,
    app: &App,
) -> Result<PlatformEvent, EventNotVerified> {
    let words = &initiated.events;
    let signature = request.header(words.signature).ok_or(EventNotVerified)?;
    if !signs_body(&app.secrets, request.body, signature) {
        return Err(EventNotVerified);
    }
    let topic = request
        .header(words.topic)
        .filter(|topic| topic.len() <= MAX_NAME_BYTES)
        .unwrap_or_default();
    let id = words
        .id
        .and_then(|name| request.header(name))
        .filter(|id| id.len() <= MAX_NAME_BYTES)
        .map(str::to_owned);
    let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
    let kind = kind_of_compliance(topic).unwrap_or_else(|| (words.kind)(topic, &body));
    let shop = (words.shop)(facts, &body).or_else(|| shop_of_header(facts, words, request));
    Ok(PlatformEvent {
        topic: topic.to_owned(),
        id,
        shop,
        kind,
    })
}

/// Only for bodies that name no shop.
fn shop_of_header(
    facts: &PlatformFacts,
    words: &EventWords,
    request: &EventRequest<'_>,
) -> Option<NamedShop> {
    let domain = request.header(words.shop_domain)?;
    facts.label_in_domain(domain).map(NamedShop::Label)
}

//! Events whose raw body is signed.

use domain::{NamedShop, PlatformEventKind, ShopLabel};
use secrecy::SecretString;
use serde_json::Value;

use super::{EventWords, InitiatedWords};
use crate::adapter::App;
use crate::events::{
    EventNotVerified, EventRequest, PlatformEvent, PushedCode, kind_of_compliance,
};
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
    let label = label_of_header(facts, words, request);
    let shop = (words.shop)(facts, &body).or_else(|| label.clone().map(NamedShop::Label));
    let code = match (&shop, label) {
        (Some(NamedShop::Identity(identity)), Some(label))
            if kind == PlatformEventKind::CodeGranted =>
        {
            read_code(words, app, &body).map(|code| PushedCode {
                code,
                label,
                identity: identity.clone(),
            })
        }
        _ => None,
    };
    // One that cannot be exchanged is told all the same, and means nothing.
    let is_empty = kind == PlatformEventKind::CodeGranted && code.is_none();
    Ok(PlatformEvent {
        topic: topic.to_owned(),
        id,
        shop,
        kind: if is_empty {
            PlatformEventKind::Other
        } else {
            kind
        },
        code,
    })
}

/// What no signature covers.
fn label_of_header(
    facts: &PlatformFacts,
    words: &EventWords,
    request: &EventRequest<'_>,
) -> Option<ShopLabel> {
    let name = request.shop_header.unwrap_or(words.shop_domain);
    facts.label_in_domain(request.header(name)?)
}

/// The code, if it is for our app.
fn read_code(words: &EventWords, app: &App, body: &Value) -> Option<SecretString> {
    let (client_id, code) = words.code.and_then(|read| read(body))?;
    (client_id == app.client_id).then(|| code.into())
}

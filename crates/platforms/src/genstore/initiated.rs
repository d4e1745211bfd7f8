//! What Genstore begins: launches, events, and the call that tells whether a token still works.

use domain::{NamedShop, PlatformEventKind, ShopIdentity};
use serde_json::Value;

use crate::facts::PlatformFacts;
use crate::standard::{EventWords, InitiatedWords, ProbeWords};

pub(super) static WORDS: InitiatedWords = InitiatedWords {
    language: None,
    // <https://partners.genstore.ai/docs/webhooks>. That the raw body is signed with the client secret, in
    // base64, is inferred from the example's signature; hex would be taken as well. The name of the shop's
    // header is inferred from the names of the other two, and only counts where the body names no shop.
    events: EventWords {
        signature: "x-genstore-hmac-sha256",
        topic: "x-genstore-topic",
        shop_domain: "x-genstore-shop-domain",
        id: None,
        kind,
        shop,
        code: Some(code),
    },
    // <https://partners.genstore.ai/docs/api-rest/api-access-scope>
    probe: ProbeWords {
        path: super::upkeep::SCOPES_PATH,
        header: super::upkeep::TOKEN_HEADER,
        scheme: "",
    },
};

/// <https://partners.genstore.ai/docs/webhooks/36>
fn kind(topic: &str, _: &Value) -> PlatformEventKind {
    match topic {
        "app/uninstalled" => PlatformEventKind::Uninstalled,
        "app/scopesUpdate" => PlatformEventKind::ScopesUpdated,
        "app/authorizationCodeGranted" => PlatformEventKind::CodeGranted,
        _ => PlatformEventKind::Other,
    }
}

/// A number, which the pages type as such and show as a text. Where the compliance events have it is not
/// documented; on top, as the others of their kind, is inferred.
fn shop(facts: &PlatformFacts, body: &Value) -> Option<NamedShop> {
    let id = [
        &body["authCode"]["shopId"],
        &body["authScope"]["shopId"],
        &body["uninstalled"]["shopId"],
        &body["shopId"],
    ]
    .into_iter()
    .find_map(|id| match id {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })?;
    let is_number = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| NamedShop::Identity(ShopIdentity::new(facts.platform.realm(), id)))
}

/// <https://partners.genstore.ai/docs/api-rest/37>
fn code(body: &Value) -> Option<(&str, &str)> {
    let granted = &body["authCode"];
    let code = granted["code"].as_str().filter(|code| !code.is_empty())?;
    Some((granted["clientId"].as_str()?, code))
}

#[cfg(test)]
mod tests;

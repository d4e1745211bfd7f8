//! What SHOPLINE begins: launches, events, and the call that tells whether a token still works.

use domain::{NamedShop, PlatformEventKind};
use serde_json::Value;

use crate::facts::PlatformFacts;
use crate::standard::{EventWords, InitiatedWords, ProbeWords};

pub(super) static WORDS: InitiatedWords = InitiatedWords {
    language: Some("lang"),
    // <https://developer.shopline.com/docs/apps/api-instructions-for-use/webhooks/overview>
    events: EventWords {
        signature: "x-shopline-hmac-sha256",
        topic: "x-shopline-topic",
        shop_domain: "x-shopline-shop-domain",
        id: Some("x-shopline-webhook-id"),
        kind,
        shop,
        code: None,
    },
    // <https://developer.shopline.com/docs/admin-rest-api/store/query-store-information>. A token that may
    // not read it is refused with another status than one that is not known.
    probe: ProbeWords {
        path: "/admin/openapi/v20260601/merchants/shop.json",
        header: "authorization",
        scheme: "Bearer ",
    },
};

/// The platform's page shows `operate` in capitals, and code of its own compares it in small letters.
/// <https://developer.shopline.com/docs/webhook/application/app-installation-status-changed.md>
fn kind(topic: &str, body: &Value) -> PlatformEventKind {
    let operate = body["operate"].as_str().unwrap_or_default();
    if topic == "apps/installed_uninstalled" && operate.eq_ignore_ascii_case("UNINSTALL") {
        PlatformEventKind::Uninstalled
    } else {
        PlatformEventKind::Other
    }
}

/// The handle, or, in the compliance events, one of two names for the shop's domain.
/// <https://developer.shopline.com/docs/webhook/customers/delete-customer-data-gdpr-specification>
fn shop(facts: &PlatformFacts, body: &Value) -> Option<NamedShop> {
    if let Some(handle) = body["handle"].as_str() {
        return facts.parse_seller_id(handle).ok().map(NamedShop::Label);
    }
    let domain = ["shop_domain", "store_domain"]
        .into_iter()
        .find_map(|name| body[name].as_str())?;
    facts.label_in_domain(domain).map(NamedShop::Label)
}

#[cfg(test)]
mod tests;

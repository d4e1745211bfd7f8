//! What a platform tells an app by itself: a POST whose body is signed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::signature::body_mac;
use crate::{AppRegistration, Dialect, Shop};

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Installed,
    Uninstalled,
    CustomerDataRequest,
    CustomerRedaction,
    ShopRedaction,
}

/// A request, to be sent byte for byte.
#[derive(Clone, Debug)]
pub struct SignedEvent {
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl SignedEvent {
    /// Both platforms' pages show signatures in base64; SHOPLINE's library compares hex, which it may mean
    /// as well:
    /// <https://developer.shopline.com/docs/apps/api-instructions-for-use/webhooks/overview> and
    /// <https://partners.genstore.ai/docs/webhooks>.
    pub(crate) fn about(
        app: &AppRegistration,
        shop: &Shop,
        topic: Topic,
        id: String,
        now: DateTime<Utc>,
    ) -> Self {
        let (name, body) = match app.dialect {
            Dialect::Genstore => genstore(app, shop, topic),
            Dialect::Shopline => shopline(app, shop, topic, now),
            Dialect::Cafe24 | Dialect::Shopify | Dialect::Woocommerce => {
                unreachable!("no event is asked for on this dialect")
            }
        };
        let body = body.to_string();
        let secret = app.client_secret.expose_secret();
        let signature = BASE64_STANDARD.encode(body_mac(secret, body.as_bytes()));
        let mut headers = vec![("content-type", "application/json".to_owned())];
        match app.dialect {
            Dialect::Shopline => headers.extend([
                ("x-shopline-topic", name.to_owned()),
                ("x-shopline-hmac-sha256", signature),
                ("x-shopline-shop-domain", format!("{shop}.myshopline.com")),
                ("x-shopline-shop-id", shop.id().to_string()),
                ("x-shopline-api-version", "v20260601".to_owned()),
                ("x-shopline-webhook-id", id),
            ]),
            Dialect::Genstore | Dialect::Cafe24 | Dialect::Shopify | Dialect::Woocommerce => {
                headers.extend([
                    ("x-genstore-topic", name.to_owned()),
                    ("x-genstore-hmac-sha256", signature),
                    ("x-genstore-shop-domain", format!("{shop}.genmystore.com")),
                ]);
            }
        }
        Self { headers, body }
    }
}

/// <https://developer.shopline.com/docs/webhook/application/app-installation-status-changed.md>
fn shopline(
    app: &AppRegistration,
    shop: &Shop,
    topic: Topic,
    now: DateTime<Utc>,
) -> (&'static str, Value) {
    let installation = |operate: &str| {
        json!({
            "appkey": app.client_id,
            "handle": shop.label(),
            "store_id": shop.id().to_string(),
            "name": shop.name(),
            "operate": operate,
            "timestamp": now.timestamp_millis(),
            "created_at": now.to_rfc3339_opts(SecondsFormat::Secs, true),
        })
    };
    let domain = format!("{shop}.myshopline.com");
    let customer = json!({"customer": {"id": "200843728"}, "shop_domain": domain});
    match topic {
        Topic::Installed => ("apps/installed_uninstalled", installation("INSTALL")),
        Topic::Uninstalled => ("apps/installed_uninstalled", installation("UNINSTALL")),
        Topic::CustomerDataRequest => ("customers/data_request", customer),
        Topic::CustomerRedaction => ("customers/redact", customer),
        Topic::ShopRedaction => (
            "merchants/redact",
            json!({"store_domain": domain, "store_id": shop.id().to_string()}),
        ),
    }
}

/// <https://partners.genstore.ai/docs/webhooks/36>
fn genstore(app: &AppRegistration, shop: &Shop, topic: Topic) -> (&'static str, Value) {
    let installation = json!({"clientId": app.client_id, "shopId": shop.id().to_string()});
    let customer = json!({"shopId": shop.id().to_string(), "customer": {"id": "200843728"}});
    match topic {
        Topic::Installed => ("app/installed", json!({"installed": installation})),
        Topic::Uninstalled => ("app/uninstalled", json!({"uninstalled": installation})),
        Topic::CustomerDataRequest => ("customers/data_request", customer),
        Topic::CustomerRedaction => ("customers/redact", customer),
        Topic::ShopRedaction => ("shop/redact", json!({"shopId": shop.id().to_string()})),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{app, shop};

    use super::*;

    #[test]
    fn the_body_is_signed_with_the_app_s_secret() {
        for dialect in [Dialect::Shopline, Dialect::Genstore] {
            let app = app(dialect);
            let now = DateTime::UNIX_EPOCH;
            let id = "b54557e4".to_owned();
            let event = SignedEvent::about(&app, &shop("demo"), Topic::Uninstalled, id, now);
            let mac = body_mac(app.client_secret.expose_secret(), event.body.as_bytes());
            let signature = event
                .headers
                .iter()
                .find(|(name, _)| name.ends_with("hmac-sha256"));
            assert_eq!(signature.unwrap().1, BASE64_STANDARD.encode(mac));
            assert!(event.body.contains(&shop("demo").id().to_string()));
        }
    }
}

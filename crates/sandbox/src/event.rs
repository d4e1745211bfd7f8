//! What a platform tells an app by itself: a POST whose body is signed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use secrecy::{ExposeSecret, SecretString};
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
    /// The shop's time with the app is over; told by CAFE24 alone.
    Expired,
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
    ) -> Option<Self> {
        let (name, body) = match app.dialect {
            Dialect::Genstore => genstore(app, shop, topic)?,
            Dialect::Shopline => shopline(app, shop, topic, now)?,
            Dialect::Cafe24 | Dialect::Multivende | Dialect::Shopify | Dialect::Woocommerce => {
                return None;
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
            Dialect::Genstore
            | Dialect::Cafe24
            | Dialect::Multivende
            | Dialect::Shopify
            | Dialect::Woocommerce => {
                headers.extend([
                    ("x-genstore-topic", name.to_owned()),
                    ("x-genstore-hmac-sha256", signature),
                    ("x-genstore-shop-domain", format!("{shop}.genmystore.com")),
                ]);
            }
        }
        Some(Self { headers, body })
    }

    /// GENSTORE's request with this topic and body.
    pub(crate) fn of_genstore(
        app: &AppRegistration,
        shop: &Shop,
        topic: &str,
        body: &Value,
    ) -> Self {
        let body = body.to_string();
        let mac = body_mac(app.client_secret.expose_secret(), body.as_bytes());
        Self {
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-genstore-topic", topic.to_owned()),
                ("x-genstore-hmac-sha256", BASE64_STANDARD.encode(mac)),
                ("x-genstore-shop-domain", format!("{shop}.genmystore.com")),
            ],
            body,
        }
    }

    /// CAFE24 signs nothing: a key stands beside what it tells. `None` where it tells nothing of that kind.
    pub(crate) fn about_mall(
        app: &AppRegistration,
        key: &SecretString,
        mall: &Shop,
        topic: Topic,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        Some(Self {
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-api-key", key.expose_secret().to_owned()),
            ],
            body: cafe24(app, mall, topic, now)?.to_string(),
        })
    }
}

/// <https://developers.cafe24.com/docs/api/admin>
fn cafe24(app: &AppRegistration, mall: &Shop, topic: Topic, now: DateTime<Utc>) -> Option<Value> {
    let korea = FixedOffset::east_opt(9 * 3600)?;
    let date = now
        .with_timezone(&korea)
        .to_rfc3339_opts(SecondsFormat::Secs, false);
    let (event_no, date_name) = match topic {
        Topic::Uninstalled => (90077, "deleted_date"),
        Topic::Expired => (90078, "expired_date"),
        // An app that was paid for once more.
        Topic::Installed => (90079, "renewed_date"),
        Topic::CustomerDataRequest | Topic::CustomerRedaction | Topic::ShopRedaction => {
            return None;
        }
    };
    Some(json!({
        "event_no": event_no,
        "resource": {
            "mall_id": mall.label(),
            "client_id": app.client_id,
            "app_name": app.name,
            date_name: date,
        },
    }))
}

/// <https://developer.shopline.com/docs/webhook/application/app-installation-status-changed.md>
fn shopline(
    app: &AppRegistration,
    shop: &Shop,
    topic: Topic,
    now: DateTime<Utc>,
) -> Option<(&'static str, Value)> {
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
    Some(match topic {
        Topic::Expired => return None,
        Topic::Installed => ("apps/installed_uninstalled", installation("INSTALL")),
        Topic::Uninstalled => ("apps/installed_uninstalled", installation("UNINSTALL")),
        Topic::CustomerDataRequest => ("customers/data_request", customer),
        Topic::CustomerRedaction => ("customers/redact", customer),
        Topic::ShopRedaction => (
            "merchants/redact",
            json!({"store_domain": domain, "store_id": shop.id().to_string()}),
        ),
    })
}

/// <https://partners.genstore.ai/docs/webhooks/36>
fn genstore(app: &AppRegistration, shop: &Shop, topic: Topic) -> Option<(&'static str, Value)> {
    let installation = json!({"clientId": app.client_id, "shopId": shop.id().to_string()});
    let customer = json!({"shopId": shop.id().to_string(), "customer": {"id": "200843728"}});
    Some(match topic {
        Topic::Expired => return None,
        Topic::Installed => ("app/installed", json!({"installed": installation})),
        Topic::Uninstalled => ("app/uninstalled", json!({"uninstalled": installation})),
        Topic::CustomerDataRequest => ("customers/data_request", customer),
        Topic::CustomerRedaction => ("customers/redact", customer),
        Topic::ShopRedaction => ("shop/redact", json!({"shopId": shop.id().to_string()})),
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{app, shop};

    use super::*;

    #[test]
    fn a_mall_s_event_comes_with_the_key_and_is_dated_in_korea() {
        let app = app(Dialect::Cafe24);
        let now = DateTime::UNIX_EPOCH;
        let about = |topic| {
            SignedEvent::about_mall(&app, &"made-up-key".into(), &shop("demomall"), topic, now)
        };
        let event = about(Topic::Expired).unwrap();
        let key = event.headers.iter().find(|(name, _)| *name == "x-api-key");
        assert_eq!(key.unwrap().1, "made-up-key");
        let body: Value = serde_json::from_str(&event.body).unwrap();
        let resource = json!({
            "mall_id": "demomall",
            "client_id": app.client_id,
            "app_name": app.name,
            "expired_date": "1970-01-01T09:00:00+09:00",
        });
        assert_eq!(body, json!({"event_no": 90078, "resource": resource}));
        assert!(about(Topic::ShopRedaction).is_none());
    }

    #[test]
    fn the_body_is_signed_with_the_app_s_secret() {
        for dialect in [Dialect::Shopline, Dialect::Genstore] {
            let app = app(dialect);
            let now = DateTime::UNIX_EPOCH;
            let id = "b54557e4".to_owned();
            let about = |topic| SignedEvent::about(&app, &shop("demo"), topic, id.clone(), now);
            assert!(about(Topic::Expired).is_none());
            let event = about(Topic::Uninstalled).unwrap();
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

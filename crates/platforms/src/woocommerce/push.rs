//! A shop that makes a key for whoever its merchant allows, and sends it.
//!
//! <https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-auth.php>. The
//! shop sends the key before it sends the browser back, waits for the answer for a minute, and deletes the key
//! unless the answer is exactly HTTP 200.

use domain::Credential;
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::{Woocommerce, canonical_origin};
use crate::key_flow::{KeyDecision, KeyPush, KeyPushRequest, KeyReturn, PushedKey};
use crate::query::RawQuery;

/// Of `read`, `write` and `read_write`.
const SCOPE: &str = "read";

/// The shop puts the name into the description of the key, of which it keeps this much.
const APP_NAME_CHARS: usize = 170;

impl KeyPush for Woocommerce {
    fn authorize_url(&self, request: &KeyPushRequest<'_>) -> Option<Url> {
        let store_url = Url::parse(request.store_url).ok()?;
        let origin = canonical_origin(&store_url).ok()?;
        let mut url = Url::parse(&format!("{origin}/wc-auth/v1/authorize")).ok()?;
        let name: String = request.app_name.chars().take(APP_NAME_CHARS).collect();
        url.query_pairs_mut()
            .append_pair("app_name", &name)
            .append_pair("scope", SCOPE)
            .append_pair("user_id", request.state.expose_secret())
            .append_pair("return_url", request.return_url)
            .append_pair("callback_url", request.callback_url);
        Some(url)
    }

    fn read_push(&self, body: &[u8]) -> Option<PushedKey> {
        // Whatever else it says, an address of a shop included, counts for nothing.
        let sent: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| sent[name].as_str();
        Some(PushedKey {
            state: text("user_id")?.into(),
            credential: Credential::KeyPair {
                api_key: text("consumer_key")?.into(),
                api_secret: text("consumer_secret")?.into(),
            },
        })
    }

    fn read_return(&self, raw_query: &str) -> Option<KeyReturn> {
        let query = RawQuery::read(raw_query).ok()?;
        let decision = match query.value("success")? {
            "1" => KeyDecision::Allowed,
            "0" => KeyDecision::Denied,
            _ => return None,
        };
        Some(KeyReturn {
            state: query.value("user_id")?.into(),
            decision,
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn authorize_url(store_url: &str, app_name: &str) -> Option<String> {
        let url = Woocommerce.authorize_url(&KeyPushRequest {
            store_url,
            app_name,
            state: &SecretString::from("s-1"),
            return_url: "https://broker.example/v1/auth/woocommerce/return",
            callback_url: "https://broker.example/v1/auth/woocommerce/keys",
        });
        url.map(String::from)
    }

    #[test]
    fn the_shop_s_own_page_is_asked_to_read() {
        let query = "?app_name=Alpha+%26+Co&scope=read&user_id=s-1\
            &return_url=https%3A%2F%2Fbroker.example%2Fv1%2Fauth%2Fwoocommerce%2Freturn\
            &callback_url=https%3A%2F%2Fbroker.example%2Fv1%2Fauth%2Fwoocommerce%2Fkeys";
        for (store_url, page) in [
            (
                "https://Shop.Example",
                "https://shop.example/wc-auth/v1/authorize",
            ),
            (
                "https://shop.example/?x=1#y",
                "https://shop.example/wc-auth/v1/authorize",
            ),
            (
                "https://shop.example:8443/en/",
                "https://shop.example:8443/en/wc-auth/v1/authorize",
            ),
        ] {
            let expected = Some(format!("{page}{query}"));
            assert_eq!(authorize_url(store_url, "Alpha & Co"), expected);
        }
        for no_shop in [
            "ftp://shop.example",
            "https://me@shop.example",
            "shop.example",
        ] {
            assert_eq!(authorize_url(no_shop, "Alpha"), None, "{no_shop}");
        }
        let long = authorize_url("https://shop.example", &"é".repeat(200)).unwrap();
        assert_eq!(long.matches("%C3%A9").count(), APP_NAME_CHARS);
    }

    #[test]
    fn what_is_sent_is_a_state_and_a_key() {
        let body = br#"{"key_id":1,"user_id":"s-1","consumer_key":"ck_1","consumer_secret":"cs_1",
            "key_permissions":"read","store_url":"https://elsewhere.example"}"#;
        let pushed = Woocommerce.read_push(body).unwrap();
        assert_eq!(pushed.state.expose_secret(), "s-1");
        let Credential::KeyPair {
            api_key,
            api_secret,
        } = &pushed.credential
        else {
            panic!("{pushed:?}");
        };
        let pair = (api_key.expose_secret(), api_secret.expose_secret());
        assert_eq!(pair, ("ck_1", "cs_1"));
        for secret in ["s-1", "ck_1", "cs_1"] {
            assert!(!format!("{pushed:?}").contains(secret));
        }
        for body in [
            "",
            "{}",
            "[]",
            r#"{"user_id":7,"consumer_key":"ck_1","consumer_secret":"cs_1"}"#,
            r#"{"user_id":"s","consumer_key":"ck_1"}"#,
            "user_id=s&consumer_key=ck_1&consumer_secret=cs_1",
        ] {
            assert!(Woocommerce.read_push(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn a_browser_brings_a_decision_back() {
        for (query, expected) in [
            ("success=1&user_id=s-1", Some(KeyDecision::Allowed)),
            ("success=0&user_id=s-1", Some(KeyDecision::Denied)),
            ("user_id=s-1&success=0&lang=en", Some(KeyDecision::Denied)),
            ("success=1", None),
            ("success=1&user_id=", None),
            ("user_id=s-1", None),
            ("success=true&user_id=s-1", None),
            ("success=0&success=1&user_id=s-1", None),
            ("success=1&user_id=s-1&user_id=s-2", None),
        ] {
            let read = Woocommerce.read_return(query);
            if let Some(read) = &read {
                assert_eq!(read.state.expose_secret(), "s-1");
            }
            assert_eq!(read.map(|read| read.decision), expected, "{query}");
        }
    }
}

//! The URLs, signed where the platform signs, to which a platform sends the seller's browser.

use chrono::{DateTime, TimeDelta, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;

use crate::script::Fault;
use crate::signature::sign_query;
use crate::{AppRegistration, Dialect, Shop};

/// Everything but RFC 3986's unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A callback, or, without code and state, the launch of an app; CAFE24 has other words for the latter.
///
/// A callback without a code is how a seller's refusal shows. The platforms do
/// not document one; a rightly signed redirect that lacks the code is the
/// weakest thing that an app must understand. CAFE24 signs nothing and names
/// RFC 6749, whose word for a refusal is `access_denied`.
pub(crate) struct Redirect<'a> {
    pub(crate) target: &'a str,
    pub(crate) app: &'a AppRegistration,
    pub(crate) shop: &'a Shop,
    pub(crate) code: Option<&'a str>,
    pub(crate) state: Option<&'a str>,
    pub(crate) now: DateTime<Utc>,
}

impl Redirect<'_> {
    pub(crate) fn url(&self, fault: Option<&Fault>) -> String {
        let dated = match fault {
            Some(Fault::Old) => self.now - TimeDelta::hours(1),
            _ => self.now,
        };
        let timestamp = dated.timestamp_millis().to_string();
        let mut query = Query::begin(self.target);
        let (shop_key, signature_name) = match self.app.dialect {
            Dialect::Genstore => {
                query.push("shop", self.shop.label());
                query.push("shopId", &self.shop.id().to_string());
                query.push_present("state", self.state);
                query.push("timestamp", &timestamp);
                query.push_present("code", self.code);
                ("shop", "hmac")
            }
            Dialect::Shopline => {
                query.push("appkey", &self.app.client_id);
                query.push_present("code", self.code);
                query.push_present("customField", self.state);
                query.push("handle", self.shop.label());
                query.push("timestamp", &timestamp);
                ("handle", "sign")
            }
            Dialect::Cafe24 => {
                match self.code {
                    Some(code) => query.push("code", code),
                    None => query.push("error", "access_denied"),
                }
                query.push_present("state", self.state);
                return query.url();
            }
            Dialect::Multivende | Dialect::Shopify | Dialect::Woocommerce => {
                unreachable!("neither this consent nor a launch is routed for this dialect")
            }
        };
        if fault == Some(&Fault::DuplicatedKey) {
            query.push(shop_key, "another-shop");
        }
        let secret = match fault {
            Some(Fault::Forged) => "whatever a forger made up",
            _ => self.app.client_secret.expose_secret(),
        };
        let signature = sign_query(secret, &query.raw, signature_name);
        query.push(signature_name, &signature);
        query.url()
    }
}

/// A URL's query under construction, after whatever the target brought along.
pub(crate) struct Query<'a> {
    before: &'a str,
    pub(crate) raw: String,
}

impl<'a> Query<'a> {
    pub(crate) fn begin(target: &'a str) -> Self {
        let target = target.split_once('#').map_or(target, |(url, _)| url);
        let (before, raw) = target.split_once('?').unwrap_or((target, ""));
        Query {
            before,
            raw: raw.to_owned(),
        }
    }

    pub(crate) fn push(&mut self, key: &str, value: &str) {
        if !self.raw.is_empty() {
            self.raw.push('&');
        }
        self.raw.push_str(key);
        self.raw.push('=');
        self.raw.extend(utf8_percent_encode(value, VALUE));
    }

    pub(crate) fn url(&self) -> String {
        format!("{}?{}", self.before, self.raw)
    }

    fn push_present(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.push(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{app, is_rightly_signed, shop};

    use super::*;

    fn redirect<'a>(app: &'a AppRegistration, shop: &'a Shop) -> Redirect<'a> {
        Redirect {
            target: "https://app.example/cb",
            app,
            shop,
            code: Some("c0de"),
            state: Some("n0nce"),
            now: DateTime::from_timestamp_millis(1_700_000_000_000).unwrap(),
        }
    }

    #[test]
    fn a_shopline_launch_is_the_signed_vector() {
        let mut app = app(Dialect::Shopline);
        app.client_id = "ak_0001".to_owned();
        app.client_secret = "sl_test_secret_0001".into();
        let shop = shop("demo-shop");
        let launch = Redirect {
            code: None,
            state: None,
            ..redirect(&app, &shop)
        };
        assert_eq!(
            launch.url(None),
            "https://app.example/cb?appkey=ak_0001&handle=demo-shop&timestamp=1700000000000\
             &sign=d83fac8856151785d368c7de8269ac8a1f2b3d3ed950175b877962b03c49e349"
        );
    }

    #[test]
    fn a_callback_keeps_the_target_s_query_and_encodes_what_it_echoes() {
        let app = app(Dialect::Genstore);
        let shop = shop("demo-shop");
        let callback = Redirect {
            target: "https://app.example/cb?kept=1",
            state: Some("a b&c=d"),
            ..redirect(&app, &shop)
        };
        let url = callback.url(None);
        let (unsigned, signature) = url.split_once("&hmac=").unwrap();
        let query = format!(
            "kept=1&shop=demo-shop&shopId={}&state=a%20b%26c%3Dd&timestamp=1700000000000&code=c0de",
            shop.id()
        );
        assert_eq!(unsigned, format!("https://app.example/cb?{query}"));
        let secret = app.client_secret.expose_secret();
        assert_eq!(signature, sign_query(secret, &query, "hmac"));
    }

    #[test]
    fn a_cafe24_callback_is_not_signed_and_names_no_mall() {
        let app = app(Dialect::Cafe24);
        let shop = shop("demomall");
        let callback = redirect(&app, &shop);
        assert_eq!(
            callback.url(None),
            "https://app.example/cb?code=c0de&state=n0nce"
        );
        let denial = Redirect {
            code: None,
            ..callback
        };
        assert_eq!(
            denial.url(None),
            "https://app.example/cb?error=access_denied&state=n0nce"
        );
    }

    #[test]
    fn faults_break_one_thing_each() {
        for (dialect, shop_key, name) in [
            (Dialect::Shopline, "handle", "sign"),
            (Dialect::Genstore, "shop", "hmac"),
        ] {
            let app = app(dialect);
            let shop = shop("demo");
            let callback = redirect(&app, &shop);
            let rightly_signed = |url: &str| is_rightly_signed(url, name);
            let times = |url: &str, key: &str| url.matches(key).count();

            let right = callback.url(None);
            assert!(rightly_signed(&right));
            assert_eq!(times(&right, &format!("{shop_key}=")), 1);

            let forged = callback.url(Some(&Fault::Forged));
            assert!(!rightly_signed(&forged));
            assert_eq!(forged.len(), right.len());

            let old = callback.url(Some(&Fault::Old));
            assert!(rightly_signed(&old));
            assert!(old.contains("timestamp=1699996400000"));

            let doubled = callback.url(Some(&Fault::DuplicatedKey));
            assert!(rightly_signed(&doubled));
            assert_eq!(times(&doubled, &format!("{shop_key}=")), 2);
        }
    }
}

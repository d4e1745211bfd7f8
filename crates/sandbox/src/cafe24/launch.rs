//! An operator of a mall opens the app:
//! <https://developer.cafe24.com/guide/front/develop?guide_no=97&language=us>.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use crate::redirect::Query;
use crate::script::Fault;
use crate::signature::sign_query_in_base64;
use crate::{AppRegistration, Shop};

/// Who of a mall opens the app there, and in which of its shops. Whatever is absent is not sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MallOperator {
    /// `P` is the chief, `A` a sub-operator, `S` a supplier.
    pub user_type: Option<String>,
    pub user_id: Option<String>,
    pub user_name: Option<String>,
    /// What the chief switched on: `{"MENU_AUTH":{"M1":"T"},"FUNCTION_AUTH":{}}`.
    pub auth_config: Option<Value>,
    pub shop_no: Option<u32>,
    /// `T` or `F`.
    pub is_multi_shop: Option<String>,
    pub lang: Option<String>,
    pub nation: Option<String>,
    /// What the platform may send besides one day.
    pub more: Vec<(String, String)>,
}

impl Default for MallOperator {
    /// The chief of a mall with one shop, in Korea.
    fn default() -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self {
            user_type: text("P"),
            user_id: text("chief"),
            user_name: text("대표 관리자"),
            auth_config: None,
            shop_no: Some(1),
            is_multi_shop: text("F"),
            lang: text("ko_KR"),
            nation: text("KR"),
            more: Vec::new(),
        }
    }
}

pub(crate) struct MallLaunch<'a> {
    pub(crate) target: &'a str,
    pub(crate) app: &'a AppRegistration,
    pub(crate) mall: &'a Shop,
    pub(crate) operator: &'a MallOperator,
    pub(crate) now: DateTime<Utc>,
}

impl MallLaunch<'_> {
    pub(crate) fn url(&self, fault: Option<&Fault>) -> String {
        let dated = match fault {
            Some(Fault::Old) => self.now - TimeDelta::hours(1),
            _ => self.now,
        };
        let operator = self.operator;
        let mut parameters = vec![
            ("mall_id", self.mall.label().to_owned()),
            ("timestamp", dated.timestamp().to_string()),
        ];
        for (name, value) in [
            ("is_multi_shop", &operator.is_multi_shop),
            ("lang", &operator.lang),
            ("nation", &operator.nation),
            ("user_id", &operator.user_id),
            ("user_name", &operator.user_name),
            ("user_type", &operator.user_type),
        ] {
            parameters.extend(value.clone().map(|value| (name, value)));
        }
        let shop_no = operator.shop_no.map(|number| number.to_string());
        parameters.extend(shop_no.map(|number| ("shop_no", number)));
        let granted = operator.auth_config.as_ref().map(Value::to_string);
        parameters.extend(granted.map(|granted| ("auth_config", granted)));
        let more = operator.more.iter();
        parameters.extend(more.map(|(name, value)| (name.as_str(), value.clone())));
        if fault == Some(&Fault::DuplicatedKey) {
            parameters.push(("mall_id", "another-mall".to_owned()));
        }
        parameters.sort();

        let mut query = Query::begin(self.target);
        for (name, value) in &parameters {
            query.push(name, value);
        }
        let secret = match fault {
            Some(Fault::Forged) => "whatever a forger made up",
            _ => self.app.client_secret.expose_secret(),
        };
        let signature = sign_query_in_base64(secret, &query.raw, "hmac");
        query.push("hmac", &signature);
        query.url()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{app, shop};
    use crate::{Dialect, Shop};

    use super::*;

    fn url(operator: &MallOperator, mall: &Shop, fault: Option<&Fault>) -> String {
        let mut app = app(Dialect::Cafe24);
        app.client_secret = "c24_test_secret_01".into();
        let launch = MallLaunch {
            target: "https://app.example/open",
            app: &app,
            mall,
            operator,
            now: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        };
        launch.url(fault)
    }

    #[test]
    fn a_chief_s_launch_is_the_signed_vector() {
        let operator = MallOperator {
            user_id: Some("demomall".to_owned()),
            is_multi_shop: Some("T".to_owned()),
            ..MallOperator::default()
        };
        assert_eq!(
            url(&operator, &shop("demomall"), None),
            "https://app.example/open?is_multi_shop=T&lang=ko_KR&mall_id=demomall&nation=KR&shop_no=1\
             &timestamp=1700000000&user_id=demomall\
             &user_name=%EB%8C%80%ED%91%9C%20%EA%B4%80%EB%A6%AC%EC%9E%90&user_type=P\
             &hmac=JkdHE0%2BIAHHwCwcnN9eoN3ctdPjJp%2FQmCE3QIBTqBuE%3D"
        );
    }

    #[test]
    fn what_is_absent_is_not_sent_and_what_is_granted_is_json() {
        let operator = MallOperator {
            user_type: Some("A".to_owned()),
            user_id: None,
            user_name: None,
            auth_config: Some(json!({"MENU_AUTH": {"M1": "T"}})),
            shop_no: None,
            is_multi_shop: None,
            lang: None,
            nation: None,
            more: vec![("zone".to_owned(), "a b".to_owned())],
        };
        let url = url(&operator, &shop("demomall"), None);
        let (unsigned, _) = url.split_once("&hmac=").unwrap();
        assert_eq!(
            unsigned,
            "https://app.example/open?auth_config=%7B%22MENU_AUTH%22%3A%7B%22M1%22%3A%22T%22%7D%7D\
             &mall_id=demomall&timestamp=1700000000&user_type=A&zone=a%20b"
        );
    }

    #[test]
    fn faults_break_one_thing_each() {
        let (operator, mall) = (MallOperator::default(), shop("demomall"));
        let right = url(&operator, &mall, None);
        let forged = url(&operator, &mall, Some(&Fault::Forged));
        let unsigned = |url: &str| url.split_once("&hmac=").unwrap().0.to_owned();
        assert_eq!(unsigned(&forged), unsigned(&right));
        assert_ne!(forged, right);
        let old = url(&operator, &mall, Some(&Fault::Old));
        assert!(old.contains("timestamp=1699996400&"), "{old}");
        let doubled = url(&operator, &mall, Some(&Fault::DuplicatedKey));
        assert_eq!(doubled.matches("mall_id=").count(), 2, "{doubled}");
    }
}

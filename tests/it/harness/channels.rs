//! Redirect, webhook, feed and query say one thing.

use serde_json::Value;
use url::Url;

use super::institution::{Endpoint, REDIRECT};
use super::{Institution, Store, TestApp};

impl TestApp {
    /// The event that told the last change of the store, after it was found to be the same on every
    /// channel: the one webhook that came, verified; the feed, byte for byte; the query; and, where
    /// the seller was sent somewhere, that address.
    pub(crate) async fn told(
        &self,
        institution: &Institution,
        endpoint: &Endpoint,
        store: &Store,
        redirect: Option<&str>,
    ) -> Value {
        self.settle().await;
        let webhook = self.receiver.take_one();
        let event = webhook.verified(&endpoint.secret);

        let feed = institution
            .answer("event/list", &serde_json::json!({}))
            .await
            .text;
        let bytes = std::str::from_utf8(&webhook.body).unwrap();
        let (_, behind) = feed
            .split_once(bytes)
            .expect("the feed has the webhook's bytes");
        assert!(
            behind.starts_with("],\"next_cursor\":"),
            "it is not the newest event: {behind}"
        );

        let mut data = event["data"].clone();
        let fields = data.as_object_mut().unwrap();
        let (fail, finished) = (
            fields.remove("fail").unwrap(),
            fields.remove("finished").unwrap(),
        );
        // Where the seller goes is for who hears of it, and found nowhere else.
        fields.remove("reauthorize_url");
        assert_eq!(finished, self.now().timestamp_millis());
        assert_eq!(event["timestamp"], self.now_text());
        assert_eq!(data, institution.query(store).await);
        match data["auth_fail_reason"].as_str().unwrap() {
            "" => assert_eq!(fail, Value::Null),
            reason => assert_eq!(fail["reason"], reason),
        }
        if let Some(redirect) = redirect {
            assert_eq!(redirect, expected_redirect(&data));
        }
        event
    }
}

/// The five parameters, from the snapshot that the event carried.
fn expected_redirect(snapshot: &Value) -> String {
    let mut url = Url::parse(REDIRECT).unwrap();
    for name in [
        "client_id",
        "store_id",
        "seller_id",
        "auth_status",
        "auth_fail_reason",
    ] {
        let value = snapshot[name].as_str().unwrap_or_default();
        url.query_pairs_mut().append_pair(name, value);
    }
    url.into()
}

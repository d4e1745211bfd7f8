//! Keys that an institution hands over, and keys that its sellers hand in.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, COOKIE};
use sandbox::{Dialect, Fault, KeyPermission, Rule, Step};
use serde_json::{Value, json};
use url::Url;

use super::{Play, shop};
use crate::harness::{Answer, let_pass};
use crate::process::Store;

impl Play<'_> {
    /// Right and wrong keys, and a platform that is down at first.
    pub(super) async fn authorize_by_key(&mut self) {
        let host = format!("http://{}/shopify/{{shop}}", self.installation.platforms);
        let arguments = [
            "platform",
            "configure",
            "SHOPIFY",
            "--scopes",
            "read_orders",
            "--host",
            &host,
        ];
        self.installation.settings.run(&arguments).await.succeeded();

        let sandbox = self.installation.sandbox.clone();
        for (label, is_known, status) in [("keyed", true, "SUCCESS"), ("locked", false, "FAILED")] {
            let token = self.secret("a pasted token", &format!("shpat_{label}"));
            if is_known {
                let scopes = vec!["read_orders".to_owned()];
                sandbox.register_token(shop(label), token.as_str().into(), scopes);
                let (dialect, step, fault) = (Dialect::Shopify, Step::Probe, Fault::ServerError);
                let rule = Rule {
                    dialect,
                    shop: Some(shop(label)),
                    step,
                    fault,
                    sticky: false,
                };
                sandbox.script(rule).unwrap();
            }
            let store = self
                .store("SHOPIFY", &format!("https://{label}.myshopify.com"))
                .await;
            let info = json!({"token": token});
            self.hand_over(&store, Some(label), &info, status).await;
        }
        for (label, is_known, status) in
            [("stitched", true, "SUCCESS"), ("strange", false, "FAILED")]
        {
            let key = self.secret("an API key", &format!("ck_{label}"));
            let secret = self.secret("an API secret", &format!("cs_{label}"));
            self.watch
                .keep("a pair in a header", &format!("{key}:{secret}"));
            if is_known {
                let permission = KeyPermission::Read;
                sandbox.register_key(shop(label), &key, secret.as_str().into(), permission);
            }
            let url = format!("http://{}/woocommerce/{label}", self.installation.platforms);
            let store = self.store("WOOCOMMERCE", &url).await;
            let info = json!({"api_key": key, "api_secret": secret});
            self.hand_over(&store, None, &info, status).await;
        }
    }

    async fn hand_over(
        &mut self,
        store: &Store,
        seller_id: Option<&str>,
        info: &Value,
        status: &str,
    ) {
        let fields = json!({"auth_type": "KEY", "seller_id": seller_id, "auth_info": info});
        self.institution
            .data(self.serve, "store/auth", &store.with(fields))
            .await;
        let snapshot = self.institution.query_after(self.serve, store, 0).await;
        assert_eq!(snapshot["auth_status"], status, "{store:?}: {snapshot}");
        if status == "SUCCESS" {
            let again = json!({"auth_type": "KEY", "seller_id": seller_id, "auth_info": info});
            self.refused("store/auth", &store.with(again)).await;
        }
    }

    /// A key that is pasted on our page after a text that is none, and one that the shop sends by itself, in
    /// whose name nobody else comes back.
    pub(super) async fn take_keys_from_sellers(&mut self) {
        let app_id = self.institution.app_id.clone();
        let hosted = ["institution", "set", &app_id, "--links", "hosted"];
        self.installation.settings.run(&hosted).await.succeeded();

        let token = self.secret("a token that a seller pasted", "shpat_pasted");
        let scopes = vec!["read_orders".to_owned()];
        let sandbox = self.installation.sandbox.clone();
        sandbox.register_token(shop("pasted"), token.as_str().into(), scopes);
        let store = self.store("SHOPIFY", "https://pasted.myshopify.com").await;
        let page = self.key_page(&store).await;
        // The answers lead back to the link, so that only the key is looked for in them.
        for (pasted, is_taken) in [(format!("{token}+{token}"), false), (token.clone(), true)] {
            let form = format!("token={pasted}");
            let answer = self.send(&format!("{page}/key"), &form).await;
            let location = answer.header("location").unwrap();
            assert_eq!(
                location.contains('?'),
                !is_taken,
                "what to mend stands behind it"
            );
            assert!(!location.contains(&token) && !answer.text.contains(&token));
        }
        self.is_authorized(&store).await;

        let key = self.secret("a pushed key", "ck_pushed");
        let secret = self.secret("a pushed secret", "cs_pushed");
        sandbox.register_key(
            shop("pushed"),
            &key,
            secret.as_str().into(),
            KeyPermission::Read,
        );
        let url = format!("http://{}/woocommerce/pushed", self.installation.platforms);
        let store = self.store("WOOCOMMERCE", &url).await;
        let page = self.key_page(&store).await;
        let gone = self.send(&format!("{page}/continue"), "").await;
        let (cookie, _) = gone.header("set-cookie").unwrap().split_once("; ").unwrap();
        let (_, value) = cookie.split_once('=').unwrap();
        self.watch.keep("a click's cookie", value);
        let away = Url::parse(gone.header("location").unwrap()).unwrap();
        let mut parameters = away.query_pairs();
        let (_, state) = parameters.find(|(name, _)| name == "user_id").unwrap();
        self.watch.keep("a state", &state);
        let pushed = json!({
            "key_id": 1,
            "user_id": state,
            "consumer_key": key,
            "consumer_secret": secret,
            "key_permissions": "read",
        });
        let http = self.installation.seller.http.clone();
        let back = format!("/v1/auth/woocommerce/return?success=1&user_id={state}");
        // In another browser, the key is thrown away; then the shop sends it once more.
        for (cookie, status) in [("", 400), (cookie, 200)] {
            let push = http
                .post(self.serve.url("/v1/auth/woocommerce/keys"))
                .header(CONTENT_TYPE, "application/json")
                .body(pushed.to_string());
            let told = Answer::of(push.send().await.unwrap()).await;
            assert_eq!(told.status, 200, "{}", told.text);
            let back = http.get(self.serve.url(&back)).header(COOKIE, cookie);
            let shown = Answer::of(back.send().await.unwrap()).await;
            assert_eq!(shown.status, status, "{}", shown.text);
            self.watch.hear(&shown);
        }
        self.is_authorized(&store).await;
    }

    /// The page behind the store's link, where this process serves it.
    async fn key_page(&mut self, store: &Store) -> String {
        let fields = store.with(json!({"auth_type": "KEY"}));
        let mut answer = self
            .institution
            .answer(self.serve, "store/auth", &fields)
            .await;
        // That the links are hosted counts within a second.
        let give_up = Instant::now() + Duration::from_secs(30);
        while answer.whole().1["code"] != 200 {
            assert!(Instant::now() < give_up, "{}", answer.text);
            let_pass(Duration::from_millis(50)).await;
            answer = self
                .institution
                .answer(self.serve, "store/auth", &fields)
                .await;
        }
        let data = answer.data();
        let link = data["auth_url"].as_str().unwrap();
        let (_, token) = link.rsplit_once('/').unwrap();
        self.watch.keep("a hosted link", token);
        self.serve.url(&format!("/go/{token}"))
    }

    async fn send(&self, url: &str, form: &str) -> Answer {
        let form = self
            .installation
            .seller
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned());
        Answer::of(form.send().await.unwrap()).await
    }

    async fn is_authorized(&self, store: &Store) {
        let snapshot = self.institution.query_after(self.serve, store, 0).await;
        assert_eq!(snapshot["auth_status"], "SUCCESS", "{snapshot}");
    }
}

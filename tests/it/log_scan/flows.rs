//! Everything that an institution, an operator and a seller can do with a secret, rightly and wrongly.

use sandbox::{Dialect, Fault, KeyPermission, Rule, Shop, Step};
use serde_json::{Value, json};

use super::Watch;
use crate::harness::{Answer, CAFE24, Decision, GENSTORE, PlatformCase, Reply, SHOPLINE};
use crate::process::{Installation, Institution, Serve, Store};

/// One broker with one institution, watched.
struct Play<'a> {
    installation: &'a Installation,
    serve: &'a Serve,
    watch: &'a mut Watch,
    institution: Institution,
    client: String,
    stores: Vec<String>,
}

/// Plays everything, and returns the ids of the stores that took part.
pub(super) async fn play(
    installation: &Installation,
    serve: &Serve,
    watch: &mut Watch,
) -> Vec<String> {
    let institution = installation.institution(serve, "Watched Pay").await;
    watch.keep("an app_secret", &institution.secret);
    watch.keep("an access token", &institution.token);
    let client = institution.client(serve, "seller-1").await;
    let stores = Vec::new();
    let mut play = Play {
        installation,
        serve,
        watch,
        institution,
        client,
        stores,
    };
    play.listen_for_webhooks().await;
    play.authorize_by_url().await;
    play.come_back_wrongly().await;
    play.authorize_by_key().await;
    play.call_wrongly().await;
    play.rotate_the_secret().await;
    play.stores
}

impl Play<'_> {
    async fn refused(&mut self, call: &str, fields: &Value) -> Answer {
        let answer = self.institution.answer(self.serve, call, fields).await;
        assert_ne!(answer.whole().1["code"], 200, "{call}");
        self.watch.hear(&answer);
        answer
    }

    async fn store(&mut self, platform: &str, url: &str) -> Store {
        let store = self
            .institution
            .store(self.serve, &self.client, platform, url)
            .await;
        self.stores.push(store.store_id.clone());
        store
    }

    /// One endpoint that has to be asked twice, and one that is not there.
    async fn listen_for_webhooks(&mut self) {
        let receiver = &self.installation.receiver;
        receiver.script("/hook", [Reply::status(500)]);
        let absent = "http://127.0.0.1:9/hook".to_owned();
        for url in [receiver.url("/hook"), absent] {
            let endpoint = self.institution.endpoint(self.serve, &url).await;
            let key = endpoint.secret.strip_prefix("whsec_").unwrap();
            self.watch.keep("a webhook secret", key);
        }
        let (first, second) = (receiver.next().await, receiver.next().await);
        assert_eq!(first.body, second.body);
    }

    async fn link(&mut self, case: &PlatformCase, store: &Store) -> String {
        let link = self.institution.link(self.serve, store).await;
        self.watch.keep("a state", &case.state_of(&link));
        link
    }

    async fn open(&mut self, callback: &str) -> Answer {
        let shown = self.installation.seller.open(self.serve, callback).await;
        self.watch.hear(&shown);
        shown
    }

    /// Success and denial on each platform, and what a platform can do wrong while a code is exchanged.
    async fn authorize_by_url(&mut self) {
        for case in [SHOPLINE, GENSTORE, CAFE24] {
            let mut endings = vec![
                ("willing", Decision::Approve, None, "SUCCESS"),
                ("unwilling", Decision::Deny, None, "FAILED"),
            ];
            for (shop, fault) in [
                ("spent", Fault::CodeAlreadyUsed),
                ("garbled", Fault::Garbage),
                ("down", Fault::ServerError),
                ("erring", Fault::OkWithError),
                ("mistaken", Fault::WrongShopInToken(shop("stranger"))),
            ] {
                endings.push((shop, Decision::Approve, Some(fault), "FAILED"));
            }
            for (label, decision, fault, status) in endings {
                let dialect = case.dialect;
                let shop = Some(shop(label));
                let script = |fault| Rule {
                    dialect,
                    shop,
                    step: Step::Token,
                    fault,
                    sticky: false,
                };
                if let Some(rule) = fault.map(script) {
                    self.installation.sandbox.script(rule).unwrap();
                }
                let store = self.store(case.code, &case.store_url(label)).await;
                let link = self.link(&case, &store).await;
                let callback = self.installation.seller.decide(&link, decision).await;
                self.open(&callback).await;
                let snapshot = self.institution.query_after(self.serve, &store, 0).await;
                assert_eq!(snapshot["auth_status"], status, "{label}: {snapshot}");
            }
        }
    }

    /// Forged, superseded, repeated and meaningless callbacks.
    async fn come_back_wrongly(&mut self) {
        let store = self
            .store(SHOPLINE.code, &SHOPLINE.store_url("patient"))
            .await;
        let superseded = self.link(&SHOPLINE, &store).await;
        let superseded = self
            .installation
            .seller
            .decide(&superseded, Decision::Approve)
            .await;
        let link = self.link(&SHOPLINE, &store).await;
        let callback = self
            .installation
            .seller
            .decide(&link, Decision::Approve)
            .await;
        let (unsigned, _) = callback.rsplit_once('=').unwrap();
        let forged = format!("{unsigned}={}", "0".repeat(64));
        for wrong in [superseded.as_str(), unsigned, &forged] {
            assert_eq!(self.open(wrong).await.status, 400);
        }
        for _ in 0..2 {
            assert_eq!(self.open(&callback).await.status, 303);
        }
        let ids = store.with(json!({}));
        self.institution
            .data(self.serve, "store/unbind", &ids)
            .await;
        assert_eq!(self.open(&callback).await.status, 400);
    }

    /// Right and wrong keys, and a platform that is down at first.
    async fn authorize_by_key(&mut self) {
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

    fn secret(&mut self, what: &'static str, prefix: &str) -> String {
        let secret = format!("{prefix}_{}", "0123456789abcdef".repeat(2));
        self.watch.keep(what, &secret);
        secret
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

    /// Secrets where none belongs, in calls that are refused.
    async fn call_wrongly(&mut self) {
        let token = self.secret("a misplaced token", "misplaced");
        let store = self.store("SHOPIFY", "https://wrong.myshopify.com").await;
        let key = |info: Value| {
            store.with(json!({"auth_type": "KEY", "seller_id": "wrong", "auth_info": info}))
        };
        for fields in [
            key(json!({"api_key": token, "api_secret": token})),
            key(json!({"token": token, "api_secret": token})),
            key(json!({"token": token, "more": token})),
            key(json!([token])),
            key(json!(token)),
            store.with(json!({"auth_type": token})),
            store.with(json!({"auth_type": "URL", "auth_info": {"token": token}})),
            store.with(
                json!({"auth_type": "URL", "redirect_url": format!("https://x.example/{token}")}),
            ),
            json!({"client_id": token, "store_id": token, "auth_type": "URL"}),
        ] {
            self.refused("store/auth", &fields).await;
        }
        for (call, fields) in [
            (
                "webhook/create",
                json!({"url": format!("https://u:{token}@hooks.example/")}),
            ),
            (
                "webhook/create",
                json!({"url": format!("ftp://hooks.example/{token}")}),
            ),
            ("event/list", json!({"after": token})),
        ] {
            self.refused(call, &fields).await;
        }
        // No JSON at all, although it is signed.
        let broken = format!("{{\"auth_info\":{{\"token\":\"{token}\",}}");
        let broken = self.institution.signing("store/auth", broken);
        let broken = self.institution.send(self.serve, &broken).await;
        assert_eq!(broken.whole().1["code"], 900_002);
        self.watch.hear(&broken);

        let wrong = self.secret("a wrong app_secret", "wrong");
        let answer = self.institution.ask_token(self.serve, &wrong).await;
        assert_eq!(answer.status, 401);
        self.watch.hear(&answer);
        let mut unknown = self.institution.signing("store/query", "{}");
        unknown.authorization = wrong.clone();
        let mut unsigned = self.institution.signing("store/query", "{}");
        unsigned.covered.pop();
        let mut badly_signed = self.institution.signing("store/query", "{}");
        badly_signed.secret = wrong;
        for signing in [unknown, unsigned, badly_signed] {
            let answer = self.institution.send(self.serve, &signing).await;
            assert_eq!(answer.status, 401);
            self.watch.hear(&answer);
        }
        // Kept for a repetition, with the link in it.
        let store = self
            .store(SHOPLINE.code, &SHOPLINE.store_url("repeated"))
            .await;
        let mut links = Vec::new();
        for _ in 0..2 {
            let body = store.with(json!({"auth_type": "URL"})).to_string();
            let mut signing = self.institution.signing("store/auth", body);
            signing.idempotency_key = Some("once".to_owned());
            signing.covered.push("idempotency-key");
            let data = self.institution.send(self.serve, &signing).await.data();
            links.push(data["auth_url"].as_str().unwrap().to_owned());
        }
        assert_eq!(links[0], links[1]);
        self.watch.keep("a state", &SHOPLINE.state_of(&links[0]));
    }

    /// The operator replaces the secret; what the operator's command logs is looked at as well.
    async fn rotate_the_secret(&mut self) {
        let app_id = self.institution.app_id.clone();
        let arguments = [
            "institution",
            "rotate-secret",
            &app_id,
            "--overlap",
            "1h",
            "--json",
        ];
        let rotated = self.installation.settings.run(&arguments).await;
        let remarks = rotated.stderr.clone();
        let printed: Value = serde_json::from_str(&rotated.succeeded()).unwrap();
        let new = printed["app_secret"].as_str().unwrap();
        self.watch.keep("an app_secret", new);
        self.watch.answers.push_str(&remarks);

        // The old one is still good for a while, and the new one is good at once.
        self.institution.renew_token(self.serve).await;
        self.watch.keep("an access token", &self.institution.token);
        new.clone_into(&mut self.institution.secret);
        self.institution.renew_token(self.serve).await;
        self.watch.keep("an access token", &self.institution.token);
        self.institution
            .data(self.serve, "platform/list", &json!({}))
            .await;
    }
}

fn shop(label: &str) -> Shop {
    label.parse().unwrap()
}

//! Everything that an institution, an operator and a seller can do with a secret, rightly and wrongly.

mod keys;
mod operators;

use std::time::Duration;

use sandbox::{Dialect, Fault, Rule, Shop, ShopUser, Step};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Watch;
use crate::harness::{
    Answer, CAFE24, Decision, GENSTORE, MULTIVENDE, PlatformCase, Reply, SHOPLINE, let_pass,
};
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
    play.authorize_by_hosted_link().await;
    play.give_up_what_lost_a_scope().await;
    play.come_back_wrongly().await;
    play.authorize_by_key().await;
    play.hand_out().await;
    play.open_the_app_in_a_mall().await;
    play.call_wrongly().await;
    play.rotate_the_secret().await;
    play.take_keys_from_sellers().await;
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

    /// A link to our own page: looked at, gone on from, finished in another browser and in the right one, and
    /// declined.
    async fn authorize_by_hosted_link(&mut self) {
        let http = self.installation.seller.http.clone();
        for (form, status) in [("decision=approve", "SUCCESS"), ("decision=deny", "FAILED")] {
            let store_url = MULTIVENDE.store_url("hosted");
            let store = self.store(MULTIVENDE.code, &store_url).await;
            let link = self.institution.link(self.serve, &store).await;
            let (_, token) = link.rsplit_once('/').unwrap();
            self.watch.keep("a hosted link", token);
            let page = self.serve.url(&format!("/go/{token}"));
            let shown = Answer::of(http.get(&page).send().await.unwrap()).await;
            assert_eq!(shown.status, 200, "{}", shown.text);
            let gone = http.post(format!("{page}/continue")).send().await.unwrap();
            let gone = Answer::of(gone).await;
            let (cookie, attributes) = gone.header("set-cookie").unwrap().split_once("; ").unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            assert!(name.starts_with("__Host-click_"), "{name}");
            assert_eq!(
                attributes,
                "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800"
            );
            self.watch.keep("a click's cookie", value);
            let away = gone.header("location").unwrap();
            self.watch.keep("a state", &MULTIVENDE.state_of(away));
            let decided = http
                .post(away)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
            let decided = Answer::of(decided.send().await.unwrap()).await;
            let callback = decided.header("location").unwrap();
            assert_eq!(self.open(callback).await.status, 400);
            let (_, path) = callback.split_once("auth.example").unwrap();
            let back = http.get(self.serve.url(path)).header("cookie", cookie);
            let shown = Answer::of(back.send().await.unwrap()).await;
            self.watch.hear(&shown);
            let snapshot = self.institution.query_after(self.serve, &store, 0).await;
            assert_eq!(snapshot["auth_status"], status, "{snapshot}");
        }
        let store = self
            .store(MULTIVENDE.code, &MULTIVENDE.store_url("other"))
            .await;
        let link = self.institution.link(self.serve, &store).await;
        let (_, token) = link.rsplit_once('/').unwrap();
        self.watch.keep("a hosted link", token);
        let declined = format!("{}/decline", self.serve.url(&format!("/go/{token}")));
        let answer = Answer::of(http.post(declined).send().await.unwrap()).await;
        self.watch.hear(&answer);
        let unknown = self.serve.url("/go/a-link-that-nobody-was-given");
        let answer = Answer::of(http.get(unknown).send().await.unwrap()).await;
        assert_eq!(answer.status, 400);
        self.watch.hear(&answer);
    }

    /// A renewal brings fewer scopes, and an event a link that is ready; then the store is unbound, and its
    /// token is revoked.
    async fn give_up_what_lost_a_scope(&mut self) {
        let url = CAFE24.store_url("narrowed");
        let store = self.store(CAFE24.code, &url).await;
        let auth_url = self.link(&CAFE24, &store).await;
        let seller = &self.installation.seller;
        let callback = seller.decide(&auth_url, Decision::Approve).await;
        self.open(&callback).await;
        let mut sequence = 0;
        let fewer = vec!["mall.read_order".to_owned()];
        self.installation
            .sandbox
            .script(Rule {
                dialect: Dialect::Cafe24,
                shop: Some(shop("narrowed")),
                step: Step::Token,
                fault: Fault::FewerScopes(fewer),
                sticky: false,
            })
            .unwrap();
        let due = "UPDATE grants SET next_refresh_at = 1 WHERE shop_label = 'narrowed'";
        self.installation.database.execute(due).await;
        while sequence < 2 {
            let answer = self
                .institution
                .query_after(self.serve, &store, sequence)
                .await;
            sequence = answer["sequence"].as_i64().unwrap();
        }
        let token = self.ready_link().await;
        self.watch.in_events.push(token.clone());
        let shown = self.serve.url(&format!("/go/{token}"));
        let http = self.installation.seller.http.clone();
        let shown = Answer::of(http.get(shown).send().await.unwrap()).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let ids = store.with(json!({}));
        self.institution
            .data(self.serve, "store/unbind", &ids)
            .await;
        let waiting = "SELECT COUNT(*) FROM revocations";
        while self.installation.database.number(waiting).await > 0 {
            let_pass(Duration::from_millis(50)).await;
        }
    }

    /// What the newest event about scopes leads to, as soon as it is in the feed.
    async fn ready_link(&mut self) -> String {
        loop {
            let fields = json!({"limit": 100});
            let feed = self
                .institution
                .data(self.serve, "event/list", &fields)
                .await;
            let mut events = feed["events"].as_array().unwrap().iter().rev();
            let told = events.find(|event| event["type"] == "store.auth.scopes_changed");
            if let Some(event) = told {
                let link = event["data"]["reauthorize_url"].as_str().unwrap();
                return link.rsplit('/').next().unwrap().to_owned();
            }
            let_pass(Duration::from_millis(50)).await;
        }
    }

    /// Sessions, a pushed code, and what is handed out and refused of a store's and of a user's token.
    async fn hand_out(&mut self) {
        let app_id = self.institution.app_id.clone();
        let permit = ["institution", "set", &app_id, "--allow", "credential"];
        let store = self
            .store(GENSTORE.code, &GENSTORE.store_url("embedded"))
            .await;
        let ids = store.with(json!({}));
        self.refused("credential/get", &ids).await;
        self.installation.settings.run(&permit).await.succeeded();
        // It counts within a second.
        while self.refused("credential/get", &ids).await.status == 403 {
            let_pass(Duration::from_millis(50)).await;
        }
        let user = ShopUser {
            id: 1_818_181_818,
            email: "embedded-user@example.com".to_owned(),
        };
        let scopes = ["read_orders", "read_products", "read_shops"].map(str::to_owned);
        let sandbox = &self.installation.sandbox;
        let token = sandbox.session_token(&shop("embedded"), None, user, &scopes);
        let token = token.unwrap().expose_secret().to_owned();
        self.watch.keep("a session token", &token);
        self.watch
            .keep("a user's address", "embedded-user@example.com");
        let push = sandbox.push_code(&shop("embedded"), None, &scopes).unwrap();
        let headers = push.headers.into_iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        let told = self
            .institution
            .post(self.serve, "/v1/auth/genstore/events", headers, push.body)
            .await;
        assert_eq!(told.status, 200);

        let offline = store.with(json!({"session_token": token}));
        let online = store.with(json!({"session_token": token, "access": "online"}));
        self.refused("store/session", &online).await;
        let altered = store.with(json!({"session_token": format!("{token}x")}));
        self.refused("store/session", &altered).await;
        let answer = self
            .institution
            .answer(self.serve, "store/session", &offline)
            .await;
        assert_eq!(answer.data()["auth_status"], "SUCCESS");
        self.watch.hear(&answer);
        for (call, fields) in [("store/session", &online), ("credential/get", &ids)] {
            let data = self.institution.data(self.serve, call, fields).await;
            let token = data["access_token"].as_str().unwrap();
            self.watch.keep("a token that was handed out", token);
        }
        self.refused("store/session", &offline).await;
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

    fn secret(&mut self, what: &'static str, prefix: &str) -> String {
        let secret = format!("{prefix}_{}", "0123456789abcdef".repeat(2));
        self.watch.keep(what, &secret);
        secret
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

//! A broker with an institution whose links are hosted, and the stores that stories are told of.

use std::collections::BTreeMap;

use sandbox::KeyPermission;
use serde_json::{Value, json};

use crate::harness::{CAFE24, Database, Decision, MULTIVENDE, PlatformCase};
use crate::process::{
    Bus, Installation, Institution, PUBLIC_URL, Running, Serve, Store, browser, chromium,
};

/// What a story says when it is over.
const OVER: &str = "over";

/// The institution whose sellers see the pages.
const NAME: &str = "Example Pay";

pub(super) struct Stage {
    pub(super) installation: Installation,
    pub(super) serve: Serve,
    pub(super) institution: Institution,
    client: String,
    /// By the label of their shop.
    pub(super) stores: BTreeMap<String, Store>,
}

impl Stage {
    pub(super) async fn set() -> Self {
        let mut installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
        installation.settings = installation.settings.unlimited();
        installation.configure(&CAFE24).await;
        installation.configure(&MULTIVENDE).await;
        let shopify = format!("http://{}/shopify/{{shop}}", installation.platforms);
        let scopes = ["--scopes", "read_orders,write_products", "--host", &shopify];
        let configure = [&["platform", "configure", "SHOPIFY"][..], &scopes].concat();
        installation.settings.run(&configure).await.succeeded();
        let serve = installation.serve().await;
        let arguments = shown("hosted");
        let institution = installation.institution_with(&serve, NAME, &arguments);
        let institution = institution.await;
        let client = institution.client(&serve, "Garden Shops").await;
        Self {
            installation,
            serve,
            institution,
            client,
            stores: BTreeMap::new(),
        }
    }

    /// A new store of this shop.
    pub(super) async fn store(&mut self, case: &PlatformCase, shop: &str) -> Store {
        self.store_at(case.code, &case.store_url(shop), shop).await
    }

    async fn store_at(&mut self, platform: &str, url: &str, shop: &str) -> Store {
        let institution = &self.institution;
        let store = institution
            .store(&self.serve, &self.client, platform, url)
            .await;
        self.stores.insert(shop.to_owned(), store.clone());
        store
    }

    /// A new store of a shop of WooCommerce, and the link on which its seller hands in a key. The shop honours
    /// this key alone.
    pub(super) async fn ask_for_key(&mut self, shop: &str, (key, secret): (&str, &str)) -> String {
        let label = shop.parse().unwrap();
        let sandbox = &self.installation.sandbox;
        sandbox.register_key(label, key, secret.into(), KeyPermission::Read);
        let url = format!("http://{}/woocommerce/{shop}", self.installation.platforms);
        let store = self.store_at("WOOCOMMERCE", &url, shop).await;
        let fields = store.with(json!({"auth_type": "KEY"}));
        let data = self.institution.data(&self.serve, "store/auth", &fields);
        data.await["auth_url"].as_str().unwrap().to_owned()
    }

    /// The same with a shop of Shopify, which takes a token.
    pub(super) async fn ask_for_token(&mut self, shop: &str) -> String {
        let url = format!("https://{shop}.myshopify.com");
        let store = self.store_at("SHOPIFY", &url, shop).await;
        let fields = store.with(json!({"auth_type": "KEY"}));
        let data = self.institution.data(&self.serve, "store/auth", &fields);
        data.await["auth_url"].as_str().unwrap().to_owned()
    }

    /// Asks for the authorization of a new store, and returns the link. Its seller ends on our page.
    pub(super) async fn ask(&mut self, case: &PlatformCase, shop: &str) -> String {
        let store = self.store(case, shop).await;
        self.ask_again(&store).await
    }

    /// Asks for the authorization of a store.
    pub(super) async fn ask_again(&self, store: &Store) -> String {
        self.ask_at(&self.serve, store).await
    }

    /// Asks another process of the broker.
    pub(super) async fn ask_at(&self, serve: &Serve, store: &Store) -> String {
        let fields = store.with(json!({"auth_type": "URL"}));
        let data = self.institution.data(serve, "store/auth", &fields).await;
        data["auth_url"].as_str().unwrap().to_owned()
    }

    /// A link that leads to the platform at once, of an institution that looks the same. Its seller ends on our page.
    pub(super) async fn ask_directly(
        &self,
        serve: &Serve,
        case: &PlatformCase,
        shop: &str,
    ) -> String {
        let arguments = shown("direct");
        let installation = &self.installation;
        let institution = installation.institution_with(serve, NAME, &arguments);
        let institution = institution.await;
        let client = institution.client(serve, "Garden Shops").await;
        let url = case.store_url(shop);
        let store = institution.store(serve, &client, case.code, &url).await;
        let fields = store.with(json!({"auth_type": "URL"}));
        let data = institution.data(serve, "store/auth", &fields).await;
        data["auth_url"].as_str().unwrap().to_owned()
    }

    /// A new store whose seller has consented already.
    pub(super) async fn authorize(&mut self, case: &PlatformCase, shop: &str) -> Store {
        let link = self.ask(case, shop).await;
        let departure = self.press(&link, "continue").await;
        let [platform, cookie] = ["location", "set-cookie"].map(|name| {
            let value = departure.headers()[name].to_str().unwrap();
            value.to_owned()
        });
        let seller = &self.installation.seller;
        let callback = seller.decide(&platform, Decision::Approve).await;
        let path = callback.strip_prefix(PUBLIC_URL).unwrap();
        let returns = seller.http.get(self.serve.url(path));
        let (cookie, _) = cookie.split_once(';').unwrap();
        let returned = returns.header("cookie", cookie).send().await.unwrap();
        assert!(returned.status().as_u16() < 400, "{shop}");
        self.expect(shop, ("SUCCESS", "")).await;
        self.stores[shop].clone()
    }

    /// Presses a button of the link's page, without a browser.
    async fn press(&self, link: &str, button: &str) -> reqwest::Response {
        let path = link.strip_prefix(PUBLIC_URL).unwrap();
        let url = self.serve.url(&format!("{path}/{button}"));
        let answer = self
            .installation
            .seller
            .http
            .post(url)
            .send()
            .await
            .unwrap();
        assert!(answer.status().as_u16() < 400, "{link}: {button}");
        answer
    }

    /// Another institution's store gets the shop first.
    pub(super) async fn claim_elsewhere(&self, case: &PlatformCase, shop: &str) {
        let other = self.installation.institution(&self.serve, "Another Pay");
        let other = other.await;
        let client = other.client(&self.serve, "seller-1").await;
        let url = case.store_url(shop);
        let store = other.store(&self.serve, &client, case.code, &url).await;
        let link = other.link(&self.serve, &store).await;
        let seller = &self.installation.seller;
        let callback = seller.decide(&link, Decision::Approve).await;
        assert_eq!(seller.open(&self.serve, &callback).await.status, 303);
    }

    /// A link whose attempt has failed for this reason. Not every reason can be brought about by what a seller
    /// does, so the row is written behind the broker's back.
    pub(super) async fn fail(&mut self, case: &PlatformCase, shop: &str, reason: &str) -> String {
        let link = self.ask(case, shop).await;
        self.press(&link, "decline").await;
        let sql = format!(
            "UPDATE authorizations SET fail_reason = '{reason}' WHERE store_id = ({})",
            store_id_of(case, shop)
        );
        self.installation.database.execute(sql).await;
        link
    }

    /// The same, with a seller who ends on a page of the institution's.
    pub(super) async fn ask_with_redirect(&mut self, case: &PlatformCase, shop: &str) -> String {
        let store = self.store(case, shop).await;
        self.institution.link(&self.serve, &store).await
    }

    pub(super) fn shops(&self) -> Vec<String> {
        self.stores.keys().cloned().collect()
    }

    /// Has a story told to its end, and returns the names of its steps. Each step has its own time.
    pub(super) async fn tell(&self, story: &str, mut job: Value) -> Vec<String> {
        job["chromium"] = chromium().into();
        job["public_url"] = PUBLIC_URL.into();
        job["broker"] = self.serve.url("").into();
        job["sandbox"] = format!("http://{}", self.installation.platforms).into();
        let story = Running::start(browser(story), job.to_string());
        let mut steps = Vec::new();
        loop {
            let line = story.line(steps.len()).await;
            if line == OVER {
                break;
            }
            steps.push(line);
        }
        story.finish().await.succeeded();
        steps
    }

    /// Status and reason of a store.
    pub(super) async fn expect(&self, shop: &str, (status, reason): (&str, &str)) {
        let fields = self.stores[shop].with(json!({}));
        let snapshot = self
            .institution
            .data(&self.serve, "store/query", &fields)
            .await;
        assert_eq!(snapshot["auth_status"], status, "{shop}: {snapshot}");
        let found = snapshot["auth_fail_reason"].as_str().unwrap_or_default();
        assert_eq!(found, reason, "{shop}: {snapshot}");
    }

    pub(super) async fn clear(self) {
        self.serve.stop().await;
        self.installation.remove().await;
    }
}

/// How the institution whose sellers see the pages shows itself.
fn shown(links: &str) -> [&str; 6] {
    let logo = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/logo.png");
    ["--links", links, "--colour", "#0b6e4f", "--logo", logo]
}

/// SQL for the row of the only store with this address.
pub(super) fn store_id_of(case: &PlatformCase, shop: &str) -> String {
    let url = case.store_url(shop);
    format!("SELECT id FROM stores WHERE store_url = '{url}'")
}

/// Which app is opened in a mall, and where its visitors are sent.
pub(super) fn launched_app() -> Value {
    let app_url = format!("{PUBLIC_URL}{}", CAFE24.launch_path());
    json!({"client_id": CAFE24.client_id, "app_url": app_url})
}

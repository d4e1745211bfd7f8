//! KEY by a hosted link: the seller pastes the key on a page of ours, and the institution never sees it.

mod limits;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{CredentialAccess, Links};
use sandbox::{Dialect, Fault, KeyPermission, Rule, Step};
use serde_json::{Value, json};

use crate::harness::{Answer, Browser, Endpoint, Gate, Institution, Store, TestApp, refused};

on_both!(
    a_token_is_pasted,
    a_key_and_its_secret_are_pasted,
    only_an_institution_with_hosted_links_may_leave_the_key_away,
    nothing_is_bound_or_told_before_the_seller_acts,
    what_cannot_be_a_key_is_not_taken,
    a_wrong_key_ends_the_attempt,
    a_key_is_proven_once_however_often_it_is_sent,
    a_platform_that_is_down_is_waited_for,
    the_seller_may_decline_until_there_is_a_key,
    a_form_of_another_site_hands_nothing_in,
    a_superseded_link_takes_no_key,
    a_repeated_call_answers_the_same_link,
    a_key_that_another_store_holds_is_told_after_proof,
    an_institution_never_gets_the_pasted_token,
);

const TOKEN: &str = "shpat_0123456789abcdef";

/// A store that waits behind a link for its seller's key.
pub(crate) struct Asked {
    pub(crate) alpha: Institution,
    pub(crate) endpoint: Endpoint,
    pub(crate) store: Store,
    pub(crate) link: String,
}

pub(crate) async fn shopify(app: &TestApp) -> Asked {
    let scopes = vec!["read_orders".to_owned(), "write_products".to_owned()];
    let shop = "demo-shop".parse().unwrap();
    app.sandbox.register_token(shop, TOKEN.into(), scopes);
    asked(app, "SHOPIFY", "https://demo-shop.myshopify.com").await
}

pub(crate) async fn woocommerce(app: &TestApp) -> Asked {
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_key(shop, "ck_demo", "cs_demo".into(), KeyPermission::Read);
    let store_url = format!("http://{}/woocommerce/demo-shop", app.sandbox_address);
    asked(app, "WOOCOMMERCE", &store_url).await
}

async fn asked(app: &TestApp, platform: &str, store_url: &str) -> Asked {
    let alpha = app.institution_with("Alpha <Pay>", Links::Hosted).await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let client_id = alpha.client("seller & son").await;
    let store = alpha.create(&client_id, platform, store_url).await;
    let link = key_link(&alpha, &store).await;
    assert!(link.starts_with(&format!("{}/go/", app.base_url)), "{link}");
    Asked {
        alpha,
        endpoint,
        store,
        link,
    }
}

pub(crate) async fn key_link(alpha: &Institution, store: &Store) -> String {
    let fields = store.with(json!({"auth_type": "KEY"}));
    let data = alpha.data("store/auth", &fields).await;
    data["auth_url"].as_str().unwrap().to_owned()
}

impl Asked {
    pub(crate) async fn status(&self) -> (String, String) {
        self.alpha.status(&self.store).await
    }

    pub(crate) async fn is_processing(&self) {
        let waiting = ("PROCESSING".to_owned(), String::new());
        assert_eq!(self.status().await, waiting);
    }

    pub(crate) async fn told(&self, app: &TestApp) -> Value {
        app.told(&self.alpha, &self.endpoint, &self.store, None)
            .await
    }

    /// Sends the form of the page while the workers work; the answer leads back to the page.
    pub(crate) async fn paste(&self, app: &TestApp, form: &str) -> String {
        let answer = beside_workers(app, self.send(&app.browser, form)).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("location").unwrap().to_owned()
    }

    async fn send(&self, browser: &Browser, form: &str) -> Answer {
        browser.submit(&format!("{}/key", self.link), form).await
    }

    /// The path of the link's page, to which forms lead back.
    fn page(&self, app: &TestApp) -> &str {
        self.link.strip_prefix(&app.base_url).unwrap()
    }

    fn proofs(app: &TestApp) -> usize {
        let calls = app.sandbox.calls();
        let is_proof =
            |path: &str| path.ends_with("/shop.json") || path.ends_with("/system_status");
        calls.iter().filter(|call| is_proof(&call.path)).count()
    }
}

/// Has the workers work until the action is done, for which it may wait.
pub(crate) async fn beside_workers<T>(app: &TestApp, action: impl Future<Output = T>) -> T {
    let is_done = AtomicBool::new(false);
    let act = async {
        let done = action.await;
        is_done.store(true, Ordering::Relaxed);
        done
    };
    let work = async {
        while !is_done.load(Ordering::Relaxed) {
            app.settle().await;
        }
    };
    tokio::join!(act, work).0
}

async fn a_token_is_pasted(app: &TestApp) {
    let asked = shopify(app).await;
    let page = app.visit(&asked.link).await;
    assert_eq!(page.status, 200);
    for named in [
        "<strong><bdi>Alpha &lt;Pay&gt;</bdi></strong>",
        "<strong><bdi>demo-shop</bdi></strong>",
        "<strong><bdi>seller &amp; son</bdi></strong>",
        "<strong><bdi>Demo Shop</bdi></strong>",
        "<li>Read your orders</li>",
        ">Admin API access token</label>",
        "autocomplete=\"off\"",
    ] {
        assert!(page.text.contains(named), "{named}: {}", page.text);
    }
    assert!(!page.text.contains("Connect at your shop"), "{}", page.text);
    let location = asked.paste(app, &format!("token=+{TOKEN}%0A")).await;
    assert_eq!(location, asked.page(app));
    let shown = app.visit(&asked.link).await;
    assert!(
        shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    assert!(!shown.text.contains(TOKEN));
    let event = asked.told(app).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    let data = &event["data"];
    assert_eq!(
        (&data["auth_type"], &data["sequence"]),
        (&json!("KEY"), &json!(1))
    );
}

async fn a_key_and_its_secret_are_pasted(app: &TestApp) {
    let asked = woocommerce(app).await;
    let page = app.visit(&asked.link).await;
    for named in [
        "/woocommerce/demo-shop</bdi>",
        ">Consumer key</label>",
        ">Consumer secret</label>",
        "<bdi>WooCommerce \u{203a} Settings \u{203a} Advanced \u{203a} REST API",
        "Connect at your shop",
    ] {
        assert!(page.text.contains(named), "{named}: {}", page.text);
    }
    asked.paste(app, "api_key=ck_demo&api_secret=cs_demo").await;
    let event = asked.told(app).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(Asked::proofs(app), 1);
}

async fn only_an_institution_with_hosted_links_may_leave_the_key_away(app: &TestApp) {
    let direct = app.institution("Direct").await;
    let client_id = direct.client("seller").await;
    let url = "https://demo-shop.myshopify.com";
    let store = direct.create(&client_id, "SHOPIFY", url).await;
    for fields in [
        json!({"auth_type": "KEY"}),
        json!({"auth_type": "KEY", "auth_info": {}}),
    ] {
        let asked = direct.call("store/auth", &store.with(fields)).await;
        let problem = "auth_info can't be empty when auth_type is KEY";
        assert_eq!(asked, refused(900_002, problem));
    }
    assert_eq!(direct.status(&store).await.0, "UNAUTHORIZED");
    // One with hosted links may hand the key in by itself, as before.
    let hosted = app.institution_with("Hosted", Links::Hosted).await;
    let client_id = hosted.client("seller").await;
    let store = hosted.create(&client_id, "SHOPIFY", url).await;
    let fields = store.with(json!({"auth_type": "KEY", "auth_info": {"token": TOKEN}}));
    let data = hosted.data("store/auth", &fields).await;
    assert_eq!(data, json!({}));
    app.settle().await;
    assert_eq!(hosted.status(&store).await.1, "AUTH_INFO_INVALID");
}

async fn nothing_is_bound_or_told_before_the_seller_acts(app: &TestApp) {
    let mut asked = shopify(app).await;
    let before = asked.alpha.query(&asked.store).await;
    for _ in 0..2 {
        assert_eq!(app.visit(&asked.link).await.status, 200);
        let head = app.http.head(&asked.link).send().await.unwrap();
        assert_eq!(head.status(), 200);
        let form = app.visit(&format!("{}/key", asked.link)).await;
        assert_eq!(form.status, 303);
        assert_eq!(form.header("location"), Some(asked.page(app)));
    }
    app.settle().await;
    assert_eq!(asked.alpha.query(&asked.store).await, before);
    app.advance(Duration::from_hours(7 * 24) - Duration::from_secs(1));
    app.settle().await;
    asked.alpha.renew_token().await;
    asked.is_processing().await;
    assert_eq!(app.visit(&asked.link).await.status, 200);
    app.advance(Duration::from_secs(1));
    // It is over before a worker says so.
    assert_eq!(app.visit(&asked.link).await.status, 410);
    let late = asked.send(&app.browser, &format!("token={TOKEN}")).await;
    assert_eq!(late.header("location"), Some(asked.page(app)));
    let event = asked.told(app).await;
    assert_eq!(event["data"]["auth_fail_reason"], "LINK_EXPIRED");
    assert_eq!(app.visit(&asked.link).await.status, 410);
    assert!(app.sandbox.calls().is_empty());
}

async fn what_cannot_be_a_key_is_not_taken(app: &TestApp) {
    let asked = woocommerce(app).await;
    let page = app.visit(&asked.link).await.text;
    for (form, query) in [
        ("", "unfit=api_key.missing&unfit=api_secret.missing"),
        (
            "token=shpat_1",
            "unfit=api_key.missing&unfit=api_secret.missing",
        ),
        ("api_key=+&api_secret=cs_demo", "unfit=api_key.missing"),
        (
            "api_key=cs_demo&api_secret=ck_demo",
            "unfit=api_key.another_text&unfit=api_secret.another_text",
        ),
        (
            "api_key=ck_de%0Amo&api_secret=cs_demo",
            "unfit=api_key.broken",
        ),
        (
            &format!("api_key=ck_demo&api_secret=cs_{}", "0".repeat(2046)),
            "unfit=api_secret.too_long",
        ),
    ] {
        let location = asked.paste(app, form).await;
        assert_eq!(location, format!("{}?{query}", asked.page(app)), "{form}");
        let shown = app.visit(&format!("{}{location}", app.base_url)).await;
        assert_eq!(shown.status, 200);
        assert!(shown.text.contains("role=\"alert\""), "{}", shown.text);
        let marked = shown.text.matches("aria-invalid").count();
        assert_eq!(marked, query.matches("unfit").count(), "{form}");
        for sent in ["cs_demo", "ck_demo", "cs_0", "shpat_1"] {
            assert!(!shown.text.contains(sent), "{}", shown.text);
        }
    }
    // Whatever else stands in the address says nothing.
    for query in [
        "unfit=",
        "unfit=token.missing",
        "unfit=api_key.x",
        "fit=api_key.missing",
        "%",
    ] {
        let shown = app.visit(&format!("{}?{query}", asked.link)).await;
        assert_eq!(shown.text, page, "{query}");
    }
    asked.is_processing().await;
    assert_eq!(Asked::proofs(app), 0);
    asked.paste(app, "api_key=ck_demo&api_secret=cs_demo").await;
    assert_eq!(asked.told(app).await["type"], "store.auth.succeeded");
}

async fn a_wrong_key_ends_the_attempt(app: &TestApp) {
    let asked = shopify(app).await;
    asked.paste(app, "token=shpat_unknown").await;
    let event = asked.told(app).await;
    assert_eq!(event["type"], "store.auth.failed");
    assert_eq!(event["data"]["fail"]["reason"], "AUTH_INFO_INVALID");
    let shown = app.visit(&asked.link).await;
    assert!(
        shown.text.contains("The key was not accepted"),
        "{}",
        shown.text
    );
    // The right one comes too late for this link, and in time for another.
    asked.paste(app, &format!("token={TOKEN}")).await;
    assert_eq!(asked.status().await.1, "AUTH_INFO_INVALID");
    let link = key_link(&asked.alpha, &asked.store).await;
    let again = Asked { link, ..asked };
    again.paste(app, &format!("token={TOKEN}")).await;
    assert_eq!(again.told(app).await["type"], "store.auth.succeeded");
    assert_eq!(Asked::proofs(app), 2);
}

/// Two tabs, a second press of the button, a reload: one attempt, one proof, and all see how it ends.
async fn a_key_is_proven_once_however_often_it_is_sent(app: &TestApp) {
    let asked = shopify(app).await;
    let right = format!("token={TOKEN}");
    let other = app.another_browser();
    let sent = futures_util::future::join_all([
        asked.send(&app.browser, &right),
        asked.send(&app.browser, &right),
        asked.send(&other, &right),
    ]);
    for answer in beside_workers(app, sent).await {
        assert_eq!(answer.header("location"), Some(asked.page(app)));
    }
    // Another key does not take its place.
    asked.paste(app, "token=shpat_unknown").await;
    let event = asked.told(app).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(Asked::proofs(app), 1);
}

async fn a_platform_that_is_down_is_waited_for(app: &TestApp) {
    let asked = shopify(app).await;
    let down = Rule {
        dialect: Dialect::Shopify,
        shop: None,
        step: Step::Probe,
        fault: Fault::ServerError,
        sticky: true,
    };
    app.sandbox.script(down).unwrap();
    let right = format!("token={TOKEN}");
    let sent = async {
        let pasted = asked.send(&app.browser, &right);
        let looked = async {
            while Asked::proofs(app) == 0 {
                tokio::task::yield_now().await;
            }
            let shown = app.visit(&asked.link).await;
            assert_eq!(shown.status, 200);
            assert!(
                shown.text.contains("Your key is being checked"),
                "{}",
                shown.text
            );
            assert!(
                shown
                    .text
                    .contains(&format!("<a href=\"{}\">", asked.page(app)))
            );
            asked.is_processing().await;
            // From here on it is a key like any other, which has two minutes.
            app.advance(Duration::from_mins(2));
        };
        tokio::join!(pasted, looked).0
    };
    let answer = beside_workers(app, sent).await;
    assert_eq!(answer.header("location"), Some(asked.page(app)));
    let event = asked.told(app).await;
    assert_eq!(event["data"]["auth_fail_reason"], "PLATFORM_UNREACHABLE");
    let shown = app.visit(&asked.link).await;
    assert!(shown.text.contains("did not answer"), "{}", shown.text);
}

async fn the_seller_may_decline_until_there_is_a_key(app: &TestApp) {
    let asked = shopify(app).await;
    let declined = app
        .browser
        .submit(&format!("{}/decline", asked.link), "")
        .await;
    assert_eq!(declined.header("location"), Some(asked.page(app)));
    let event = asked.told(app).await;
    assert_eq!(event["data"]["auth_fail_reason"], "USER_DENIED");
    asked.paste(app, &format!("token={TOKEN}")).await;
    assert_eq!(asked.status().await.1, "USER_DENIED");

    // A key that is being proven is not taken back by another tab.
    let mut gate = Gate::before(app.sandbox_address).await;
    let store_url = format!("http://{}/woocommerce/demo-shop", gate.address);
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_key(shop, "ck_demo", "cs_demo".into(), KeyPermission::Read);
    let store = asked
        .alpha
        .create(&asked.store.client_id, "WOOCOMMERCE", &store_url);
    let store = store.await;
    let link = key_link(&asked.alpha, &store).await;
    let asked = Asked {
        store,
        link,
        ..asked
    };
    let sent = async {
        let pasted = asked.send(&app.browser, "api_key=ck_demo&api_secret=cs_demo");
        let declined = async {
            gate.arrival().await;
            let url = format!("{}/decline", asked.link);
            let declined = app.browser.submit(&url, "").await;
            assert_eq!(declined.header("location"), Some(asked.page(app)));
            gate.let_one_through();
        };
        tokio::join!(pasted, declined).0
    };
    beside_workers(app, sent).await;
    assert_eq!(asked.told(app).await["type"], "store.auth.succeeded");
}

async fn a_form_of_another_site_hands_nothing_in(app: &TestApp) {
    let asked = shopify(app).await;
    for header in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let request = app
            .http
            .post(format!("{}/key", asked.link))
            .header(header.0, header.1)
            .body(format!("token={TOKEN}"));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 400);
    }
    let unknown = format!("{}x/key", asked.link);
    let answer = app
        .browser
        .submit(&unknown, &format!("token={TOKEN}"))
        .await;
    assert_eq!(answer.status, 400);
    app.settle().await;
    asked.is_processing().await;
    assert_eq!(Asked::proofs(app), 0);
}

async fn a_superseded_link_takes_no_key(app: &TestApp) {
    let asked = shopify(app).await;
    let newer = key_link(&asked.alpha, &asked.store).await;
    let late = asked.send(&app.browser, &format!("token={TOKEN}")).await;
    assert_eq!(late.header("location"), Some(asked.page(app)));
    assert_eq!(app.visit(&asked.link).await.status, 410);
    app.settle().await;
    asked.is_processing().await;
    assert_eq!(Asked::proofs(app), 0);
    let asked = Asked {
        link: newer,
        ..asked
    };
    asked.paste(app, &format!("token={TOKEN}")).await;
    assert_eq!(asked.told(app).await["type"], "store.auth.succeeded");
}

async fn a_repeated_call_answers_the_same_link(app: &TestApp) {
    let asked = shopify(app).await;
    let fields = asked.store.with(json!({"auth_type": "KEY"}));
    let call = async || {
        let answer = asked
            .alpha
            .answer_once("store/auth", &fields, "key-1")
            .await;
        answer.data()
    };
    let first = call().await;
    assert_eq!(call().await, first);
    let shown = app.visit(first["auth_url"].as_str().unwrap()).await;
    assert_eq!(shown.status, 200);
}

async fn a_key_that_another_store_holds_is_told_after_proof(app: &TestApp) {
    let asked = shopify(app).await;
    asked.paste(app, &format!("token={TOKEN}")).await;
    asked.told(app).await;
    let url = "https://demo-shop.myshopify.com";
    let beta = app.institution_with("Beta", Links::Hosted).await;
    let endpoint = beta.endpoint(app, "/beta", &[]).await;
    let client_id = beta.client("seller").await;
    let store = beta.create(&client_id, "SHOPIFY", url).await;
    let link = key_link(&beta, &store).await;
    let second = Asked {
        alpha: beta,
        endpoint,
        store,
        link,
    };
    second.paste(app, &format!("token={TOKEN}")).await;
    let event = second.told(app).await;
    assert_eq!(
        event["data"]["auth_fail_reason"],
        "SELLER_ALREADY_AUTHORIZED"
    );
}

/// Not even one that may have credentials.
async fn an_institution_never_gets_the_pasted_token(app: &TestApp) {
    let asked = shopify(app).await;
    app.permit(&asked.alpha, CredentialAccess::Granted).await;
    asked.paste(app, &format!("token={TOKEN}")).await;
    asked.told(app).await;
    let answer = asked
        .alpha
        .answer("credential/get", &asked.store.ids())
        .await;
    let problem =
        "store_id is authorized by a key that its seller handed in, which is not disclosed";
    assert_eq!(answer.whole(), refused(900_002, problem));
    assert!(!answer.text.contains(TOKEN));
    assert_eq!(app.requests("NO_ACCESS_TOKEN").await, 1);
}

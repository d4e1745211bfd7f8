//! What is Multivende's own: one host for all merchants, callbacks that may lack their state, and scopes that
//! are granted resource by resource.

use std::time::Duration;

use broker::Operator;
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Browser, Endpoint, Institution, MULTIVENDE, REDIRECT, Store, TestApp, refused,
};

on_both!(
    its_links_are_always_hosted,
    a_callback_without_a_state_is_told_by_the_cookie,
    a_reload_spends_nothing_of_another_link,
    a_callback_without_state_and_cookie_is_refused,
    a_state_and_a_cookie_must_agree,
    of_several_links_that_wait_none_is_guessed,
    a_denial_without_a_state_ends_the_attempt,
    the_first_proven_merchant_is_taken_where_none_was_named,
    another_merchant_than_the_named_one_is_refused,
    a_seller_id_that_is_no_uuid_is_refused,
    one_merchant_is_one_shop,
    all_some_and_none_are_told_apart,
    a_list_does_not_do_where_all_is_required,
    a_grant_lives_on_though_nobody_asks,
    a_grant_dies_with_its_refresh_token,
    lifetimes_are_the_answer_s,
);

const HOUR: Duration = Duration::from_hours(1);

fn script(app: &TestApp, step: Step, fault: Fault) {
    let rule = Rule {
        dialect: Dialect::Multivende,
        shop: None,
        step,
        fault,
        sticky: false,
    };
    app.sandbox.script(rule).unwrap();
}

fn merchant(name: &str) -> String {
    MULTIVENDE.identity(name)
}

struct Asked {
    alpha: Institution,
    endpoint: Endpoint,
    store: Store,
    link: String,
}

impl Asked {
    /// A store of nobody in particular, and its link.
    async fn anybody(app: &TestApp) -> Self {
        Self::of(app, None).await
    }

    async fn of(app: &TestApp, name: Option<&str>) -> Self {
        let alpha = app.institution("Alpha Pay").await;
        let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
        let mut store = alpha.store(&MULTIVENDE, "demo-shop").await;
        store.seller_id = name.map(merchant);
        let link = alpha.link(&store).await;
        Self {
            alpha,
            endpoint,
            store,
            link,
        }
    }

    async fn told(&self, app: &TestApp, shown: &Answer) -> Value {
        assert_eq!(shown.status, 303, "{}", shown.text);
        let location = shown.header("location");
        app.told(&self.alpha, &self.endpoint, &self.store, location)
            .await
    }

    async fn is_processing(&self) {
        let waiting = ("PROCESSING".to_owned(), String::new());
        assert_eq!(self.alpha.status(&self.store).await, waiting);
    }

    /// Goes on from the page, and decides with this form.
    async fn decide(&self, browser: &Browser, form: &str) -> String {
        let away = browser.follow(&self.link).await;
        browser.consent(&away, form).await
    }
}

fn token_calls(app: &TestApp) -> usize {
    let calls = app.sandbox.calls();
    calls
        .iter()
        .filter(|call| call.path.contains("token"))
        .count()
}

async fn its_links_are_always_hosted(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    assert!(asked.link.starts_with(&format!("{}/go/", app.base_url)));
    let page = app.visit(&asked.link).await;
    assert!(
        page.text.contains("access to your Multivende shop."),
        "{}",
        page.text
    );
    assert!(page.text.contains("<li>Read your sales</li>"));
    let away = app.browser.follow(&asked.link).await;
    let state = MULTIVENDE.state_of(&away);
    let callback_url = format!("{}{}", app.base_url, MULTIVENDE.callback_path());
    let encoded: String = url::form_urlencoded::byte_serialize(callback_url.as_bytes()).collect();
    assert_eq!(
        away,
        format!(
            "http://{}/multivende/apps/authorize?response_type=code&client_id=123456789012\
             &redirect_uri={encoded}&scope=read%3Acheckouts&state={state}",
            app.sandbox_address
        )
    );
    let callback = app.browser.consent(&away, "decision=approve").await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    let data = &event["data"];
    assert_eq!(data["auth_status"], "SUCCESS");
    assert_eq!(data["seller_id"], merchant("demo-shop"));
    assert_eq!(data["shop_identity"], merchant("demo-shop"));
    // Six hours.
    assert_eq!(data["expires_at"], "2026-11-22T00:00:00.000Z");
}

async fn a_callback_without_a_state_is_told_by_the_cookie(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    script(app, Step::Consent, Fault::DropState);
    let callback = asked.decide(&app.browser, "decision=approve").await;
    assert!(!callback.contains("state="), "{callback}");
    let shown = app.visit(&callback).await;
    let event = asked.told(app, &shown).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    // A reload in the same browser shows the same, and spends nothing.
    let again = app.visit(&callback).await;
    assert_eq!(again.header("location"), shown.header("location"));
    assert_eq!(app.another_browser().visit(&callback).await.status, 400);
    assert_eq!(token_calls(app), 1);
}

/// The code that came before is the first store's, whatever waits in this browser by now.
async fn a_reload_spends_nothing_of_another_link(app: &TestApp) {
    let first = Asked::anybody(app).await;
    script(app, Step::Consent, Fault::DropState);
    let callback = first.decide(&app.browser, "decision=approve").await;
    let shown = app.visit(&callback).await;
    first.told(app, &shown).await;
    let second = Asked::of(app, Some("other-shop")).await;
    app.browser.follow(&second.link).await;
    let again = app.visit(&callback).await;
    assert_eq!(again.header("location"), shown.header("location"));
    second.is_processing().await;
    assert_eq!(token_calls(app), 1);
    // A code of its own is the second's.
    script(app, Step::Consent, Fault::DropState);
    let form = format!("decision=approve&merchant={}", merchant("other-shop"));
    let callback = second.decide(&app.browser, &form).await;
    let event = second.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn a_callback_without_state_and_cookie_is_refused(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    script(app, Step::Consent, Fault::DropState);
    let stranger = app.another_browser();
    let callback = asked.decide(&stranger, "decision=approve").await;
    for query in ["", "?x=1", "?code=", "?state=", "?code=ac-1&code=ac-2"] {
        let url = format!("{}{}{query}", app.base_url, MULTIVENDE.callback_path());
        assert_eq!(stranger.visit(&url).await.status, 400, "{query}");
    }
    assert_eq!(app.visit(&callback).await.status, 400);
    // Cookies that nobody gave out are none.
    let made_up = [
        "click_00000000000000000000000000000001=x",
        "click_x=x; other=1",
        "click_",
    ];
    for cookie in made_up {
        let request = app.http.get(&callback).header("cookie", cookie);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 400, "{cookie}");
    }
    asked.is_processing().await;
    assert_eq!(token_calls(app), 0);
    let event = asked.told(app, &stranger.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn a_state_and_a_cookie_must_agree(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    let (first, second) = (app.another_browser(), app.another_browser());
    let theirs = asked.decide(&first, "decision=approve").await;
    let own = asked.decide(&second, "decision=approve").await;
    // Each is right by itself, and both together are somebody's mixture.
    assert_eq!(second.visit(&theirs).await.status, 400);
    assert_eq!(first.visit(&own).await.status, 400);
    let unknown = own.replace("state=", "state=x");
    assert_eq!(second.visit(&unknown).await.status, 400);
    asked.is_processing().await;
    assert_eq!(token_calls(app), 0);
    let event = asked.told(app, &second.visit(&own).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn of_several_links_that_wait_none_is_guessed(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    let other = asked.alpha.store(&MULTIVENDE, "other-shop").await;
    let other_link = asked.alpha.link(&other).await;
    app.browser.follow(&other_link).await;
    script(app, Step::Consent, Fault::DropState);
    let callback = asked.decide(&app.browser, "decision=approve").await;
    let refused = app.visit(&callback).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("More than one connection was begun"),
        "{}",
        refused.text
    );
    asked.is_processing().await;
    assert_eq!(asked.alpha.status(&other).await.0, "PROCESSING");
    assert_eq!(token_calls(app), 0);
    // The browser begins anew, with one of them.
    assert_eq!(app.browser.cookies(), []);
    script(app, Step::Consent, Fault::DropState);
    let callback = asked.decide(&app.browser, "decision=approve").await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(asked.alpha.status(&other).await.0, "PROCESSING");

    // Two clicks on one link are one attempt, and nothing is left open by it.
    for _ in 0..2 {
        app.browser.follow(&other_link).await;
    }
    script(app, Step::Consent, Fault::DropState);
    let away = app.browser.follow(&other_link).await;
    let form = "decision=approve&merchant=other-shop";
    let callback = app.browser.consent(&away, form).await;
    let shown = app.visit(&callback).await;
    let event = app
        .told(
            &asked.alpha,
            &asked.endpoint,
            &other,
            shown.header("location"),
        )
        .await;
    assert_eq!(event["data"]["auth_status"], "SUCCESS");
}

async fn a_denial_without_a_state_ends_the_attempt(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    script(app, Step::Consent, Fault::DropState);
    let callback = asked.decide(&app.browser, "decision=deny").await;
    assert!(callback.ends_with("?error=access_denied"), "{callback}");
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["data"]["auth_fail_reason"], "USER_DENIED");
}

async fn the_first_proven_merchant_is_taken_where_none_was_named(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    let form = "decision=approve&merchant=whoever-came";
    let callback = asked.decide(&app.browser, form).await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["data"]["seller_id"], merchant("whoever-came"));
    assert_eq!(event["data"]["shop_identity"], merchant("whoever-came"));
}

async fn another_merchant_than_the_named_one_is_refused(app: &TestApp) {
    let mut asked = Asked::of(app, Some("demo-shop")).await;
    let form = "decision=approve&merchant=other-shop";
    let callback = asked.decide(&app.browser, form).await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["data"]["auth_fail_reason"], "SELLER_MISMATCH");
    assert_eq!(event["data"]["seller_id"], merchant("demo-shop"));
    // Ids compare without case, and the institution sees its own spelling.
    let fields = asked.store.with(json!({
        "auth_type": "URL",
        "seller_id": merchant("demo-shop").to_uppercase(),
        "redirect_url": REDIRECT,
    }));
    let data = asked.alpha.data("store/auth", &fields).await;
    data["auth_url"]
        .as_str()
        .unwrap()
        .clone_into(&mut asked.link);
    let page = app.visit(&asked.link).await;
    assert!(page.text.contains(&merchant("demo-shop")), "{}", page.text);
    let callback = asked.decide(&app.browser, "decision=approve").await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    let expected = merchant("demo-shop").to_uppercase();
    assert_eq!(event["data"]["seller_id"], expected);
    assert_eq!(event["data"]["shop_identity"], merchant("demo-shop"));
}

async fn a_seller_id_that_is_no_uuid_is_refused(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&MULTIVENDE, "demo-shop").await;
    for seller_id in [
        "demo-shop",
        "0b7e6a526f0d4c369a4e3d1f5b8c2e70",
        "evil.example/",
    ] {
        let asked = store.with(json!({"auth_type": "URL", "seller_id": seller_id}));
        let answer = alpha.call("store/auth", &asked).await;
        let problem = "seller_id must look like 0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70";
        assert_eq!(answer, refused(900_002, problem), "{seller_id}");
    }
    assert_eq!(alpha.status(&store).await.0, "UNAUTHORIZED");
    assert!(app.sandbox.calls().is_empty());
}

async fn one_merchant_is_one_shop(app: &TestApp) {
    let asked = Asked::anybody(app).await;
    let callback = asked.decide(&app.browser, "decision=approve").await;
    asked.told(app, &app.visit(&callback).await).await;
    let mut second = asked.alpha.store(&MULTIVENDE, "demo-shop").await;
    // Named, it is refused at once; unnamed, by the proof.
    let named = second.with(json!({"auth_type": "URL", "seller_id": merchant("demo-shop")}));
    let answer = asked.alpha.call("store/auth", &named).await;
    assert_eq!(answer, refused(900_003, "seller id already authorized"));
    second.seller_id = None;
    let link = asked.alpha.link(&second).await;
    let callback = app.approve(&link).await;
    let shown = app.visit(&callback).await;
    let event = app
        .told(
            &asked.alpha,
            &asked.endpoint,
            &second,
            shown.header("location"),
        )
        .await;
    assert_eq!(
        event["data"]["auth_fail_reason"],
        "SELLER_ALREADY_AUTHORIZED"
    );
}

/// Three scopes, of which the first is required.
async fn configure(app: &TestApp, first: &str) {
    let mut configuration = MULTIVENDE.configuration(app.sandbox_address);
    configuration.scopes = vec![first.to_owned()];
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
}

async fn all_some_and_none_are_told_apart(app: &TestApp) {
    configure(app, "read:stocks").await;
    let asked = Asked::anybody(app).await;
    for (choice, grant) in [("all", "all"), ("list", "list"), ("none", "none")] {
        let mut asked = Asked {
            link: String::new(),
            alpha: asked.alpha.clone(),
            endpoint: asked.endpoint.clone(),
            store: asked.alpha.store(&MULTIVENDE, "demo-shop").await,
        };
        asked.store.seller_id = None;
        asked.link = asked.alpha.link(&asked.store).await;
        let form = format!("decision=approve&merchant=m-{choice}&read%3Astocks={choice}");
        let callback = asked.decide(&app.browser, &form).await;
        let event = asked.told(app, &app.visit(&callback).await).await;
        let data = &event["data"];
        if grant == "none" {
            // The scope is there, and grants nothing.
            assert_eq!(data["auth_fail_reason"], "SCOPES_INSUFFICIENT");
            continue;
        }
        let [scope] = data["scopes"].as_array().unwrap().as_slice() else {
            panic!("{data}");
        };
        assert_eq!(scope["scope"], "read:stocks");
        assert_eq!(
            (&scope["grant"], &scope["required"]),
            (&json!(grant), &json!(true))
        );
        let ids = scope["ids"].as_array().unwrap();
        assert_eq!(ids.len(), usize::from(grant == "list"));
    }
}

async fn a_list_does_not_do_where_all_is_required(app: &TestApp) {
    configure(app, "read:stocks=all").await;
    let asked = Asked::anybody(app).await;
    let form = "decision=approve&read%3Astocks=list";
    let callback = asked.decide(&app.browser, form).await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["data"]["auth_fail_reason"], "SCOPES_INSUFFICIENT");
}

async fn authorized(app: &TestApp) -> Asked {
    let asked = Asked::anybody(app).await;
    let callback = asked.decide(&app.browser, "decision=approve").await;
    asked.told(app, &app.visit(&callback).await).await;
    asked
}

/// Six hours and two days: a merchant who is left alone for a week is renewed all the same.
async fn a_grant_lives_on_though_nobody_asks(app: &TestApp) {
    let mut asked = authorized(app).await;
    for _ in 0..7 * 24 {
        app.advance(HOUR);
        app.settle().await;
    }
    asked.alpha.renew_token().await;
    let snapshot = asked.alpha.query(&asked.store).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");
    assert_eq!(snapshot["health"], "HEALTHY");
    // One exchange, and a renewal at half of each six hours.
    assert_eq!(token_calls(app), 1 + 7 * 24 / 3);
}

async fn a_grant_dies_with_its_refresh_token(app: &TestApp) {
    let mut asked = authorized(app).await;
    app.sandbox
        .script(Rule {
            dialect: Dialect::Multivende,
            shop: None,
            step: Step::Token,
            fault: Fault::ServerError,
            sticky: true,
        })
        .unwrap();
    // Told ahead, at half of the two days.
    app.advance(24 * HOUR);
    app.settle().await;
    let warned = app.receiver.take_one().verified(&asked.endpoint.secret);
    assert_eq!(warned["type"], "store.auth.expiring");
    app.advance(24 * HOUR);
    asked.alpha.renew_token().await;
    let event = app
        .told(&asked.alpha, &asked.endpoint, &asked.store, None)
        .await;
    assert_eq!(event["type"], "store.auth.expired");
    assert_eq!(event["data"]["auth_fail_reason"], "AUTH_EXPIRED");
}

async fn lifetimes_are_the_answer_s(app: &TestApp) {
    let lives = Fault::Lives {
        access: 2 * HOUR,
        refresh: 4 * HOUR,
    };
    script(app, Step::Token, lives.clone());
    let mut asked = authorized(app).await;
    let ends = |hours: u32| {
        let end = app.now() + hours * HOUR;
        end.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    };
    let snapshot = asked.alpha.query(&asked.store).await;
    assert_eq!(snapshot["expires_at"], ends(2));
    app.advance(HOUR);
    app.settle().await;
    asked.alpha.renew_token().await;
    let snapshot = asked.alpha.query(&asked.store).await;
    assert_eq!(snapshot["expires_at"], ends(6));
    assert_eq!(token_calls(app), 2);
}

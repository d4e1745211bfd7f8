//! What comes back from a platform: once, twice, late, forged.

use std::time::Duration;

use broker::{ManualClock, Operator};
use reqwest::header::HeaderMap;
use sandbox::{Fault, Rule, Step};
use serde_json::json;
use tokio::time::timeout;

use crate::harness::{
    Answer, CAFE24, GENSTORE, Gate, PATIENCE, PlatformCase, SHOPLINE, SHOPLINE_EU, TestApp,
};

on_both!(
    whatever_is_wrong_shows_one_page_and_changes_nothing,
    a_repeated_callback_shows_the_same_and_spends_nothing,
    a_callback_that_comes_again_meanwhile_waits_for_the_first,
    a_callback_past_the_deadline_shows_that_the_link_expired,
    a_closed_tab_does_not_cancel_the_exchange,
    only_a_get_is_a_callback,
    an_institution_s_own_app_has_its_own_path,
    without_a_redirect_url_the_seller_sees_a_page,
);

/// How often a code was presented to a platform.
fn exchanges(app: &TestApp) -> usize {
    let calls = app.sandbox.calls();
    calls
        .iter()
        .filter(|call| call.path.contains("token"))
        .count()
}

fn script(app: &TestApp, case: &PlatformCase, fault: Fault) {
    let step = Step::Consent;
    app.sandbox
        .script(Rule {
            dialect: case.dialect,
            shop: None,
            step,
            fault,
            sticky: false,
        })
        .unwrap();
}

/// The page without what differs between any two answers.
fn page(answer: &Answer) -> (u16, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    for name in ["x-request-id", "date"] {
        headers.remove(name).unwrap();
    }
    (answer.status, headers, answer.page())
}

async fn whatever_is_wrong_shows_one_page_and_changes_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for case in [SHOPLINE, GENSTORE] {
        let store = alpha.store(&case, "demo-shop").await;
        let superseded = app.approve(&alpha.link(&store).await).await;
        let auth_url = alpha.link(&store).await;
        let state = case.state_of(&auth_url);
        let path = case.callback_path();
        let code = [("code", "c0de")];
        let signed_now = |shop: &str, state: &str| {
            let clock = &app.surroundings.clock;
            format!(
                "{}{path}?{}",
                app.base_url,
                case.query(clock, shop, state, &code)
            )
        };
        let tomorrow = ManualClock::at(app.now() + Duration::from_mins(11));

        let mut wrong = Vec::new();
        for fault in [Fault::Forged, Fault::Old, Fault::DuplicatedKey] {
            script(app, &case, fault);
            wrong.push(app.approve(&auth_url).await);
        }
        wrong.extend([
            superseded,
            signed_now("demo-shop", "a-state-that-nobody-minted"),
            signed_now("no.label", &state),
            format!(
                "{}{path}?{}",
                app.base_url,
                case.query(&tomorrow, "demo-shop", &state, &code)
            ),
            signed_now("demo-shop", &state).replace("demo-shop", "demo-shap"),
            format!("{}{path}", app.base_url),
            format!("{}{path}?", app.base_url),
            format!("{}{path}?%zz&&=&a=%ff", app.base_url),
            // Rightly signed, for the path of another platform, of no platform, and of no app.
            signed_now("demo-shop", &state).replace(&path, "/v1/auth/shopify/callback"),
            signed_now("demo-shop", &state).replace(&path, "/v1/auth/shopline_eu/callback"),
            signed_now("demo-shop", &state).replace(&path, "/v1/auth/SHOPLINE/callback"),
            signed_now("demo-shop", &state).replace("/callback", "/papp_1/callback"),
        ]);
        let before = alpha.query(&store).await;
        let first = page(&app.visit(&wrong[0]).await);
        assert_eq!(first.0, 400);
        assert!(
            first.2.contains("<h1>This link does not work</h1>"),
            "{}",
            first.2
        );
        for url in &wrong {
            let shown = page(&app.visit(url).await);
            assert_eq!(shown, first, "{url}");
        }
        app.settle().await;
        assert_eq!(alpha.query(&store).await, before);

        // The link that all of them were about still works.
        let callback = app.approve(&auth_url).await;
        assert_eq!(app.visit(&callback).await.status, 303);
        assert_eq!(
            alpha.status(&store).await,
            ("SUCCESS".to_owned(), String::new())
        );

        // Until its store is gone.
        alpha.data("store/unbind", &store.ids()).await;
        assert_eq!(page(&app.visit(&callback).await), first);
    }
    assert_eq!(exchanges(app), 2);
}

async fn a_repeated_callback_shows_the_same_and_spends_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let other = Fault::WrongShopInToken("other".parse().unwrap());
    let success = "&auth_status=SUCCESS&auth_fail_reason=";
    let mismatch = "&auth_status=FAILED&auth_fail_reason=SELLER_MISMATCH";
    let mut callbacks = Vec::new();
    for (case, shop, fault, outcome) in [
        (SHOPLINE, "a-shop", None, success),
        (GENSTORE, "a-shop", None, success),
        (CAFE24, "a-shop", None, success),
        (SHOPLINE_EU, "b-shop", Some(other), mismatch),
    ] {
        let store = alpha.store(&case, shop).await;
        let auth_url = alpha.link(&store).await;
        if let Some(fault) = fault {
            script(app, &case, fault);
        }
        callbacks.push((app.approve(&auth_url).await, outcome));
    }
    let mut shown = Vec::new();
    for (callback, outcome) in &callbacks {
        let first = app.visit(callback).await;
        assert!(
            first.header("location").unwrap().ends_with(outcome),
            "{first:?}"
        );
        assert_eq!(page(&app.visit(callback).await), page(&first));
        shown.push(page(&first));
    }
    assert_eq!(exchanges(app), 4);
    // The signatures are old by then, the outcomes are not.
    app.advance(Duration::from_hours(24));
    app.settle().await;
    // Grants were renewed meanwhile, at the same path.
    let calls = exchanges(app);
    for ((callback, _), first) in callbacks.iter().zip(shown) {
        assert_eq!(page(&app.visit(callback).await), first);
    }
    assert_eq!(exchanges(app), calls);
}

async fn a_callback_that_comes_again_meanwhile_waits_for_the_first(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = Gate::before(app.sandbox_address).await;
    let configuration = SHOPLINE.configuration(gate.address);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();

    let first = app.tasks.spawn(app.http.get(&callback).send());
    gate.arrival().await;
    let second = app.tasks.spawn(app.http.get(&callback).send());
    gate.let_one_through();
    let first = Answer::of(first.await.unwrap().unwrap()).await;
    let second = Answer::of(second.await.unwrap().unwrap()).await;
    assert_eq!(first.status, 303);
    assert_eq!(page(&first), page(&second));
    assert_eq!(exchanges(app), 1);
}

async fn a_callback_past_the_deadline_shows_that_the_link_expired(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let auth_url = alpha.link(&store).await;
    app.advance(Duration::from_hours(24));
    alpha.renew_token().await;

    // No worker has been there yet.
    let callback = app.approve(&auth_url).await;
    let shown = app.visit(&callback).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["data"]["auth_fail_reason"], "LINK_EXPIRED");
    assert_eq!(exchanges(app), 0);

    // Now somebody has.
    let callback = app.approve(&auth_url).await;
    assert_eq!(page(&app.visit(&callback).await), page(&shown));
}

async fn a_closed_tab_does_not_cancel_the_exchange(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = Gate::before(app.sandbox_address).await;
    let configuration = SHOPLINE.configuration(gate.address);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();

    let visit = app.tasks.spawn(app.http.get(&callback).send());
    gate.arrival().await;
    visit.abort();
    assert!(visit.await.unwrap_err().is_cancelled());
    gate.let_one_through();
    let waiting = store.with(json!({"wait_seconds": 30, "after_sequence": 0}));
    let told = timeout(PATIENCE, alpha.data("store/query", &waiting)).await;
    assert_eq!(told.expect("the exchange ends")["auth_status"], "SUCCESS");
}

async fn only_a_get_is_a_callback(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let before = alpha.query(&store).await;
    for request in [app.http.head(&callback), app.http.post(&callback)] {
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
    }
    assert_eq!((alpha.query(&store).await, exchanges(app)), (before, 0));
    assert_eq!(app.visit(&callback).await.status, 303);
}

async fn an_institution_s_own_app_has_its_own_path(app: &TestApp) {
    let own = PlatformCase {
        client_id: "alphas-app",
        secret: "the secret of alpha's own app",
        ..SHOPLINE
    };
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let mut configuration = own.configuration(app.sandbox_address);
    configuration.institution = Some(alpha.app_id.clone());
    let configured = app
        .process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await;
    let configured = configured.unwrap();
    let own_url = configured.callback_url.unwrap();
    let own_path = format!("/v1/auth/shopline/{}/callback", configured.app.id);
    assert_eq!(own_url, format!("{}{own_path}", app.base_url));
    app.sandbox.register_app(own.registration(own_url.clone()));

    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let auth_url = alpha.link(&store).await;
    assert!(auth_url.contains("appKey=alphas-app&"), "{auth_url}");
    let callback = app.approve(&auth_url).await;
    assert!(callback.starts_with(&own_url), "{callback}");

    // Everybody else's link is the shared app's, and no path takes the other's callback.
    let others_store = beta.store(&SHOPLINE, "another-shop").await;
    let others_callback = app.approve(&beta.link(&others_store).await).await;
    let (shared, state) = (SHOPLINE.callback_path(), own.state_of(&auth_url));
    let clock = &app.surroundings.clock;
    let by_the_shared_secret = SHOPLINE.query(clock, "demo-shop", &state, &[("code", "c0de")]);
    for wrong in [
        callback.replace(&own_path, &shared),
        others_callback.replace(&shared, &own_path),
        callback.replace("/v1/auth/shopline/", "/v1/auth/shopline_eu/"),
        format!("{}{shared}?{by_the_shared_secret}", app.base_url),
        format!("{}{own_path}?{by_the_shared_secret}", app.base_url),
    ] {
        assert_eq!(app.visit(&wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(exchanges(app), 0);
    assert_eq!(app.visit(&callback).await.status, 303);
    assert_eq!(app.visit(&others_callback).await.status, 303);
    for (institution, store) in [(&alpha, &store), (&beta, &others_store)] {
        assert_eq!(
            institution.status(store).await,
            ("SUCCESS".to_owned(), String::new())
        );
    }
}

async fn without_a_redirect_url_the_seller_sees_a_page(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    for (fault, title) in [
        (Some(Fault::Deny), "You declined the connection"),
        (None, "Your shop is connected"),
    ] {
        let asked = store.with(json!({"auth_type": "URL", "seller_id": "demo-shop"}));
        let data = alpha.data("store/auth", &asked).await;
        if let Some(fault) = fault {
            script(app, &SHOPLINE, fault);
        }
        let callback = app.approve(data["auth_url"].as_str().unwrap()).await;
        let shown = app.visit(&callback).await;
        assert_eq!(shown.status, 200);
        assert!(
            shown.text.contains(&format!("<h1>{title}</h1>")),
            "{}",
            shown.text
        );
        assert!(
            shown
                .text
                .contains("SHOPLINE: <strong><bdi>demo-shop</bdi></strong>"),
            "{}",
            shown.text
        );
        assert!(!shown.text.contains("<script"));
        assert_eq!(
            shown.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(shown.header("cache-control"), Some("no-store"));
        assert_eq!(shown.header("referrer-policy"), Some("no-referrer"));
        assert!(
            shown
                .header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'")
        );
    }
}

//! The buttons of the page: pressed twice, in two tabs, after the way back, by another site, or to decline.

use std::time::Duration;

use broker::Operator;
use domain::Links;
use sandbox::{Fault, Rule, Step};
use serde_json::json;

use super::{asked, back_to_the_page, token_calls};
use crate::harness::{Answer, Decision, GENSTORE, Gate, SHOPLINE, TestApp};

on_both!(
    the_seller_may_decline,
    who_declines_without_a_redirect_url_is_shown_it_on_the_link_s_page,
    a_reload_and_the_way_back_spend_nothing,
    whoever_declines_while_the_code_is_exchanged_sees_what_it_brought,
    a_form_of_another_site_does_nothing,
    two_tabs_are_two_clicks_and_one_outcome,
    of_two_tabs_at_once_one_spends_its_code,
);

async fn the_seller_may_decline(app: &TestApp) {
    let asked = asked(app, &GENSTORE).await;
    let url = format!("{}/decline", asked.link);
    let shown = app.browser.submit(&url, "").await;
    let event = asked.told(app, &shown).await;
    assert_eq!(event["type"], "store.auth.failed");
    assert_eq!(event["data"]["auth_fail_reason"], "USER_DENIED");
    // It ended; the page and both forms say how.
    let page = app.visit(&asked.link).await;
    assert!(page.text.contains("You declined the connection"));
    for form in ["continue", "decline"] {
        back_to_the_page(app, &asked.link, form).await;
    }
    assert_eq!(app.visit(&asked.link).await.text, page.text);
    app.settle().await;
    assert!(app.sandbox.calls().is_empty());
}

async fn who_declines_without_a_redirect_url_is_shown_it_on_the_link_s_page(app: &TestApp) {
    let alpha = app.institution_with("Alpha Pay", Links::Hosted).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let fields = store.with(json!({"auth_type": "URL"}));
    let data = alpha.data("store/auth", &fields).await;
    let link = data["auth_url"].as_str().unwrap();
    back_to_the_page(app, link, "decline").await;
    for _ in 0..2 {
        let page = app.visit(link).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("<h1>You declined the connection</h1>"));
        assert!(!page.text.contains("<form"), "{}", page.text);
    }
    let denied = ("FAILED".to_owned(), "USER_DENIED".to_owned());
    assert_eq!(alpha.status(&store).await, denied);
    app.settle().await;
    app.receiver.take();
}

/// Whoever has been on the platform's page goes back, loads ours again, and goes on once more.
async fn a_reload_and_the_way_back_spend_nothing(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let before = app.visit(&asked.link).await;
    let first = app.browser.follow(&asked.link).await;
    let again = app.visit(&asked.link).await;
    assert_eq!((again.status, &again.text), (200, &before.text));
    let second = app.browser.follow(&asked.link).await;
    let callback = app.browser.consent(&second, "decision=approve").await;
    let shown = app.visit(&callback).await;
    let event = asked.told(app, &shown).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    // Back on the platform's first page: its consent comes too late, and spends nothing.
    let late = app.browser.consent(&first, "decision=approve").await;
    for url in [&late, &callback, &late] {
        let reloaded = app.visit(url).await;
        assert_eq!(reloaded.header("location"), shown.header("location"));
    }
    assert_eq!(token_calls(app), 1);
}

/// Two tabs of one seller: in one the shop is connected, and at the same time declined in the other.
async fn whoever_declines_while_the_code_is_exchanged_sees_what_it_brought(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let callback = app.decide(&asked.link, Decision::Approve).await;
    let mut gate = Gate::before(app.sandbox_address).await;
    let configuration = SHOPLINE.configuration(gate.address);
    let configured = app
        .process
        .broker
        .configure_platform_app(&Operator, configuration);
    configured.await.unwrap();
    let decline = format!("{}/decline", asked.link);
    let told = async {
        gate.arrival().await;
        let declined = app.browser.submit(&decline, "").await;
        gate.let_one_through();
        declined
    };
    let (shown, declined) = tokio::join!(app.visit(&callback), told);
    assert_eq!(declined.status, 303, "{}", declined.text);
    let page = app.visit(&asked.link).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(!page.text.contains("declined"), "{}", page.text);
    let event = asked.told(app, &shown).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn a_form_of_another_site_does_nothing(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let send = async |form: &str, header: (&'static str, &str)| {
        let url = format!("{}/{form}", asked.link);
        let request = app.http.post(url).header(header.0, header.1);
        Answer::of(request.send().await.unwrap()).await
    };
    for form in ["continue", "decline"] {
        for header in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let answer = send(form, header).await;
            assert_eq!((answer.status, answer.header("set-cookie")), (400, None));
        }
    }
    asked.is_processing().await;
    assert_eq!(
        app.database
            .number("SELECT COUNT(*) FROM link_clicks")
            .await,
        0
    );
    let own = app.base_url.clone();
    for header in [("sec-fetch-site", "same-origin"), ("origin", own.as_str())] {
        assert_eq!(send("continue", header).await.status, 303);
    }
}

async fn two_tabs_are_two_clicks_and_one_outcome(app: &TestApp) {
    let asked = asked(app, &GENSTORE).await;
    let tabs = [
        app.browser.follow(&asked.link).await,
        app.browser.follow(&asked.link).await,
    ];
    let states = tabs.each_ref().map(|tab| GENSTORE.state_of(tab));
    assert_ne!(states[0], states[1]);
    assert_eq!(app.browser.cookies().len(), 2);
    let first = app.browser.consent(&tabs[0], "decision=approve").await;
    let second = app.browser.consent(&tabs[1], "decision=deny").await;
    let shown = app.visit(&first).await;
    let event = asked.told(app, &shown).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    // The other tab sees how it ended, and ends nothing.
    let late = app.visit(&second).await;
    assert_eq!(late.header("location"), shown.header("location"));
    assert_eq!(token_calls(app), 1);
    assert_eq!(asked.status().await.0, "SUCCESS");
}

async fn of_two_tabs_at_once_one_spends_its_code(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let rule = Rule {
        dialect: SHOPLINE.dialect,
        shop: None,
        step: Step::Token,
        fault: Fault::Slow {
            delay: Duration::from_millis(200),
        },
        sticky: true,
    };
    app.sandbox.script(rule).unwrap();
    let mut callbacks = Vec::new();
    for _ in 0..4 {
        let away = app.browser.follow(&asked.link).await;
        callbacks.push(app.browser.consent(&away, "decision=approve").await);
    }
    let visits = callbacks.iter().map(|callback| app.visit(callback));
    let shown = futures_util::future::join_all(visits).await;
    let event = asked.told(app, &shown[0]).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    for other in &shown[1..] {
        assert_eq!(other.header("location"), shown[0].header("location"));
    }
    assert_eq!(token_calls(app), 1);
}

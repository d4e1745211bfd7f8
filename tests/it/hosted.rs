//! Links to a page of our own: whoever looks changes nothing, each click is for the browser that made it, and
//! the first code that is exchanged decides.

mod buttons;

use std::time::Duration;

use broker::{ChangeInstitution, Operator};
use domain::Links;
use serde_json::{Value, json};

use crate::harness::{
    Answer, CAFE24, Decision, Endpoint, GENSTORE, Institution, PlatformCase, SHOPLINE, SHOPLINE_EU,
    Store, TestApp,
};

on_both!(
    a_hosted_link_authorizes_on_every_platform,
    looking_at_a_link_changes_nothing,
    a_forwarded_address_is_good_in_its_own_browser_alone,
    a_state_needs_its_own_click_s_cookie,
    a_click_that_is_half_an_hour_old_is_refused,
    a_link_that_is_a_week_old_is_over,
    a_superseded_link_and_its_clicks_are_dead,
    an_unknown_link_is_refused,
    a_repeated_call_answers_the_same_link,
    a_confirmed_launch_closes_the_link,
    what_an_operator_sets_counts_for_the_next_link,
    a_link_keeps_its_latest_hundred_clicks,
    an_unbound_store_s_link_is_over,
);

/// A store of an institution with hosted links, and its link.
struct Asked {
    alpha: Institution,
    endpoint: Endpoint,
    store: Store,
    link: String,
}

async fn asked(app: &TestApp, case: &PlatformCase) -> Asked {
    let alpha = app.institution_with("Alpha Pay", Links::Hosted).await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(case, "demo-shop").await;
    let link = alpha.link(&store).await;
    let (base, token) = link.rsplit_once('/').unwrap();
    assert_eq!(base, format!("{}/go", app.base_url));
    assert_eq!(token.len(), 43, "256 bits in base64url");
    Asked {
        alpha,
        endpoint,
        store,
        link,
    }
}

impl Asked {
    async fn told(&self, app: &TestApp, shown: &Answer) -> Value {
        assert_eq!(shown.status, 303, "{}", shown.text);
        let location = shown.header("location");
        app.told(&self.alpha, &self.endpoint, &self.store, location)
            .await
    }

    async fn status(&self) -> (String, String) {
        self.alpha.status(&self.store).await
    }

    async fn is_processing(&self) {
        let waiting = ("PROCESSING".to_owned(), String::new());
        assert_eq!(self.status().await, waiting);
    }
}

/// Sends a form of a link that does not wait any more. Whoever loads the page that it leads to once more, or
/// comes back to it, sends nothing.
async fn back_to_the_page(app: &TestApp, link: &str, form: &str) {
    let answer = app.browser.submit(&format!("{link}/{form}"), "").await;
    let path = link.strip_prefix(&app.base_url);
    assert_eq!((answer.status, answer.header("location")), (303, path));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

fn token_calls(app: &TestApp) -> usize {
    let calls = app.sandbox.calls();
    calls
        .iter()
        .filter(|call| call.path.contains("token"))
        .count()
}

async fn a_hosted_link_authorizes_on_every_platform(app: &TestApp) {
    let alpha = app.institution_with("Alpha <Pay>", Links::Hosted).await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for case in [SHOPLINE, GENSTORE, CAFE24] {
        let store = alpha.store(&case, "demo-shop").await;
        let link = alpha.link(&store).await;
        let page = app.visit(&link).await;
        assert_eq!(page.status, 200);
        for named in [
            "<strong><bdi>Alpha &lt;Pay&gt;</bdi></strong>",
            "shop <strong><bdi>demo-shop</bdi></strong>",
            "<strong><bdi>seller-n-",
            "<strong><bdi>Demo Shop</bdi></strong>",
            "<li>Read your orders</li>",
        ] {
            assert!(page.text.contains(named), "{named}: {}", page.text);
        }
        let callback = app.decide(&link, Decision::Approve).await;
        let shown = app.visit(&callback).await;
        let event = app
            .told(&alpha, &endpoint, &store, shown.header("location"))
            .await;
        assert_eq!(event["type"], "store.auth.succeeded", "{}", case.code);
        // The link tells how it ended, to whoever opens it later.
        let page = app.visit(&link).await;
        assert_eq!(page.status, 200);
        assert!(
            page.text.contains("Your shop is connected"),
            "{}",
            page.text
        );
        back_to_the_page(app, &link, "continue").await;
    }
}

async fn looking_at_a_link_changes_nothing(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let before = asked.alpha.query(&asked.store).await;
    for _ in 0..3 {
        let shown = app.visit(&asked.link).await;
        assert_eq!((shown.status, shown.header("set-cookie")), (200, None));
        let head = app.http.head(&asked.link).send().await.unwrap();
        assert_eq!(head.status(), 200);
        assert!(head.headers().get("set-cookie").is_none());
        assert_eq!(head.bytes().await.unwrap().len(), 0);
        // The forms are not there for links to be followed: who asks for them sees the page.
        for form in ["continue", "decline"] {
            let shown = app.visit(&format!("{}/{form}", asked.link)).await;
            assert_eq!(shown.status, 303);
            assert_eq!(
                shown.header("location"),
                asked.link.strip_prefix(&app.base_url)
            );
        }
    }
    app.settle().await;
    assert_eq!(asked.alpha.query(&asked.store).await, before);
    assert_eq!(
        app.database
            .number("SELECT COUNT(*) FROM link_clicks")
            .await,
        0
    );
    assert!(app.sandbox.calls().is_empty());
    let callback = app.decide(&asked.link, Decision::Approve).await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

/// Somebody begins in one browser, and has a seller finish in another.
async fn a_forwarded_address_is_good_in_its_own_browser_alone(app: &TestApp) {
    let asked = asked(app, &CAFE24).await;
    let stranger = app.another_browser();
    let forwarded = stranger.follow(&asked.link).await;
    let callback = app.browser.consent(&forwarded, "decision=approve").await;
    let denial = app.browser.consent(&forwarded, "decision=deny").await;
    // A refusal counts as little as a consent. Whoever was sent there is told whose doing it may be.
    for brought in [&callback, &denial] {
        let refused = app.visit(brought).await;
        assert_eq!(refused.status, 400);
        for told in [
            "<h1>This was started in another browser</h1>",
            "Nothing was connected here.",
            "If somebody else sent you to Cafe24, stop here",
            "Ask <strong><bdi>Alpha Pay</bdi></strong> for a link of your own.",
        ] {
            assert!(refused.text.contains(told), "{told}: {}", refused.text);
        }
        for offered in ["<form", "<button", "seller-n-", "Demo Shop"] {
            assert!(!refused.text.contains(offered), "{}", refused.text);
        }
        assert_eq!(refused.header("set-cookie"), None);
    }
    // Who has no state of ours is told nothing of all this.
    let state = CAFE24.state_of(&forwarded);
    let forged = callback.replace(&state, &"A".repeat(state.len()));
    let unknown = app.visit(&forged).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("<h1>This link does not work</h1>"));
    assert!(!unknown.text.contains("Alpha Pay"), "{}", unknown.text);
    app.settle().await;
    asked.is_processing().await;
    assert_eq!(token_calls(app), 0);
    // The code is unspent, and the one who clicked may bring it.
    let event = asked.told(app, &stranger.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    // How it ended is no secret from whoever has the state.
    assert_eq!(app.visit(&callback).await.status, 303);
    assert_eq!(token_calls(app), 1);
}

async fn a_state_needs_its_own_click_s_cookie(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let (first, second) = (app.another_browser(), app.another_browser());
    let theirs = first.follow(&asked.link).await;
    second.follow(&asked.link).await;
    let callback = first.consent(&theirs, "decision=approve").await;
    // It has a cookie of the same link, but of another click.
    assert_eq!(second.visit(&callback).await.status, 400);
    asked.is_processing().await;
    let shown = first.visit(&callback).await;
    asked.told(app, &shown).await;
    let [(name, value)] = first.cookies().try_into().unwrap();
    assert!(name.starts_with("click_"), "{name}");
    assert_eq!(value.len(), 43);
    let clicked = app.another_browser();
    let link = asked
        .alpha
        .link(&asked.alpha.store(&SHOPLINE, "other").await)
        .await;
    let answer = clicked.submit(&format!("{link}/continue"), "").await;
    let set = answer.header("set-cookie").unwrap();
    assert!(
        set.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=1800"),
        "{set}"
    );
}

async fn a_click_that_is_half_an_hour_old_is_refused(app: &TestApp) {
    let mut asked = asked(app, &GENSTORE).await;
    let away = app.browser.follow(&asked.link).await;
    app.advance(Duration::from_mins(30));
    let callback = app.browser.consent(&away, "decision=approve").await;
    for browser in [&app.browser, &app.another_browser()] {
        let late = browser.visit(&callback).await;
        assert_eq!(late.status, 400);
        let told = "Open your link from <strong><bdi>Alpha Pay</bdi></strong> again";
        assert!(late.text.contains(told), "{}", late.text);
    }
    app.settle().await;
    asked.alpha.renew_token().await;
    asked.is_processing().await;
    assert_eq!(token_calls(app), 0);
    // The link still waits, and another click counts for another half hour.
    let away = app.browser.follow(&asked.link).await;
    app.advance(Duration::from_mins(29));
    let callback = app.browser.consent(&away, "decision=approve").await;
    asked.alpha.renew_token().await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn a_link_that_is_a_week_old_is_over(app: &TestApp) {
    let mut asked = asked(app, &SHOPLINE).await;
    app.advance(Duration::from_hours(7 * 24) - Duration::from_secs(1));
    app.settle().await;
    asked.alpha.renew_token().await;
    asked.is_processing().await;
    let away = app.browser.follow(&asked.link).await;
    // No click outlives its link.
    app.advance(Duration::from_secs(1));
    let callback = app.browser.consent(&away, "decision=approve").await;
    assert_eq!(app.visit(&callback).await.status, 400);
    for _ in 0..2 {
        let page = app.visit(&asked.link).await;
        assert_eq!(page.status, 410);
        assert!(
            page.text
                .contains("ask <strong><bdi>Alpha Pay</bdi></strong> for a new link"),
            "{}",
            page.text
        );
        for form in ["continue", "decline"] {
            back_to_the_page(app, &asked.link, form).await;
        }
        app.settle().await;
    }
    let event = app
        .told(&asked.alpha, &asked.endpoint, &asked.store, None)
        .await;
    assert_eq!(event["type"], "store.auth.failed");
    assert_eq!(event["data"]["auth_fail_reason"], "LINK_EXPIRED");
}

async fn a_superseded_link_and_its_clicks_are_dead(app: &TestApp) {
    let asked = asked(app, &CAFE24).await;
    let away = app.browser.follow(&asked.link).await;
    let callback = app.browser.consent(&away, "decision=approve").await;
    let newer = asked.alpha.link(&asked.store).await;
    assert_ne!(newer, asked.link);
    assert_eq!(app.visit(&callback).await.status, 400);
    let page = app.visit(&asked.link).await;
    assert_eq!(page.status, 410);
    assert!(page.text.contains("a newer link has replaced it"));
    for form in ["continue", "decline"] {
        back_to_the_page(app, &asked.link, form).await;
    }
    asked.is_processing().await;
    assert_eq!(token_calls(app), 0);
    let callback = app.approve(&newer).await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn an_unknown_link_is_refused(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    for link in [
        format!("{}x", asked.link),
        format!("{}/go/x", app.base_url),
        format!("{}/go/{}", app.base_url, "A".repeat(43)),
        format!("{}/go/%3Cscript%3E", app.base_url),
    ] {
        assert_eq!(app.visit(&link).await.status, 400, "{link}");
        for form in ["continue", "decline"] {
            let answer = app.browser.submit(&format!("{link}/{form}"), "").await;
            assert_eq!(answer.status, 400, "{link}");
        }
    }
    asked.is_processing().await;
}

async fn a_repeated_call_answers_the_same_link(app: &TestApp) {
    let alpha = app.institution_with("Alpha", Links::Hosted).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let fields = store.with(json!({"auth_type": "URL"}));
    let first = alpha
        .answer_once("store/auth", &fields, "key-1")
        .await
        .data();
    let again = alpha
        .answer_once("store/auth", &fields, "key-1")
        .await
        .data();
    assert_eq!(first, again);
    let other = alpha
        .answer_once("store/auth", &fields, "key-2")
        .await
        .data();
    assert_ne!(first, other);
    let shown = app.visit(first["auth_url"].as_str().unwrap()).await;
    assert_eq!(shown.status, 410);
}

/// What waits for a shop is continued by whoever opens the app there; its link is dead then.
async fn a_confirmed_launch_closes_the_link(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let clicked = app.browser.follow(&asked.link).await;
    let shop = "demo-shop".parse().unwrap();
    let launch_url = format!("{}{}", app.base_url, SHOPLINE.launch_path());
    let launch = app
        .sandbox
        .launch(
            SHOPLINE.dialect,
            &shop,
            Some(SHOPLINE.client_id),
            &launch_url,
        )
        .unwrap();
    let page = app.visit(&launch).await;
    assert_eq!(page.status, 200);
    let value = |name: &str| {
        let (_, rest) = page
            .text
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let form = format!("launch={}&token={}", value("launch"), value("token"));
    let confirm = format!("{launch_url}/confirm");
    let confirmed = app.browser.submit(&confirm, &form).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.text);
    assert_eq!(app.visit(&asked.link).await.status, 400);
    let dead = app.browser.consent(&clicked, "decision=approve").await;
    assert_eq!(app.visit(&dead).await.status, 400);
    let away = confirmed.header("location").unwrap();
    let callback = app.browser.consent(away, "decision=approve").await;
    let event = asked.told(app, &app.visit(&callback).await).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn what_an_operator_sets_counts_for_the_next_link(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let is_hosted = |link: &str| link.starts_with(&format!("{}/go/", app.base_url));
    let direct = alpha.link(&store).await;
    assert!(!is_hosted(&direct));
    for (links, expected) in [(Links::Hosted, true), (Links::Direct, false)] {
        let change = ChangeInstitution {
            links: Some(links),
            ..ChangeInstitution::default()
        };
        let broker = &app.process.broker;
        let changed = broker.change_institution(&Operator, &alpha.app_id, change);
        assert_eq!(changed.await.unwrap().links, links);
        assert_eq!(is_hosted(&alpha.link(&store).await), expected);
    }
    // A key needs no link.
    let key = alpha
        .create(
            &store.client_id,
            "SHOPIFY",
            "https://demo-shop.myshopify.com",
        )
        .await;
    let fields = key.with(json!({"auth_type": "KEY", "auth_info": {"token": "shpat_1"}}));
    let data = alpha.data("store/auth", &fields).await;
    assert_eq!(data["auth_url"], Value::Null);
    app.settle().await;
}

async fn a_link_keeps_its_latest_hundred_clicks(app: &TestApp) {
    let asked = asked(app, &SHOPLINE).await;
    let first = app.browser.follow(&asked.link).await;
    let mut last = String::new();
    for _ in 0..100 {
        last = app.browser.follow(&asked.link).await;
    }
    assert_eq!(
        app.database
            .number("SELECT COUNT(*) FROM link_clicks")
            .await,
        100
    );
    // The browser is not made to carry all of them.
    assert_eq!(app.browser.cookies().len(), 32);
    let forgotten = app.browser.consent(&first, "decision=approve").await;
    assert_eq!(app.visit(&forgotten).await.status, 400);
    let away = app.another_browser();
    let callback = away.consent(&last, "decision=approve").await;
    let cookies = app.browser.cookies();
    let (name, value) = cookies.last().unwrap();
    let latest = app
        .http
        .get(&callback)
        .header("cookie", format!("{name}={value}"));
    let shown = Answer::of(latest.send().await.unwrap()).await;
    let event = asked.told(app, &shown).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn an_unbound_store_s_link_is_over(app: &TestApp) {
    let asked = asked(app, &SHOPLINE_EU).await;
    let away = app.browser.follow(&asked.link).await;
    let callback = app.browser.consent(&away, "decision=approve").await;
    asked.alpha.data("store/unbind", &asked.store.ids()).await;
    assert_eq!(app.visit(&asked.link).await.status, 410);
    assert_eq!(app.visit(&callback).await.status, 400);
    assert_eq!(token_calls(app), 0);
    app.settle().await;
    let unbound = app.receiver.take_one().verified(&asked.endpoint.secret);
    assert_eq!(unbound["type"], "store.unbound");
}

//! Programs that look at sellers' links before sellers do: mail scanners, chat previews, `curl -I`. Whatever they
//! ask, the database stays as it is, nobody is told anything, and the link works afterwards.

use domain::Links;
use reqwest::Method;
use serde_json::Value;

use crate::harness::{
    Answer, CAFE24, Decision, Endpoint, GENSTORE, Institution, MULTIVENDE, PlatformCase, SHOPLINE,
    Store, TestApp,
};

on_both!(
    whoever_looks_at_a_hosted_link_changes_nothing,
    whoever_asks_for_the_head_of_a_callback_spends_no_code,
    whoever_asks_for_the_head_of_a_launch_uses_nothing_up,
);

/// As they come, the last one from a browser that guesses where its user goes next.
const LOOKERS: [&[(&str, &str)]; 4] = [
    &[],
    &[("user-agent", "Mail-Scanner/1.0")],
    &[
        ("user-agent", "ChatPreviewBot/2.1"),
        ("accept", "text/html"),
    ],
    &[("sec-purpose", "prefetch"), ("purpose", "prefetch")],
];

const WITHOUT_GET: [Method; 2] = [Method::HEAD, Method::OPTIONS];
const WITH_GET: [Method; 3] = [Method::HEAD, Method::OPTIONS, Method::GET];

/// Asks for the address in all these ways; returns the statuses.
async fn look(app: &TestApp, url: &str, methods: &[Method]) -> Vec<u16> {
    let before = app.database.contents().await;
    let calls = app.sandbox.calls().len();
    let mut statuses = Vec::new();
    for method in methods {
        for headers in LOOKERS {
            let mut request = app.http.request(method.clone(), url);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert_eq!(answer.header("set-cookie"), None, "{method} {url}");
            // To the link and nowhere else.
            let link = url
                .strip_prefix(&app.base_url)
                .and_then(|path| path.rsplit_once('/'));
            let location = link.map(|(link, _)| link).filter(|_| answer.status == 303);
            assert_eq!(answer.header("location"), location, "{method} {url}");
            if method == Method::HEAD {
                assert_eq!(answer.text, "");
            }
            statuses.push(answer.status);
        }
    }
    assert_eq!(app.database.contents().await, before, "{url}");
    app.settle().await;
    assert_eq!(app.sandbox.calls().len(), calls, "{url}");
    statuses
}

async fn asked(app: &TestApp, case: &PlatformCase, links: Links) -> (Institution, Endpoint, Store) {
    let alpha = app.institution_with("Alpha Pay", links).await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(case, "demo-shop").await;
    (alpha, endpoint, store)
}

async fn whoever_looks_at_a_hosted_link_changes_nothing(app: &TestApp) {
    let (alpha, endpoint, store) = asked(app, &SHOPLINE, Links::Hosted).await;
    let link = alpha.link(&store).await;
    let seen = look(app, &link, &[Method::GET, Method::HEAD]).await;
    assert_eq!(seen, [200; 8]);
    // A choice of language is remembered by the browser alone, and by none that shows a cookie for nothing.
    let before = app.database.contents().await;
    assert_eq!(app.visit(&format!("{link}?lang=ko")).await.status, 200);
    assert_eq!(app.database.contents().await, before);
    assert_eq!(look(app, &link, &[Method::OPTIONS]).await, [405; 4]);
    for form in ["continue", "decline", "key", ""] {
        let form = format!("{link}/{form}");
        let seen = look(app, &form, &[Method::GET, Method::HEAD]).await;
        assert_eq!(seen, [303; 8], "{form}");
        assert_eq!(look(app, &form, &[Method::OPTIONS]).await, [405; 4]);
    }
    let go = format!("{}/go/", app.base_url);
    for unknown in [
        format!("{go}{}", "A".repeat(43)),
        format!("{link}/more"),
        format!("{link}/continue/"),
        format!("{go}/continue"),
        go,
    ] {
        let seen = look(app, &unknown, &[Method::GET, Method::HEAD]).await;
        assert_eq!(seen, [400; 8], "{unknown}");
        let page = app.another_browser().visit(&unknown).await;
        let title = "<h1>This link does not work</h1>";
        assert!(page.text.contains(title), "{unknown}: {}", page.text);
    }

    let page = app.visit(&link).await.text;
    let (_, sheet) = page.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
    let sheet = format!("{}{}", app.base_url, sheet.split('"').next().unwrap());
    let seen = look(app, &sheet, &[Method::GET]).await;
    assert_eq!(seen, [200; 4]);
    look(app, &sheet, &WITHOUT_GET).await;

    let callback = app.decide(&link, Decision::Approve).await;
    let shown = app.visit(&callback).await;
    let location = shown.header("location");
    let event = app.told(&alpha, &endpoint, &store, location).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    // How it ended may be looked at as well.
    let seen = look(app, &link, &[Method::GET, Method::HEAD]).await;
    assert_eq!(seen, [200; 8]);
}

async fn whoever_asks_for_the_head_of_a_callback_spends_no_code(app: &TestApp) {
    for case in [SHOPLINE, GENSTORE, CAFE24, MULTIVENDE] {
        for links in [Links::Direct, Links::Hosted] {
            let (alpha, endpoint, store) = asked(app, &case, links).await;
            let link = alpha.link(&store).await;
            let away = if link.starts_with(&format!("{}/go/", app.base_url)) {
                app.browser.follow(&link).await
            } else {
                link
            };
            let form = if case.code == "MULTIVENDE" {
                "decision=approve&merchant=demo-shop"
            } else {
                "decision=approve"
            };
            let callback = app.browser.consent(&away, form).await;
            assert_eq!(look(app, &callback, &WITHOUT_GET).await, [405; 8]);
            let shown = app.visit(&callback).await;
            let location = shown.header("location");
            let event = app.told(&alpha, &endpoint, &store, location).await;
            assert_eq!(event["type"], "store.auth.succeeded", "{}", case.code);
            alpha.data("store/unbind", &store.ids()).await;
            app.settle().await;
            app.receiver.take();
        }
    }
}

async fn whoever_asks_for_the_head_of_a_launch_uses_nothing_up(app: &TestApp) {
    let (alpha, endpoint, store) = asked(app, &GENSTORE, Links::Hosted).await;
    alpha.link(&store).await;
    let address = format!("{}{}", app.base_url, GENSTORE.launch_path());
    let shop = "demo-shop".parse().unwrap();
    let launch = app
        .sandbox
        .launch(GENSTORE.dialect, &shop, Some(GENSTORE.client_id), &address)
        .unwrap();
    assert_eq!(look(app, &launch, &WITHOUT_GET).await, [405; 8]);
    let offer = app.offer(&launch).await;
    let confirm = format!("{address}/confirm");
    look(app, &confirm, &WITH_GET).await;
    let outcome = format!("{address}/lch_0192f0c1000070008000000000000005/outcome");
    look(app, &outcome, &WITH_GET).await;
    let confirmed = app.confirm(&GENSTORE, &offer).await;
    let away = confirmed.header("location").expect("a redirect").to_owned();
    let callback = app.browser.consent(&away, "decision=approve").await;
    let shown = app.visit(&callback).await;
    let location = shown.header("location");
    let event: Value = app.told(&alpha, &endpoint, &store, location).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

//! The language of sellers' pages, the switch at their foot, and the sheet that all of them share.

use std::net::TcpListener;

use domain::Links;
use reqwest::header::{ACCEPT_LANGUAGE, COOKIE};
use sandbox::MallOperator;
use serde_json::json;
use server::ServerOptions;

use crate::harness::{Answer, CAFE24, SHOPLINE, TestApp};

on_both!(
    a_page_is_in_the_language_that_its_reader_chose,
    what_a_platform_names_counts_more_than_the_browser_and_less_than_the_reader,
    what_a_platform_named_is_kept_until_the_seller_is_back,
    a_choice_is_remembered_by_the_browser_alone,
    a_page_and_its_sheet_are_all_that_is_asked_for,
    every_address_of_a_page_is_below_the_public_url,
);

/// Tags, and the button that goes on, in each language.
const LANGUAGES: [(&str, &str); 7] = [
    ("en", "Continue to SHOPLINE"),
    ("zh-Hans", "前往 SHOPLINE"),
    ("zh-Hant", "前往 SHOPLINE"),
    ("ja", "SHOPLINE へ進む"),
    ("ko", "SHOPLINE에서 계속하기"),
    ("es", "Continuar a SHOPLINE"),
    ("pt", "Continuar para SHOPLINE"),
];

async fn hosted_link(app: &TestApp) -> String {
    let alpha = app.institution_with("Alpha Pay", Links::Hosted).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&store).await
}

/// What a browser that remembers nothing gets.
async fn get(app: &TestApp, url: &str, accepted: &str, cookie: &str) -> Answer {
    let request = app.http.get(url).header(ACCEPT_LANGUAGE, accepted);
    Answer::of(request.header(COOKIE, cookie).send().await.unwrap()).await
}

#[track_caller]
fn assert_language(page: &Answer, tag: &str) {
    let html = format!("<html lang=\"{tag}\">");
    assert!(page.text.contains(&html), "{tag}: {}", page.text);
    assert_eq!(page.header("content-language"), Some(tag));
}

async fn a_page_is_in_the_language_that_its_reader_chose(app: &TestApp) {
    let link = hosted_link(app).await;
    for (tag, button) in LANGUAGES {
        let page = get(app, &format!("{link}?lang={tag}"), "en", "").await;
        assert_language(&page, tag);
        assert!(page.text.contains(button), "{tag}: {}", page.text);
        assert!(
            page.text.contains("<time datetime=\"2026-11-28T"),
            "{}",
            page.text
        );
    }
    for (asked, cookie, accepted, tag) in [
        ("", "", "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("", "", "fr, pt-BR;q=0.3, es-419;q=0.5", "es"),
        ("", "", "zh-HK", "zh-Hant"),
        ("", "", "vi", "en"),
        ("", "lang=ja", "ko", "ja"),
        ("?lang=pt", "lang=ja", "ko", "pt"),
        ("?lang=xx", "lang=ja", "ko", "ja"),
        ("?lang=", "lang=xx", "ko", "ko"),
        ("?lang=%22%3E%3Cscript%3E", "", "zh-TW", "zh-Hant"),
        ("?x=1&lang=es&lang=ja", "", "ko", "es"),
    ] {
        let page = get(app, &format!("{link}{asked}"), accepted, cookie).await;
        assert_eq!(page.status, 200);
        assert_language(&page, tag);
    }
    // What leads nowhere is understood as well.
    let nowhere = format!("{}/go/nowhere?lang=ko", app.base_url);
    let page = get(app, &nowhere, "en", "").await;
    assert_eq!(page.status, 400);
    assert_language(&page, "ko");
    // Only below /go/ is the query ours.
    let callback = format!("{}/v1/auth/shopline/callback?lang=ko", app.base_url);
    assert_language(&get(app, &callback, "ja", "").await, "ja");
    assert_language(&get(app, &callback, "ja", "lang=es").await, "es");
}

async fn what_a_platform_names_counts_more_than_the_browser_and_less_than_the_reader(
    app: &TestApp,
) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&CAFE24, "demomall").await;
    let fields = store.with(json!({"auth_type": "URL", "seller_id": "demomall"}));
    alpha.data("store/auth", &fields).await;
    let app_url = format!("{}{}", app.base_url, CAFE24.launch_path());
    for (lang, cookie, tag) in [
        ("ja_JP", "", "ja"),
        ("ja_JP", "lang=es", "es"),
        ("vi_VN", "", "ko"),
    ] {
        app.advance(std::time::Duration::from_secs(1));
        let operator = MallOperator {
            lang: Some(lang.to_owned()),
            ..MallOperator::default()
        };
        let launch = app.sandbox.launch_by(
            &operator,
            &"demomall".parse().unwrap(),
            Some(CAFE24.client_id),
            &app_url,
        );
        let page = get(app, &launch.unwrap(), "ko", cookie).await;
        assert_language(&page, tag);
        assert!(
            !page.text.contains("?lang="),
            "it cannot be asked for again"
        );
    }
}

/// Opens the app in a mall that waits, and goes on to the result; returns it, and what the confirmation had the
/// browser remember.
async fn launch_to_the_end(app: &TestApp, mall: &str, lang: &str) -> (Answer, Option<String>) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&CAFE24, mall).await;
    let fields = store.with(json!({"auth_type": "URL", "seller_id": mall}));
    alpha.data("store/auth", &fields).await;
    let app_url = format!("{}{}", app.base_url, CAFE24.launch_path());
    let operator = MallOperator {
        lang: Some(lang.to_owned()),
        ..MallOperator::default()
    };
    let launch = app.sandbox.launch_by(
        &operator,
        &mall.parse().unwrap(),
        Some(CAFE24.client_id),
        &app_url,
    );
    let offer = app.offer(&launch.unwrap()).await;
    let form = format!("launch={}&token={}", offer.launch, offer.token);
    let away = app
        .browser
        .submit(&format!("{app_url}/confirm"), &form)
        .await;
    assert_eq!(away.status, 303, "{}", away.text);
    let consent = away.header("location").unwrap();
    let callback = app.browser.consent(consent, "decision=approve").await;
    let remembered = away.header("set-cookie").map(str::to_owned);
    (app.visit(&callback).await, remembered)
}

async fn what_a_platform_named_is_kept_until_the_seller_is_back(app: &TestApp) {
    let (page, remembered) = launch_to_the_end(app, "demomall", "vi_VN").await;
    assert_language(&page, "en");
    assert_eq!(remembered, None, "there are no such pages");
    let (page, remembered) = launch_to_the_end(app, "secondmall", "ja_JP").await;
    assert_language(&page, "ja");
    let cookie = "lang=ja; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000";
    assert_eq!(remembered.as_deref(), Some(cookie));
    let (page, remembered) = launch_to_the_end(app, "thirdmall", "es_ES").await;
    assert_language(&page, "ja");
    assert_eq!(remembered, None, "another is remembered");
}

async fn a_choice_is_remembered_by_the_browser_alone(app: &TestApp) {
    let link = hosted_link(app).await;
    let rows = "SELECT COUNT(*) FROM hosted_links";
    let before = app.database.number(rows.to_owned()).await;
    let page = app.visit(&link).await;
    assert_eq!(page.header("set-cookie"), None);
    let path = link.strip_prefix(&app.base_url).unwrap();
    for (tag, _) in LANGUAGES.iter().filter(|(tag, _)| *tag != "en") {
        let other = format!("<a href=\"{path}?lang={tag}\" lang=\"{tag}\" hreflang=\"{tag}\">");
        assert!(page.text.contains(&other), "{other}: {}", page.text);
    }
    let page = app.visit(&format!("{link}?lang=zh-Hant")).await;
    assert_eq!(
        page.header("set-cookie"),
        Some("lang=zh-Hant; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000")
    );
    let page = app.visit(&format!("{link}?lang=zh-Hant")).await;
    assert_eq!(page.header("set-cookie"), None, "it is known");
    for later in [link.as_str(), &format!("{}/go/nowhere", app.base_url)] {
        assert_language(&app.visit(later).await, "zh-Hant");
    }
    assert_language(&app.another_browser().visit(&link).await, "en");
    // The page of a form is found again by where the form was.
    let refused = app
        .browser
        .submit(&format!("{}/go/nowhere/continue", app.base_url), "")
        .await;
    assert_eq!(refused.status, 400);
    assert_language(&refused, "zh-Hant");
    assert!(
        refused.text.contains("href=\"/go/nowhere?lang=ko\""),
        "{}",
        refused.text
    );
    assert_eq!(app.database.number(rows.to_owned()).await, before);
}

/// The address of the sheet, as the page has it.
fn sheet_of(page: &Answer) -> &str {
    let (_, rest) = page
        .text
        .split_once("<link rel=\"stylesheet\" href=\"")
        .unwrap();
    rest.split_once('"').unwrap().0
}

async fn a_page_and_its_sheet_are_all_that_is_asked_for(app: &TestApp) {
    let page = app.visit(&hosted_link(app).await).await;
    assert!(page.text.len() < 30 * 1024, "{}", page.text.len());
    assert!(!page.text.contains("<script"));
    assert_eq!(page.text.matches("<link ").count(), 2, "{}", page.text);
    assert!(page.text.contains("<link rel=\"icon\" href=\"data:,\">"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"),
        "{policy}"
    );
    let path = sheet_of(&page);
    let sheet = app.visit(&format!("{}{path}", app.base_url)).await;
    assert_eq!(sheet.status, 200);
    for (name, value) in [
        ("content-type", "text/css; charset=utf-8"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(sheet.header(name), Some(value));
    }
    assert!(sheet.text.contains("prefers-color-scheme"));
    let (name, _) = path.rsplit_once('.').unwrap();
    for other in [format!("{name}0.css"), "/assets/page.css".to_owned()] {
        let answer = app.visit(&format!("{}{other}", app.base_url)).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("cache-control"), None);
    }
}

/// As behind a proxy that takes the path away before it asks us.
async fn every_address_of_a_page_is_below_the_public_url(app: &TestApp) {
    let link = hosted_link(app).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let public_url = format!("{address}/grant/").parse().unwrap();
    let options = ServerOptions::new(public_url);
    let server = server::start(app.process.broker.clone(), options, listener).unwrap();
    let handle = server.handle();
    let running = app.tasks.spawn(server);
    let (_, token) = link.rsplit_once('/').unwrap();
    let page = app.visit(&format!("{address}/go/{token}")).await;
    assert_eq!(page.status, 200);
    assert!(sheet_of(&page).starts_with("/grant/assets/page."));
    let beginnings = ["href=\"", "action=\""]
        .iter()
        .flat_map(|attribute| page.text.split(attribute).skip(1));
    for address in beginnings {
        let is_ours = address.starts_with("/grant/") || address.starts_with("data:,");
        assert!(is_ours, "{address}");
    }
    let switch = format!("href=\"/grant/go/{token}?lang=ko\"");
    assert!(page.text.contains(&switch), "{}", page.text);
    handle.stop(false).await;
    running.await.unwrap().unwrap();
}

//! Whose a seller's page is, and by what support finds it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use broker::{AttemptName, ChangeInstitution, FoundAttempt, Operator, read_logo};
use domain::brand::Change;
use domain::{BrandChange, FailReason, Institution as Known, Links, Logo, Reference};
use sandbox::{Fault, Rule, Step};
use serde_json::json;

use crate::harness::{Answer, Institution, SHOPLINE, Store, TestApp};

on_both!(
    a_page_shows_the_brand_of_its_own_institution_alone,
    the_largest_brand_keeps_pages_small,
    a_reference_leads_to_its_attempt,
    a_page_about_no_attempt_names_the_request,
);

/// A PNG of `bytes` bytes, 120 pixels wide and 40 high.
fn png(bytes: usize) -> Vec<u8> {
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x78\0\0\0\x28\x08\x06\0\0\0".to_vec();
    // What cannot be made smaller on its way, as pictures are.
    let mut noise = 1_u32;
    while picture.len() < bytes {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        picture.push((noise >> 24) as u8);
    }
    picture
}

async fn brand(app: &TestApp, institution: &Institution, brand: BrandChange) -> Known {
    let change = ChangeInstitution {
        brand,
        ..ChangeInstitution::default()
    };
    let broker = &app.process.broker;
    let changed = broker.change_institution(&Operator, &institution.app_id, change);
    changed.await.unwrap()
}

/// The link of a new store, whose seller ends on our page.
async fn link(institution: &Institution, shop: &str) -> (Store, String) {
    let store = institution.store(&SHOPLINE, shop).await;
    let fields = store.with(json!({"auth_type": "URL", "seller_id": shop}));
    let data = institution.data("store/auth", &fields).await;
    let link = data["auth_url"].as_str().unwrap().to_owned();
    (store, link)
}

async fn a_page_shows_the_brand_of_its_own_institution_alone(app: &TestApp) {
    let alpha = app.institution_with("Alpha <Pay>", Links::Hosted).await;
    let beta = app.institution_with("Beta", Links::Hosted).await;
    let bytes = png(300);
    let green = "#0a5".parse().unwrap();
    let logo = read_logo(bytes.clone()).unwrap();
    brand(
        app,
        &alpha,
        BrandChange {
            colour: Change::Replaced(green),
            logo: Change::Replaced(logo),
        },
    )
    .await;
    let colour = "<style>:root{--brand:#00aa55;--on-brand:#000000}</style>";
    let picture = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&bytes));
    let name = "<strong><bdi>Alpha &lt;Pay&gt;</bdi></strong></header>";
    let is_branded = |answer: &Answer| {
        let parts = [colour, &picture, name];
        let found = parts.map(|part| answer.text.contains(part));
        assert!(found == [true; 3] || found == [false; 3], "{found:?}");
        found[0]
    };

    let (_, first) = link(&alpha, "first-shop").await;
    assert!(is_branded(&app.visit(&first).await), "it asks");
    let away = app.another_browser().follow(&first).await;
    let callback = app.browser.consent(&away, "decision=approve").await;
    assert!(is_branded(&app.visit(&callback).await), "another browser");
    let declined = app.browser.submit(&format!("{first}/decline"), "").await;
    assert_eq!(declined.status, 303);
    assert!(is_branded(&app.visit(&first).await), "it was declined");
    let (_, second) = link(&alpha, "second-shop").await;
    let callback = app.approve(&second).await;
    assert!(is_branded(&app.visit(&callback).await), "it is connected");
    let (store, third) = link(&alpha, "third-shop").await;
    let unknown = app.visit(&format!("{third}x")).await;
    assert!(!is_branded(&unknown), "nobody's");

    let launched = |shop: &str| {
        let url = format!("{}{}", app.base_url, SHOPLINE.launch_path());
        let shop = shop.parse().unwrap();
        let launch = app
            .sandbox
            .launch(SHOPLINE.dialect, &shop, Some(SHOPLINE.client_id), &url);
        launch.unwrap()
    };
    assert!(is_branded(&app.visit(&launched("third-shop")).await));
    // Who opens the app in a shop learns nothing of whose customer it is.
    assert!(!is_branded(&app.visit(&launched("second-shop")).await));
    alpha.data("store/unbind", &store.ids()).await;
    let over = app.visit(&third).await;
    assert_eq!(over.status, 410);
    assert!(is_branded(&over), "it was given up");

    let (_, theirs) = link(&beta, "their-shop").await;
    assert!(!is_branded(&app.visit(&theirs).await), "another's");

    let (_, fourth) = link(&alpha, "fourth-shop").await;
    let removed = BrandChange {
        colour: Change::Removed,
        logo: Change::Removed,
    };
    brand(app, &alpha, removed).await;
    let plain = app.visit(&fourth).await;
    for part in ["<style>", "<img"] {
        assert!(!plain.text.contains(part), "{}", plain.text);
    }
    assert!(plain.text.contains(name), "{}", plain.text);
    app.settle().await;
    app.receiver.take();
}

async fn the_largest_brand_keeps_pages_small(app: &TestApp) {
    let alpha = app.institution_with(&"名".repeat(100), Links::Hosted).await;
    let change = BrandChange {
        colour: Change::Kept,
        logo: Change::Replaced(read_logo(png(Logo::MAX_BYTES)).unwrap()),
    };
    brand(app, &alpha, change).await;
    let (_, link) = link(&alpha, "demo-shop").await;
    for language in ["en", "zh-Hans", "zh-Hant", "ko", "ja", "es", "pt"] {
        let page = app.visit(&format!("{link}?lang={language}")).await;
        assert_eq!(page.status, 200);
        let bytes = page.text.len();
        assert!(bytes < 30_000, "{language}: {bytes}");
    }
    app.settle().await;
}

/// The reference as the page shows it.
fn reference(page: &Answer) -> Reference {
    let (_, behind) = page.text.split_once("<code>").expect("a reference");
    behind.split('<').next().unwrap().parse().unwrap()
}

async fn find(app: &TestApp, reference: Reference) -> FoundAttempt {
    let name = AttemptName::Reference(reference);
    let found = app.process.broker.look_up_attempts(&Operator, name).await;
    let [found] = <[FoundAttempt; 1]>::try_from(found.unwrap()).expect("one attempt");
    let name = AttemptName::Id(found.authorization.id);
    let again = app.process.broker.look_up_attempts(&Operator, name).await;
    assert_eq!(again.unwrap(), std::slice::from_ref(&found));
    found
}

async fn a_reference_leads_to_its_attempt(app: &TestApp) {
    let alpha = app.institution_with("Alpha Pay", Links::Hosted).await;
    for (shop, fault, reason) in [
        ("happy-shop", None, None),
        ("sad-shop", Some(Fault::Deny), Some(FailReason::UserDenied)),
    ] {
        let (store, link) = link(&alpha, shop).await;
        let asked = reference(&app.visit(&link).await);
        if let Some(fault) = fault {
            let rule = Rule {
                dialect: SHOPLINE.dialect,
                shop: None,
                step: Step::Consent,
                fault,
                sticky: false,
            };
            app.sandbox.script(rule).unwrap();
        }
        let waiting = find(app, asked).await;
        assert_eq!(waiting.finished_at, None);
        app.advance(std::time::Duration::from_mins(1));
        let callback = app.approve(&link).await;
        let shown = app.visit(&callback).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert_eq!(reference(&shown), asked, "it stays the same");
        let found = find(app, asked).await;
        assert_eq!(found.institution.app_id.as_str(), alpha.app_id);
        assert_eq!(found.authorization.store.to_string(), store.store_id);
        assert_eq!(found.authorization.fail_reason(), reason);
        assert_eq!(found.finished_at, Some(app.now()));
        let known = found.store.expect("a store");
        assert_eq!(known.client.to_string(), store.client_id);
        alpha.data("store/unbind", &store.ids()).await;
        assert_eq!(find(app, asked).await.store, None);
        app.advance(std::time::Duration::from_secs(1));
    }
    let nobody_s = "0000-0000-0000".parse().unwrap();
    let name = AttemptName::Reference(nobody_s);
    let found = app.process.broker.look_up_attempts(&Operator, name).await;
    assert_eq!(found.unwrap(), []);
    app.settle().await;
    app.receiver.take();
}

async fn a_page_about_no_attempt_names_the_request(app: &TestApp) {
    let url = format!("{}/go/nowhere", app.base_url);
    let callback = format!("{}{}", app.base_url, SHOPLINE.callback_path());
    let launch = format!("{}{}", app.base_url, SHOPLINE.launch_path());
    for url in [url, callback, launch] {
        let page = app.visit(&url).await;
        let request_id = page.header("x-request-id").unwrap();
        let shown = format!("<code>{request_id}</code>");
        assert_eq!(page.status, 400);
        assert!(page.text.contains(&shown), "{}", page.text);
    }
}

//! How the seller's browser comes back.

use std::time::Duration;

use sandbox::{Dialect, Fault, Step};

use super::{BY_URL, Stage};
use crate::harness::{Decision, PlatformCase, TestApp};

on_both!(
    the_seller_says_no,
    a_forged_callback_changes_nothing,
    an_old_callback_changes_nothing,
    a_duplicated_key_changes_nothing,
    a_callback_that_comes_twice_spends_its_code_once,
    another_shop_consents,
);

fn signs_callbacks(case: &PlatformCase) -> bool {
    match case.dialect {
        Dialect::Shopline | Dialect::Genstore => true,
        Dialect::Cafe24 | Dialect::Multivende | Dialect::Shopify | Dialect::Woocommerce => false,
    }
}

async fn the_seller_says_no(app: &TestApp) {
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        let callback = stage.decide(Decision::Deny).await;
        stage.comes_back_failed(&callback, "USER_DENIED").await;
        stage.succeeds_next_time().await;
    }
}

/// The callback is refused, and the link that it was made for still works.
async fn is_refused(stage: Stage<'_>, auth_url: &str, callback: &str) {
    let mut stage = stage;
    let before = stage.snapshot().await;
    let shown = stage.app.visit(callback).await;
    assert_eq!(shown.status, 400, "{}: {}", stage.case.code, shown.text);
    stage.app.settle().await;
    assert_eq!(stage.snapshot().await, before);
    let good = stage.app.approve(auth_url).await;
    let event = stage.come_back(&good).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    stage.leave().await;
}

/// Where the platform signs, by another key; where it does not, with a state that nobody was given.
async fn a_forged_callback_changes_nothing(app: &TestApp) {
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        let auth_url = stage.institution.link(&stage.store).await;
        let callback = if signs_callbacks(&case) {
            stage.script(Step::Consent, Fault::Forged);
            app.approve(&auth_url).await
        } else {
            let made = app.approve(&auth_url).await;
            let (path, _) = made.split_once("state=").unwrap();
            format!("{path}state=a-state-that-nobody-was-given")
        };
        is_refused(stage, &auth_url, &callback).await;
    }
}

/// Where the platform signs, its signature dates the callback; where it does not, the platform itself finds
/// the code too old, which is a failure that is told.
async fn an_old_callback_changes_nothing(app: &TestApp) {
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        if signs_callbacks(&case) {
            let auth_url = stage.institution.link(&stage.store).await;
            stage.script(Step::Consent, Fault::Old);
            let callback = app.approve(&auth_url).await;
            is_refused(stage, &auth_url, &callback).await;
        } else {
            let callback = stage.decide(Decision::Approve).await;
            app.advance(Duration::from_mins(11));
            stage
                .comes_back_failed(&callback, "PLATFORM_REJECTED")
                .await;
            stage.succeeds_next_time().await;
        }
    }
}

async fn a_duplicated_key_changes_nothing(app: &TestApp) {
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        let auth_url = stage.institution.link(&stage.store).await;
        let callback = if signs_callbacks(&case) {
            stage.script(Step::Consent, Fault::DuplicatedKey);
            app.approve(&auth_url).await
        } else {
            format!("{}&code=another", app.approve(&auth_url).await)
        };
        is_refused(stage, &auth_url, &callback).await;
    }
}

async fn a_callback_that_comes_twice_spends_its_code_once(app: &TestApp) {
    for case in BY_URL {
        let mut stage = Stage::set(app, case).await;
        let asked = stage.token_calls().len();
        let callback = stage.decide(Decision::Approve).await;
        stage.come_back(&callback).await;
        let first = stage.snapshot().await;
        let again = app.visit(&callback).await;
        assert_eq!(again.status, 303);
        assert_eq!(stage.snapshot().await, first);
        assert_eq!(stage.token_calls().len(), asked + 1, "{}", case.code);
        stage.leave().await;
    }
}

/// Where the callback names the shop its code is left alone; elsewhere the answer to the exchange tells.
async fn another_shop_consents(app: &TestApp) {
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        let asked = stage.token_calls().len();
        stage.script(
            Step::Consent,
            Fault::WrongShop("other-shop".parse().unwrap()),
        );
        let callback = stage.decide(Decision::Approve).await;
        stage.comes_back_failed(&callback, "SELLER_MISMATCH").await;
        let exchanges = usize::from(!signs_callbacks(&case));
        assert_eq!(
            stage.token_calls().len(),
            asked + exchanges,
            "{}",
            case.code
        );
        stage.succeeds_next_time().await;
    }
}

//! What the platform answers when a grant is to be renewed.

use std::time::Duration;

use sandbox::{Dialect, Fault, Step};

use super::{BY_URL, Stage};
use crate::harness::{PlatformCase, TestApp};

on_both!(
    a_token_that_rotates_and_one_that_does_not,
    an_answer_without_an_end,
    a_slow_answer,
    a_platform_in_trouble_ends_no_grant,
    a_refusal_ends_the_grant,
    another_shop_answers,
);

/// The platforms whose tokens end, with the time after which they are renewed.
fn renewed() -> impl Iterator<Item = (PlatformCase, Duration)> {
    BY_URL.into_iter().filter_map(|case| {
        let half = match case.dialect {
            Dialect::Shopline => Duration::from_hours(5),
            Dialect::Cafe24 => Duration::from_hours(1),
            Dialect::Multivende => Duration::from_hours(3),
            Dialect::Genstore | Dialect::Shopify | Dialect::Woocommerce => return None,
        };
        Some((case, half))
    })
}

fn rotates(case: &PlatformCase) -> bool {
    matches!(case.dialect, Dialect::Cafe24 | Dialect::Multivende)
}

async fn is_healthy(stage: &mut Stage<'_>) {
    let snapshot = stage.snapshot().await;
    assert_eq!(snapshot["auth_status"], "SUCCESS", "{}", stage.case.code);
    assert_eq!(snapshot["health"], "HEALTHY", "{}", stage.case.code);
}

/// Rotated, kept, left out, and then rotated again: the grant lives through all of them.
async fn a_token_that_rotates_and_one_that_does_not(app: &TestApp) {
    for (case, half) in renewed() {
        let mut stage = Stage::set(app, case).await;
        stage.authorize().await;
        let asked = stage.token_calls().len();
        let answers = [
            None,
            Some(Fault::SameRefreshToken),
            Some(Fault::NoRefreshToken),
            None,
        ];
        let answers = answers.into_iter();
        // Where nothing rotates there is nothing to leave out.
        let answers: Vec<_> = answers
            .filter(|fault| fault.is_none() || rotates(&case))
            .collect();
        for fault in &answers {
            if let Some(fault) = fault {
                stage.script(Step::Token, fault.clone());
            }
            stage.wait(half).await;
            is_healthy(&mut stage).await;
        }
        assert_eq!(stage.token_calls().len(), asked + answers.len());
        stage.leave().await;
    }
}

async fn an_answer_without_an_end(app: &TestApp) {
    for (case, half) in renewed() {
        let mut stage = Stage::set(app, case).await;
        stage.authorize().await;
        stage.script(Step::Token, Fault::NoExpiry);
        stage.wait(half).await;
        is_healthy(&mut stage).await;
        let end = app.now() + 2 * half;
        let end = end.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        assert_eq!(stage.snapshot().await["expires_at"], end, "{}", case.code);
        stage.leave().await;
    }
}

async fn a_slow_answer(app: &TestApp) {
    for (case, half) in renewed() {
        let mut stage = Stage::set(app, case).await;
        stage.authorize().await;
        let delay = Duration::from_secs(2);
        stage.script(Step::Token, Fault::Slow { delay });
        stage.wait(half).await;
        is_healthy(&mut stage).await;
        stage.leave().await;
    }
}

/// None of these says anything about the grant, and the next call has what it needs.
async fn a_platform_in_trouble_ends_no_grant(app: &TestApp) {
    for (case, half) in renewed() {
        for fault in [
            Fault::ServerError,
            Fault::TooManyRequests,
            Fault::Garbage,
            Fault::OkWithError,
        ] {
            let mut stage = Stage::set(app, case).await;
            stage.authorize().await;
            stage.script(Step::Token, fault.clone());
            stage.wait(half).await;
            let snapshot = stage.snapshot().await;
            assert_eq!(snapshot["auth_status"], "SUCCESS", "{fault:?}");
            // Where the call spends its token, nobody can know whether it was spent.
            let health = if rotates(&case) {
                "UNCERTAIN"
            } else {
                "REFRESH_FAILING"
            };
            assert_eq!(snapshot["health"], health, "{}: {fault:?}", case.code);
            stage.wait(Duration::from_secs(6)).await;
            is_healthy(&mut stage).await;
            stage.leave().await;
        }
    }
}

async fn a_refusal_ends_the_grant(app: &TestApp) {
    for (case, half) in renewed() {
        let mut stage = Stage::set(app, case).await;
        stage.authorize().await;
        stage.script(Step::Token, Fault::Deny);
        app.advance(half);
        stage.institution.renew_token().await;
        let event = stage.told(None).await;
        assert_eq!(event["type"], "store.auth.revoked", "{}", case.code);
        assert_eq!(event["data"]["auth_fail_reason"], "AUTH_REVOKED");
        stage.authorize().await;
        stage.leave().await;
    }
}

/// Another shop's token is not kept, and says nothing about this shop's.
async fn another_shop_answers(app: &TestApp) {
    for (case, half) in renewed() {
        let mut stage = Stage::set(app, case).await;
        stage.authorize().await;
        let other = Fault::WrongShopInToken("other-shop".parse().unwrap());
        stage.script(Step::Token, other);
        stage.wait(half).await;
        let snapshot = stage.snapshot().await;
        assert_eq!(snapshot["auth_status"], "SUCCESS");
        assert_ne!(snapshot["health"], "HEALTHY", "{}", case.code);
        stage.leave().await;
    }
}

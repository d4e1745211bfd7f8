//! What the platform answers when the code is presented.

use std::time::Duration;

use futures_util::future::join_all;
use sandbox::{Dialect, Fault, Step};
use serde_json::Value;

use super::{BY_URL, Stage};
use crate::harness::{Decision, TestApp};

on_both!(
    a_refusal,
    a_code_that_was_spent_before,
    an_error_with_status_200,
    too_many_requests,
    a_server_error,
    garbage,
    an_answer_that_takes_its_time,
    no_answer_at_all,
    an_answer_without_an_end,
    fewer_scopes_than_required,
    another_shop_answers,
);

async fn all_fail(app: &TestApp, fault: Fault, reason: &str) {
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        stage.script(Step::Token, fault.clone());
        stage.fails(reason).await;
    }
}

async fn a_refusal(app: &TestApp) {
    all_fail(app, Fault::Deny, "PLATFORM_REJECTED").await;
}

async fn a_code_that_was_spent_before(app: &TestApp) {
    all_fail(app, Fault::CodeAlreadyUsed, "PLATFORM_REJECTED").await;
}

/// It grants nothing, whatever its status says.
async fn an_error_with_status_200(app: &TestApp) {
    all_fail(app, Fault::OkWithError, "PLATFORM_REJECTED").await;
}

async fn too_many_requests(app: &TestApp) {
    all_fail(app, Fault::TooManyRequests, "PLATFORM_UNREACHABLE").await;
}

async fn a_server_error(app: &TestApp) {
    all_fail(app, Fault::ServerError, "PLATFORM_UNREACHABLE").await;
}

async fn garbage(app: &TestApp) {
    all_fail(app, Fault::Garbage, "PLATFORM_UNREACHABLE").await;
}

async fn another_shop_answers(app: &TestApp) {
    let other = Fault::WrongShopInToken("other-shop".parse().unwrap());
    all_fail(app, other, "SELLER_MISMATCH").await;
}

async fn fewer_scopes_than_required(app: &TestApp) {
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        stage.script(Step::Consent, Fault::FewerScopes(Vec::new()));
        stage.fails("SCOPES_INSUFFICIENT").await;
    }
}

/// Longer than two of the claim's extensions, and within the limit.
async fn an_answer_that_takes_its_time(app: &TestApp) {
    let mut stages = Vec::new();
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        let delay = Duration::from_secs(5);
        stage.script(Step::Token, Fault::Slow { delay });
        let callback = stage.decide(Decision::Approve).await;
        stages.push((stage, callback));
    }
    let visits = stages.iter().map(|(_, callback)| app.visit(callback));
    for ((stage, _), shown) in stages.iter().zip(join_all(visits).await) {
        assert_eq!(shown.status, 303, "{}", stage.case.code);
        let location = shown.header("location").unwrap();
        assert!(location.contains("&auth_status=SUCCESS&"), "{location}");
    }
    told_of_each(app, &stages, "").await;
}

/// The browser waits for ten seconds. The code may be spent, and is not sent again.
async fn no_answer_at_all(app: &TestApp) {
    let mut stages = Vec::new();
    for case in BY_URL {
        let stage = Stage::set(app, case).await;
        stage.script(Step::Token, Fault::NoAnswer);
        let callback = stage.decide(Decision::Approve).await;
        stages.push((stage, callback));
    }
    let visits = stages.iter().map(|(_, callback)| app.visit(callback));
    for ((stage, _), shown) in stages.iter().zip(join_all(visits).await) {
        assert_eq!(shown.status, 303, "{}", stage.case.code);
        let location = shown.header("location").unwrap();
        let expected = "&auth_status=FAILED&auth_fail_reason=PLATFORM_UNREACHABLE";
        assert!(location.ends_with(expected), "{location}");
    }
    told_of_each(app, &stages, "PLATFORM_UNREACHABLE").await;
}

/// Stages that ended at the same time: the webhooks came in any order.
async fn told_of_each(app: &TestApp, stages: &[(Stage<'_>, String)], reason: &str) {
    app.settle().await;
    let webhooks = app.receiver.take();
    assert_eq!(webhooks.len(), stages.len());
    for (stage, _) in stages {
        let snapshot = stage.institution.query(&stage.store).await;
        assert_eq!(snapshot["auth_fail_reason"], reason);
        let told = webhooks.iter().find(|webhook| {
            let body: Value = serde_json::from_slice(&webhook.body).unwrap();
            body["data"]["store_id"] == snapshot["store_id"]
        });
        let event = told.unwrap().verified(&stage.endpoint.secret);
        let mut data = event["data"].clone();
        for name in ["fail", "finished"] {
            data.as_object_mut().unwrap().remove(name).unwrap();
        }
        assert_eq!(data, snapshot);
    }
}

/// Neither in a field nor in the token: then it is the documented lifetime.
async fn an_answer_without_an_end(app: &TestApp) {
    for case in BY_URL {
        let lifetime = match case.dialect {
            Dialect::Shopline => Duration::from_hours(10),
            Dialect::Cafe24 => Duration::from_hours(2),
            Dialect::Multivende => Duration::from_hours(6),
            // Its tokens have no end at all.
            Dialect::Genstore | Dialect::Shopify | Dialect::Woocommerce => continue,
        };
        let stage = Stage::set(app, case).await;
        stage.script(Step::Token, Fault::NoExpiry);
        let event = stage.authorize().await;
        let end = app.now() + lifetime;
        let end = end.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        assert_eq!(event["data"]["expires_at"], end, "{}", case.code);
        stage.leave().await;
    }
}

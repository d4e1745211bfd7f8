//! Access tokens for institutions that may have them: fresh, by one call for all who ask, and never without a
//! trace.

mod crash;
mod fleet;

use std::time::Duration;

use broker::{Caller, ChangeInstitution, GetCredential, Operator};
use domain::CredentialAccess;
use futures_util::future::join_all;
use sandbox::{Dialect, Fault, KeyPermission, Rule, Step};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::harness::{
    CAFE24, GENSTORE, Institution, PlatformCase, SHOPLINE, Store, TestApp, refused,
};

on_both!(
    a_token_is_handed_out_with_its_end_and_its_scopes,
    a_token_without_an_end_has_none,
    who_may_not_have_it_gets_nothing_and_leaves_a_trace,
    what_a_store_has_not_is_told,
    a_key_that_is_a_token_is_handed_out_and_a_pair_is_not,
    a_token_that_has_ended_is_renewed_on_the_spot,
    a_token_is_renewed_within_the_margin_and_not_before,
    fifty_callers_in_three_processes_make_one_call,
    a_platform_in_trouble_costs_no_living_token,
    a_dead_grant_is_told,
    a_renewal_that_another_holds_is_waited_for,
    nobody_waits_for_a_renewal_in_a_process_that_ends,
    an_uncertain_grant_s_token_is_handed_out_while_it_lives,
    nothing_is_kept_of_the_answer,
    requests_are_remembered_for_a_year_and_no_longer,
);

const HOUR: Duration = Duration::from_hours(1);

impl TestApp {
    /// An institution that may have credentials.
    pub(crate) async fn trusted(&self, name: &str) -> Institution {
        let institution = self.institution(name).await;
        self.permit(&institution, CredentialAccess::Granted).await;
        institution
    }

    pub(crate) async fn permit(&self, institution: &Institution, access: CredentialAccess) {
        let change = ChangeInstitution {
            credential_access: Some(access),
            ..ChangeInstitution::default()
        };
        self.process
            .broker
            .change_institution(&Operator, &institution.app_id, change)
            .await
            .unwrap();
    }

    /// How many requests for credentials ended so.
    pub(crate) async fn requests(&self, outcome: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM credential_requests WHERE outcome = '{outcome}'");
        self.database.number(sql).await
    }

    /// Whether the platforms gave this token out.
    pub(crate) fn has_issued(&self, token: &str) -> bool {
        let issued = self.sandbox.issued();
        issued.iter().any(|known| known.expose_secret() == token)
    }
}

async fn authorized(app: &TestApp, institution: &Institution, case: &PlatformCase) -> Store {
    let store = institution.store(case, "demo-shop").await;
    let callback = app.approve(&institution.link(&store).await).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    store
}

async fn get(institution: &Institution, store: &Store) -> Value {
    institution.data("credential/get", &store.ids()).await
}

fn token_of(data: &Value) -> String {
    data["access_token"].as_str().unwrap().to_owned()
}

/// How many tokens the platforms gave beside those for codes.
async fn refreshes(app: &TestApp) -> usize {
    let calls = app.sandbox.calls();
    let given = calls
        .iter()
        .filter(|call| call.outcome.starts_with("token "));
    let bought = app.database.number("SELECT COUNT(*) FROM grants").await;
    given.count() - usize::try_from(bought).unwrap()
}

fn script(app: &TestApp, dialect: Dialect, fault: Fault, sticky: bool) {
    let rule = Rule {
        dialect,
        shop: None,
        step: Step::Token,
        fault,
        sticky,
    };
    app.sandbox.script(rule).unwrap();
}

async fn a_token_is_handed_out_with_its_end_and_its_scopes(app: &TestApp) {
    let alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    let answer = alpha.answer("credential/get", &store.ids()).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let data = answer.data();
    let snapshot = alpha.query(&store).await;
    let expected = json!({
        "access_token": data["access_token"],
        "expires_at": snapshot["expires_at"],
        "scopes": snapshot["scopes"],
    });
    assert_eq!(data, expected);
    assert!(app.has_issued(&token_of(&data)));
    let request = answer.header("x-request-id").unwrap();
    let trace = format!(
        "SELECT COUNT(*) FROM credential_requests WHERE outcome = 'HANDED_OUT' AND call = 'credential/get' \
         AND request_id = '{request}' AND created_at = {} AND store_id = (SELECT id FROM stores)",
        app.now().timestamp_millis()
    );
    assert_eq!(app.database.number(trace).await, 1);
    assert_eq!(refreshes(app).await, 0);
}

async fn a_token_without_an_end_has_none(app: &TestApp) {
    let alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    let data = get(&alpha, &store).await;
    assert!(app.has_issued(&token_of(&data)));
    assert!(data.get("expires_at").is_none(), "{data}");
}

async fn who_may_not_have_it_gets_nothing_and_leaves_a_trace(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    let forbidden = refused(403, "Forbidden: the institution may not have credentials");
    let asked = alpha.call("credential/get", &store.ids()).await;
    assert_eq!(asked, forbidden);
    // Whether it has such a store makes no difference.
    let unknown = json!({"client_id": "cl_1", "store_id": "st_1"});
    assert_eq!(alpha.call("credential/get", &unknown).await, forbidden);
    app.permit(&alpha, CredentialAccess::Granted).await;
    get(&alpha, &store).await;
    app.permit(&alpha, CredentialAccess::Denied).await;
    let asked = alpha.call("credential/get", &store.ids()).await;
    assert_eq!(asked, forbidden);
    assert_eq!(app.requests("FORBIDDEN").await, 3);
    assert_eq!(app.requests("HANDED_OUT").await, 1);
}

async fn what_a_store_has_not_is_told(app: &TestApp) {
    let alpha = app.trusted("Alpha").await;
    let beta = app.trusted("Beta").await;
    let theirs = authorized(app, &beta, &SHOPLINE).await;
    let unknown = refused(940_002, "store not exist");
    let asked = alpha.call("credential/get", &theirs.ids()).await;
    assert_eq!(asked, unknown);
    let own = alpha.store(&GENSTORE, "other-shop").await;
    let mut mixed = own.ids();
    mixed["client_id"] = theirs.client_id.clone().into();
    assert_eq!(alpha.call("credential/get", &mixed).await, unknown);
    for status in ["UNAUTHORIZED", "PROCESSING"] {
        let message = format!("store_id is not authorized: it is {status}");
        let asked = alpha.call("credential/get", &own.ids()).await;
        assert_eq!(asked, refused(900_002, &message));
        alpha.link(&own).await;
    }
    assert_eq!(app.requests("UNKNOWN_STORE").await, 2);
    assert_eq!(app.requests("NOT_AUTHORIZED").await, 2);
}

async fn a_key_that_is_a_token_is_handed_out_and_a_pair_is_not(app: &TestApp) {
    let alpha = app.trusted("Alpha").await;
    let client = alpha.client("owner").await;
    let shop = "demo-shop".parse().unwrap();
    let token = "shpat_0123456789abcdef";
    let scopes = vec!["read_orders".to_owned()];
    app.sandbox.register_token(shop, token.into(), scopes);
    let url = "https://demo-shop.myshopify.com";
    let shopify = alpha.create(&client, "SHOPIFY", url).await;
    let pasted = json!({"auth_type": "KEY", "auth_info": {"token": token}});
    alpha.data("store/auth", &shopify.with(pasted)).await;

    let (shop, secret) = ("woo-shop".parse().unwrap(), "cs_0123456789abcdef".into());
    let key = "ck_0123456789abcdef";
    app.sandbox
        .register_key(shop, key, secret, KeyPermission::ReadWrite);
    let url = format!("http://{}/woocommerce/woo-shop", app.sandbox_address);
    let woocommerce = alpha.create(&client, "WOOCOMMERCE", &url).await;
    let pair = json!({"api_key": key, "api_secret": "cs_0123456789abcdef"});
    let pasted = json!({"auth_type": "KEY", "auth_info": pair});
    alpha.data("store/auth", &woocommerce.with(pasted)).await;
    app.settle().await;

    let data = get(&alpha, &shopify).await;
    assert_eq!(data["access_token"], token);
    let message = "store_id is authorized by api_key and api_secret, which are no access token";
    let asked = alpha.call("credential/get", &woocommerce.ids()).await;
    assert_eq!(asked, refused(900_002, message));
    assert_eq!(app.requests("NO_ACCESS_TOKEN").await, 1);
}

async fn a_token_that_has_ended_is_renewed_on_the_spot(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    for case in [SHOPLINE, CAFE24] {
        let store = authorized(app, &alpha, &case).await;
        let before = token_of(&get(&alpha, &store).await);
        let renewed = refreshes(app).await;
        // No worker is awake.
        app.advance(11 * HOUR);
        alpha.renew_token().await;
        let data = get(&alpha, &store).await;
        assert_ne!(token_of(&data), before);
        assert!(app.has_issued(&token_of(&data)));
        assert_eq!(refreshes(app).await, renewed + 1);
        let snapshot = alpha.query(&store).await;
        assert_eq!(data["expires_at"], snapshot["expires_at"]);
        assert_eq!(snapshot["health"], "HEALTHY");
        assert_eq!(token_of(&get(&alpha, &store).await), token_of(&data));
        assert_eq!(refreshes(app).await, renewed + 1);
    }
}

async fn a_token_is_renewed_within_the_margin_and_not_before(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    let before = token_of(&get(&alpha, &store).await);
    app.advance(Duration::from_secs(35_699));
    alpha.renew_token().await;
    assert_eq!(token_of(&get(&alpha, &store).await), before);
    assert_eq!(refreshes(app).await, 0);
    app.advance(Duration::from_secs(1));
    assert_ne!(token_of(&get(&alpha, &store).await), before);
    assert_eq!(refreshes(app).await, 1);
}

async fn fifty_callers_in_three_processes_make_one_call(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    let others = [app.another_process().await, app.another_process().await];
    let brokers = [&app.process.broker, &others[0].broker, &others[1].broker];
    for (number, case) in (1..).zip([SHOPLINE, CAFE24]) {
        let store = authorized(app, &alpha, &case).await;
        let before = token_of(&get(&alpha, &store).await);
        app.advance(11 * HOUR);
        alpha.renew_token().await;
        let known = brokers[0].authenticate(&alpha.token).await.unwrap();
        let asking = (0..50).map(|caller| {
            let broker = brokers[caller % brokers.len()].clone();
            let caller = Caller {
                institution: known.institution.clone(),
                nonce: format!("{number} {caller}"),
                idempotency: None,
            };
            let command = GetCredential {
                client_id: store.client_id.clone(),
                store_id: store.store_id.clone(),
            };
            app.tasks.spawn(async move {
                let token = broker.get_credential(&caller, command, "req_1").await;
                token.unwrap().access_token.expose_secret().to_owned()
            })
        });
        let mut tokens: Vec<String> = join_all(asking)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(tokens.len(), 50);
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "everybody has the same");
        assert_ne!(tokens[0], before);
        assert_eq!(refreshes(app).await, number, "{}", case.code);
        let calls = app.sandbox.calls();
        let asked = calls.iter().filter(|call| call.outcome.contains("refus"));
        assert_eq!(asked.count(), 0);
    }
    assert_eq!(app.requests("HANDED_OUT").await, 2 + 100);
    for other in others {
        other.stop().await;
    }
}

async fn a_platform_in_trouble_costs_no_living_token(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    let before = token_of(&get(&alpha, &store).await);
    script(app, Dialect::Shopline, Fault::ServerError, true);
    app.advance(Duration::from_mins(598));
    alpha.renew_token().await;
    for _ in 0..3 {
        assert_eq!(token_of(&get(&alpha, &store).await), before);
    }
    // Whoever asks in between does not ask the platform.
    let tried = || {
        let calls = app.sandbox.calls();
        let scripted = |outcome: &str| outcome == "scripted: server_error";
        calls.iter().filter(|call| scripted(call.outcome)).count()
    };
    assert_eq!(tried(), 1);
    app.advance(Duration::from_mins(2));
    let dead = alpha.answer("credential/get", &store.ids()).await;
    assert_eq!(tried(), 2);
    let message = "store_id has no living token, and the platform gave no newer one yet";
    assert_eq!(dead.whole(), refused(900_002, message));
    let wait: u64 = dead.header("retry-after").unwrap().parse().unwrap();
    assert!((24..=36).contains(&wait), "{wait}");
    assert_eq!(app.requests("UNAVAILABLE").await, 1);

    app.sandbox.clear_script();
    app.advance(Duration::from_secs(wait));
    assert_ne!(token_of(&get(&alpha, &store).await), before);
}

async fn a_dead_grant_is_told(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    app.told(&alpha, &endpoint, &store, None).await;
    app.sandbox
        .uninstall(Dialect::Shopline, &"demo-shop".parse().unwrap());
    app.advance(10 * HOUR);
    alpha.renew_token().await;
    let message = "store_id is not authorized: it is FAILED with AUTH_REVOKED";
    for _ in 0..2 {
        let asked = alpha.call("credential/get", &store.ids()).await;
        assert_eq!(asked, refused(900_002, message));
    }
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["type"], "store.auth.revoked");
}

/// Somebody took the right to renew, and does not come back: nobody else asks meanwhile.
async fn a_renewal_that_another_holds_is_waited_for(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    let before = token_of(&get(&alpha, &store).await);
    app.advance(Duration::from_mins(598));
    alpha.renew_token().await;
    let lease = app.now().timestamp_millis() + 90_000;
    let held: &'static str = format!(
        "UPDATE grants SET refresh_fence = 1, refresh_lease_until = {lease}, refresh_lease_id = id"
    )
    .leak();
    app.database.execute(held).await;
    let (institution, wanted) = (alpha.clone(), store.clone());
    let waiting = app
        .tasks
        .spawn(async move { get(&institution, &wanted).await });
    // Only once it waits can it be told that the other is done.
    crate::harness::let_pass(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    assert_eq!(refreshes(app).await, 0);
    let done: &'static str = format!(
        "UPDATE grants SET refresh_lease_until = 0, expires_at = {}",
        lease + 36_000_000
    )
    .leak();
    app.database.execute(done).await;
    assert_eq!(token_of(&waiting.await.unwrap()), before);
    assert_eq!(refreshes(app).await, 0);
}

async fn nobody_waits_for_a_renewal_in_a_process_that_ends(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    let before = token_of(&get(&alpha, &store).await);
    app.advance(Duration::from_mins(598));
    alpha.renew_token().await;
    let lease = app.now().timestamp_millis() + 90_000;
    let held: &'static str = format!(
        "UPDATE grants SET refresh_fence = 1, refresh_lease_until = {lease}, refresh_lease_id = id"
    )
    .leak();
    app.database.execute(held).await;
    app.process.broker.stop_waiting();
    // Half of what a call waits otherwise.
    let asked = tokio::time::timeout(Duration::from_secs(6), get(&alpha, &store));
    assert_eq!(token_of(&asked.await.expect("its answer")), before);
    assert_eq!(refreshes(app).await, 0);
}

async fn an_uncertain_grant_s_token_is_handed_out_while_it_lives(app: &TestApp) {
    let mut alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &CAFE24).await;
    let before = token_of(&get(&alpha, &store).await);
    let lost = Fault::Slow {
        delay: Duration::from_secs(11),
    };
    script(app, Dialect::Cafe24, lost, false);
    app.advance(Duration::from_mins(118));
    alpha.renew_token().await;
    assert_eq!(token_of(&get(&alpha, &store).await), before);
    assert_eq!(alpha.query(&store).await["health"], "UNCERTAIN");
}

async fn nothing_is_kept_of_the_answer(app: &TestApp) {
    let alpha = app.trusted("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE).await;
    let kept = "SELECT COUNT(*) FROM idempotency_keys";
    let before = app.database.number(kept).await;
    for _ in 0..2 {
        let answer = alpha
            .answer_once("credential/get", &store.ids(), "same")
            .await;
        assert!(app.has_issued(&token_of(&answer.data())));
    }
    assert_eq!(app.database.number(kept).await, before);
    // Each of them counts, and a nonce counts once.
    assert_eq!(app.requests("HANDED_OUT").await, 2);
    let signing = alpha.signing("credential/get", store.ids().to_string());
    assert_eq!(alpha.send(&signing).await.status, 200);
    let again = alpha.send(&signing).await;
    assert_eq!(again.whole(), refused(401, "nonce already used"));
    assert_eq!(app.requests("HANDED_OUT").await, 3);
}

async fn requests_are_remembered_for_a_year_and_no_longer(app: &TestApp) {
    let alpha = app.trusted("Alpha").await;
    let unknown = json!({"client_id": "cl_1", "store_id": "st_1"});
    alpha.call("credential/get", &unknown).await;
    for (days, left) in [(366, 1), (35, 0)] {
        app.advance(Duration::from_hours(24 * days));
        app.process.broker.retention_step().await.unwrap();
        assert_eq!(app.requests("UNKNOWN_STORE").await, left);
    }
}

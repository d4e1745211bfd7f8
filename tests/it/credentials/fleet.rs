//! Fifty callers in three processes of the program want a token that has to be renewed.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::json;

use crate::harness::{Database, Decision, HeldAnswer, MULTIVENDE};
use crate::process::{Address, Bus, Fleet, Installation, Institution, PUBLIC_URL, Role, Store};

const CALLERS: usize = 50;
/// How many signed calls have been taken: the nonce of one is kept as it begins.
const TAKEN: &str = "SELECT COUNT(*) FROM nonces";

fn script(installation: &Installation, fault: Fault) {
    let rule = Rule {
        dialect: Dialect::Multivende,
        shop: None,
        step: Step::Token,
        fault,
        sticky: false,
    };
    installation.sandbox.script(rule).unwrap();
}

/// By way of our own page, with the cookie that going on from there leaves.
async fn authorized(
    installation: &Installation,
    serve: &Address,
    institution: &Institution,
) -> Store {
    let client = institution.client(serve, "seller-1").await;
    let url = MULTIVENDE.store_url("demo-shop");
    let store = institution.store(serve, &client, "MULTIVENDE", &url).await;
    let link = institution.link(serve, &store).await;
    let path = link.strip_prefix(PUBLIC_URL).unwrap();
    let http = &installation.seller.http;
    let form = http.post(serve.url(&format!("{path}/continue"))).send();
    let form = form.await.unwrap();
    assert_eq!(form.status(), 303);
    let text = |name: &str| form.headers()[name].to_str().unwrap();
    let (cookie, _) = text("set-cookie").split_once(';').unwrap();
    let away = text("location");
    let callback = installation.seller.decide(away, Decision::Approve).await;
    let path = callback.strip_prefix(PUBLIC_URL).unwrap();
    let back = http.get(serve.url(path)).header("cookie", cookie).send();
    assert_eq!(back.await.unwrap().status(), 303);
    store
}

fn token_calls(installation: &Installation) -> Vec<&'static str> {
    let calls = installation.sandbox.calls();
    let posted = calls
        .iter()
        .filter(|call| call.method == "POST" && call.path.contains("token"));
    posted.map(|call| call.outcome).collect()
}

async fn fifty_callers_in_three_processes_make_one_post(database: Database) {
    let mut installation = Installation::new(database, Bus::InProcess).await;
    installation.settings = installation.settings.unlimited();
    installation.configure(&MULTIVENDE).await;
    // Without workers, so that it is the calls that renew it.
    let fleet = Fleet::start(&installation.settings, &[Role::Api; 3]).await;
    let addresses = [fleet.api(0).await, fleet.api(1).await, fleet.api(2).await];
    let distinct: BTreeSet<String> = addresses.iter().map(|one| one.url("/")).collect();
    assert_eq!(distinct.len(), 3);
    let mut institution = installation.institution(&addresses[0], "Fifty Pay").await;
    let app_id = institution.app_id.clone();
    let permit = ["institution", "set", &app_id, "--allow", "credential"];
    installation.settings.run(&permit).await.succeeded();
    script(
        &installation,
        Fault::Lives {
            access: Duration::from_mins(1),
            refresh: Duration::from_hours(1),
        },
    );
    let store = authorized(&installation, &addresses[0], &institution).await;
    let fields = store.with(json!({}));
    // That they may counts in each process within a second.
    let before = loop {
        let asked = addresses.map(|address| {
            let (institution, fields) = (&institution, &fields);
            async move { institution.answer(&address, "credential/get", fields).await }
        });
        let answers = join_all(asked).await;
        if answers.iter().all(|answer| answer.status == 200) {
            break answers[0].data()["access_token"].clone();
        }
    };
    // Half of its life is over, long before the token is.
    let due = "UPDATE grants SET next_refresh_at = created_at";
    installation.database.execute(due).await;
    assert_eq!(
        token_calls(&installation),
        ["token granted"],
        "for the code"
    );

    institution.renew_token(&addresses[0]).await;
    let taken = installation.database.number(TAKEN).await;
    let held = HeldAnswer::of(&installation.sandbox, Dialect::Multivende, Step::Token);
    let calls = (0..CALLERS).map(|caller| {
        let (institution, fields) = (&institution, &fields);
        let address = addresses[caller % addresses.len()];
        async move { institution.answer(&address, "credential/get", fields).await }
    });
    // All of them are there before the first one has its answer.
    let (answers, ()) = tokio::join!(join_all(calls), async {
        held.reached().await;
        let callers = i64::try_from(CALLERS).unwrap();
        let all = taken + callers;
        installation.database.reaches(all, TAKEN).await;
        held.release();
    });
    assert_eq!(token_calls(&installation), ["token granted"; 2]);
    assert_eq!(answers.len(), CALLERS);
    let renewed = answers[0].data();
    assert_ne!(renewed["access_token"], before);
    for answer in &answers {
        assert_eq!(answer.data(), renewed, "everybody has the same");
    }
    let written = "SELECT COUNT(*) FROM credential_requests WHERE outcome = 'HANDED_OUT'";
    let written = installation.database.number(written).await;
    assert!(written >= 53, "{written}");
    let grants = "SELECT COUNT(*) FROM grants WHERE generation = 2 AND refresh_fence = 1";
    assert_eq!(installation.database.number(grants).await, 1);
    fleet.stop().await;
    installation.remove().await;
}

/// Several processes may use one file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    fifty_callers_in_three_processes_make_one_post(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    fifty_callers_in_three_processes_make_one_post(Database::Postgres).await;
}

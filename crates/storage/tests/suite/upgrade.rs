//! A database that the first release filled, taken to the newest schema.

use domain::Platform;
use migrations::Migrator;
use sea_orm::{ConnectionTrait, Database, Statement};
use sea_orm_migration::MigratorTrait;
use storage::{Executor, Storage, authorizations, platform_events, stores};

use crate::constraints::assert_refused;
use crate::database::{TestDatabase, execute, number};
use crate::world::{ALPHA, at, attempt_id, scopes, store_id};

on_both! {
    rows_of_the_first_release_survive,
    what_the_first_release_left_is_still_to_be_done,
    the_new_constraints_hold_for_the_rows_of_before,
}

/// The first step that the first release does not know.
const NEXT: &str = "m0005_hosted_links";

/// The tables that the first release had rows in, and the steps after it add to or make anew.
const TABLES: [&str; 7] = [
    "institutions",
    "platform_apps",
    "stores",
    "authorizations",
    "grants",
    "launches",
    "platform_events",
];

/// How ids and bytes are written in SQL.
#[derive(Clone, Copy)]
struct Literals {
    is_postgres: bool,
}

impl Literals {
    fn id(self, number: u128) -> String {
        if self.is_postgres {
            format!("CAST('{number:032x}' AS UUID)")
        } else {
            format!("x'{number:032x}'")
        }
    }

    fn bytes(self, number: u128) -> String {
        if self.is_postgres {
            format!(r"CAST('\x{number:032x}' AS BYTEA)")
        } else {
            format!("x'{number:032x}'")
        }
    }
}

/// The schema of the first release, with rows in every state that it knows.
async fn first_release(database: &TestDatabase) -> Storage {
    let storage = database.open().await;
    let steps = Migrator::migrations();
    let known = steps.iter().position(|step| step.name() == NEXT).unwrap();
    let connection = Database::connect(database.url()).await.unwrap();
    let known = u32::try_from(known).unwrap();
    Migrator::up(&connection, Some(known)).await.unwrap();
    connection.close().await.unwrap();
    let literals = Literals {
        is_postgres: database.is_postgres(),
    };
    for sql in owners(literals)
        .into_iter()
        .chain(stores_with_attempts(literals))
        .chain(grants_in_every_state(literals))
        .chain(launches_in_every_state(literals))
        .chain(events_in_every_state(literals))
    {
        let done = execute(&storage, &sql).await;
        assert!(done.is_ok(), "{sql}: {done:?}");
    }
    storage
}

fn owners(literals: Literals) -> Vec<String> {
    let (alpha, client) = (literals.id(0xa), literals.id(1));
    let mut rows = vec![
        format!(
            "INSERT INTO institutions (id, app_id, name, redirect_origins, created_at, bus_access) \
             VALUES ({alpha}, 'app_a', 'ALPHA', '[]', 1, 'GRANTED')"
        ),
        format!(
            "INSERT INTO clients (id, institution_id, partner_user_id, created_at) \
             VALUES ({client}, {alpha}, 'seller-1', 1)"
        ),
    ];
    for (number, platform) in [(1, "GENSTORE"), (2, "CAFE24")] {
        let (id, secret) = (literals.id(number), literals.bytes(number));
        rows.push(format!(
            "INSERT INTO platform_apps (id, platform, institution_id, client_id, secret, scopes, created_at) \
             VALUES ({id}, '{platform}', {alpha}, 'client', {secret}, '[]', 1)"
        ));
    }
    rows
}

/// Stores 1 to 10, each with the attempt of the same number, if it ever had one.
fn stores_with_attempts(literals: Literals) -> Vec<String> {
    let scopes = serde_json::json!(scopes()).to_string();
    let pending = "'PENDING', NULL, NULL";
    let processing = "'PROCESSING', NULL, ID, NULL, NULL, NULL, NULL, NULL, NULL";
    let success =
        |health: &str| format!("'SUCCESS', NULL, NULL, ID, '9001', '{scopes}', 10, {health}, NULL");
    let none = "'UNAUTHORIZED', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";
    let unbound = "'UNAUTHORIZED', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 9";
    let failed = "'FAILED', 'USER_DENIED', NULL, NULL, NULL, NULL, NULL, NULL, NULL";
    let cases: [(String, Option<(&str, &str)>); 10] = [
        (none.to_owned(), None),
        (unbound.to_owned(), Some(("URL", "'SUPERSEDED', NULL, 5"))),
        (processing.to_owned(), Some(("URL", pending))),
        (processing.to_owned(), Some(("KEY", pending))),
        (
            processing.to_owned(),
            Some(("URL", "'EXCHANGING', NULL, NULL")),
        ),
        // A grant of a version that knew of no health.
        (success("NULL"), Some(("URL", "'SUCCEEDED', NULL, 10"))),
        (success("'HEALTHY'"), Some(("URL", "'SUCCEEDED', NULL, 10"))),
        (
            success("'REFRESH_FAILING'"),
            Some(("KEY", "'SUCCEEDED', NULL, 10")),
        ),
        (
            success("'EXPIRING'"),
            Some(("URL", "'SUCCEEDED', NULL, 10")),
        ),
        (
            failed.to_owned(),
            Some(("URL", "'FAILED', 'USER_DENIED', 10")),
        ),
    ];
    let (alpha, client) = (literals.id(0xa), literals.id(1));
    let mut rows = Vec::new();
    for (number, (state, attempt)) in (1..).zip(cases) {
        let (id, bytes) = (literals.id(number), literals.bytes(number));
        let auth_type =
            attempt.map_or("NULL".to_owned(), |(auth_type, _)| format!("'{auth_type}'"));
        let state = state.replace("ID", &id);
        rows.push(format!(
            "INSERT INTO stores (id, institution_id, client_id, platform, store_url, name, category, auth_type, \
                auth_status, auth_fail_reason, authorization_id, grant_id, shop_identity, scopes, authorized_at, \
                health, unbound_at, sequence, revision, created_at) \
             VALUES ({id}, {alpha}, {client}, 'CAFE24', 'https://mall{number}.example', 'Demo', 'shoes', {auth_type}, \
                {state}, {number}, 3, 1)"
        ));
        let Some((auth_type, status)) = attempt else {
            continue;
        };
        let is_key = auth_type == "KEY" && status == pending;
        let (credential, due) = if is_key {
            (&*bytes, "7")
        } else {
            ("NULL", "NULL")
        };
        rows.push(format!(
            "INSERT INTO authorizations (id, store_id, institution_id, platform, platform_app_id, auth_type, status, \
                fail_reason, finished_at, expected_shop, redirect_url, state_hash, credential, next_attempt_at, \
                lease_id, lease_until, deadline_at, created_at) \
             VALUES ({id}, {id}, {alpha}, 'CAFE24', NULL, '{auth_type}', {status}, 'mall{number}', \
                'https://pay.example', {bytes}, {credential}, {due}, {id}, 8, 600, 1)"
        ));
    }
    rows
}

/// A grant for each of the stores 6 to 10; the last one's has ended.
fn grants_in_every_state(literals: Literals) -> Vec<String> {
    let alpha = literals.id(0xa);
    let scopes = serde_json::json!(scopes()).to_string();
    let row = |number: u128| {
        let (id, bytes) = (literals.id(number), literals.bytes(number));
        let state = match number {
            10 => "'ENDED', NULL, 20, NULL, NULL, 0, NULL, 0, NULL, NULL".to_owned(),
            // Somebody renews it, and it has failed before.
            8 => format!("'LIVE', {bytes}, NULL, {bytes}, 50, 2, {id}, 3, 30, 'TRANSIENT'"),
            _ => format!("'LIVE', {bytes}, NULL, {bytes}, 50, 0, NULL, 0, NULL, NULL"),
        };
        format!(
            "INSERT INTO grants (id, store_id, institution_id, authorization_id, platform, shop_identity, shop_label, \
                origin, scopes, expires_at, created_at, status, credential, ended_at, refresh_token, \
                next_refresh_at, refresh_fence, refresh_lease_id, refresh_failures, refresh_failing_since, \
                refresh_failure) \
             VALUES ({id}, {id}, {alpha}, {id}, 'CAFE24', '9001', 'mall/{number}', 'https://mall{number}.example', \
                '{scopes}', 100, 10, {state})"
        )
    };
    (6..=10).map(row).collect()
}

fn launches_in_every_state(literals: Literals) -> Vec<String> {
    let (alpha, app) = (literals.id(0xa), literals.id(2));
    let row = |(number, status): (u128, &str)| {
        let (id, bytes) = (literals.id(number), literals.bytes(number));
        let offer = if status == "UNANSWERED" {
            "NULL, NULL, NULL, NULL, NULL".to_owned()
        } else {
            format!("{alpha}, {id}, {bytes}, {bytes}, 60")
        };
        format!(
            "INSERT INTO launches (id, signature_hash, platform, platform_app_id, shop_label, language, status, \
                institution_id, authorization_id, cookie_hash, token_hash, offered_until, created_at, expires_at) \
             VALUES ({id}, {bytes}, 'CAFE24', {app}, 'mall3', 'ko_KR', '{status}', {offer}, 1, 90)"
        )
    };
    let states = ["UNANSWERED", "OFFERED", "CONFIRMED"];
    (1..).zip(states).map(row).collect()
}

/// One received event of every kind, and one that was handled with every outcome.
fn events_in_every_state(literals: Literals) -> Vec<String> {
    let kinds = [
        "UNINSTALLED",
        "CUSTOMER_DATA_REQUEST",
        "CUSTOMER_REDACTION",
        "SHOP_REDACTION",
        "OTHER",
    ];
    let outcomes = [
        "GRANT_ENDED",
        "GRANT_ALIVE",
        "NO_GRANT",
        "NOTHING_HELD",
        "SHOP_FORGOTTEN",
        "IGNORED",
        "UNANSWERED",
    ];
    let received = kinds.map(|kind| format!("'{kind}', 'demo', NULL, 'RECEIVED', NULL, NULL"));
    let handled = outcomes.map(|outcome| format!("'OTHER', NULL, '7', 'HANDLED', '{outcome}', 40"));
    let app = literals.id(1);
    let row = |(number, state): (u128, String)| {
        let (id, bytes) = (literals.id(number), literals.bytes(number));
        format!(
            "INSERT INTO platform_events (id, same_key, platform, platform_app_id, topic, kind, shop_label, \
                shop_identity, status, outcome, finished_at, attempts, next_attempt_at, lease_id, lease_until, \
                created_at) \
             VALUES ({id}, {bytes}, 'GENSTORE', {app}, 'app/event', {state}, 2, 5, {id}, 6, 3)"
        )
    };
    (1..)
        .zip(received.into_iter().chain(handled))
        .map(row)
        .collect()
}

/// The names of a table's columns, as far as the first release has them.
async fn columns(storage: &Storage, table: &str) -> String {
    let connection = storage.connection();
    let sql = format!("SELECT * FROM {table} LIMIT 1");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap();
    row.expect("rows").column_names().join(", ")
}

async fn rows_of_the_first_release_survive(database: &TestDatabase) {
    let storage = first_release(database).await;
    let mut tables = Vec::new();
    for table in TABLES {
        let keep = format!("CREATE TABLE before_{table} AS SELECT * FROM {table}");
        execute(&storage, &keep).await.unwrap();
        tables.push((table, columns(&storage, table).await));
    }
    storage.migrate().await.unwrap();
    storage.check_schema().await.unwrap();
    for (table, columns) in tables {
        let count = async |from: &str| {
            let sql = format!("SELECT COUNT(*) FROM {from}");
            number(&storage, &sql).await
        };
        let before = count(&format!("before_{table}")).await;
        assert_eq!(count(table).await, before, "{table}");
        let same = format!(
            "(SELECT {columns} FROM {table} INTERSECT SELECT {columns} FROM before_{table}) AS same"
        );
        assert_eq!(count(&same).await, before, "{table}");
    }
    // What is new about them is what they were without it.
    for (table, new) in [
        (
            "institutions",
            "links = 'DIRECT' AND credential_access = 'DENIED'",
        ),
        (
            "stores",
            "scope_coverage = 'COMPLETE' AND reauthorization_id IS NULL AND reauthorization_status IS NULL \
             AND reauthorization_fail_reason IS NULL",
        ),
        ("authorizations", "beside_grant_id IS NULL"),
        (
            "grants",
            "scopes_told IS NULL AND scopes_due_at = 0 AND scopes_fence = 0 \
             AND scopes_lease_until = 0 AND scopes_lease_fence = 0 AND scopes_outcome IS NULL",
        ),
        (
            "launches",
            "operator_role IS NULL AND operator_permissions IS NULL",
        ),
        (
            "platform_apps",
            "event_key IS NULL AND operator_scopes IS NULL",
        ),
    ] {
        let others = format!("SELECT COUNT(*) FROM {table} WHERE NOT ({new})");
        assert_eq!(number(&storage, &others).await, 0, "{table}");
    }
    for gone in ["platform_events_before", "platform_events_kept"] {
        let drop = format!("DROP TABLE {gone}");
        assert!(execute(&storage, &drop).await.is_err(), "{gone} is left");
    }
}

async fn what_the_first_release_left_is_still_to_be_done(database: &TestDatabase) {
    let storage = first_release(database).await;
    storage.migrate().await.unwrap();
    let mut statuses = Vec::new();
    for number in 1..=10 {
        let store = stores::find(&storage, ALPHA, store_id(number)).await;
        statuses.extend(store.unwrap().map(|store| store.status().code()));
        let attempt = authorizations::find(&storage, ALPHA, attempt_id(number)).await;
        assert_eq!(attempt.unwrap().is_some(), number > 1, "{number}");
    }
    // The one that was unbound is not found.
    let (processing, success) = ("PROCESSING", "SUCCESS");
    let expected = [
        "UNAUTHORIZED",
        processing,
        processing,
        processing,
        success,
        success,
        success,
        success,
        "FAILED",
    ];
    assert_eq!(statuses, expected);
    let keys = authorizations::has_due_key_for_worker(&storage, at(0));
    assert!(keys.await.unwrap());
    let events = platform_events::has_due_for_worker(&storage, at(0));
    assert!(events.await.unwrap());
    let lease = crate::world::lease(1);
    let leased = storage
        .write(async |tx| {
            let until = at(60);
            platform_events::lease_due_for_worker(tx, at(0), lease, until, 100).await
        })
        .await
        .unwrap();
    assert_eq!(leased.len(), 5);
    for event in leased {
        assert_eq!((event.platform, event.attempts), (Platform::Genstore, 2));
    }
}

/// A table, the name of a constraint, and changes that it refuses.
const REFUSED: [(&str, &str, &[&str]); 11] = [
    (
        "institutions",
        "institutions_links_check",
        &["links = 'BOTH'"],
    ),
    (
        "institutions",
        "institutions_credential_access_check",
        &["credential_access = 'SOME'"],
    ),
    (
        "stores",
        "stores_scope_coverage_check",
        &["scope_coverage = 'SOME'"],
    ),
    (
        "stores",
        "stores_reauthorization_check",
        &[
            "reauthorization_id = id",
            "reauthorization_status = 'OFFERED'",
            "reauthorization_status = 'DONE', reauthorization_id = id",
        ],
    ),
    (
        "stores",
        "stores_reauthorization_reason_check",
        &[
            "reauthorization_status = 'FAILED'",
            "reauthorization_fail_reason = 'USER_DENIED'",
        ],
    ),
    (
        "launches",
        "launches_operator_role_check",
        &["operator_role = 'OWNER'"],
    ),
    (
        "launches",
        "launches_operator_permissions_check",
        &["operator_permissions = '[]'"],
    ),
    (
        "platform_events",
        "platform_events_kind_check",
        &["kind = 'PARTY'"],
    ),
    (
        "platform_events",
        "platform_events_outcome_check",
        &["outcome = 'PARTY' WHERE status = 'HANDLED'"],
    ),
    (
        "platform_events",
        "platform_events_status_check",
        &[
            "status = 'DONE'",
            "status = 'HANDLED' WHERE status = 'RECEIVED'",
            "outcome = 'IGNORED' WHERE status = 'RECEIVED'",
        ],
    ),
    (
        "platform_events",
        "platform_events_shop_check",
        &["shop_label = 'demo', shop_identity = '7'"],
    ),
];

async fn the_new_constraints_hold_for_the_rows_of_before(database: &TestDatabase) {
    let storage = first_release(database).await;
    storage.migrate().await.unwrap();
    for (table, name, changes) in REFUSED {
        for change in changes {
            assert_refused(&storage, &format!("UPDATE {table} SET {change}"), name).await;
        }
    }
    let app = Literals {
        is_postgres: database.is_postgres(),
    }
    .id(77);
    for key in [
        "same_key = (SELECT MIN(same_key) FROM platform_events)",
        &format!("platform_app_id = {app}"),
    ] {
        let change = format!("UPDATE platform_events SET {key}");
        assert!(execute(&storage, &change).await.is_err(), "{change}");
    }
    for kind in ["EXPIRED", "SCOPES_UPDATED", "CODE_GRANTED"] {
        let change = format!("UPDATE platform_events SET kind = '{kind}'");
        execute(&storage, &change).await.unwrap();
    }
    for outcome in ["HINT_TAKEN", "CODE_TAKEN", "CODE_PARKED"] {
        let change =
            format!("UPDATE platform_events SET outcome = '{outcome}' WHERE status = 'HANDLED'");
        execute(&storage, &change).await.unwrap();
    }
}

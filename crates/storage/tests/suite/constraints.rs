//! Rows that nobody may write, whatever the code above believes. Each refusal is told apart by name.

use domain::{AuthType, Client, IdentityRealm, Platform, PlatformAppId};
use storage::attempts::{self, Attempt};
use storage::claims::{self, Claimant, Uniqueness};
use storage::deliveries::{self, NewDelivery};
use storage::platform_apps::PlatformApp;
use storage::sealing::Place;
use storage::{
    Storage, StorageError, authorizations, clients, endpoints, grants, outbox, platform_apps,
};
use uuid::Uuid;

use crate::database::{TestDatabase, execute};
use crate::world::{
    ALPHA, at, attempt, client, client_id, delivery_id, endpoint, endpoint_id, event_id, grant,
    grant_id, grant_secrets, key, link, place_in, sealed, settle_stores, shop, store_event,
    store_id,
};

on_both! {
    states_carry_exactly_what_exists_in_them,
    what_is_unique_is_unique,
    what_is_referred_to_stays,
    columns_keep_their_types,
}

/// Two rows, or more, in every table that has a constraint.
async fn fill(storage: &Storage) {
    settle_stores(storage).await;
    storage
        .write(async |tx| {
            let second = Client {
                id: client_id(3),
                partner_user_id: "seller-2".to_owned(),
                ..client(ALPHA)
            };
            clients::insert_new(tx, &second).await?;
            for (number, institution) in [(1, None), (2, Some(ALPHA))] {
                let app = PlatformApp {
                    id: PlatformAppId::new(Uuid::from_u128(number)),
                    platform: Platform::Shopline,
                    institution,
                    client_id: "client".to_owned(),
                    secret: None,
                    scopes: Vec::new(),
                    host: None,
                    event_key: None,
                    operator_scopes: None,
                };
                platform_apps::insert(tx, &app, at(0)).await?;
            }
            authorizations::insert(tx, &attempt(1, AuthType::Url), link(1)).await?;
            authorizations::insert(tx, &attempt(2, AuthType::Key), key(2, "ck_1")).await?;
            for number in [1, 2] {
                let secrets = grant_secrets(grant_id(number));
                grants::insert(tx, &grant(number), secrets).await?;
                let claimant = Claimant {
                    uniqueness: Uniqueness::Broker,
                    realm: IdentityRealm::Shopline,
                    institution: ALPHA,
                    store: store_id(number),
                };
                claims::take_shop(tx, claimant, &shop(&number.to_string(), None)).await?;
            }
            fill_outbox(tx).await
        })
        .await
        .expect("these rows are allowed");
}

async fn fill_outbox(tx: &storage::Tx) -> Result<(), StorageError> {
    let secret = sealed(Place::EndpointSecret(endpoint_id(1)), "whsec_1");
    endpoints::insert(tx, &endpoint(1, ALPHA), secret).await?;
    for (number, sequence) in [(1, 1), (2, 2)] {
        outbox::append(tx, &store_event(number, 1, sequence), at(0)).await?;
        let delivery = NewDelivery {
            id: delivery_id(number),
            event: event_id(number),
            endpoint: endpoint_id(1),
            institution: ALPHA,
            lease: None,
        };
        deliveries::insert_for_worker(tx, &[delivery], at(0)).await?;
    }
    place_in(tx, 10).await?;
    let attempt = Attempt {
        id: Uuid::from_u128(1),
        delivery: delivery_id(1),
        started_at: at(0),
        duration: std::time::Duration::ZERO,
        status_code: Some(200),
        error: None,
        webhook_timestamp: 0,
        signature: String::new(),
        answer_excerpt: None,
    };
    attempts::insert_for_worker(tx, &[attempt]).await
}

pub(crate) async fn assert_refused(storage: &Storage, sql: &str, name: &str) {
    let result = execute(storage, sql).await;
    let Err(StorageError::Database(error)) = result else {
        panic!("{sql}: {result:?}");
    };
    let error = error.to_string();
    assert!(error.contains(name), "{sql}: {error}");
}

/// A table, the name of a constraint, and changes that it refuses.
const CHECKS: &[(&str, &str, &[&str])] = &[
    ("stores", "stores_auth_type_check", &["auth_type = 'TOKEN'"]),
    (
        "stores",
        "stores_auth_status_check",
        &[
            "auth_status = 'DONE'",
            "auth_status = 'PROCESSING'",
            "auth_status = 'SUCCESS'",
            "auth_status = 'FAILED'",
            "auth_fail_reason = 'USER_DENIED'",
            "grant_id = id",
            "authorization_id = id",
        ],
    ),
    (
        "stores",
        "stores_unbound_check",
        &["unbound_at = 1, auth_status = 'FAILED', auth_fail_reason = 'USER_DENIED'"],
    ),
    (
        "authorizations",
        "authorizations_auth_type_check",
        &["auth_type = 'TOKEN'"],
    ),
    (
        "authorizations",
        "authorizations_status_check",
        &[
            "status = 'DONE'",
            "status = 'SUCCEEDED'",
            "finished_at = 1",
            "fail_reason = 'USER_DENIED'",
            "status = 'FAILED', finished_at = 1, credential = NULL",
            "status = 'SUPERSEDED', finished_at = 1 WHERE credential IS NOT NULL",
            "status = 'FAILED', finished_at = 1, fail_reason = 'USER_DENIED'
             WHERE credential IS NOT NULL",
        ],
    ),
    (
        "authorizations",
        "authorizations_lease_check",
        &["status = 'EXCHANGING'"],
    ),
    (
        "grants",
        "grants_status_check",
        &[
            "status = 'GONE'",
            "credential = NULL",
            "ended_at = 1",
            "status = 'ENDED', ended_at = 1",
        ],
    ),
    ("stores", "stores_health_check", &["health = 'FINE'"]),
    ("grants", "grants_generation_check", &["generation = 0"]),
    (
        "grants",
        "grants_refresh_lease_check",
        &["refresh_lease_id = id"],
    ),
    (
        "grants",
        "grants_refresh_intent_check",
        &["refresh_token = NULL, refresh_intent_at = 1"],
    ),
    (
        "grants",
        "grants_refresh_failing_check",
        &[
            "refresh_failing_since = 1",
            "refresh_failures = 1, refresh_failure = 'OPERATOR'",
        ],
    ),
    (
        "grants",
        "grants_refresh_failure_check",
        &[
            "refresh_failure = 'OPERATOR'",
            "refresh_failures = 1, refresh_failing_since = 1",
            "refresh_failures = 1, refresh_failing_since = 1, refresh_failure = 'OTHER'",
        ],
    ),
    ("claims", "claims_kind_check", &["kind = 'NAME'"]),
    (
        "claims",
        "claims_key_id_check",
        &["kind = 'CREDENTIAL'", "key_id = 'k'"],
    ),
    ("endpoints", "endpoints_status_check", &["status = 'GONE'"]),
    (
        "deliveries",
        "deliveries_status_check",
        &["status = 'GONE'", "status = 'DELIVERED'", "finished_at = 1"],
    ),
    (
        "attempts",
        "attempts_error_class_check",
        &["error_class = 'OTHER'"],
    ),
];

async fn states_carry_exactly_what_exists_in_them(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    fill(&storage).await;
    for (table, name, changes) in CHECKS {
        for change in *changes {
            assert_refused(&storage, &format!("UPDATE {table} SET {change}"), name).await;
        }
    }
}

async fn what_is_unique_is_unique(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    fill(&storage).await;
    // PostgreSQL says the name of the constraint, SQLite its columns.
    for (change, name, columns) in [
        (
            "institutions SET app_id = 'same'",
            "institutions_app_id_key",
            "institutions.app_id",
        ),
        (
            "clients SET partner_user_id = 'same'",
            "clients_partner_user_key",
            "clients.institution_id, clients.partner_user_id",
        ),
        (
            "platform_apps SET institution_id = NULL",
            "platform_apps_shared_key",
            "platform_apps.platform",
        ),
        (
            "platform_apps SET institution_id = (SELECT id FROM institutions ORDER BY id LIMIT 1)",
            "platform_apps_institution_key",
            "platform_apps.platform, platform_apps.institution_id",
        ),
        (
            "authorizations SET state_hash = (SELECT state_hash FROM authorizations ORDER BY id LIMIT 1)",
            "authorizations_state_hash_key",
            "authorizations.state_hash",
        ),
        (
            "grants SET store_id = (SELECT id FROM stores ORDER BY id LIMIT 1)",
            "grants_live_store_key",
            "grants.store_id",
        ),
        (
            "claims SET value = 'same'",
            "claims_owner_key",
            "claims.scope, claims.realm, claims.kind, claims.value",
        ),
        (
            "outbox SET sequence = 7",
            "outbox_sequence_key",
            "outbox.store_id, outbox.sequence",
        ),
        (
            "outbox SET position = 7",
            "outbox_position_key",
            "outbox.position",
        ),
        (
            "deliveries SET event_id = (SELECT id FROM outbox ORDER BY id LIMIT 1)",
            "deliveries_event_endpoint_key",
            "deliveries.event_id, deliveries.endpoint_id",
        ),
    ] {
        let told = if database.is_postgres() {
            name
        } else {
            columns
        };
        assert_refused(&storage, &format!("UPDATE {change}"), told).await;
    }
    // An ended grant leaves the place of the live one free.
    execute(
        &storage,
        "UPDATE grants SET status = 'ENDED', credential = NULL, ended_at = 1,
         store_id = (SELECT id FROM stores ORDER BY id LIMIT 1)",
    )
    .await
    .expect("history may repeat a store");
}

async fn what_is_referred_to_stays(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    fill(&storage).await;
    for (table, name) in [
        ("clients", "stores_client_fkey"),
        ("authorizations", "grants_authorization_fkey"),
        ("endpoints", "deliveries_endpoint_fkey"),
    ] {
        let told = if database.is_postgres() {
            name
        } else {
            "FOREIGN KEY constraint failed"
        };
        assert_refused(&storage, &format!("DELETE FROM {table}"), told).await;
    }
}

async fn columns_keep_their_types(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    fill(&storage).await;
    let told = if database.is_postgres() {
        "invalid input syntax for type bigint"
    } else {
        "cannot store TEXT value in INTEGER column stores.sequence"
    };
    assert_refused(&storage, "UPDATE stores SET sequence = 'many'", told).await;
}

//! Attempts: each link good for one exchange, each end written once.

use domain::{
    AuthType, Authorization, AuthorizationId, AuthorizationState, FailReason, LeaseId, Platform,
    PlatformAppId,
};
use secrecy::ExposeSecret;
use storage::platform_apps::PlatformApp;
use storage::sealing::Place;
use storage::{Storage, StorageError, authorizations, platform_apps};
use uuid::Uuid;

use crate::database::{TestDatabase, at_once, execute, number};
use crate::world::{
    ALPHA, BETA, at, attempt, attempt_id, begin, fingerprint, hash, key, keyring, lease, link,
    settle_stores, store_id,
};

on_both! {
    an_attempt_in_each_state,
    an_attempt_is_found_by_its_state_and_by_its_institution,
    of_many_callbacks_one_may_spend_the_code,
    a_claim_is_extended_by_its_holder_until_it_is_finished,
    an_end_is_fenced_by_state_and_lease,
    a_key_is_leased_retried_and_erased,
    two_workers_never_lease_one_key,
    overdue_and_interrupted_attempts_are_listed,
}

async fn find(storage: &Storage, id: AuthorizationId) -> Authorization {
    authorizations::find(storage, ALPHA, id)
        .await
        .unwrap()
        .expect("it was inserted")
}

async fn claim(storage: &Storage, id: AuthorizationId, lease: LeaseId) -> bool {
    storage
        .write(async |tx| authorizations::claim(tx, id, lease, at(30)).await)
        .await
        .unwrap()
}

async fn finish(
    storage: &Storage,
    before: &AuthorizationState,
    ended: &Authorization,
) -> Result<(), StorageError> {
    storage
        .write(async |tx| authorizations::finish(tx, before, ended, at(20)).await)
        .await
}

fn is_stale<T>(result: &Result<T, StorageError>) -> bool {
    matches!(
        result,
        Err(StorageError::Stale {
            table: "authorizations",
            ..
        })
    )
}

async fn an_attempt_in_each_state(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let app = PlatformApp {
        id: PlatformAppId::new(Uuid::from_u128(1)),
        platform: Platform::Shopline,
        institution: None,
        client_id: "client".to_owned(),
        secret: None,
        scopes: Vec::new(),
        host: None,
        event_key: None,
        operator_scopes: None,
    };
    storage
        .write(async |tx| platform_apps::insert(tx, &app, at(0)).await)
        .await
        .unwrap();
    let new = |number| Authorization {
        app: Some(app.id),
        store: store_id(1),
        ..attempt(number, AuthType::Url)
    };

    for number in 1..=4_u8 {
        let pending = new(number.into());
        begin(&storage, &pending, link(number)).await;
        assert_eq!(find(&storage, pending.id).await, pending);
    }

    assert!(claim(&storage, attempt_id(1), lease(1)).await);
    let exchanging = find(&storage, attempt_id(1)).await;
    let state = AuthorizationState::Exchanging {
        lease: lease(1),
        lease_until: at(30),
    };
    assert_eq!(exchanging, Authorization { state, ..new(1) });

    let succeeded = exchanging.clone().succeed(Some("demo".to_owned())).unwrap();
    finish(&storage, &exchanging.state, &succeeded)
        .await
        .unwrap();
    assert_eq!(find(&storage, attempt_id(1)).await, succeeded);

    let ends = [
        new(2).fail(FailReason::UserDenied).unwrap(),
        new(3).supersede().unwrap(),
        new(4).succeed(None).unwrap(),
    ];
    for ended in ends {
        finish(&storage, &AuthorizationState::Pending, &ended)
            .await
            .unwrap();
        assert_eq!(find(&storage, ended.id).await, ended);
    }
}

async fn an_attempt_is_found_by_its_state_and_by_its_institution(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let pending = attempt(1, AuthType::Url);
    begin(&storage, &pending, link(1)).await;
    let by_state = async |number| {
        authorizations::find_by_state(&storage, hash(number))
            .await
            .unwrap()
    };
    assert_eq!(by_state(1).await, Some(pending.clone()));
    assert_eq!(by_state(2).await, None);
    let foreign = authorizations::find(&storage, BETA, pending.id)
        .await
        .unwrap();
    assert_eq!(foreign, None);
}

async fn of_many_callbacks_one_may_spend_the_code(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    begin(&storage, &attempt(1, AuthType::Url), link(1)).await;
    let claims = at_once(64, |number| {
        let storage = storage.clone();
        let lease = lease(number as u128);
        async move { (lease, claim(&storage, attempt_id(1), lease).await) }
    })
    .await;
    let winners: Vec<_> = claims.iter().filter(|(_, won)| *won).collect();
    assert_eq!(winners.len(), 1);
    let state = find(&storage, attempt_id(1)).await.state;
    assert_eq!(
        state,
        AuthorizationState::Exchanging {
            lease: winners[0].0,
            lease_until: at(30),
        }
    );
}

async fn a_claim_is_extended_by_its_holder_until_it_is_finished(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let pending = attempt(1, AuthType::Url);
    begin(&storage, &pending, link(1)).await;
    let extend = async |lease| {
        storage
            .write(async |tx| authorizations::extend_claim(tx, attempt_id(1), lease, at(90)).await)
            .await
            .unwrap()
    };
    assert!(!extend(lease(1)).await, "nothing is claimed yet");
    assert!(claim(&storage, pending.id, lease(1)).await);
    assert!(!extend(lease(2)).await);
    assert!(extend(lease(1)).await);
    let exchanging = find(&storage, pending.id).await;
    assert_eq!(
        exchanging.state,
        AuthorizationState::Exchanging {
            lease: lease(1),
            lease_until: at(90),
        }
    );
    let ended = exchanging.clone().fail(FailReason::Interrupted).unwrap();
    finish(&storage, &exchanging.state, &ended).await.unwrap();
    assert!(!extend(lease(1)).await, "somebody finished it");
}

async fn an_end_is_fenced_by_state_and_lease(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let pending = attempt(1, AuthType::Url);
    begin(&storage, &pending, link(1)).await;
    let exchanging = |number| AuthorizationState::Exchanging {
        lease: lease(number),
        lease_until: at(30),
    };
    let succeeded = pending.clone().succeed(None).unwrap();
    let failed = pending.clone().fail(FailReason::LinkExpired).unwrap();

    // Nobody has claimed it: who believes to hold it is wrong.
    assert!(is_stale(
        &finish(&storage, &exchanging(1), &succeeded).await
    ));
    // The deadline's worker read PENDING, and a callback was faster.
    assert!(claim(&storage, pending.id, lease(1)).await);
    assert!(is_stale(&finish(&storage, &pending.state, &failed).await));
    // A callback that lost its lease must not write over the holder.
    assert!(is_stale(
        &finish(&storage, &exchanging(2), &succeeded).await
    ));
    finish(&storage, &exchanging(1), &succeeded).await.unwrap();
    // It ends once.
    assert!(is_stale(&finish(&storage, &exchanging(1), &failed).await));
    assert!(is_stale(&finish(&storage, &pending.state, &failed).await));
    assert_eq!(find(&storage, pending.id).await, succeeded);
}

/// Leases what is due now until `until`, and says which attempts these are and how often each was tried.
async fn lease_keys(
    storage: &Storage,
    now: i64,
    lease: LeaseId,
    until: i64,
) -> Vec<(AuthorizationId, usize)> {
    let work = storage
        .write(async |tx| {
            authorizations::lease_due_keys_for_worker(tx, at(now), lease, at(until), 10).await
        })
        .await
        .unwrap();
    work.iter()
        .map(|work| (work.authorization.id, work.attempts))
        .collect()
}

async fn a_key_is_leased_retried_and_erased(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let pending = attempt(1, AuthType::Key);
    begin(&storage, &pending, key(1, "ck_1")).await;
    // A link is nobody's key work.
    begin(&storage, &attempt(2, AuthType::Url), link(2)).await;

    let work = storage
        .write(async |tx| {
            authorizations::lease_due_keys_for_worker(tx, at(0), lease(1), at(10), 10).await
        })
        .await
        .unwrap();
    let [work] = &work[..] else {
        panic!("{work:?}");
    };
    assert_eq!(work.authorization, pending);
    assert_eq!(work.fingerprint, fingerprint("ck_1"));
    assert_eq!(work.attempts, 0);
    let place = Place::AuthorizationCredential(pending.id);
    let opened = keyring().open(place, &work.credential).unwrap();
    assert_eq!(opened.expose_secret(), "ck_1");

    let reschedule = async |lease| {
        storage
            .write(async |tx| {
                authorizations::reschedule_key(tx, attempt_id(1), lease, at(20)).await
            })
            .await
            .unwrap();
    };
    assert_eq!(lease_keys(&storage, 9, lease(2), 30).await, []);
    reschedule(lease(2)).await;
    assert_eq!(
        lease_keys(&storage, 9, lease(2), 30).await,
        [],
        "not its lease"
    );
    // The first worker died: its lease is over.
    assert_eq!(
        lease_keys(&storage, 10, lease(2), 15).await,
        [(attempt_id(1), 0)]
    );
    reschedule(lease(2)).await;
    assert_eq!(lease_keys(&storage, 19, lease(3), 40).await, []);
    assert_eq!(
        lease_keys(&storage, 20, lease(3), 40).await,
        [(attempt_id(1), 1)]
    );

    let ended = pending.clone().fail(FailReason::AuthInfoInvalid).unwrap();
    finish(&storage, &pending.state, &ended).await.unwrap();
    assert_eq!(find(&storage, pending.id).await, ended);
    let kept = "SELECT COUNT(*) FROM authorizations WHERE credential IS NOT NULL";
    assert_eq!(number(&storage, kept).await, 0);
    assert_eq!(lease_keys(&storage, 1000, lease(4), 2000).await, []);
}

async fn two_workers_never_lease_one_key(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    for number in 0..40_u128 {
        let new = Authorization {
            store: store_id(1),
            ..attempt(number, AuthType::Key)
        };
        begin(&storage, &new, key(number, "ck_1")).await;
    }
    let leased = at_once(8, |number| {
        let storage = storage.clone();
        async move { lease_keys(&storage, 0, lease(number as u128), 60).await }
    })
    .await;
    let mut ids: Vec<_> = leased.concat().into_iter().map(|(id, _)| id).collect();
    ids.extend(
        lease_keys(&storage, 0, lease(9), 60)
            .await
            .iter()
            .map(|(id, _)| id),
    );
    ids.sort();
    assert_eq!(ids, (0..40).map(attempt_id).collect::<Vec<_>>());
}

async fn overdue_and_interrupted_attempts_are_listed(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    begin(&storage, &attempt(1, AuthType::Url), link(1)).await;
    begin(&storage, &attempt(2, AuthType::Key), key(2, "ck_1")).await;
    assert!(claim(&storage, attempt_id(1), lease(1)).await);
    let overdue = async |seconds| {
        let found = authorizations::list_overdue_for_worker(&storage, at(seconds), 10)
            .await
            .unwrap();
        found.iter().map(|found| found.id).collect::<Vec<_>>()
    };
    let interrupted = async |seconds| {
        let found = authorizations::list_interrupted_for_worker(&storage, at(seconds), 10)
            .await
            .unwrap();
        found.iter().map(|found| found.id).collect::<Vec<_>>()
    };
    assert_eq!(interrupted(29).await, []);
    assert_eq!(interrupted(30).await, [attempt_id(1)]);
    // Both deadlines are at 600 s; the claimed one is its holder's business.
    assert_eq!(overdue(599).await, []);
    assert_eq!(overdue(600).await, [attempt_id(2)]);
    // A worker is proving the credential right now.
    execute(&storage, "UPDATE authorizations SET next_attempt_at = 0")
        .await
        .unwrap();
    assert_eq!(
        lease_keys(&storage, 590, lease(2), 620).await,
        [(attempt_id(2), 0)]
    );
    assert_eq!(overdue(619).await, []);
    assert_eq!(overdue(620).await, [attempt_id(2)]);
}

//! Attempts beside a grant, scopes that are read again, and credentials that are given up.

use domain::{
    AuthType, Authorized, FailReason, NamedShop, Platform, PlatformAppId, Reauthorization,
    RevocationId, ScopeCoverage, Store, StoreState,
};
use secrecy::ExposeSecret;
use storage::claims::{self, Uniqueness};
use storage::platform_apps::{self, PlatformApp};
use storage::revocations::{self, DueRevocation, Revocation, Waiting};
use storage::scope_readings::{self, ReadingOutcome, ScopeReading};
use storage::sealing::Place;
use storage::{Storage, StorageError, authorizations, grants, retention, stores};
use uuid::Uuid;

use crate::claims::claimant;
use crate::database::{TestDatabase, execute, number};
use crate::world::{
    ALPHA, at, attempt, attempt_id, authorized, begin, fingerprint, grant, grant_id, grant_secrets,
    keyring, lease, link, scopes, sealed, settle, settle_stores, shop, store, store_id,
};

on_both! {
    what_is_tried_beside_a_grant_is_kept,
    a_credential_takes_the_place_of_the_store_s_own,
    scopes_are_due_and_read_by_one,
    a_hint_is_not_lost_to_a_reading_of_before,
    a_reading_that_was_overtaken_says_nothing,
    a_revocation_is_there_until_it_is_done,
    what_an_unbound_store_holds_is_free_with_its_last_revocation,
    those_who_live_on_the_shop_are_seen,
}

async fn what_is_tried_beside_a_grant_is_kept(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let authorization = attempt_id(7);
    let reason = FailReason::UserDenied;
    let each = [
        Reauthorization::Offered { authorization },
        Reauthorization::Processing { authorization },
        Reauthorization::Failed { reason },
    ];
    for (number, tried) in (1..).zip(each) {
        let new = store(number, ALPHA);
        let state = StoreState::Success(Authorized {
            coverage: ScopeCoverage::Missing,
            reauthorization: Some(tried),
            ..authorized(number)
        });
        let changed = Store {
            state,
            ..new.clone().changed()
        };
        storage
            .write(async |tx| {
                stores::insert(tx, &new).await?;
                stores::update(tx, &changed).await
            })
            .await
            .unwrap();
        let found = stores::find(&storage, ALPHA, changed.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&changed));
        let lost = changed.lose_grant(grant_id(number), FailReason::AuthExpired);
        let lost = lost.unwrap();
        storage
            .write(async |tx| stores::update(tx, &lost).await)
            .await
            .unwrap();
    }
    let left = "SELECT COUNT(*) FROM stores WHERE reauthorization_status IS NOT NULL \
                OR reauthorization_id IS NOT NULL OR scope_coverage <> 'COMPLETE'";
    assert_eq!(number(&storage, left).await, 0);
}

async fn a_credential_takes_the_place_of_the_store_s_own(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let replace = async |store: u128, text: &str| {
        let print = fingerprint(text);
        let claimant = claimant(Uniqueness::Broker, ALPHA, store);
        storage
            .write(async |tx| claims::replace_credential(tx, claimant, &print).await)
            .await
            .unwrap()
    };
    let held = async || number(&storage, "SELECT COUNT(*) FROM claims").await;
    assert!(replace(1, "ck_1").await);
    assert!(replace(1, "ck_1").await, "the same is no conflict");
    assert!(!replace(2, "ck_1").await);
    assert!(replace(1, "ck_2").await);
    assert_eq!(held().await, 1);
    assert!(replace(2, "ck_1").await, "it was left");
    assert!(!replace(2, "ck_2").await);
    assert_eq!(held().await, 2, "a refusal costs nothing");
    storage
        .write(async |tx| {
            let claimant = claimant(Uniqueness::Broker, ALPHA, 1);
            claims::take_shop(tx, claimant, &shop("9001", None)).await?;
            claims::free_credentials(tx, store_id(1)).await
        })
        .await
        .unwrap();
    let shops = "SELECT COUNT(*) FROM claims WHERE kind = 'SHOP'";
    assert_eq!((held().await, number(&storage, shops).await), (2, 1));
}

/// A grant whose scopes are due at 500 s.
async fn settle_grant(storage: &Storage, number: u8) {
    let new = grant(number.into());
    let attempt = domain::Authorization {
        app: Some(app_id()),
        ..attempt(number.into(), AuthType::Url)
    };
    begin(storage, &attempt, link(number)).await;
    let secrets = grant_secrets(new.id);
    storage
        .write(async |tx| grants::insert(tx, &new, secrets).await)
        .await
        .unwrap();
}

async fn settle_app(storage: &Storage) {
    settle_stores(storage).await;
    let app = app();
    storage
        .write(async |tx| platform_apps::insert(tx, &app, at(0)).await)
        .await
        .unwrap();
}

fn app() -> PlatformApp {
    PlatformApp {
        id: app_id(),
        platform: Platform::Shopline,
        institution: None,
        client_id: "client".to_owned(),
        secret: None,
        scopes: Vec::new(),
        host: None,
        event_key: None,
        operator_scopes: None,
    }
}

fn app_id() -> PlatformAppId {
    PlatformAppId::new(Uuid::from_u128(1))
}

async fn lease_scopes(storage: &Storage, seconds: i64) -> Vec<ScopeReading> {
    let (platform, now, until) = (Platform::Shopline, at(seconds), at(seconds + 60));
    storage
        .write(async |tx| scope_readings::lease_due_for_worker(tx, platform, now, until, 10).await)
        .await
        .unwrap()
}

async fn lease_one(storage: &Storage, seconds: i64) -> ScopeReading {
    let mut due = lease_scopes(storage, seconds).await;
    assert_eq!(due.len(), 1);
    due.remove(0)
}

async fn finish_scopes(storage: &Storage, reading: &ScopeReading, next: i64) {
    let scopes = scopes();
    storage
        .write(async |tx| {
            let read = Some(&scopes);
            let outcome = ReadingOutcome::Read;
            scope_readings::finish_for_worker(tx, reading.turn, outcome, read, at(next)).await
        })
        .await
        .unwrap();
}

async fn are_scopes_due(storage: &Storage, seconds: i64) -> bool {
    scope_readings::has_due_for_worker(storage, Platform::Shopline, at(seconds))
        .await
        .unwrap()
}

async fn hint(storage: &Storage, shop: &str, seconds: i64) -> u64 {
    let named = NamedShop::Label(domain::ShopLabel::from_checked(shop));
    storage
        .write(async |tx| {
            let now = at(seconds);
            scope_readings::hasten_for_worker(tx, Platform::Shopline, app_id(), &named, now).await
        })
        .await
        .unwrap()
}

async fn scopes_are_due_and_read_by_one(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    settle_grant(&storage, 1).await;
    assert!(!are_scopes_due(&storage, 499).await);
    let (platform, now) = (Platform::Genstore, at(5000));
    let other = scope_readings::has_due_for_worker(&storage, platform, now);
    assert!(!other.await.unwrap(), "of another platform");
    assert!(are_scopes_due(&storage, 500).await);
    let reading = lease_one(&storage, 500).await;
    assert_eq!(
        (reading.grant, reading.store, reading.institution),
        (grant_id(1), store_id(1), ALPHA)
    );
    let place = Place::GrantCredential(grant_id(1));
    let text = keyring().open(place, &reading.credential).unwrap();
    assert_eq!(text.expose_secret(), "token");
    assert!(lease_scopes(&storage, 559).await.is_empty());
    assert!(
        are_scopes_due(&storage, 560).await,
        "whoever leased it is dead"
    );

    finish_scopes(&storage, &reading, 2000).await;
    assert!(!are_scopes_due(&storage, 1999).await);
    assert!(are_scopes_due(&storage, 2000).await);
    // The version before inserts without them.
    execute(&storage, "UPDATE grants SET scopes_due_at = 0")
        .await
        .unwrap();
    assert!(are_scopes_due(&storage, 0).await);
    storage
        .write(async |tx| grants::end(tx, grant_id(1), at(600)).await)
        .await
        .unwrap();
    assert!(!are_scopes_due(&storage, 5000).await);
    assert_eq!(hint(&storage, "demo", 5000).await, 0);
}

async fn a_hint_is_not_lost_to_a_reading_of_before(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    settle_grant(&storage, 1).await;
    let reading = lease_one(&storage, 500).await;
    assert_eq!(hint(&storage, "other", 501).await, 0);
    assert_eq!(hint(&storage, "demo", 501).await, 1);
    finish_scopes(&storage, &reading, 2000).await;
    assert!(are_scopes_due(&storage, 501).await);
}

async fn a_reading_that_was_overtaken_says_nothing(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    settle_grant(&storage, 1).await;
    let slow = lease_one(&storage, 500).await;
    assert_eq!(hint(&storage, "demo", 501).await, 1);
    let quick = lease_one(&storage, 501).await;
    let is_held = async |reading: &ScopeReading| {
        let turn = reading.turn;
        storage
            .write(async |tx| scope_readings::is_held(tx, turn).await)
            .await
            .unwrap()
    };
    assert_eq!((is_held(&slow).await, is_held(&quick).await), (false, true));
    finish_scopes(&storage, &quick, 2000).await;
    finish_scopes(&storage, &slow, 600).await;
    assert!(!are_scopes_due(&storage, 1999).await);
}

fn revocation(number: u128, store: u128) -> Revocation {
    let id = RevocationId::new(Uuid::from_u128(number));
    Revocation {
        id,
        institution: ALPHA,
        store: store_id(store),
        platform: Platform::Shopline,
        app: app_id(),
        shop: shop("9001", Some("demo")),
        origin: "https://demo.example".to_owned(),
        credential: sealed(Place::RevocationCredential(id), "old token"),
    }
}

async fn insert_revocation(storage: &Storage, new: &Revocation) {
    storage
        .write(async |tx| revocations::insert(tx, new, at(100)).await)
        .await
        .unwrap();
}

async fn lease_revocations(storage: &Storage, seconds: i64, owner: u128) -> Vec<DueRevocation> {
    let (now, until) = (at(seconds), at(seconds + 60));
    storage
        .write(async |tx| revocations::lease_due_for_worker(tx, now, lease(owner), until, 10).await)
        .await
        .unwrap()
}

async fn finish_revocation(storage: &Storage, ended: &Revocation, owner: u128) -> bool {
    storage
        .write(async |tx| {
            let (id, of) = (ended.id, ended.store);
            revocations::finish_for_worker(tx, id, of, lease(owner)).await
        })
        .await
        .unwrap()
}

async fn a_revocation_is_there_until_it_is_done(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    let new = revocation(1, 1);
    insert_revocation(&storage, &new).await;
    let is_due = async |seconds| {
        revocations::has_due_for_worker(&storage, at(seconds))
            .await
            .unwrap()
    };
    assert_eq!((is_due(99).await, is_due(100).await), (false, true));
    let due = lease_revocations(&storage, 100, 1).await;
    let [due] = &due[..] else {
        panic!("one is due")
    };
    assert_eq!((due.attempts, due.is_revoked), (0, false));
    let revocation = due.revocation.as_ref().unwrap();
    assert_eq!(revocation.shop, new.shop);
    let place = Place::RevocationCredential(new.id);
    let text = keyring().open(place, &revocation.credential).unwrap();
    assert_eq!(text.expose_secret(), "old token");
    assert!(lease_revocations(&storage, 159, 2).await.is_empty());
    assert_eq!(lease_revocations(&storage, 160, 2).await.len(), 1);
    assert!(
        !finish_revocation(&storage, &new, 1).await,
        "its lease is lost"
    );
    let put_off = async |owner, revoked_at, next| {
        storage
            .write(async |tx| {
                let (id, next) = (new.id, at(next));
                revocations::reschedule_for_worker(tx, id, lease(owner), revoked_at, next).await
            })
            .await
            .unwrap();
    };
    put_off(1, None, 5000).await;
    put_off(2, Some(at(170)), 300).await;
    assert!(!is_due(299).await);
    let due = lease_revocations(&storage, 300, 3).await;
    let tried = (due[0].attempts, due[0].is_revoked);
    assert_eq!(tried, (2, true), "a lease that lapsed counts too");
    put_off(3, None, 400).await;
    // What nobody can read is leased all the same, and can be ended.
    let unread = "UPDATE revocations SET platform = 'ELSEWHERE'";
    execute(&storage, unread).await.unwrap();
    let due = lease_revocations(&storage, 400, 4).await;
    assert_eq!((due[0].id, due[0].store), (new.id, new.store));
    assert!(due[0].revocation.is_err());
    assert!(finish_revocation(&storage, &new, 4).await);
    assert!(!is_due(9000).await);
    let kept = "SELECT COUNT(*) FROM revocations";
    assert_eq!(number(&storage, kept).await, 0, "nor is its credential");
}

async fn what_an_unbound_store_holds_is_free_with_its_last_revocation(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    for (store, value) in [(1, "9001"), (2, "9002")] {
        let claimant = claimant(Uniqueness::Broker, ALPHA, store);
        let taken = storage
            .write(async |tx| claims::take_shop(tx, claimant, &shop(value, None)).await)
            .await;
        assert!(taken.unwrap());
    }
    let unbound = store(1, ALPHA).unbind();
    storage
        .write(async |tx| stores::update_unbound(tx, &unbound, at(90)).await)
        .await
        .unwrap();
    let all = [revocation(1, 1), revocation(2, 1), revocation(3, 2)];
    for new in &all {
        insert_revocation(&storage, new).await;
    }
    assert_eq!(lease_revocations(&storage, 100, 1).await.len(), 3);
    let held = async || number(&storage, "SELECT COUNT(*) FROM claims").await;
    let end = async || {
        storage
            .write(async |tx| retention::delete_ended_for_worker(tx, at(1000), 10).await)
            .await
            .unwrap()[2]
            .rows
    };
    assert!(finish_revocation(&storage, &all[0], 1).await);
    assert_eq!((held().await, end().await), (2, 0), "one is left");
    assert!(finish_revocation(&storage, &all[2], 1).await);
    assert_eq!(held().await, 2, "store 2 is bound, and keeps its own");
    assert!(finish_revocation(&storage, &all[1], 1).await);
    assert_eq!((held().await, end().await), (1, 1));
}

async fn those_who_live_on_the_shop_are_seen(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    let asked = revocation(1, 1);
    let waits = async |waiting| {
        revocations::is_being_authorized_for_worker(&storage, &asked, waiting)
            .await
            .unwrap()
    };
    assert!(!waits(Waiting::Counts).await);
    settle_grant(&storage, 2).await;
    assert!(waits(Waiting::Counts).await);
    assert!(!waits(Waiting::Ignored).await);
    let other = PlatformApp {
        id: PlatformAppId::new(Uuid::from_u128(2)),
        institution: Some(ALPHA),
        client_id: "another client".to_owned(),
        ..app()
    };
    let through_other = Revocation {
        app: other.id,
        ..asked.clone()
    };
    let is_waited_for = async || {
        let (of, waiting) = (&through_other, Waiting::Counts);
        revocations::is_being_authorized_for_worker(&storage, of, waiting)
            .await
            .unwrap()
    };
    storage
        .write(async |tx| platform_apps::insert(tx, &other, at(0)).await)
        .await
        .unwrap();
    assert!(!is_waited_for().await, "another app lives by itself");
    let same = "UPDATE platform_apps SET client_id = 'client'";
    execute(&storage, same).await.unwrap();
    assert!(is_waited_for().await, "an institution may have the same");
    storage
        .write(async |tx| authorizations::claim(tx, attempt_id(2), lease(1), at(60)).await)
        .await
        .unwrap();
    assert!(waits(Waiting::Ignored).await);

    let seen = revocations::list_neighbours_for_worker(&storage, &asked);
    let [seen] = &seen.await.unwrap()[..] else {
        panic!("one grant of the shop lives")
    };
    assert_eq!((seen.grant, seen.app), (grant_id(2), Some(app_id())));
    let other = Revocation {
        shop: shop("9009", Some("other")),
        ..asked.clone()
    };
    let none = revocations::list_neighbours_for_worker(&storage, &other);
    assert!(none.await.unwrap().is_empty());
    let missing = revocations::is_being_authorized_for_worker(&storage, &other, Waiting::Counts);
    assert!(!missing.await.unwrap());
    let held = grants::find_live(&storage, ALPHA, grant_id(2))
        .await
        .unwrap();
    assert_eq!(held.unwrap().shop, shop("9001", Some("demo")));
    let end = storage.write(async |tx| grants::end(tx, grant_id(2), at(9)).await);
    end.await.unwrap();
    let ended = grants::find_live(&storage, ALPHA, grant_id(2)).await;
    assert!(ended.unwrap().is_none());
    let none: Result<_, StorageError> =
        revocations::list_neighbours_for_worker(&storage, &asked).await;
    assert!(none.unwrap().is_empty());
}

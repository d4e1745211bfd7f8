//! Grants that are renewed: one at a time, fenced, and with what was attempted on disk before.

use domain::{AuthType, Upkeep};
use secrecy::ExposeSecret;
use storage::grants::EndingGrant;
use storage::refreshes::{GrantLease, NewRefreshToken, Postponed, RefreshWork, Renewed, Setback};
use storage::sealing::Place;
use storage::{Storage, StorageError, grants, refreshes};

use crate::database::{TestDatabase, at_once, execute, number};
use crate::world::{
    at, attempt, begin, grant, grant_id, grant_secrets, keyring, lease, link, scopes, sealed,
    settle_stores,
};

on_both! {
    a_grant_is_leased_when_it_is_due,
    two_workers_never_lease_one_grant,
    one_that_is_not_readable_holds_up_no_other,
    a_renewal_takes_the_place_of_what_was,
    whoever_lost_the_lease_writes_nothing,
    a_setback_is_kept,
    what_is_renewed_does_not_expire,
    an_end_is_told_ahead_once,
    an_ended_grant_has_no_secrets,
    the_version_before_can_insert_and_end,
}

/// A grant that is to be renewed at 500 s, and whose refresh token ends at 5000 s.
async fn settle_grant(storage: &Storage, number: u8) {
    let mut new = grant(number.into());
    new.upkeep = Upkeep {
        next_refresh_at: Some(at(500)),
        refresh_ends_at: Some(at(5000)),
        notice_at: Some(at(2500)),
    };
    let attempt = attempt(number.into(), AuthType::Url);
    begin(storage, &attempt, link(number)).await;
    let secrets = grant_secrets(new.id);
    storage
        .write(async |tx| grants::insert(tx, &new, secrets).await)
        .await
        .unwrap();
}

async fn lease_due(storage: &Storage, seconds: i64, owner: u128) -> Vec<RefreshWork> {
    let (now, until) = (at(seconds), at(seconds + 90));
    storage
        .write(async |tx| refreshes::lease_due_for_worker(tx, now, lease(owner), until, 10).await)
        .await
        .unwrap()
}

async fn lease_one(storage: &Storage, seconds: i64, owner: u128) -> RefreshWork {
    let mut work = lease_due(storage, seconds, owner).await;
    assert_eq!(work.len(), 1);
    work.remove(0)
}

async fn is_due(storage: &Storage, seconds: i64) -> bool {
    refreshes::has_due_for_worker(storage, at(seconds))
        .await
        .unwrap()
}

/// The second generation, to be renewed at 1500 s.
fn renewed() -> Renewed {
    let id = grant_id(1);
    Renewed {
        scopes_told: None,
        credential: sealed(Place::GrantCredential(id), "token 2"),
        expires_at: Some(at(2000)),
        upkeep: Upkeep {
            next_refresh_at: Some(at(1500)),
            refresh_ends_at: Some(at(6000)),
            notice_at: Some(at(3500)),
        },
        refresh_token: Some(NewRefreshToken {
            token: sealed(Place::GrantRefreshToken(id), "refresh token 2"),
            previous: Some(sealed(Place::PreviousRefreshToken(id), "refresh token")),
        }),
    }
}

async fn renew(storage: &Storage, lease: GrantLease) -> Result<(), StorageError> {
    storage
        .write(async |tx| refreshes::renew(tx, lease, renewed(), &scopes()).await)
        .await
}

async fn postpone(
    storage: &Storage,
    lease: GrantLease,
    is_uncertain: bool,
) -> Result<(), StorageError> {
    let postponed = Postponed {
        next_refresh_at: at(700),
        setback: Setback::Transient,
        failing_since: at(500),
        is_uncertain,
    };
    storage
        .write(async |tx| refreshes::postpone(tx, lease, postponed).await)
        .await
}

async fn is_held(storage: &Storage, lease: GrantLease) -> bool {
    storage
        .write(async |tx| refreshes::is_held(tx, lease).await)
        .await
        .unwrap()
}

async fn a_grant_is_leased_when_it_is_due(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    assert!(!is_due(&storage, 499).await);
    assert!(lease_due(&storage, 499, 1).await.is_empty());
    assert!(is_due(&storage, 500).await);

    let work = lease_one(&storage, 500, 1).await;
    let expected = grant(1);
    assert_eq!(
        (work.grant, work.store, work.institution, work.authorization),
        (
            expected.id,
            expected.store,
            expected.institution,
            expected.authorization
        )
    );
    assert_eq!(
        (work.platform, &work.shop, &work.origin, work.expires_at),
        (
            expected.platform,
            &expected.shop,
            &expected.origin,
            expected.expires_at
        )
    );
    assert_eq!(
        work.lease,
        GrantLease {
            grant: grant_id(1),
            owner: lease(1),
            fence: 1
        }
    );
    let token = work.refresh_token.as_ref().unwrap();
    let opened = keyring().open(Place::GrantRefreshToken(grant_id(1)), token);
    assert_eq!(opened.unwrap().expose_secret(), "refresh token");
    assert_eq!(work.refresh_ends_at, Some(at(5000)));
    assert_eq!(
        (work.is_uncertain, work.failures, work.failing_since),
        (false, 0, None)
    );

    // It is somebody's, until that is over; and then nobody knows whether the token was spent.
    assert!(!is_due(&storage, 589).await);
    assert!(lease_due(&storage, 589, 2).await.is_empty());
    let again = lease_one(&storage, 590, 2).await;
    assert_eq!((again.lease.fence, again.is_uncertain), (2, true));
}

async fn two_workers_never_lease_one_grant(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let other = database.open().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    settle_grant(&storage, 2).await;
    let leased = at_once(16, |number| {
        let storage = if number % 2 == 0 { &storage } else { &other };
        let storage = storage.clone();
        async move { lease_due(&storage, 500, number as u128).await.len() }
    })
    .await;
    assert_eq!(leased.into_iter().sum::<usize>(), 2);
}

async fn one_that_is_not_readable_holds_up_no_other(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    execute(&storage, "UPDATE grants SET platform = 'EBAY'")
        .await
        .unwrap();
    settle_grant(&storage, 2).await;
    assert_eq!(lease_one(&storage, 500, 1).await.grant, grant_id(2));
    assert!(!is_due(&storage, 589).await);
    assert!(is_due(&storage, 590).await, "it comes again");
}

async fn a_renewal_takes_the_place_of_what_was(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    let first = lease_one(&storage, 500, 1).await;
    postpone(&storage, first.lease, true).await.unwrap();
    let second = lease_one(&storage, 700, 1).await;
    renew(&storage, second.lease).await.unwrap();
    assert!(!is_held(&storage, second.lease).await);

    assert!(!is_due(&storage, 1499).await);
    let work = lease_one(&storage, 1500, 2).await;
    assert_eq!(
        (work.is_uncertain, work.failures, work.failing_since),
        (false, 0, None)
    );
    assert_eq!(
        (work.expires_at, work.refresh_ends_at),
        (Some(at(2000)), Some(at(6000)))
    );
    for (place, token, text) in [
        (
            Place::GrantRefreshToken(grant_id(1)),
            &work.refresh_token,
            "refresh token 2",
        ),
        (
            Place::PreviousRefreshToken(grant_id(1)),
            &work.previous_refresh_token,
            "refresh token",
        ),
    ] {
        let opened = keyring().open(place, token.as_ref().unwrap()).unwrap();
        assert_eq!(opened.expose_secret(), text);
    }
    let generation = "SELECT generation FROM grants";
    assert_eq!(number(&storage, generation).await, 2);

    // A renewal that brings no refresh token leaves both as they are.
    let kept = Renewed {
        refresh_token: None,
        ..renewed()
    };
    storage
        .write(async |tx| refreshes::renew(tx, work.lease, kept, &scopes()).await)
        .await
        .unwrap();
    let again = lease_one(&storage, 1500, 3).await;
    assert_eq!(
        (again.refresh_token, again.previous_refresh_token),
        (work.refresh_token, work.previous_refresh_token)
    );
}

async fn whoever_lost_the_lease_writes_nothing(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    let late = lease_one(&storage, 500, 1).await.lease;
    assert!(is_held(&storage, late).await);
    // The same owner, so that only the fence tells the two apart.
    let now = lease_one(&storage, 590, 1).await.lease;
    for lease in [
        late,
        GrantLease {
            owner: lease(2),
            ..now
        },
    ] {
        assert!(!is_held(&storage, lease).await);
        let (renewed, postponed) = (
            renew(&storage, lease).await,
            postpone(&storage, lease, false).await,
        );
        for result in [renewed, postponed] {
            assert!(matches!(
                result,
                Err(StorageError::Stale {
                    table: "grants",
                    ..
                })
            ));
        }
    }
    renew(&storage, now).await.unwrap();
}

async fn a_setback_is_kept(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    for (failures, is_uncertain) in [(0, true), (1, false), (2, true)] {
        let work = lease_one(&storage, 700, 1).await;
        assert_eq!(work.failures, failures);
        let since = (failures > 0).then(|| at(500));
        assert_eq!(work.failing_since, since);
        // What the try before has left.
        assert_eq!(work.is_uncertain, failures == 1);
        postpone(&storage, work.lease, is_uncertain).await.unwrap();
    }
    assert!(!is_due(&storage, 699).await);
    let kept = "SELECT COUNT(*) FROM grants WHERE refresh_failure = 'TRANSIENT'";
    assert_eq!(number(&storage, kept).await, 1);
}

async fn expired(storage: &Storage, seconds: i64) -> Vec<EndingGrant> {
    let mut expired = grants::list_expired_for_worker(storage, at(seconds), 10)
        .await
        .unwrap();
    let unrenewable = grants::list_unrenewable_for_worker(storage, at(seconds), 10);
    expired.extend(unrenewable.await.unwrap());
    for ending in &expired {
        assert!(is_past_its_end(storage, seconds).await, "{ending:?}");
    }
    expired
}

async fn is_past_its_end(storage: &Storage, seconds: i64) -> bool {
    storage
        .write(async |tx| grants::is_past_its_end(tx, grant_id(1), at(seconds)).await)
        .await
        .unwrap()
}

async fn what_is_renewed_does_not_expire(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    // Its token ended at 1000 s, and can be renewed until 5000 s; or for longer by whoever is at it.
    assert!(expired(&storage, 4999).await.is_empty());
    assert!(!is_past_its_end(&storage, 4999).await);
    lease_one(&storage, 4950, 1).await;
    assert!(expired(&storage, 5000).await.is_empty());
    assert!(!is_past_its_end(&storage, 5000).await);
    let [ending] = expired(&storage, 5040).await[..] else {
        panic!("one grant is past its end");
    };
    assert_eq!(
        (ending.grant, ending.platform, ending.ends_at),
        (grant_id(1), grant(1).platform, at(5000))
    );
}

async fn an_end_is_told_ahead_once(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    let list = async |seconds| {
        grants::list_ending_for_worker(&storage, at(seconds), 10)
            .await
            .unwrap()
    };
    let take = async |seconds| {
        storage
            .write(async |tx| grants::take_notice(tx, grant_id(1), at(seconds)).await)
            .await
            .unwrap()
    };
    assert!(list(2499).await.is_empty());
    assert!(!take(2499).await);
    let [ending] = list(2500).await[..] else {
        panic!("one end is to be told");
    };
    assert_eq!(ending.ends_at, at(5000));
    assert!(take(2500).await);
    assert!(!take(2500).await);
    assert!(list(9000).await.is_empty());

    // A renewal moves the end, which is then told again.
    let work = lease_one(&storage, 2600, 1).await;
    renew(&storage, work.lease).await.unwrap();
    assert!(list(3499).await.is_empty());
    let [ending] = list(3500).await[..] else {
        panic!("one end is to be told");
    };
    assert_eq!(ending.ends_at, at(6000));
}

async fn an_ended_grant_has_no_secrets(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    let work = lease_one(&storage, 500, 1).await;
    renew(&storage, work.lease).await.unwrap();
    let work = lease_one(&storage, 1500, 2).await;
    storage
        .write(async |tx| grants::end(tx, grant_id(1), at(1501)).await)
        .await
        .unwrap();
    let erased = "SELECT COUNT(*) FROM grants WHERE credential IS NULL AND refresh_token IS NULL
         AND previous_refresh_token IS NULL AND next_refresh_at IS NULL AND notice_at IS NULL";
    assert_eq!(number(&storage, erased).await, 1);
    assert!(!is_held(&storage, work.lease).await);
    assert!(renew(&storage, work.lease).await.is_err());
    assert!(!is_due(&storage, 9000).await);
}

/// With the columns that it knows.
async fn the_version_before_can_insert_and_end(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    execute(
        &storage,
        "UPDATE grants SET status = 'ENDED', credential = NULL, ended_at = 1",
    )
    .await
    .unwrap();
    assert!(!is_due(&storage, 9000).await);
    let columns = "store_id, institution_id, authorization_id, platform, shop_identity, origin,
         scopes, expires_at, created_at";
    let inserted = format!(
        "INSERT INTO grants (id, status, credential, {columns})
         SELECT store_id, 'LIVE', refresh_token, {columns} FROM grants WHERE generation = 1"
    );
    // The ended one makes room for its successor, whose id is the store's, as all are in this world.
    execute(&storage, "UPDATE grants SET id = institution_id")
        .await
        .unwrap();
    execute(&storage, &inserted).await.unwrap();
    assert!(!is_due(&storage, 9000).await, "it plans nothing");
    assert_eq!(expired(&storage, 1000).await.len(), 1);
    storage
        .write(async |tx| refreshes::begin_for_worker(tx, grant_id(1), at(1000)).await)
        .await
        .unwrap();
    assert!(expired(&storage, 1000).await.is_empty());
    let work = lease_one(&storage, 1000, 1).await;
    assert!(work.refresh_token.is_none() && !work.is_uncertain);
}

//! Links to a page of ours, and the clicks on them.

use domain::{
    AuthType, Authorization, AuthorizationState, Disclosure, FailReason, GrantId, LeaseId,
    LinkClickId, Links,
};
use storage::authorizations::Carried;
use storage::grants::{self, GrantSecrets};
use storage::hosted_links::{self, Click};
use storage::institutions::{self, InstitutionChange};
use storage::sealing::Place;
use storage::{Storage, StorageError, authorizations, retention};
use uuid::Uuid;

use crate::database::{TestDatabase, at_once, execute, number};
use crate::world::{
    ALPHA, BETA, at, attempt, attempt_id, begin, fingerprint, grant, grant_secrets, hash, link,
    sealed, settle, settle_stores,
};

on_both! {
    a_link_is_known_by_its_token,
    an_attempt_has_one_link,
    a_closed_link_takes_its_clicks_along,
    a_click_is_known_by_its_state_and_by_its_cookie,
    the_latest_clicks_are_kept,
    clicks_at_once_are_all_kept,
    what_has_ended_takes_its_link_along,
    where_links_lead_is_one_of_two,
    a_link_takes_one_key,
    a_key_finds_no_attempt_that_has_ended,
    a_credential_is_disclosed_or_not,
    a_key_that_was_handed_in_is_undisclosed_whoever_proved_it,
}

/// Stores 1 and 2 of Alpha, each with an attempt and its link.
async fn settle_links(storage: &Storage) {
    settle_stores(storage).await;
    for number in [1, 2] {
        open(storage, &attempt(number.into(), AuthType::Url), number).await;
    }
}

async fn open(storage: &Storage, attempt: &Authorization, token: u8) {
    storage
        .write(async |tx| {
            authorizations::insert(tx, attempt, Carried::HostedLink).await?;
            hosted_links::insert(tx, attempt, hash(token)).await
        })
        .await
        .unwrap();
}

fn click(id: u8, link: u128) -> Click {
    Click {
        id: LinkClickId::new(Uuid::from_u128(id.into())),
        authorization: attempt_id(link),
        institution: ALPHA,
        state_hash: hash(id),
        cookie_hash: hash(id + 100),
        deadline_at: at(60),
        created_at: at(1),
    }
}

async fn insert(storage: &Storage, click: &Click, keep: u64) -> Result<(), StorageError> {
    storage
        .write(async |tx| hosted_links::insert_click(tx, click, keep).await)
        .await
}

async fn clicks(storage: &Storage) -> i64 {
    number(storage, "SELECT COUNT(*) FROM link_clicks").await
}

async fn a_link_is_known_by_its_token(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_links(&storage).await;
    for (token, expected) in [(1, Some(1)), (2, Some(2)), (3, None)] {
        let found = hosted_links::find_by_token(&storage, hash(token)).await;
        let found = found.unwrap().map(|found| found.id);
        assert_eq!(found, expected.map(attempt_id), "{token}");
    }
    // What carries a hosted link has no state of its own.
    let stateless = "SELECT COUNT(*) FROM authorizations WHERE state_hash IS NULL";
    assert_eq!(number(&storage, stateless).await, 2);
}

async fn an_attempt_has_one_link(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_links(&storage).await;
    for (attempt_number, token) in [(1, 3), (3, 1)] {
        let again = attempt(attempt_number, AuthType::Url);
        let opened = storage
            .write(async |tx| hosted_links::insert(tx, &again, hash(token)).await)
            .await;
        assert!(opened.is_err(), "{attempt_number} {token}");
    }
}

async fn a_closed_link_takes_its_clicks_along(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_links(&storage).await;
    for (id, link) in [(1, 1), (2, 1), (3, 2)] {
        insert(&storage, &click(id, link), 10).await.unwrap();
    }
    let close = async |institution| {
        storage
            .write(async |tx| hosted_links::close(tx, institution, attempt_id(1)).await)
            .await
            .unwrap();
    };
    close(BETA).await;
    assert_eq!(clicks(&storage).await, 3);
    close(ALPHA).await;
    assert_eq!(clicks(&storage).await, 1);
    let closed = hosted_links::find_by_token(&storage, hash(1)).await;
    assert_eq!(closed.unwrap(), None);
    // The attempt itself goes on, and nobody clicks on what is closed.
    let attempt = authorizations::find(&storage, ALPHA, attempt_id(1)).await;
    assert_eq!(attempt.unwrap().unwrap().state, AuthorizationState::Pending);
    assert!(insert(&storage, &click(4, 1), 10).await.is_err());
}

async fn a_click_is_known_by_its_state_and_by_its_cookie(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_links(&storage).await;
    for (id, link) in [(1, 1), (2, 1), (3, 2)] {
        insert(&storage, &click(id, link), 10).await.unwrap();
    }
    let by_state = hosted_links::find_click_by_state(&storage, hash(2)).await;
    assert_eq!(by_state.unwrap(), Some(click(2, 1)));
    let none = hosted_links::find_click_by_state(&storage, hash(102)).await;
    assert_eq!(none.unwrap(), None);
    let cookies = [hash(101), hash(103), hash(2), hash(9)];
    let found = hosted_links::list_clicks_by_cookies(&storage, &cookies).await;
    assert_eq!(found.unwrap(), [click(3, 2), click(1, 1)]);
    let found = hosted_links::list_clicks_by_cookies(&storage, &[]).await;
    assert_eq!(found.unwrap(), []);
    for taken in [
        Click {
            state_hash: hash(1),
            ..click(4, 1)
        },
        Click {
            cookie_hash: hash(101),
            ..click(4, 1)
        },
    ] {
        assert!(insert(&storage, &taken, 10).await.is_err());
    }
}

async fn the_latest_clicks_are_kept(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_links(&storage).await;
    insert(&storage, &click(50, 2), 3).await.unwrap();
    for id in 1..=5 {
        insert(&storage, &click(id, 1), 3).await.unwrap();
        assert_eq!(clicks(&storage).await, 1 + i64::from(id.min(3)));
    }
    for (id, is_kept) in [(1, false), (2, false), (3, true), (4, true), (5, true)] {
        let found = hosted_links::find_click_by_state(&storage, hash(id)).await;
        assert_eq!(found.unwrap().is_some(), is_kept, "{id}");
    }
}

async fn clicks_at_once_are_all_kept(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_links(&storage).await;
    let inserted = at_once(16, |index| {
        let storage = storage.clone();
        async move {
            let id = u8::try_from(index).unwrap() + 1;
            insert(&storage, &click(id, 1), 100).await.is_ok()
        }
    })
    .await;
    assert_eq!(inserted, [true; 16]);
    assert_eq!(clicks(&storage).await, 16);
}

async fn what_has_ended_takes_its_link_along(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_links(&storage).await;
    for (id, link) in [(1, 1), (2, 2)] {
        insert(&storage, &click(id, link), 10).await.unwrap();
    }
    let before = attempt(1, AuthType::Url);
    let ended = before.clone().supersede().unwrap();
    storage
        .write(async |tx| {
            authorizations::finish(tx, &before.state, &ended, at(10)).await?;
            retention::delete_ended_for_worker(tx, at(20), 10).await
        })
        .await
        .unwrap();
    for table in ["authorizations", "hosted_links", "link_clicks"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(number(&storage, &sql).await, 1, "{table}");
    }
    let left = hosted_links::find_by_token(&storage, hash(2)).await;
    assert_eq!(left.unwrap().map(|left| left.id), Some(attempt_id(2)));
}

async fn where_links_lead_is_one_of_two(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let links = async || {
        let found = institutions::find(&storage, ALPHA).await;
        found.unwrap().unwrap().links
    };
    assert_eq!(links().await, Links::Direct);
    let change = InstitutionChange {
        links: Some(Links::Hosted),
        ..InstitutionChange::default()
    };
    storage
        .write(async |tx| institutions::update(tx, ALPHA, &change).await)
        .await
        .unwrap();
    assert_eq!(links().await, Links::Hosted);
    let other = execute(&storage, "UPDATE institutions SET links = 'MAGIC'").await;
    assert!(other.is_err());
    let hosted = "SELECT COUNT(*) FROM institutions WHERE links = 'HOSTED'";
    assert_eq!(number(&storage, hosted).await, 1);
}

/// An attempt of store 1 that waits for a key.
async fn settle_wanted(storage: &Storage) -> Authorization {
    settle_stores(storage).await;
    let wanted = Authorization {
        state: AuthorizationState::AwaitingKey,
        ..attempt(1, AuthType::Key)
    };
    open(storage, &wanted, 1).await;
    wanted
}

async fn take_key(storage: &Storage, of: &Authorization, text: &str) -> Result<(), StorageError> {
    let sealed = sealed(Place::AuthorizationCredential(of.id), text);
    storage
        .write(async |tx| {
            let print = fingerprint(text);
            authorizations::take_key(tx, of, sealed.clone(), print, at(700), at(5)).await
        })
        .await
}

async fn a_link_takes_one_key(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let wanted = settle_wanted(&storage).await;
    let find = async || {
        let found = hosted_links::find_by_token(&storage, hash(1))
            .await
            .unwrap();
        let print = authorizations::find_fingerprint(&storage, ALPHA, wanted.id).await;
        (found.unwrap(), print.unwrap())
    };
    assert_eq!(find().await, (wanted.clone(), None));
    let due = authorizations::has_due_key_for_worker(&storage, at(1000)).await;
    assert!(!due.unwrap(), "there is nothing to prove");

    // Somebody else's institution finds no attempt to give it to.
    let foreign = Authorization {
        institution: BETA,
        ..wanted.clone()
    };
    let refused = take_key(&storage, &foreign, "ck_1").await;
    assert!(
        matches!(refused, Err(StorageError::Stale { .. })),
        "{refused:?}"
    );
    take_key(&storage, &wanted, "ck_1").await.unwrap();
    let given = Authorization {
        state: AuthorizationState::Pending,
        deadline_at: at(700),
        ..wanted.clone()
    };
    assert_eq!(find().await, (given.clone(), Some(fingerprint("ck_1"))));
    let refused = take_key(&storage, &wanted, "ck_2").await;
    assert!(
        matches!(refused, Err(StorageError::Stale { .. })),
        "{refused:?}"
    );
    // Whoever saw it wait for a key ends it no more.
    let late = wanted.clone().fail(FailReason::LinkExpired).unwrap();
    let refused = finish(&storage, &wanted.state, &late).await;
    assert!(
        matches!(refused, Err(StorageError::Stale { .. })),
        "{refused:?}"
    );

    let lease = LeaseId::new(Uuid::from_u128(9));
    let work = storage
        .write(async |tx| {
            authorizations::lease_due_keys_for_worker(tx, at(5), lease, at(60), 10).await
        })
        .await
        .unwrap();
    let [work] = &work[..] else {
        panic!("{work:?}");
    };
    assert_eq!(
        (&work.authorization, &work.fingerprint),
        (&given, &fingerprint("ck_1"))
    );
    let ended = given.clone().fail(FailReason::AuthInfoInvalid).unwrap();
    finish(&storage, &given.state, &ended).await.unwrap();
    // How the key is known again outlives it.
    assert_eq!(find().await, (ended, Some(fingerprint("ck_1"))));
    let kept = "SELECT COUNT(*) FROM authorizations WHERE credential IS NOT NULL";
    assert_eq!(number(&storage, kept).await, 0);
}

async fn finish(
    storage: &Storage,
    before: &AuthorizationState,
    ended: &Authorization,
) -> Result<(), StorageError> {
    storage
        .write(async |tx| authorizations::finish(tx, before, ended, at(6)).await)
        .await
}

async fn a_key_finds_no_attempt_that_has_ended(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let wanted = settle_wanted(&storage).await;
    let ended = wanted.clone().fail(FailReason::UserDenied).unwrap();
    finish(&storage, &wanted.state, &ended).await.unwrap();
    let refused = take_key(&storage, &wanted, "ck_1").await;
    assert!(
        matches!(refused, Err(StorageError::Stale { .. })),
        "{refused:?}"
    );
    // Nor does one of another kind have a place for it.
    open(&storage, &attempt(2, AuthType::Url), 2).await;
    let refused = take_key(&storage, &attempt(2, AuthType::Url), "ck_1").await;
    assert!(
        matches!(refused, Err(StorageError::Stale { .. })),
        "{refused:?}"
    );
}

async fn a_credential_is_disclosed_or_not(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    for (id, disclosure) in [(1_u8, Disclosure::Institution), (2, Disclosure::Nobody)] {
        begin(&storage, &attempt(id.into(), AuthType::Url), link(id)).await;
        let live = grant(id.into());
        let secrets = GrantSecrets {
            disclosure,
            ..grant_secrets(live.id)
        };
        storage
            .write(async |tx| grants::insert(tx, &live, secrets.clone()).await)
            .await
            .unwrap();
        let held = grants::find_credential(&storage, ALPHA, live.id).await;
        assert_eq!(held.unwrap().unwrap().disclosure, disclosure);
        storage
            .write(async |tx| grants::end(tx, live.id, at(20)).await)
            .await
            .unwrap();
    }
    let other = "UPDATE grants SET disclosure = 'OTHER'";
    assert!(execute(&storage, other).await.is_err());
}

/// The version before knows links by KEY and proves what was handed in there, without the column that says that
/// it is nobody's to see.
async fn a_key_that_was_handed_in_is_undisclosed_whoever_proved_it(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_wanted(&storage).await;
    open(&storage, &attempt(2, AuthType::Url), 2).await;
    execute(
        &storage,
        "INSERT INTO grants (id, store_id, institution_id, authorization_id, platform, status, \
         shop_identity, origin, credential, scopes, created_at) \
         SELECT a.id, a.store_id, a.institution_id, a.id, a.platform, 'LIVE', '9001', \
         'https://demo.example', l.token_hash, '[]', 10 \
         FROM authorizations a JOIN hosted_links l ON l.authorization_id = a.id",
    )
    .await
    .unwrap();
    let disclosure = async |attempt| {
        let id = GrantId::new(attempt_id(attempt).uuid());
        let held = grants::find_credential(&storage, ALPHA, id).await;
        held.unwrap().unwrap().disclosure
    };
    assert_eq!(disclosure(1).await, Disclosure::Nobody);
    assert_eq!(disclosure(2).await, Disclosure::Institution);
    // Nor does a key count as handed in that came with the call.
    let by_call = "DELETE FROM hosted_links";
    execute(&storage, by_call).await.unwrap();
    assert_eq!(disclosure(1).await, Disclosure::Institution);
}

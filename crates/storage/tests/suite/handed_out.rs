//! What is handed out, or waits to be: requests for credentials, tokens of users' sessions, pushed codes.

use domain::{
    AuthType, CredentialRequestId, GrantId, IdentityRealm, OnlineTokenId, Platform, PlatformAppId,
    PlatformEventId, ShopIdentity, ShopLabel, Upkeep,
};
use storage::credential_requests::{self, CredentialCall, CredentialOutcome, CredentialRequest};
use storage::online_exchanges::{self, OnlineSession};
use storage::online_tokens::{self, OnlineToken};
use storage::platform_apps::PlatformApp;
use storage::pushed_codes::{self, PushedCode};
use storage::sealing::Place;
use storage::{Storage, StorageError, grants, platform_apps, refreshes, retention, stores};
use uuid::Uuid;

use crate::database::{TestDatabase, at_once, execute, number};
use crate::world::{
    ALPHA, BETA, at, attempt, begin, grant, grant_id, grant_secrets, hash, lease, link, scopes,
    sealed, settle_stores, store_id,
};

on_both! {
    requests_are_listed_newest_first_to_their_own_institution,
    what_is_no_outcome_is_not_written,
    a_user_has_one_token_at_a_store,
    the_end_of_a_grant_is_the_end_of_the_tokens_beside_it,
    a_pushed_code_is_taken_once,
    a_parked_code_is_found_by_app_label_and_number,
    one_grant_is_leased_by_one_caller_while_it_is_due,
    a_credential_is_found_while_its_grant_lives,
    stores_are_found_by_the_label_that_they_name,
    what_is_over_is_deleted_and_the_rest_stays,
}

fn request(id: u128, outcome: CredentialOutcome, seconds: i64) -> CredentialRequest {
    CredentialRequest {
        id: CredentialRequestId::new(Uuid::from_u128(id)),
        institution: ALPHA,
        store: Some(store_id(1)),
        call: CredentialCall::Get,
        outcome,
        request_id: format!("req_{id}"),
        created_at: at(seconds),
    }
}

async fn ask(storage: &Storage, new: &CredentialRequest) {
    storage
        .write(async |tx| credential_requests::insert(tx, new).await)
        .await
        .unwrap();
}

async fn requests_are_listed_newest_first_to_their_own_institution(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let outcomes = [
        CredentialOutcome::HandedOut,
        CredentialOutcome::Forbidden,
        CredentialOutcome::UnknownStore,
        CredentialOutcome::NotAuthorized,
        CredentialOutcome::NoAccessToken,
        CredentialOutcome::Unavailable,
        CredentialOutcome::SessionRefused,
        CredentialOutcome::Failed,
    ];
    let mut asked = Vec::new();
    for (number, outcome) in (1..).zip(outcomes) {
        let seconds = i64::try_from(number).unwrap();
        let mut new = request(number, outcome, seconds);
        if number == 3 {
            new.store = None;
            new.call = CredentialCall::Session;
        }
        ask(&storage, &new).await;
        asked.insert(0, new);
    }
    let listed = credential_requests::list(&storage, ALPHA, 100).await;
    assert_eq!(listed.unwrap(), asked);
    let listed = credential_requests::list(&storage, ALPHA, 2).await;
    assert_eq!(listed.unwrap(), asked[..2]);
    let listed = credential_requests::list(&storage, BETA, 100).await;
    assert_eq!(listed.unwrap(), []);
}

async fn what_is_no_outcome_is_not_written(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let new = request(1, CredentialOutcome::HandedOut, 1);
    ask(&storage, &new).await;
    for wrong in [
        "UPDATE credential_requests SET outcome = 'GIVEN'",
        "UPDATE credential_requests SET call = 'store/auth'",
        "UPDATE institutions SET credential_access = 'SOMETIMES'",
    ] {
        assert!(execute(&storage, wrong).await.is_err(), "{wrong}");
    }
}

async fn settle_grant(storage: &Storage, number: u8) {
    let mut new = grant(number.into());
    new.expires_at = Some(at(1000));
    new.upkeep = Upkeep {
        next_refresh_at: Some(at(500)),
        refresh_ends_at: None,
        notice_at: None,
    };
    let attempt = attempt(number.into(), AuthType::Url);
    begin(storage, &attempt, link(number)).await;
    let secrets = grant_secrets(new.id);
    storage
        .write(async |tx| grants::insert(tx, &new, secrets).await)
        .await
        .unwrap();
}

fn online(id: u128, user: &str, session: u8, grant: GrantId) -> OnlineToken {
    let id = OnlineTokenId::new(Uuid::from_u128(id));
    OnlineToken {
        id,
        institution: ALPHA,
        store: store_id(1),
        grant,
        user: user.to_owned(),
        session_hash: hash(session),
        token: sealed(Place::OnlineToken(id), "token"),
        scopes: scopes(),
        created_at: at(0),
        expires_at: at(100),
    }
}

async fn replace(storage: &Storage, new: &OnlineToken) {
    storage
        .write(async |tx| online_tokens::replace(tx, new).await)
        .await
        .unwrap();
}

async fn find(storage: &Storage, session: u8, seconds: i64) -> Option<OnlineToken> {
    online_tokens::find_by_session(storage, ALPHA, store_id(1), hash(session), at(seconds))
        .await
        .unwrap()
}

async fn a_user_has_one_token_at_a_store(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    replace(&storage, &online(1, "u", 1, grant_id(1))).await;
    replace(&storage, &online(2, "v", 2, grant_id(1))).await;
    replace(&storage, &online(3, "u", 3, grant_id(1))).await;
    let count = "SELECT COUNT(*) FROM online_tokens";
    assert_eq!(number(&storage, count).await, 2);
    assert!(find(&storage, 1, 0).await.is_none());
    let found = find(&storage, 3, 99).await.unwrap();
    assert_eq!(found.id, online(3, "u", 3, grant_id(1)).id);
    assert_eq!((found.user.as_str(), found.expires_at), ("u", at(100)));
    assert!(find(&storage, 3, 100).await.is_none(), "it has ended");
    let theirs = online_tokens::find_by_session(&storage, BETA, store_id(1), hash(3), at(0)).await;
    assert!(theirs.unwrap().is_none());
}

async fn the_end_of_a_grant_is_the_end_of_the_tokens_beside_it(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    replace(&storage, &online(1, "u", 1, grant_id(1))).await;
    replace(&storage, &online(2, "v", 2, grant_id(2))).await;
    storage
        .write(async |tx| grants::end(tx, grant_id(1), at(5)).await)
        .await
        .unwrap();
    assert!(find(&storage, 1, 6).await.is_none());
    assert!(find(&storage, 2, 6).await.is_some());
}

fn app_id(number: u128) -> PlatformAppId {
    PlatformAppId::new(Uuid::from_u128(number))
}

fn event_id(number: u128) -> PlatformEventId {
    PlatformEventId::new(Uuid::from_u128(number))
}

fn number_of_shop(number: &str) -> ShopIdentity {
    ShopIdentity::new(IdentityRealm::Genstore, number)
}

async fn settle_app(storage: &Storage) {
    settle_stores(storage).await;
    let app = PlatformApp {
        id: app_id(1),
        platform: Platform::Genstore,
        institution: Some(ALPHA),
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
}

async fn push(storage: &Storage, id: u128) {
    let code = PushedCode {
        id: event_id(id),
        platform: Platform::Genstore,
        app: app_id(1),
        label: ShopLabel::from_checked("Demo"),
        identity: number_of_shop("7"),
        code: sealed(Place::PushedCode(event_id(id)), "code"),
    };
    storage
        .write(async |tx| pushed_codes::insert(tx, &code, at(0), at(600)).await)
        .await
        .unwrap();
}

/// Whether the caller is the one that took it.
async fn take(storage: &Storage, id: u128, seconds: i64) -> bool {
    let taken = storage
        .write(async |tx| {
            let found = pushed_codes::find_locked_for_worker(tx, event_id(id), at(seconds)).await?;
            let Some(code) = found else {
                return Ok(false);
            };
            pushed_codes::take(tx, &code).await?;
            Ok::<_, StorageError>(true)
        })
        .await;
    taken.unwrap_or(false)
}

async fn a_pushed_code_is_taken_once(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    push(&storage, 1).await;
    assert!(!take(&storage, 1, 600).await, "it is dead");
    let taken = at_once(16, |_| {
        let storage = storage.clone();
        async move { take(&storage, 1, 599).await }
    });
    let taken = taken.await.into_iter().filter(|is_taken| *is_taken);
    assert_eq!(taken.count(), 1);
    assert_eq!(
        number(&storage, "SELECT COUNT(*) FROM pushed_codes").await,
        0
    );
}

async fn a_parked_code_is_found_by_app_label_and_number(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    push(&storage, 1).await;
    push(&storage, 2).await;
    for (app, label, shop, seconds, expected) in [
        (1, "demo", "7", 599, Some(event_id(2))),
        (1, "demo", "7", 600, None),
        (2, "demo", "7", 1, None),
        (1, "demo-2", "7", 1, None),
        (1, "demo", "8", 1, None),
    ] {
        let label = ShopLabel::from_checked(label);
        let shop = number_of_shop(shop);
        let found = storage
            .write(async |tx| {
                pushed_codes::find_parked_for_worker(tx, app_id(app), &label, &shop, at(seconds))
                    .await
            })
            .await
            .unwrap();
        assert_eq!(found.map(|code| code.id), expected);
    }
}

async fn one_grant_is_leased_by_one_caller_while_it_is_due(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    settle_grant(&storage, 2).await;
    let try_lease = async |institution, seconds, owner| {
        storage
            .write(async |tx| {
                let (now, until) = (at(seconds), at(seconds + 90));
                refreshes::lease_one(tx, institution, grant_id(1), now, lease(owner), until).await
            })
            .await
            .unwrap()
    };
    assert!(try_lease(ALPHA, 499, 1).await.is_none(), "it is not due");
    assert!(try_lease(BETA, 500, 1).await.is_none(), "another's");
    let leased = try_lease(ALPHA, 500, 1).await.unwrap();
    assert_eq!((leased.grant, leased.lease.fence), (grant_id(1), 1));
    assert!(try_lease(ALPHA, 500, 2).await.is_none(), "somebody has it");
    let again = try_lease(ALPHA, 590, 2).await.unwrap();
    assert!(again.is_uncertain, "what became of the first is not known");
    // The other grant is still the worker's.
    let due = refreshes::has_due_for_worker(&storage, at(500)).await;
    assert!(due.unwrap());
    let racing = at_once(16, |caller| {
        let storage = storage.clone();
        async move {
            let owner = lease(caller as u128 + 10);
            let leased = storage
                .write(async |tx| {
                    let until = at(700);
                    refreshes::lease_one(tx, ALPHA, grant_id(2), at(600), owner, until).await
                })
                .await;
            leased.unwrap().is_some()
        }
    });
    let leased = racing.await.into_iter().filter(|is_leased| *is_leased);
    assert_eq!(leased.count(), 1);
}

async fn a_credential_is_found_while_its_grant_lives(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    settle_grant(&storage, 1).await;
    let found = grants::find_credential(&storage, ALPHA, grant_id(1)).await;
    let held = found.unwrap().unwrap();
    assert_eq!(held.sealed, grant_secrets(grant_id(1)).credential);
    assert_eq!(
        (held.expires_at, held.next_refresh_at),
        (Some(at(1000)), Some(at(500)))
    );
    let theirs = grants::find_credential(&storage, BETA, grant_id(1)).await;
    assert!(theirs.unwrap().is_none());
    storage
        .write(async |tx| grants::end(tx, grant_id(1), at(5)).await)
        .await
        .unwrap();
    let ended = grants::find_credential(&storage, ALPHA, grant_id(1)).await;
    assert!(ended.unwrap().is_none());
}

async fn stores_are_found_by_the_label_that_they_name(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let named = async |institution, label: &str| {
        let label = ShopLabel::from_checked(label);
        let platform = Platform::Shopline;
        let found = stores::list_naming(&storage, institution, platform, &label).await;
        found.unwrap().len()
    };
    let url = "UPDATE stores SET platform = 'SHOPLINE', seller_id = NULL, \
        store_url = 'https://Demo-Shop.myshopline.com/x'";
    execute(&storage, url).await.unwrap();
    let alphas = named(ALPHA, "demo-shop").await;
    assert!(alphas > 0);
    for another in ["shop", "demo", "demo-shop-2"] {
        assert_eq!(named(ALPHA, another).await, 0, "{another}");
    }
    let asked =
        "UPDATE stores SET store_url = 'https://elsewhere.example', seller_id = 'Demo-Shop'";
    execute(&storage, asked).await.unwrap();
    assert_eq!(named(ALPHA, "demo-shop").await, alphas);
    // A store that was unbound names nothing.
    let gone = "UPDATE stores SET unbound_at = 1";
    execute(&storage, gone).await.unwrap();
    assert_eq!(named(ALPHA, "demo-shop").await, 0);
}

async fn what_is_over_is_deleted_and_the_rest_stays(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    settle_grant(&storage, 1).await;
    replace(&storage, &online(1, "u", 1, grant_id(1))).await;
    push(&storage, 1).await;
    ask(&storage, &request(1, CredentialOutcome::HandedOut, 0)).await;
    let delete = async |now, before| {
        storage
            .write(async |tx| {
                retention::delete_handed_out_for_worker(tx, at(now), at(before), 10).await
            })
            .await
            .unwrap()
            .map(|deleted| (deleted.table, deleted.rows))
    };
    let session = OnlineSession {
        institution: ALPHA,
        store: store_id(1),
        hash: hash(1),
    };
    storage
        .write(async |tx| {
            online_exchanges::lease(tx, session, lease(1), at(0), at(6), at(200)).await
        })
        .await
        .unwrap();
    let tables = [
        "online_tokens",
        "online_exchanges",
        "pushed_codes",
        "held_keys",
        "credential_requests",
    ];
    let of = |rows: [u64; 5]| [0, 1, 2, 3, 4].map(|index| (tables[index], rows[index]));
    assert_eq!(delete(99, -1).await, of([0, 0, 0, 0, 0]));
    assert_eq!(delete(100, -1).await, of([1, 0, 0, 0, 0]));
    assert_eq!(delete(200, -1).await, of([0, 1, 0, 0, 0]));
    assert_eq!(delete(600, -1).await, of([0, 0, 1, 0, 0]));
    assert_eq!(delete(600, 0).await, of([0, 0, 0, 0, 1]));
}

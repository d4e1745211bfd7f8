//! What goes in comes out again, through domain types alone.

use domain::endpoint::EndpointStatus;
use domain::{
    AuthStatus, AuthType, Client, FailReason, InstitutionKeyId, Platform, PlatformAppId, Store,
    StoreState,
};
use secrecy::ExposeSecret;
use storage::institutions::InstitutionKey;
use storage::platform_apps::PlatformApp;
use storage::sealing::Place;
use storage::{
    Storage, StorageError, clients, endpoints, grants, institutions, platform_apps, stores,
};
use uuid::Uuid;

use crate::database::{TestDatabase, number};
use crate::world::{
    ALPHA, BETA, at, attempt, attempt_id, authorized, begin, client, client_id, endpoint,
    endpoint_id, grant, grant_id, grant_secrets, institution, keyring, link, sealed, settle,
    settle_stores, store, store_id,
};

on_both! {
    institutions_and_their_names,
    the_secrets_of_an_institution_end,
    clients_are_registered_once,
    a_store_in_each_state,
    a_grant_lives_and_ends,
    apps_are_shared_or_belong_to_one_institution,
    endpoints_come_and_go,
}

async fn institutions_and_their_names(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let (alpha, beta) = (institution(ALPHA), institution(BETA));
    let found = institutions::find(&storage, BETA).await.unwrap();
    assert_eq!(found.as_ref(), Some(&beta));
    let found = institutions::find_by_app_id(&storage, &alpha.app_id)
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&alpha));
    let all = institutions::list(&storage).await.unwrap();
    assert_eq!(all, [alpha, beta]);
}

async fn the_secrets_of_an_institution_end(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let ids = [1, 2].map(|number| InstitutionKeyId::new(Uuid::from_u128(number)));
    let insert = async |id, text| {
        let secret = sealed(Place::InstitutionSecret(id), text);
        let key = InstitutionKey {
            id,
            secret,
            expires_at: None,
        };
        storage
            .write(async |tx| institutions::insert_key(tx, ALPHA, &key, at(0)).await)
            .await
            .unwrap();
    };
    let expire = async |seconds| {
        storage
            .write(async |tx| institutions::expire_keys(tx, ALPHA, at(seconds)).await)
            .await
            .unwrap();
    };
    let live = async |seconds| live_secrets(&storage, seconds).await;

    insert(ids[0], "old").await;
    // The overlap ends at 100 s; a later wish does not make it longer, an earlier one makes it shorter.
    expire(100).await;
    expire(200).await;
    insert(ids[1], "new").await;
    assert_eq!(live(99).await, ["new", "old"]);
    assert_eq!(live(100).await, ["new"]);
    expire(50).await;
    assert_eq!(live(49).await, ["new", "old"]);
    assert!(live(50).await.is_empty());
    let foreign = institutions::live_keys(&storage, BETA, at(0))
        .await
        .unwrap();
    assert!(foreign.is_empty());
}

async fn live_secrets(storage: &Storage, seconds: i64) -> Vec<String> {
    let keys = institutions::live_keys(storage, ALPHA, at(seconds))
        .await
        .unwrap();
    keys.iter()
        .map(|key| {
            let opened = keyring()
                .open(Place::InstitutionSecret(key.id), &key.secret)
                .unwrap();
            opened.expose_secret().to_owned()
        })
        .collect()
}

async fn clients_are_registered_once(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let known = client(ALPHA);
    let again = Client {
        id: client_id(9),
        email: None,
        ..known.clone()
    };
    let is_new = storage
        .write(async |tx| clients::insert_new(tx, &again).await)
        .await
        .unwrap();
    assert!(!is_new);
    let found = clients::find_by_partner_user_id(&storage, ALPHA, "seller-1")
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&known));
    let found = clients::find(&storage, ALPHA, known.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&known));

    let found = clients::find(&storage, BETA, known.id).await.unwrap();
    assert_eq!(found, None);
    let found = clients::find_by_partner_user_id(&storage, BETA, "seller-1")
        .await
        .unwrap();
    assert_eq!(found, Some(client(BETA)), "Beta's own seller of that name");
}

async fn a_store_in_each_state(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let states = [
        StoreState::Unauthorized,
        StoreState::Processing {
            authorization: attempt_id(1),
        },
        StoreState::Success(authorized(1)),
        StoreState::Failed {
            reason: FailReason::SellerMismatch,
        },
    ];
    let mut expected = Vec::new();
    for (number, state) in (1..).zip(states) {
        let new = store(number, ALPHA);
        let changed = Store {
            auth_type: Some(AuthType::Url),
            seller_id: Some("Demo".to_owned()),
            extra_info: None,
            sequence: 3,
            state,
            ..new.clone().changed()
        };
        storage
            .write(async |tx| {
                stores::insert(tx, &new).await?;
                assert_eq!(stores::find(tx, ALPHA, new.id).await?, Some(new));
                stores::update(tx, &changed).await
            })
            .await
            .unwrap();
        let found = stores::find(&storage, ALPHA, changed.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&changed));
        expected.push(changed.status());
    }
    assert_eq!(expected, AuthStatus::ALL);
}

async fn a_grant_lives_and_ends(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    begin(&storage, &attempt(1, AuthType::Url), link(1)).await;
    let secrets = grant_secrets(grant_id(1));
    storage
        .write(async |tx| grants::insert(tx, &grant(1), secrets).await)
        .await
        .unwrap();

    let expired = async |seconds| {
        grants::list_expired_for_worker(&storage, at(seconds), 10)
            .await
            .unwrap()
    };
    assert!(expired(999).await.is_empty());
    let [found] = expired(1000).await[..] else {
        panic!("one grant is past its end");
    };
    assert_eq!(
        (found.grant, found.store, found.institution),
        (grant_id(1), store_id(1), ALPHA)
    );

    let end = async || {
        storage
            .write(async |tx| grants::end(tx, grant_id(1), at(1001)).await)
            .await
    };
    end().await.unwrap();
    assert!(expired(2000).await.is_empty());
    let erased = "SELECT COUNT(*) FROM grants WHERE status = 'ENDED' AND credential IS NULL";
    assert_eq!(number(&storage, erased).await, 1);
    let again = end().await;
    assert!(matches!(
        again,
        Err(StorageError::Stale {
            table: "grants",
            ..
        })
    ));
}

async fn apps_are_shared_or_belong_to_one_institution(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let id = |number| PlatformAppId::new(Uuid::from_u128(number));
    let app = |number, institution| PlatformApp {
        id: id(number),
        platform: Platform::Shopline,
        institution,
        client_id: format!("client-{number}"),
        secret: Some(sealed(Place::PlatformAppSecret(id(number)), "app secret")),
        scopes: vec!["read_orders".to_owned()],
        host: None,
        event_key: None,
        operator_scopes: None,
    };
    let insert = async |app: PlatformApp| {
        storage
            .write(async |tx| platform_apps::insert(tx, &app, at(0)).await)
            .await
    };
    insert(app(1, None)).await.unwrap();
    insert(app(2, Some(ALPHA))).await.unwrap();
    insert(app(3, Some(BETA))).await.unwrap();
    for second in [app(4, None), app(5, Some(ALPHA))] {
        assert!(insert(second).await.is_err(), "each owner has one");
    }

    for (owner, number) in [(None, 1), (Some(ALPHA), 2), (Some(BETA), 3)] {
        let found = platform_apps::find(&storage, Platform::Shopline, owner)
            .await
            .unwrap()
            .expect("the owner's app");
        let expected = app(number, owner);
        assert_eq!((found.id, &found.secret), (expected.id, &expected.secret));
        let other = platform_apps::find(&storage, Platform::Genstore, owner).await;
        assert!(other.unwrap().is_none());
    }

    let changed = PlatformApp {
        client_id: "another".to_owned(),
        secret: None,
        scopes: Vec::new(),
        host: Some("localhost:8080".to_owned()),
        ..app(2, Some(ALPHA))
    };
    storage
        .write(async |tx| platform_apps::update(tx, &changed).await)
        .await
        .unwrap();
    let found = platform_apps::find_by_id(&storage, id(2))
        .await
        .unwrap()
        .expect("it is still there");
    assert_eq!(found.client_id, changed.client_id);
    assert_eq!((found.secret, found.scopes), (None, changed.scopes.clone()));
    assert_eq!(found.host, changed.host);
    assert_eq!(found.institution, Some(ALPHA));

    let missing = app(9, None);
    let update = storage
        .write(async |tx| platform_apps::update(tx, &missing).await)
        .await;
    assert!(matches!(update, Err(StorageError::Stale { .. })));
    let all = platform_apps::list(&storage).await.unwrap();
    let ids: Vec<_> = all.iter().map(|app| app.id).collect();
    assert_eq!(ids, [id(1), id(2), id(3)]);
}

async fn endpoints_come_and_go(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    for (number, institution) in [(1, ALPHA), (2, ALPHA), (3, BETA)] {
        let secret = sealed(Place::EndpointSecret(endpoint_id(number)), "whsec");
        storage
            .write(async |tx| endpoints::insert(tx, &endpoint(number, institution), secret).await)
            .await
            .unwrap();
    }
    let find = async |institution, number| {
        endpoints::find(&storage, institution, endpoint_id(number))
            .await
            .unwrap()
    };
    assert_eq!(find(ALPHA, 1).await, Some(endpoint(1, ALPHA)));
    assert_eq!(find(BETA, 1).await, None);
    let all = endpoints::list(&storage, ALPHA).await.unwrap();
    assert_eq!(all, [endpoint(1, ALPHA), endpoint(2, ALPHA)]);

    let change = async || {
        storage
            .write(async |tx| {
                endpoints::change_status_for_worker(
                    tx,
                    endpoint_id(1),
                    EndpointStatus::Unverified,
                    EndpointStatus::Active,
                )
                .await
            })
            .await
            .unwrap()
    };
    assert!(change().await);
    assert!(!change().await, "another worker was first");
    let found = find(ALPHA, 1).await.expect("endpoint 1");
    assert_eq!(found.status, EndpointStatus::Active);

    let delete = async |institution| {
        storage
            .write(async |tx| endpoints::delete(tx, institution, endpoint_id(1), at(5)).await)
            .await
            .unwrap()
    };
    assert!(!delete(BETA).await);
    assert!(delete(ALPHA).await);
    assert!(!delete(ALPHA).await);
    assert_eq!(find(ALPHA, 1).await, None);
    let left = endpoints::list(&storage, ALPHA).await.unwrap();
    assert_eq!(left, [endpoint(2, ALPHA)]);
}

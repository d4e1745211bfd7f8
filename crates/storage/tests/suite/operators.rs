//! The people who open our app, and the malls that have several shops.

use domain::{
    AuthType, Authorization, Grant, GrantId, LaunchId, NamedShop, OperatorPermissions,
    OperatorRole, OperatorScopes, Permission, Platform, PlatformAppId, PlatformEventId,
    PlatformEventKind, ShopLabel,
};
use storage::launches::{self, LaunchedBy, NewLaunch};
use storage::platform_apps::{self, PlatformApp};
use storage::platform_events::{self, NewPlatformEvent};
use storage::sealing::Place;
use storage::shop_grants::{self, AuthorizedShop};
use storage::{Storage, StorageError, authorizations, grants, stores};
use uuid::Uuid;

use crate::database::{TestDatabase, execute, number};
use crate::world::{
    ALPHA, at, attempt, grant, grant_id, grant_secrets, hash, keyring, lease, link, sealed,
    settle_stores, shop, store,
};

on_both! {
    an_app_keeps_its_event_key_and_its_tree,
    a_launch_keeps_what_its_operator_is,
    only_an_operator_has_permissions,
    an_event_of_a_mall_is_about_all_of_its_shops,
}

const TREE: &str = r#"{"MENU_LIST":{"Orders":{"code":"M1"}}}"#;

fn app_id() -> PlatformAppId {
    PlatformAppId::new(Uuid::from_u128(1))
}

fn app() -> PlatformApp {
    PlatformApp {
        id: app_id(),
        platform: Platform::Cafe24,
        institution: None,
        client_id: "client".to_owned(),
        secret: Some(sealed(Place::PlatformAppSecret(app_id()), "app secret")),
        scopes: vec!["mall.read_order".to_owned()],
        host: None,
        event_key: Some(sealed(Place::PlatformAppEventKey(app_id()), "event key")),
        operator_scopes: Some(OperatorScopes::parse(TREE).unwrap()),
    }
}

async fn settle_app(storage: &Storage) {
    settle_stores(storage).await;
    storage
        .write(async |tx| platform_apps::insert(tx, &app(), at(0)).await)
        .await
        .unwrap();
}

async fn an_app_keeps_its_event_key_and_its_tree(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    let find = async || {
        let found = platform_apps::find_by_id(&storage, app_id()).await.unwrap();
        found.expect("the app")
    };
    let found = find().await;
    assert_eq!(found.operator_scopes, app().operator_scopes);
    let key = found.event_key.expect("a key");
    assert!(
        keyring()
            .open(Place::PlatformAppEventKey(app_id()), &key)
            .is_ok()
    );
    // In the other column it does not open.
    assert!(
        keyring()
            .open(Place::PlatformAppSecret(app_id()), &key)
            .is_err()
    );

    let bare = PlatformApp {
        event_key: None,
        operator_scopes: None,
        ..app()
    };
    storage
        .write(async |tx| platform_apps::update(tx, &bare).await)
        .await
        .unwrap();
    let found = find().await;
    assert_eq!((found.event_key, found.operator_scopes), (None, None));

    execute(&storage, "UPDATE platform_apps SET operator_scopes = '{}'")
        .await
        .unwrap();
    let corrupt = platform_apps::find_by_id(&storage, app_id()).await;
    assert!(matches!(
        corrupt,
        Err(StorageError::Corrupt {
            table: "platform_apps",
            ..
        })
    ));
}

fn launch(id: u128, signature: u8, operator: Option<LaunchedBy>) -> NewLaunch {
    NewLaunch {
        id: LaunchId::new(Uuid::from_u128(id)),
        signature_hash: hash(signature),
        platform: Platform::Cafe24,
        app: app_id(),
        shop: ShopLabel::from_checked("demomall/2"),
        identity: None,
        language: Some("ko-KR".to_owned()),
        operator,
        offer: None,
        created_at: at(0),
        expires_at: at(100),
    }
}

async fn a_launch_keeps_what_its_operator_is(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    let permissions = OperatorPermissions {
        menus: vec![Permission {
            code: "M1".to_owned(),
            place: vec!["Orders".to_owned()],
        }],
        functions: Vec::new(),
        unknown: vec!["F9".to_owned()],
    };
    for (place, role) in (1..).zip(OperatorRole::ALL) {
        let permissions = (role == OperatorRole::SubOperator).then(|| permissions.clone());
        let new = launch(place.into(), place, Some(LaunchedBy { role, permissions }));
        let is_new = storage
            .write(async |tx| launches::insert(tx, &new).await)
            .await;
        assert!(is_new.unwrap());
        let sql = format!(
            "SELECT COUNT(*) FROM launches WHERE operator_role = '{}'",
            role.code()
        );
        assert_eq!(number(&storage, &sql).await, 1, "{role:?}");
    }
    let kept = r#"{"functions":[],"menus":[{"code":"M1","place":["Orders"]}],"unknown":["F9"]}"#;
    let sql = format!("SELECT COUNT(*) FROM launches WHERE operator_permissions = '{kept}'");
    assert_eq!(number(&storage, &sql).await, 1);
}

async fn only_an_operator_has_permissions(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    storage
        .write(async |tx| launches::insert(tx, &launch(1, 1, None)).await)
        .await
        .unwrap();
    for (change, name) in [
        ("operator_role = 'P'", "launches_operator_role_check"),
        (
            "operator_permissions = '{}'",
            "launches_operator_permissions_check",
        ),
    ] {
        let refused = execute(&storage, &format!("UPDATE launches SET {change}")).await;
        let Err(StorageError::Database(error)) = refused else {
            panic!("{change}: {refused:?}");
        };
        assert!(error.to_string().contains(name), "{change}: {error}");
    }
}

/// Numbered or not; but neither a shop of another mall, whose id begins alike or ends with a digit, nor one of
/// another app.
async fn an_event_of_a_mall_is_about_all_of_its_shops(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_app(&storage).await;
    let labels = [
        "mall24",
        "mall24/2",
        "mall24/15",
        "mall242",
        "mall24-b/2",
        "mall2",
    ];
    for (place, label) in (11_u8..).zip(labels) {
        let of_mall = u128::from(place);
        let authorization = Authorization {
            app: Some(app_id()),
            platform: Platform::Cafe24,
            ..attempt(of_mall, AuthType::Url)
        };
        let live = Grant {
            platform: Platform::Cafe24,
            shop: shop(label, Some(label)),
            ..grant(of_mall)
        };
        let secrets = grant_secrets(grant_id(of_mall));
        storage
            .write(async |tx| {
                stores::insert(tx, &store(of_mall, ALPHA)).await?;
                authorizations::insert(tx, &authorization, link(place)).await?;
                grants::insert(tx, &live, secrets).await
            })
            .await
            .unwrap();
    }
    let find = async |shop: &NamedShop| -> Vec<GrantId> {
        let about = AuthorizedShop {
            platform: Platform::Cafe24,
            app: app_id(),
            shop,
        };
        let found = shop_grants::list_live_for_worker(&storage, about)
            .await
            .unwrap();
        found.into_iter().map(|one| one.grant).collect()
    };
    let mall = NamedShop::Mall(ShopLabel::from_checked("mall24"));
    assert_eq!(
        find(&mall).await,
        [grant_id(11), grant_id(12), grant_id(13)]
    );
    let second = NamedShop::Label(ShopLabel::from_checked("mall24/2"));
    assert_eq!(find(&second).await, [grant_id(12)]);

    let new = NewPlatformEvent {
        id: PlatformEventId::new(Uuid::from_u128(1)),
        same_key: hash(1),
        platform: Platform::Cafe24,
        app: app_id(),
        topic: "90077".to_owned(),
        kind: PlatformEventKind::Expired,
        shop: Some(mall),
        created_at: at(0),
    };
    let leased = storage
        .write(async |tx| {
            platform_events::insert(tx, &new).await?;
            platform_events::lease_due_for_worker(tx, at(1), lease(1), at(30), 10).await
        })
        .await
        .unwrap();
    assert_eq!((&leased[0].shop, leased[0].kind), (&new.shop, new.kind));
}

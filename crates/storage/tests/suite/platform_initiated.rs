//! What platforms begin: launches of our app, and events.

use domain::{
    AuthType, Authorization, IdentityRealm, LaunchId, NamedShop, Platform, PlatformAppId,
    PlatformEventId, PlatformEventKind, PlatformEventOutcome, ShopIdentity, ShopLabel,
};
use storage::launches::{self, Confirmation, Confirmed, NewLaunch, Offer};
use storage::platform_apps::PlatformApp;
use storage::platform_events::{self, DueEvent, NewPlatformEvent};
use storage::sealing::Place;
use storage::shop_grants::{self, AuthorizedShop};
use storage::{Storage, StorageError, authorizations, grants, platform_apps, retention};
use uuid::Uuid;

use crate::database::{TestDatabase, at_once, execute, number};
use crate::world::{
    ALPHA, at, attempt, attempt_id, begin, grant, grant_id, grant_secrets, hash, lease, link,
    sealed, settle_stores, store_id,
};

on_both! {
    a_launch_is_known_by_its_signature,
    of_many_equal_launches_one_is_first,
    an_offer_is_for_whoever_shows_both_values_once,
    only_attempts_that_wait_for_the_shop_are_found,
    a_state_that_is_replaced_leads_nowhere,
    an_event_is_recorded_once_and_handled_by_its_lease,
    an_event_that_is_put_back_comes_again,
    events_are_leased_to_one,
    the_grants_of_a_shop_are_those_of_the_app,
    what_is_over_is_deleted,
    states_carry_exactly_what_exists_in_them,
}

fn app_id(number: u128) -> PlatformAppId {
    PlatformAppId::new(Uuid::from_u128(number))
}

/// Alpha's stores, and two apps.
async fn settle_apps(storage: &Storage) {
    settle_stores(storage).await;
    storage
        .write(async |tx| {
            for (number, institution) in [(1, None), (2, Some(ALPHA))] {
                let app = PlatformApp {
                    id: app_id(number),
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
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
}

fn launch(id: u128, signature: u8, offer: Option<Offer>) -> NewLaunch {
    NewLaunch {
        id: LaunchId::new(Uuid::from_u128(id)),
        signature_hash: hash(signature),
        platform: Platform::Shopline,
        app: app_id(1),
        shop: ShopLabel::from_checked("Demo"),
        identity: None,
        operator: None,
        language: Some("zh,en".to_owned()),
        offer,
        created_at: at(0),
        expires_at: at(100),
    }
}

fn offer() -> Offer {
    Offer {
        institution: ALPHA,
        authorization: attempt_id(1),
        cookie_hash: hash(7),
        token_hash: hash(8),
        until: at(60),
    }
}

async fn insert(storage: &Storage, new: &NewLaunch) -> bool {
    storage
        .write(async |tx| launches::insert(tx, new).await)
        .await
        .unwrap()
}

async fn a_launch_is_known_by_its_signature(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    assert!(insert(&storage, &launch(1, 1, None)).await);
    assert!(!insert(&storage, &launch(2, 1, Some(offer()))).await);
    assert!(insert(&storage, &launch(3, 2, Some(offer()))).await);
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM launches").await, 2);
}

async fn of_many_equal_launches_one_is_first(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    let first = at_once(16, |index| {
        let storage = storage.clone();
        async move { insert(&storage, &launch(index as u128 + 1, 1, Some(offer()))).await }
    })
    .await;
    assert_eq!(first.into_iter().filter(|is_first| *is_first).count(), 1);
}

async fn an_offer_is_for_whoever_shows_both_values_once(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    insert(&storage, &launch(1, 1, Some(offer()))).await;
    insert(&storage, &launch(2, 2, None)).await;
    let shown = Confirmation {
        launch: LaunchId::new(Uuid::from_u128(1)),
        platform: Platform::Shopline,
        cookie_hash: hash(7),
        token_hash: hash(8),
    };
    let confirm = async |shown, seconds| {
        storage
            .write(async |tx| launches::confirm(tx, shown, at(seconds)).await)
            .await
            .unwrap()
    };
    let other = LaunchId::new(Uuid::from_u128(2));
    for wrong in [
        Confirmation {
            launch: other,
            ..shown
        },
        Confirmation {
            platform: Platform::ShoplineEu,
            ..shown
        },
        Confirmation {
            cookie_hash: hash(8),
            ..shown
        },
        Confirmation {
            token_hash: hash(7),
            ..shown
        },
    ] {
        assert_eq!(confirm(wrong, 1).await, None, "{wrong:?}");
    }
    assert_eq!(confirm(shown, 60).await, None, "it is too late");
    let confirmed = Confirmed {
        app: app_id(1),
        institution: ALPHA,
        authorization: attempt_id(1),
        language: Some("zh,en".to_owned()),
    };
    assert_eq!(confirm(shown, 59).await, Some(confirmed));
    assert_eq!(confirm(shown, 59).await, None, "it was taken up");
}

async fn only_attempts_that_wait_for_the_shop_are_found(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    let of_app = |number, app, shop: &str| Authorization {
        app: Some(app_id(app)),
        expected_shop: Some(ShopLabel::from_checked(shop)),
        ..attempt(number, AuthType::Url)
    };
    begin(&storage, &of_app(1, 1, "demo"), link(1)).await;
    begin(&storage, &of_app(2, 1, "other"), link(2)).await;
    let find = async |app, shop: &str, seconds, limit| {
        let label = ShopLabel::from_checked(shop);
        let found =
            launches::list_waiting_for_worker(&storage, app_id(app), &label, at(seconds), limit)
                .await
                .unwrap();
        found.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(find(1, "DEMO", 599, 2).await, [attempt_id(1)]);
    assert_eq!(find(1, "other", 599, 2).await, [attempt_id(2)]);
    assert_eq!(find(1, "demo", 600, 2).await, [], "its deadline is over");
    assert_eq!(find(2, "demo", 1, 2).await, [], "another app");
    assert_eq!(find(1, "demo-2", 1, 2).await, [], "another shop");

    let ended = of_app(1, 1, "demo").supersede().unwrap();
    let before = of_app(1, 1, "demo").state;
    storage
        .write(async |tx| authorizations::finish(tx, &before, &ended, at(1)).await)
        .await
        .unwrap();
    assert_eq!(find(1, "demo", 1, 2).await, []);
}

async fn a_state_that_is_replaced_leads_nowhere(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    begin(&storage, &attempt(1, AuthType::Url), link(1)).await;
    let replace = async |state| {
        storage
            .write(async |tx| {
                authorizations::replace_state(tx, ALPHA, attempt_id(1), hash(state)).await
            })
            .await
    };
    replace(2).await.unwrap();
    let find = async |state| {
        let found = authorizations::find_by_state(&storage, hash(state)).await;
        found.unwrap().map(|found| found.id)
    };
    assert_eq!(find(1).await, None);
    assert_eq!(find(2).await, Some(attempt_id(1)));
    storage
        .write(async |tx| authorizations::claim(tx, attempt_id(1), lease(1), at(9)).await)
        .await
        .unwrap();
    let late = replace(3).await;
    assert!(matches!(late, Err(StorageError::Stale { .. })), "{late:?}");
}

fn event(id: u128, same: u8) -> NewPlatformEvent {
    NewPlatformEvent {
        id: PlatformEventId::new(Uuid::from_u128(id)),
        same_key: hash(same),
        platform: Platform::Shopline,
        app: app_id(1),
        topic: "apps/installed_uninstalled".to_owned(),
        kind: PlatformEventKind::Uninstalled,
        shop: Some(NamedShop::Label(ShopLabel::from_checked("Demo"))),
        created_at: at(10),
    }
}

async fn record(storage: &Storage, new: &NewPlatformEvent) -> bool {
    storage
        .write(async |tx| platform_events::insert(tx, new).await)
        .await
        .unwrap()
}

async fn lease_events(storage: &Storage, holder: u128, now: i64, until: i64) -> Vec<DueEvent> {
    let due = platform_events::has_due_for_worker(storage, at(now))
        .await
        .unwrap();
    let leased = storage
        .write(async |tx| {
            platform_events::lease_due_for_worker(tx, at(now), lease(holder), at(until), 10).await
        })
        .await
        .unwrap();
    assert_eq!(due, !leased.is_empty());
    leased
}

async fn finish(storage: &Storage, new: &NewPlatformEvent, holder: u128) -> bool {
    let outcome = PlatformEventOutcome::GrantEnded;
    storage
        .write(async |tx| {
            platform_events::finish_for_worker(tx, new.id, lease(holder), outcome, at(20)).await
        })
        .await
        .unwrap()
}

async fn an_event_is_recorded_once_and_handled_by_its_lease(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    let new = event(1, 1);
    assert!(record(&storage, &new).await);
    assert!(!record(&storage, &event(2, 1)).await);
    assert_eq!(lease_events(&storage, 1, 9, 30).await, [], "not yet");
    let leased = lease_events(&storage, 1, 10, 30).await;
    let expected = DueEvent {
        id: new.id,
        platform: new.platform,
        app: new.app,
        topic: new.topic.clone(),
        kind: new.kind,
        shop: new.shop.clone(),
        attempts: 0,
    };
    assert_eq!(leased, [expected]);
    assert_eq!(lease_events(&storage, 2, 29, 60).await, [], "it is held");
    // Whoever held it died; the next one has it now, and the dead one's word does not count.
    assert_eq!(lease_events(&storage, 2, 30, 60).await.len(), 1);
    assert!(!finish(&storage, &new, 1).await);
    assert!(finish(&storage, &new, 2).await);
    assert!(!finish(&storage, &new, 2).await);
    assert_eq!(lease_events(&storage, 3, 1_000, 2_000).await, []);
    assert!(!record(&storage, &event(3, 1)).await, "it is still known");

    let by_identity = NewPlatformEvent {
        shop: Some(NamedShop::Identity(ShopIdentity::new(
            IdentityRealm::Shopline,
            "9001",
        ))),
        kind: PlatformEventKind::ShopRedaction,
        ..event(4, 4)
    };
    let nobody_s = NewPlatformEvent {
        shop: None,
        ..event(5, 5)
    };
    for new in [&by_identity, &nobody_s] {
        assert!(record(&storage, new).await);
        let leased = lease_events(&storage, 1, 10, 30).await;
        assert_eq!((&leased[0].shop, leased[0].kind), (&new.shop, new.kind));
    }
}

async fn an_event_that_is_put_back_comes_again(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    let new = event(1, 1);
    record(&storage, &new).await;
    lease_events(&storage, 1, 10, 30).await;
    for holder in [2, 1] {
        storage
            .write(async |tx| {
                platform_events::reschedule_for_worker(tx, new.id, lease(holder), at(15)).await
            })
            .await
            .unwrap();
        let is_ours = holder == 1;
        assert_eq!(lease_events(&storage, 3, 14, 30).await, []);
        let due = platform_events::has_due_for_worker(&storage, at(15)).await;
        assert_eq!(due.unwrap(), is_ours, "only its holder puts it back");
    }
    assert_eq!(lease_events(&storage, 3, 15, 30).await[0].attempts, 1);
}

async fn events_are_leased_to_one(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    for number in 1..=5 {
        record(&storage, &event(number.into(), number)).await;
    }
    let leased = at_once(4, |index| {
        let storage = storage.clone();
        async move {
            storage
                .write(async |tx| {
                    let holder = lease(index as u128 + 1);
                    platform_events::lease_due_for_worker(tx, at(10), holder, at(30), 10).await
                })
                .await
                .unwrap()
                .len()
        }
    })
    .await;
    assert_eq!(leased.into_iter().sum::<usize>(), 5);
}

async fn the_grants_of_a_shop_are_those_of_the_app(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    for (number, app) in [(1, 1), (2, 2)] {
        let authorization = Authorization {
            app: Some(app_id(app)),
            ..attempt(number, AuthType::Url)
        };
        begin(
            &storage,
            &authorization,
            link(u8::try_from(number).unwrap()),
        )
        .await;
        let secrets = grant_secrets(grant_id(number));
        storage
            .write(async |tx| grants::insert(tx, &grant(number), secrets).await)
            .await
            .unwrap();
    }
    let label = NamedShop::Label(ShopLabel::from_checked("DEMO"));
    let identity = NamedShop::Identity(ShopIdentity::new(IdentityRealm::Shopline, "9001"));
    let other = NamedShop::Label(ShopLabel::from_checked("other"));
    let of = |shop, app, platform| AuthorizedShop {
        platform,
        app: app_id(app),
        shop,
    };
    let find = async |about| {
        let found = shop_grants::list_live_for_worker(&storage, about)
            .await
            .unwrap();
        found.into_iter().map(|one| one.store).collect::<Vec<_>>()
    };
    for shop in [&label, &identity] {
        assert_eq!(find(of(shop, 1, Platform::Shopline)).await, [store_id(1)]);
        assert_eq!(find(of(shop, 2, Platform::Shopline)).await, [store_id(2)]);
        assert_eq!(find(of(shop, 1, Platform::ShoplineEu)).await, []);
    }
    assert_eq!(find(of(&other, 1, Platform::Shopline)).await, []);

    let about = of(&label, 1, Platform::Shopline);
    let live = shop_grants::list_live_for_worker(&storage, about)
        .await
        .unwrap();
    let [live] = live.as_slice() else {
        panic!("{live:?}");
    };
    assert_eq!(live.origin, "https://demo.example");
    assert_eq!(live.expires_at, Some(at(1000)));
    let has = async |credential| {
        storage
            .write(async |tx| shop_grants::has_credential(tx, ALPHA, grant_id(1), credential).await)
            .await
            .unwrap()
    };
    assert!(has(&live.credential).await);
    let renewed = sealed(Place::GrantCredential(grant_id(1)), "a newer token");
    assert!(!has(&renewed).await);

    let forget = async |about| {
        storage
            .write(async |tx| shop_grants::delete_ended_for_worker(tx, about).await)
            .await
            .unwrap()
    };
    assert_eq!(forget(about).await, 0, "it lives");
    storage
        .write(async |tx| grants::end(tx, grant_id(1), at(50)).await)
        .await
        .unwrap();
    assert_eq!(find(about).await, []);
    assert_eq!(forget(of(&label, 2, Platform::Shopline)).await, 0);
    assert_eq!(forget(about).await, 1);
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM grants").await, 1);
}

async fn what_is_over_is_deleted(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    for number in 1..=3 {
        insert(&storage, &launch(number.into(), number, None)).await;
        record(&storage, &event(number.into(), number)).await;
    }
    lease_events(&storage, 1, 10, 30).await;
    for number in 1..=2 {
        finish(&storage, &event(number.into(), number), 1).await;
    }
    let delete = async |now, before, limit| {
        storage
            .write(async |tx| {
                retention::delete_initiated_for_worker(tx, at(now), at(before), limit).await
            })
            .await
            .unwrap()
            .map(|deleted| (deleted.table, deleted.rows))
    };
    assert_eq!(
        delete(99, 19, 10).await,
        [("launches", 0), ("platform_events", 0)]
    );
    assert_eq!(
        delete(100, 20, 2).await,
        [("launches", 2), ("platform_events", 2)]
    );
    assert_eq!(
        delete(100, 20, 2).await,
        [("launches", 1), ("platform_events", 0)]
    );
    // What was not handled is never deleted.
    assert_eq!(
        delete(9_999, 9_999, 2).await,
        [("launches", 0), ("platform_events", 0)]
    );
}

async fn states_carry_exactly_what_exists_in_them(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_apps(&storage).await;
    insert(&storage, &launch(1, 1, Some(offer()))).await;
    record(&storage, &event(1, 1)).await;
    for (table, name, changes) in [
        (
            "launches",
            "launches_status_check",
            &[
                "status = 'DONE'",
                "status = 'UNANSWERED'",
                "cookie_hash = NULL",
                "authorization_id = NULL",
            ][..],
        ),
        (
            "platform_events",
            "platform_events_status_check",
            &[
                "status = 'DONE'",
                "status = 'HANDLED'",
                "outcome = 'IGNORED'",
                "finished_at = 1",
            ],
        ),
        (
            "platform_events",
            "platform_events_kind_check",
            &["kind = 'INSTALLED'"],
        ),
        (
            "platform_events",
            "platform_events_shop_check",
            &["shop_identity = '1'"],
        ),
        (
            "platform_events",
            "platform_events_outcome_check",
            &["status = 'HANDLED', outcome = 'FINE', finished_at = 1"],
        ),
    ] {
        for change in changes {
            let refused = execute(&storage, &format!("UPDATE {table} SET {change}")).await;
            let Err(StorageError::Database(error)) = refused else {
                panic!("{change}: {refused:?}");
            };
            let error = error.to_string();
            assert!(error.contains(name), "{change}: {error}");
        }
    }
}

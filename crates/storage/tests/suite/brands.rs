//! How institutions look, and attempts as an operator looks them up.

use domain::brand::Change;
use domain::{
    AuthType, AuthorizationId, AuthorizationState, Brand, BrandChange, Colour, FailReason, Logo,
    LogoFormat, Reference,
};
use storage::authorizations::{self, lookup};
use storage::{Storage, institution_brands};
use uuid::Uuid;

use crate::constraints::assert_refused;
use crate::database::TestDatabase;
use crate::world::{ALPHA, BETA, at, attempt, link, settle, settle_stores};

on_both! {
    a_change_of_a_brand_touches_what_it_names,
    what_is_no_brand_is_refused,
    a_reference_finds_its_attempt_among_all,
}

fn logo(bytes: Vec<u8>) -> Logo {
    Logo {
        format: LogoFormat::Webp,
        width: 120,
        height: 40,
        bytes,
    }
}

async fn change(storage: &Storage, colour: Change<Colour>, logo: Change<Logo>) {
    let change = BrandChange { colour, logo };
    storage
        .write(async |tx| institution_brands::change(tx, ALPHA, &change).await)
        .await
        .unwrap();
}

async fn a_change_of_a_brand_touches_what_it_names(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let green = "#00aa55".parse::<Colour>().unwrap();
    let brand = async || institution_brands::find(&storage, ALPHA).await.unwrap();
    assert_eq!(brand().await, Brand::default());
    change(&storage, Change::Kept, Change::Kept).await;
    assert!(institution_brands::list(&storage).await.unwrap().is_empty());

    let mut expected = Brand {
        colour: Some(green),
        logo: None,
    };
    change(&storage, Change::Replaced(green), Change::Kept).await;
    assert_eq!(brand().await, expected);
    for new in [logo(vec![1]), logo(vec![0xff; Logo::MAX_BYTES])] {
        change(&storage, Change::Kept, Change::Replaced(new.clone())).await;
        expected.logo = Some(new);
        assert_eq!(brand().await, expected);
    }
    change(&storage, Change::Replaced(Colour::BLACK), Change::Kept).await;
    expected.colour = Some(Colour::BLACK);
    assert_eq!(brand().await, expected);
    change(&storage, Change::Removed, Change::Kept).await;
    expected.colour = None;
    assert_eq!(brand().await, expected);
    change(&storage, Change::Replaced(Colour::WHITE), Change::Removed).await;
    expected = Brand {
        colour: Some(Colour::WHITE),
        logo: None,
    };
    assert_eq!(brand().await, expected);

    let other = institution_brands::find(&storage, BETA).await.unwrap();
    assert_eq!(other, Brand::default());
    let all = institution_brands::list(&storage).await.unwrap();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(ALPHA, expected)]);
}

async fn what_is_no_brand_is_refused(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let (green, logo) = (Colour::from_number(0x00_aa_55), logo(vec![7; 100]));
    change(&storage, Change::Replaced(green), Change::Replaced(logo)).await;
    for (change, name) in [
        ("colour = 16777216", "institution_brands_colour_check"),
        ("colour = -1", "institution_brands_colour_check"),
        (
            "logo_media_type = 'image/svg+xml'",
            "institution_brands_media_type_check",
        ),
        ("logo_width = 15", "institution_brands_width_check"),
        ("logo_height = 1025", "institution_brands_height_check"),
        ("logo = NULL", "institution_brands_logo_check"),
        ("logo_width = NULL", "institution_brands_logo_check"),
        ("logo_media_type = NULL", "institution_brands_logo_check"),
    ] {
        let sql = format!("UPDATE institution_brands SET {change}");
        assert_refused(&storage, &sql, name).await;
    }
    let large = if database.is_postgres() {
        "CAST(repeat('x', 8193) AS BYTEA)"
    } else {
        "CAST(printf('%8193s', '') AS BLOB)"
    };
    let sql = format!("UPDATE institution_brands SET logo = {large}");
    assert_refused(&storage, &sql, "institution_brands_logo_size_check").await;
}

async fn a_reference_finds_its_attempt_among_all(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    // Of one second: the first two have one reference, the third another; and of the second behind it.
    let began = 1_795_284_000_000_u128;
    let ids = [
        (began, 7),
        (began + 999, 1007),
        (began + 500, 8),
        (began + 1000, 7),
    ]
    .map(|(millis, end)| {
        AuthorizationId::new(Uuid::from_u128(millis << 80 | 0x0007_0008 << 60 | end))
    });
    for (number, id) in (1_u8..).zip(ids) {
        let new = domain::Authorization {
            id,
            store: crate::world::store_id(1),
            ..attempt(1, AuthType::Url)
        };
        storage
            .write(async |tx| authorizations::insert(tx, &new, link(number)).await)
            .await
            .unwrap();
    }
    let found = async |id| {
        let reference = Reference::of(id);
        let found = lookup::list_by_reference_for_worker(&storage, reference).await;
        let found = found.unwrap();
        found
            .iter()
            .map(|found| found.authorization.id)
            .collect::<Vec<_>>()
    };
    let [first, same, third, later] = ids;
    assert_eq!(found(first).await, [first, same]);
    assert_eq!(found(same).await, [first, same]);
    assert_eq!(found(third).await, [third]);
    assert_eq!(found(later).await, [later]);
    let nobody_s = AuthorizationId::new(Uuid::from_u128((began + 9000) << 80));
    assert!(found(nobody_s).await.is_empty());

    let waiting = lookup::find_for_worker(&storage, third).await.unwrap();
    let waiting = waiting.unwrap();
    assert_eq!(waiting.finished_at, None);
    let failed = waiting.authorization.fail(FailReason::UserDenied).unwrap();
    storage
        .write(async |tx| {
            authorizations::finish(tx, &AuthorizationState::Pending, &failed, at(30)).await
        })
        .await
        .unwrap();
    let ended = lookup::find_for_worker(&storage, third).await.unwrap();
    let ended = ended.unwrap();
    assert_eq!(ended.finished_at, Some(at(30)));
    assert_eq!(ended.authorization, failed);
    let none = lookup::find_for_worker(&storage, nobody_s).await.unwrap();
    assert_eq!(none, None);
}

//! The institutions, sellers and stores that the tests speak of. Equal numbers are equal ids.

use chrono::{DateTime, Utc};
use domain::endpoint::{Endpoint, EndpointStatus};
use domain::institution::{BusAccess, CredentialAccess, Links};
use domain::{
    AppId, AuthType, Authorization, AuthorizationId, AuthorizationState, Authorized, Client,
    ClientId, DeliveryId, Disclosure, EndpointId, EventId, EventType, Grant, GrantId,
    GrantedScopes, IdentityRealm, Institution, InstitutionId, LeaseId, Platform, ProvenShop,
    Renewal, RequiredScope, ScopeCoverage, Scopes, ShopIdentity, ShopLabel, Store, StoreId,
    StoreState, Upkeep, WriteScope,
};
use storage::authorizations::Carried;
use storage::grants::GrantSecrets;
use storage::outbox::{Event, EventStore};
use storage::sealing::{Fingerprint, Keyring, Place, Sealed};
use storage::{Storage, StorageError, Tx, authorizations, clients, institutions, outbox, stores};
use uuid::Uuid;

/// Seconds after the moment at which everything begins.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_284_000 + seconds, 0).expect("a time in this century")
}

pub(crate) const ALPHA: InstitutionId = InstitutionId::new(Uuid::from_u128(0xa));
pub(crate) const BETA: InstitutionId = InstitutionId::new(Uuid::from_u128(0xb));

pub(crate) fn client_id(number: u128) -> ClientId {
    ClientId::new(Uuid::from_u128(number))
}

pub(crate) fn store_id(number: u128) -> StoreId {
    StoreId::new(Uuid::from_u128(number))
}

pub(crate) fn attempt_id(number: u128) -> AuthorizationId {
    AuthorizationId::new(Uuid::from_u128(number))
}

pub(crate) fn grant_id(number: u128) -> GrantId {
    GrantId::new(Uuid::from_u128(number))
}

pub(crate) fn event_id(number: u128) -> EventId {
    EventId::new(Uuid::from_u128(number))
}

pub(crate) fn endpoint_id(number: u128) -> EndpointId {
    EndpointId::new(Uuid::from_u128(number))
}

pub(crate) fn delivery_id(number: u128) -> DeliveryId {
    DeliveryId::new(Uuid::from_u128(number))
}

pub(crate) fn lease(number: u128) -> LeaseId {
    LeaseId::new(Uuid::from_u128(number))
}

pub(crate) fn keyring() -> Keyring {
    Keyring::new([7; 32])
}

pub(crate) fn sealed(place: Place<'_>, text: &str) -> Sealed {
    keyring().seal(place, &text.into(), [9; 24])
}

pub(crate) fn grant_secrets(grant: GrantId) -> GrantSecrets {
    GrantSecrets {
        credential: sealed(Place::GrantCredential(grant), "token"),
        refresh_token: Some(sealed(Place::GrantRefreshToken(grant), "refresh token")),
        disclosure: Disclosure::Institution,
    }
}

pub(crate) fn fingerprint(text: &str) -> Fingerprint {
    keyring().fingerprint(&[&text.into()])
}

pub(crate) fn institution(id: InstitutionId) -> Institution {
    let name = if id == ALPHA { "alpha" } else { "beta" };
    Institution {
        id,
        app_id: AppId::new(name),
        name: name.to_uppercase(),
        redirect_origins: vec!["https://pay.example".to_owned()],
        bus_access: BusAccess::None,
        credential_access: CredentialAccess::Denied,
        links: Links::Direct,
        created_at: at(0),
    }
}

/// Client 1 is Alpha's and client 2 is Beta's; so are the stores that are made with them.
pub(crate) fn client(institution: InstitutionId) -> Client {
    Client {
        id: client_id(if institution == ALPHA { 1 } else { 2 }),
        institution,
        partner_user_id: "seller-1".to_owned(),
        email: Some("seller@shop.example".to_owned()),
        name: None,
        created_at: at(0),
    }
}

pub(crate) fn store(number: u128, institution: InstitutionId) -> Store {
    Store {
        id: store_id(number),
        institution,
        client: client(institution).id,
        platform: Platform::Shopline,
        store_url: "https://demo.example".to_owned(),
        name: "Demo".to_owned(),
        category: "shoes".to_owned(),
        extra_info: Some("{}".to_owned()),
        seller_id: None,
        auth_type: None,
        state: StoreState::Unauthorized,
        sequence: 0,
        revision: 0,
        created_at: at(0),
    }
}

/// An attempt of the store with the same number.
pub(crate) fn attempt(number: u128, auth_type: AuthType) -> Authorization {
    Authorization {
        id: attempt_id(number),
        store: store_id(number),
        institution: ALPHA,
        platform: Platform::Shopline,
        app: None,
        auth_type,
        expected_shop: Some(ShopLabel::from_checked("demo")),
        seller_id: Some("Demo".to_owned()),
        beside: None,
        redirect_url: Some("https://pay.example/done".to_owned()),
        deadline_at: at(600),
        created_at: at(0),
        state: AuthorizationState::Pending,
    }
}

/// A hash as a test writes it down.
pub(crate) fn hash(number: u8) -> [u8; 32] {
    [number; 32]
}

pub(crate) fn link(number: u8) -> Carried {
    Carried::Link {
        state_hash: hash(number),
    }
}

/// The credential `text` of attempt `number`.
pub(crate) fn key(number: u128, text: &str) -> Carried {
    Carried::Key {
        credential: sealed(Place::AuthorizationCredential(attempt_id(number)), text),
        fingerprint: fingerprint(text),
    }
}

pub(crate) fn shop(value: &str, label: Option<&str>) -> ProvenShop {
    ProvenShop {
        identity: ShopIdentity::new(IdentityRealm::Shopline, value),
        label: label.map(ShopLabel::from_checked),
    }
}

pub(crate) fn scopes() -> Scopes {
    Scopes::assess(
        &GrantedScopes::flat(["read_orders"]),
        &[RequiredScope::read("read_products")],
        WriteScope::StandsAlone,
    )
}

/// The grant of the store and attempt with the same number; it ends at 1000 s.
pub(crate) fn grant(number: u128) -> Grant {
    Grant {
        id: grant_id(number),
        store: store_id(number),
        institution: ALPHA,
        authorization: attempt_id(number),
        platform: Platform::Shopline,
        shop: shop("9001", Some("demo")),
        origin: "https://demo.example".to_owned(),
        scopes: scopes(),
        scopes_told: None,
        expires_at: Some(at(1000)),
        upkeep: Upkeep::default(),
        scopes_due_at: at(500),
        created_at: at(10),
    }
}

pub(crate) fn authorized(number: u128) -> Authorized {
    Authorized {
        grant: grant_id(number),
        shop: shop("9001", None).identity,
        scopes: scopes(),
        authorized_at: at(10),
        expires_at: Some(at(1000)),
        coverage: ScopeCoverage::Complete,
        renewal: Renewal::Good,
        reauthorize_by: None,
        reauthorization: None,
    }
}

/// An event of no store, so that only its id must be new.
pub(crate) fn event(number: u128, institution: InstitutionId) -> Event {
    Event {
        id: event_id(number),
        institution,
        app_id: AppId::new("alpha"),
        event_type: EventType::StoreAuthSucceeded,
        store: None,
        endpoint: None,
        payload: number.to_string().into_bytes(),
    }
}

/// The event that tells the store's `sequence`.
pub(crate) fn store_event(number: u128, store: u128, sequence: i64) -> Event {
    Event {
        store: Some(EventStore {
            id: store_id(store),
            platform: Platform::Shopline,
            sequence,
        }),
        ..event(number, ALPHA)
    }
}

pub(crate) fn endpoint(number: u128, institution: InstitutionId) -> Endpoint {
    Endpoint {
        id: endpoint_id(number),
        institution,
        url: "https://hooks.example/in".to_owned(),
        event_types: vec![EventType::StoreAuthSucceeded, EventType::StoreUnbound],
        description: Some("orders".to_owned()),
        status: EndpointStatus::Unverified,
        created_at: at(0),
    }
}

/// Both institutions, each with its client.
pub(crate) async fn settle(storage: &Storage) {
    storage
        .write(async |tx| {
            for id in [ALPHA, BETA] {
                institutions::insert(tx, &institution(id)).await?;
                clients::insert_new(tx, &client(id)).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .expect("an empty database takes them");
}

/// Stores 1 and 2 of Alpha and store 3 of Beta, beside everything that [`settle`] makes.
pub(crate) async fn settle_stores(storage: &Storage) {
    settle(storage).await;
    storage
        .write(async |tx| {
            stores::insert(tx, &store(1, ALPHA)).await?;
            stores::insert(tx, &store(2, ALPHA)).await?;
            stores::insert(tx, &store(3, BETA)).await
        })
        .await
        .expect("the institutions and clients are there");
}

/// Inserts an attempt as it begins.
pub(crate) async fn begin(storage: &Storage, attempt: &Authorization, carried: Carried) {
    storage
        .write(async |tx| authorizations::insert(tx, attempt, carried).await)
        .await
        .expect("the store is there");
}

pub(crate) async fn append(storage: &Storage, events: &[Event]) {
    storage
        .write(async |tx| {
            for event in events {
                outbox::append(tx, event, at(0)).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .expect("the events are new");
}

/// Gives the events their places; they stay due.
pub(crate) async fn place_in(tx: &Tx, limit: u64) -> Result<usize, StorageError> {
    let placed = outbox::place_for_worker(tx, lease(0), at(0), limit).await?;
    Ok(placed.len())
}

/// As a relay does it, of which there may be several.
pub(crate) async fn place(storage: &Storage, limit: u64) -> usize {
    storage
        .write_optimistically(async |tx| place_in(tx, limit).await)
        .await
        .expect("the events are readable")
}

//! Events: appended in the transaction of their change, told afterwards.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use chrono::{DateTime, Utc};
use domain::{AppId, EndpointId, EventId, EventType, InstitutionId, LeaseId, Platform, StoreId};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Set,
};
use uuid::Uuid;

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::row::counter;
use crate::row::outbox::{ActiveModel, Column, Entity, Model};

/// A committed fact; its bytes are fixed here, and every channel carries them unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub institution: InstitutionId,
    pub app_id: AppId,
    pub event_type: EventType,
    /// The store it is about, with its place among the store's events.
    pub store: Option<EventStore>,
    /// The one endpoint it is meant for; otherwise every endpoint that wants the type.
    pub endpoint: Option<EndpointId>,
    pub payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventStore {
    pub id: StoreId,
    pub platform: Platform,
    pub sequence: i64,
}

/// Appends an event. There is no other way to emit one, and it takes a transaction.
pub async fn append(tx: &Tx, event: &Event, now: DateTime<Utc>) -> Result<(), StorageError> {
    let row = Model {
        id: event.id.uuid(),
        institution_id: event.institution.uuid(),
        app_id: event.app_id.as_str().to_owned(),
        store_id: event.store.map(|store| store.id.uuid()),
        platform: event.store.map(|store| store.platform.code().to_owned()),
        sequence: event.store.map(|store| store.sequence),
        event_type: event.event_type.code().to_owned(),
        endpoint_id: event.endpoint.map(EndpointId::uuid),
        payload: event.payload.clone(),
        position: None,
        lease_id: None,
        lease_until: 0,
        published_at: None,
        effect_at: None,
        created_at: to_millis(now),
    };
    Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    tx.announce();
    Ok(())
}

/// Gives events that are committed their places in the feed. Places are handed out under the lock of one
/// counter row, so that a place is never seen before all smaller ones: no reader's cursor can pass an
/// event that is still to appear. Returns how many were placed.
pub async fn place_for_worker(tx: &Tx, limit: u64) -> Result<usize, StorageError> {
    let counter = counter::Entity::find_by_id("event_position")
        .lock_exclusive()
        .one(tx.connection())
        .await?
        .ok_or_else(|| StorageError::corrupt("counters", "event_position", "it is missing"))?;
    let waiting: Vec<Waiting> = Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::StoreId)
        .column(Column::Sequence)
        .filter(Column::Position.is_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(tx.connection())
        .await?;
    let ids = in_order_of_stores(&waiting);
    let mut position = counter.value;
    for id in &ids {
        position += 1;
        let change = ActiveModel {
            position: Set(Some(position)),
            ..Default::default()
        };
        Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(*id))
            .exec(tx.connection())
            .await?;
    }
    if !ids.is_empty() {
        let change = counter::ActiveModel {
            value: Set(position),
            ..Default::default()
        };
        counter::Entity::update_many()
            .set(change)
            .filter(counter::Column::Name.eq("event_position"))
            .exec(tx.connection())
            .await?;
        // A reader that waits for the feed sees the events only now.
        tx.announce();
    }
    Ok(ids.len())
}

/// An event without a place: its id, and its store with its sequence there.
type Waiting = (Uuid, Option<Uuid>, Option<i64>);

/// The ids as they come, but the events of one store by their sequence: ids of several processes, drawn
/// within one millisecond or by clocks that differ, say nothing about what came first.
fn in_order_of_stores(waiting: &[Waiting]) -> Vec<Uuid> {
    let mut of_store: HashMap<Uuid, BinaryHeap<Reverse<(i64, Uuid)>>> = HashMap::new();
    for (id, store, sequence) in waiting {
        if let (Some(store), Some(sequence)) = (store, sequence) {
            let events = of_store.entry(*store).or_default();
            events.push(Reverse((*sequence, *id)));
        }
    }
    let mut next_of = |store: &Uuid| Some(of_store.get_mut(store)?.pop()?.0.1);
    waiting
        .iter()
        .map(|(id, store, _)| store.as_ref().and_then(&mut next_of).unwrap_or(*id))
        .collect()
}

/// Whether there is anything to place or to publish; asked before a transaction is opened for it.
pub async fn has_work_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let due = Column::EffectAt
        .is_null()
        .and(Column::LeaseUntil.lte(to_millis(now)));
    let row: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(due.or(Column::Position.is_null()))
        .limit(1)
        .into_tuple()
        .one(db.connection())
        .await?;
    Ok(row.is_some())
}

/// Leases events that nobody has taken note of yet, oldest first; no other relay gets them before
/// `lease_until`.
pub async fn lease_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Event>, StorageError> {
    let rows = Entity::find()
        .filter(Column::EffectAt.is_null())
        .filter(Column::LeaseUntil.lte(to_millis(now)))
        .order_by_asc(Column::Id)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx.connection())
        .await?;
    let change = ActiveModel {
        lease_id: Set(Some(lease.uuid())),
        lease_until: Set(to_millis(lease_until)),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(tx.connection())
        .await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// Notes that the bus has taken the events. Should no effect be recorded by `publish_again_at`, they
/// are leased and published once more.
pub async fn mark_published_for_worker(
    tx: &Tx,
    lease: LeaseId,
    events: &[EventId],
    now: DateTime<Utc>,
    publish_again_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let change = ActiveModel {
        published_at: Set(Some(to_millis(now))),
        lease_until: Set(to_millis(publish_again_at)),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .filter(Column::Id.is_in(events.iter().map(|id| id.uuid())))
        .filter(Column::LeaseId.eq(lease.uuid()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Gives back events that the bus did not take; they are due again at `again_at`.
pub async fn release_for_worker(
    tx: &Tx,
    lease: LeaseId,
    events: &[EventId],
    again_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(to_millis(again_at)))
        .filter(Column::Id.is_in(events.iter().map(|id| id.uuid())))
        .filter(Column::LeaseId.eq(lease.uuid()))
        .filter(Column::EffectAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// The event, if its effect has not been recorded, which happens now: one transaction of all that get
/// the same message has the effect.
pub async fn record_effect_for_worker(
    tx: &Tx,
    id: EventId,
    now: DateTime<Utc>,
) -> Result<Option<Event>, StorageError> {
    let change = ActiveModel {
        effect_at: Set(Some(to_millis(now))),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::EffectAt.is_null())
        .exec(tx.connection())
        .await?
        .rows_affected;
    if touched == 0 {
        return Ok(None);
    }
    let row = Entity::find_by_id(id.uuid()).one(tx.connection()).await?;
    row.map(Event::try_from).transpose()
}

/// An event in the feed, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    pub position: i64,
    pub payload: Vec<u8>,
}

/// The institution's events behind `after`, in the order of their places.
pub async fn list_feed(
    db: &impl Executor,
    institution: InstitutionId,
    after: i64,
    limit: u64,
) -> Result<Vec<FeedEntry>, StorageError> {
    let rows: Vec<(i64, Vec<u8>)> = Entity::find()
        .select_only()
        .column(Column::Position)
        .column(Column::Payload)
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::Position.gt(after))
        .order_by_asc(Column::Position)
        .limit(limit)
        .into_tuple()
        .all(db.connection())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(position, payload)| FeedEntry { position, payload })
        .collect())
}

/// The smallest place that is still kept: what lies before it is past its retention. `None` while
/// nothing was ever placed or everything is past it.
pub async fn oldest_kept_position(db: &impl Executor) -> Result<Option<i64>, StorageError> {
    Ok(Entity::find()
        .select_only()
        .column_as(Column::Position.min(), "oldest")
        .into_tuple::<Option<i64>>()
        .one(db.connection())
        .await?
        .flatten())
}

/// The place of the newest event that has one.
pub async fn newest_position(db: &impl Executor) -> Result<i64, StorageError> {
    let row = counter::Entity::find_by_id("event_position")
        .one(db.connection())
        .await?;
    Ok(row.map_or(0, |row| row.value))
}

impl TryFrom<Model> for Event {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = EventId::new(row.id);
        let corrupt = |what| StorageError::corrupt("outbox", id, what);
        let store = match (row.store_id, row.platform, row.sequence) {
            (Some(store), Some(platform), Some(sequence)) => Some(EventStore {
                id: StoreId::new(store),
                platform: platform.parse().map_err(|_| corrupt("platform"))?,
                sequence,
            }),
            (None, None, None) => None,
            _ => return Err(corrupt("half of a store")),
        };
        Ok(Self {
            id,
            institution: InstitutionId::new(row.institution_id),
            app_id: AppId::new(row.app_id),
            event_type: EventType::from_code(&row.event_type)
                .ok_or_else(|| corrupt("event_type"))?,
            store,
            endpoint: row.endpoint_id.map(EndpointId::new),
            payload: row.payload,
        })
    }
}

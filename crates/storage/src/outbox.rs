//! Events: appended in the transaction of their change, told afterwards.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use chrono::{DateTime, Utc};
use domain::{AppId, EndpointId, EventId, EventType, InstitutionId, LeaseId, Platform, StoreId};
use sea_orm::sea_query::{
    Expr, IntoIden, IntoValueTuple, LockBehavior, LockType, Query, TableRef, ValueTuple,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::to_millis;
use crate::news::News;
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
    tx.announce(News::Events);
    tx.announce(News::Outcomes);
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("outbox", insert)).await
}

/// Gives events that are committed their places in the feed, and leases them; returns them in that order.
/// Places are handed out under the lock of one counter row, so that a place is never seen before all
/// smaller ones: no reader's cursor can pass an event that is still to appear.
pub async fn place_for_worker(
    tx: &Tx,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Event>, StorageError> {
    let counter = counter::Entity::find_by_id("event_position")
        .lock_exclusive()
        .one(tx.connection())
        .await?
        .ok_or_else(|| StorageError::corrupt("counters", "event_position", "it is missing"))?;
    let waiting = Entity::find()
        .filter(Column::Position.is_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(tx.connection())
        .await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let events = in_order_of_stores(waiting);
    let places: Vec<ValueTuple> = events
        .iter()
        .zip(counter.value + 1..)
        .map(|(row, place)| (row.id, place).into_value_tuple())
        .collect();
    let last = counter.value + i64::try_from(events.len()).unwrap_or(i64::MAX);
    let update = Query::update()
        .table(Entity)
        .value(Column::Position, Expr::col(("places", "column2")))
        .value(Column::LeaseId, lease.uuid())
        .value(Column::LeaseUntil, to_millis(lease_until))
        .from(TableRef::ValuesList(places, "places".into_iden()))
        .and_where(Expr::col((Entity, Column::Id)).equals(("places", "column1")))
        .to_owned();
    tx.write_later(Write::any("outbox", update)).await?;
    let count = Query::update()
        .table(counter::Entity)
        .value(counter::Column::Value, last)
        .and_where(counter::Column::Name.eq("event_position"))
        .to_owned();
    tx.write_later(Write::any("counters", count)).await?;
    // A reader that waits for the feed sees the events only now.
    tx.announce(News::Feed);
    Ok(readable(events))
}

/// The events as they come, but those of one store by their sequence: ids of several processes, drawn
/// within one millisecond or by clocks that differ, say nothing about what came first.
fn in_order_of_stores(waiting: Vec<Model>) -> Vec<Model> {
    let mut of_store: HashMap<Uuid, BinaryHeap<Reverse<(i64, usize)>>> = HashMap::new();
    for (index, row) in waiting.iter().enumerate() {
        if let (Some(store), Some(sequence)) = (row.store_id, row.sequence) {
            let events = of_store.entry(store).or_default();
            events.push(Reverse((sequence, index)));
        }
    }
    let order: Vec<usize> = waiting
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let events = row.store_id.and_then(|store| of_store.get_mut(&store));
            let next = events.and_then(BinaryHeap::pop);
            next.map_or(index, |Reverse((_, index))| index)
        })
        .collect();
    let mut waiting: Vec<Option<Model>> = waiting.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|index| waiting[index].take())
        .collect()
}

/// One event that cannot be read must not hold up the others; it comes again when its lease is over.
fn readable(rows: Vec<Model>) -> Vec<Event> {
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        match Event::try_from(row) {
            Ok(event) => events.push(event),
            Err(error) => tracing::error!(%error, "an event cannot be told"),
        }
    }
    events
}

/// Whether there is anything to place or to publish; asked before a transaction is opened for it. The two
/// are asked apart, and in the order of their indexes: a database that expects to find one soon would walk
/// through the whole table otherwise, and when there is none it would not stop.
pub async fn has_work_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let unplaced = Entity::find()
        .filter(Column::Position.is_null())
        .order_by_asc(Column::Id);
    let due = Entity::find()
        .filter(Column::EffectAt.is_null())
        .filter(Column::LeaseUntil.lte(to_millis(now)))
        .order_by_asc(Column::LeaseUntil);
    for question in [unplaced, due] {
        let first: Option<Uuid> = question
            .select_only()
            .column(Column::Id)
            .limit(1)
            .into_tuple()
            .one(db.connection())
            .await?;
        if first.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Leases events that have their place and that nobody has taken note of, the longest due first; no other
/// relay gets them before `lease_until`.
pub async fn lease_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Event>, StorageError> {
    let mut rows = Entity::find()
        .filter(Column::EffectAt.is_null())
        .filter(Column::LeaseUntil.lte(to_millis(now)))
        .filter(Column::Position.is_not_null())
        // By the index, however many are due; the order within the batch is made below.
        .order_by_asc(Column::LeaseUntil)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx.connection())
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    rows.sort_unstable_by_key(|row| row.position);
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
    Ok(readable(rows))
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

/// Those of the events whose effect has not been recorded, which happens now: one transaction of all that
/// get the same message has the effect.
pub async fn record_effects_for_worker(
    tx: &Tx,
    ids: &[EventId],
    now: DateTime<Utc>,
) -> Result<Vec<Event>, StorageError> {
    let change = ActiveModel {
        effect_at: Set(Some(to_millis(now))),
        ..Default::default()
    };
    let mut rows = Entity::update_many()
        .set(change)
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(Column::EffectAt.is_null())
        .exec_with_returning(tx.connection())
        .await?;
    rows.sort_unstable_by_key(|row| row.position);
    rows.into_iter().map(Event::try_from).collect()
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

//! Events: appended in the transaction of their change, told afterwards.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use chrono::{DateTime, Utc};
use domain::{AppId, EndpointId, EventId, EventType, InstitutionId, LeaseId, Platform, StoreId};
use sea_orm::sea_query::{
    Condition, Expr, IntoIden, IntoValueTuple, LockType, Query, TableRef, ValueTuple,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use crate::due::{Due, readable};
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::to_millis;
use crate::lock_order::locked_in_order;
use crate::news::News;
use crate::row::counter;
use crate::row::outbox::{ActiveModel, Column, Entity, Model};
use crate::shape::filled;
use crate::still::still;

/// The counter of the places in the feed.
const EVENT_POSITION: &str = "event_position";

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
    if tx.locks() {
        counter::Entity::find_by_id(EVENT_POSITION)
            .lock_exclusive()
            .one(tx.connection())
            .await?;
    }
    let last_place = counter::Entity::find_by_id(EVENT_POSITION)
        .select_only()
        .column(counter::Column::Value)
        .into_query();
    // In one statement, which sees the events as they are with that counter.
    let waiting = Entity::find()
        .expr_as(
            Expr::SubQuery(None, Box::new(last_place.into())),
            "last_place",
        )
        .filter(Column::Position.is_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_model::<Waiting>()
        .all(tx.connection())
        .await?;
    let Some(last_place) = waiting.first().map(|waiting| waiting.last_place) else {
        return Ok(Vec::new());
    };
    let missing = || StorageError::corrupt("counters", EVENT_POSITION, "it is missing");
    let last_place = last_place.ok_or_else(missing)?;
    let events = in_order_of_stores(waiting.into_iter().map(|waiting| waiting.row).collect());
    let newest = last_place + i64::try_from(events.len()).unwrap_or(i64::MAX);
    // Without the lock somebody may have given these places in between: then nothing of it is written. First,
    // so that of two who try it without the lock one waits here, and neither for a row that the other has.
    let count = Query::update()
        .table(counter::Entity)
        .value(counter::Column::Value, newest)
        .and_where(counter::Column::Name.eq(EVENT_POSITION))
        .and_where(counter::Column::Value.eq(last_place))
        .to_owned();
    let stale = StorageError::stale("counters", EVENT_POSITION);
    tx.write_later(Write::one("counters", count, stale)).await?;
    let places = events
        .iter()
        .zip(last_place + 1..)
        .map(|(row, place)| (row.id, place).into_value_tuple());
    let places: Vec<ValueTuple> = filled(places);
    let update = Query::update()
        .table(Entity)
        .value(Column::Position, Expr::col(("places", "column2")))
        .value(Column::LeaseId, lease.uuid())
        .value(Column::LeaseUntil, to_millis(lease_until))
        .from(TableRef::ValuesList(places, "places".into_iden()))
        .and_where(Expr::col((Entity, Column::Id)).equals(("places", "column1")))
        .to_owned();
    tx.write_later(Write::any("outbox", update)).await?;
    // A reader that waits for the feed sees the events only now.
    tx.announce(News::Feed);
    Ok(readable_events(events))
}

/// An event without a place, and the last place that was given when it was read.
#[derive(FromQueryResult)]
struct Waiting {
    #[sea_orm(nested)]
    row: Model,
    last_place: Option<i64>,
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

fn readable_events(rows: Vec<Model>) -> Vec<Event> {
    readable(rows, "an event cannot be told", Event::try_from)
}

/// Whether an event is due that has its place; asked before a transaction is opened for it.
pub async fn has_due_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    due(now).exists(db).await
}

fn due(now: DateTime<Utc>) -> Due<Entity> {
    let condition = Condition::all()
        .add(Column::EffectAt.is_null())
        .add(Column::LeaseUntil.lte(to_millis(now)))
        .add(Column::Position.is_not_null());
    Due {
        condition,
        since: Column::LeaseUntil,
    }
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
    // By the index, however many are due; the order within the batch is made below.
    let mut rows = due(now).lock(tx, limit).await?;
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
        .filter(Column::Id.is_in(filled(rows.iter().map(|row| row.id))))
        .exec(tx.connection())
        .await?;
    Ok(readable_events(rows))
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
    let mark = Entity::update_many()
        .col_expr(Column::PublishedAt, Expr::value(to_millis(now)))
        .col_expr(Column::LeaseUntil, Expr::value(to_millis(publish_again_at)))
        .filter(is_one_of_locked(tx, events))
        .filter(Column::LeaseId.eq(lease.uuid()));
    tx.write_later(Write::any("outbox", mark.into_query()))
        .await
}

/// Gives back events that the bus did not take; they are due again at `again_at`.
pub async fn release_for_worker(
    tx: &Tx,
    lease: LeaseId,
    events: &[EventId],
    again_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let release = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(to_millis(again_at)))
        .filter(is_one_of_locked(tx, events))
        .filter(Column::LeaseId.eq(lease.uuid()))
        .filter(has_no_effect());
    tx.write_later(Write::any("outbox", release.into_query()))
        .await
}

/// Those of the events whose effect has not been recorded, in the order of their places; it is recorded
/// now: one transaction of all that get the same message has the effect.
pub async fn record_effects_for_worker(
    tx: &Tx,
    ids: &[EventId],
    now: DateTime<Utc>,
) -> Result<Vec<Event>, StorageError> {
    let mut question = Entity::find()
        .filter(is_one_of(ids))
        .filter(has_no_effect());
    if tx.locks() {
        question = question
            .order_by_asc(Column::Id)
            .lock(LockType::NoKeyUpdate);
    }
    let mut rows = question.all(tx.connection()).await?;
    let (Some(first), Ok(count)) = (rows.first(), u64::try_from(rows.len())) else {
        return Ok(Vec::new());
    };
    let stale = StorageError::stale("outbox", first.id);
    rows.sort_unstable_by_key(|row| row.position);
    let events: Vec<Event> = rows
        .into_iter()
        .map(Event::try_from)
        .collect::<Result<_, _>>()?;
    let found: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let record = Entity::update_many()
        .col_expr(Column::EffectAt, Expr::value(to_millis(now)))
        .filter(is_one_of_locked(tx, &found))
        .filter(has_no_effect());
    tx.write_later(Write::rows(count, "outbox", record.into_query(), stale))
        .await?;
    Ok(events)
}

fn is_one_of(ids: &[EventId]) -> Expr {
    Column::Id.is_in(filled(ids.iter().map(|id| id.uuid())))
}

/// The same, for updates: a relay and a fan-out change the events of one batch at the same time.
fn is_one_of_locked(tx: &Tx, ids: &[EventId]) -> Condition {
    locked_in_order(tx, Entity, Column::Id, is_one_of(ids))
}

fn has_no_effect() -> Expr {
    still(Column::EffectAt.is_null())
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
    let row = counter::Entity::find_by_id(EVENT_POSITION)
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

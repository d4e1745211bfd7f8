//! One event for one endpoint: when it is tried next, and how it ended.

use std::collections::HashMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::endpoint::{Endpoint, EndpointStatus};
use domain::{DeliveryId, EndpointId, EventId, InstitutionId, LeaseId};
use sea_orm::sea_query::{Expr, OnConflict, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use crate::due::{Due, readable};
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::to_millis;
use crate::literal::is_word;
use crate::lock_order::locked_in_order;
use crate::news::News;
use crate::row::delivery::{ActiveModel, Column, Entity, Model};
use crate::row::{endpoint, outbox};
use crate::sealing::Sealed;
use crate::shape::filled;
use crate::still::still;

/// A delivery that is due at once.
#[derive(Clone, Copy, Debug)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub endpoint: EndpointId,
    pub institution: InstitutionId,
    /// Who tries it right away, and how long nobody else does.
    pub lease: Option<(LeaseId, DateTime<Utc>)>,
}

pub async fn insert_for_worker(
    tx: &Tx,
    new: &[NewDelivery],
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = new.iter().map(|delivery| {
        Model {
            id: delivery.id.uuid(),
            event_id: delivery.event.uuid(),
            endpoint_id: delivery.endpoint.uuid(),
            institution_id: delivery.institution.uuid(),
            status: DeliveryStatus::Pending.code().to_owned(),
            attempts: 0,
            next_attempt_at: to_millis(now),
            lease_id: delivery.lease.map(|(lease, _)| lease.uuid()),
            lease_until: delivery.lease.map_or(0, |(_, until)| to_millis(until)),
            created_at: to_millis(now),
            finished_at: None,
        }
        .into_active_model()
        .reset_all()
    });
    let insert = Entity::insert_many(filled(rows))
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .into_query();
    tx.write_later(Write::any("deliveries", insert)).await?;
    if new.iter().any(|delivery| delivery.lease.is_none()) {
        tx.announce(News::Deliveries);
    }
    Ok(())
}

/// A delivery to try now.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub payload: Bytes,
    pub endpoint: Endpoint,
    pub secret: Sealed,
    /// How often it was tried before.
    pub attempts: usize,
}

/// Deliveries that were leased together.
#[derive(Debug, Default)]
pub struct Leased {
    pub due: Vec<DueDelivery>,
    /// Whether others were leased with them that cannot be read, so that more may be due behind them.
    pub has_unreadable: bool,
}

/// Leases deliveries that are due, the longest due first; nobody else gets them before `lease_until`.
/// No endpoint gets more than `per_endpoint` of them, and `busy` endpoints, which have as many attempts
/// under way as they may, get none.
pub async fn lease_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
    busy: &[EndpointId],
    per_endpoint: usize,
    limit: u64,
) -> Result<Leased, StorageError> {
    let mut due = due(now);
    due.condition = due
        .condition
        .add(Column::EndpointId.is_not_in(filled(busy.iter().map(|id| id.uuid()))));
    let mut rows = due.lock(tx, limit).await?;
    rows.sort_unstable_by_key(|row| (row.next_attempt_at, row.id));
    if rows.is_empty() {
        return Ok(Leased::default());
    }
    let endpoints = read_endpoints(tx, &rows).await?;
    let mut taken: HashMap<Uuid, usize> = HashMap::new();
    rows.retain(|row| {
        // All are put off of an endpoint that cannot be read, or they would be the longest due for ever.
        if !endpoints.contains_key(&row.endpoint_id) {
            return true;
        }
        let taken = taken.entry(row.endpoint_id).or_default();
        *taken += 1;
        *taken <= per_endpoint
    });
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
    let count = rows.len();
    let due = attach(tx, rows, &endpoints).await?;
    Ok(Leased {
        has_unreadable: due.len() < count,
        due,
    })
}

/// The endpoints to which nothing is sent. Asked for the open ones instead, SQLite would walk through all
/// that an endpoint was ever sent, and not through what is due.
fn closed_endpoints() -> SelectStatement {
    let disabled = endpoint::Column::Status.eq(EndpointStatus::Disabled.code());
    Query::select()
        .column(endpoint::Column::Id)
        .from(endpoint::Entity)
        .and_where(endpoint::Column::DeletedAt.is_not_null().or(disabled))
        .to_owned()
}

/// The endpoints of the rows that can be read, each once.
async fn read_endpoints(
    tx: &Tx,
    rows: &[Model],
) -> Result<HashMap<Uuid, (Endpoint, Sealed)>, StorageError> {
    let found = endpoint::Entity::find()
        .filter(endpoint::Column::Id.is_in(filled(rows.iter().map(|row| row.endpoint_id))))
        .all(tx.connection())
        .await?;
    let read = |row: endpoint::Model| {
        let secret = Sealed(row.secret.clone());
        Ok((row.id, (Endpoint::try_from(row)?, secret)))
    };
    let endpoints = readable(found, "an endpoint cannot be read", read);
    Ok(endpoints.into_iter().collect())
}

/// Reads the events of the leased rows, each once.
async fn attach(
    tx: &Tx,
    rows: Vec<Model>,
    endpoints: &HashMap<Uuid, (Endpoint, Sealed)>,
) -> Result<Vec<DueDelivery>, StorageError> {
    let payloads: HashMap<Uuid, Bytes> = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::Id)
        .column(outbox::Column::Payload)
        .filter(outbox::Column::Id.is_in(filled(rows.iter().map(|row| row.event_id))))
        .into_tuple::<(Uuid, Vec<u8>)>()
        .all(tx.connection())
        .await?
        .into_iter()
        .map(|(id, payload)| (id, Bytes::from(payload)))
        .collect();
    let read = |row: Model| {
        let id = DeliveryId::new(row.id);
        let corrupt = |what| StorageError::corrupt("deliveries", id, what);
        let endpoint = endpoints.get(&row.endpoint_id);
        let (endpoint, secret) = endpoint.ok_or_else(|| corrupt("no endpoint"))?;
        let payload = payloads.get(&row.event_id);
        Ok(DueDelivery {
            id,
            event: EventId::new(row.event_id),
            payload: payload.ok_or_else(|| corrupt("no event"))?.clone(),
            endpoint: endpoint.clone(),
            secret: secret.clone(),
            attempts: usize::try_from(row.attempts).map_err(|_| corrupt("attempts"))?,
        })
    };
    Ok(readable(rows, "a delivery cannot be tried", read))
}

/// How a leased delivery goes on.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    Try { at: DateTime<Utc> },
    End(DeliveryStatus),
}

/// Counts an attempt and writes how the delivery goes on. `false` when the lease was lost: then
/// somebody else tries it, and this attempt stands only in the record.
pub async fn count_attempt_for_worker(
    tx: &Tx,
    id: DeliveryId,
    lease: LeaseId,
    next: Next,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let change = match next {
        Next::Try { at } => ActiveModel {
            next_attempt_at: Set(to_millis(at)),
            lease_until: Set(0),
            ..Default::default()
        },
        Next::End(status) => ActiveModel {
            status: Set(status.code().to_owned()),
            finished_at: Set(Some(to_millis(now))),
            lease_until: Set(0),
            ..Default::default()
        },
    };
    let touched = Entity::update_many()
        .set(change)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::LeaseId.eq(lease.uuid()))
        .filter(is_still_pending())
        .exec(tx.connection())
        .await?
        .rows_affected;
    Ok(touched == 1)
}

/// Counts an attempt of each and ends them as delivered; those whose lease was lost are left alone.
pub async fn end_as_delivered_for_worker(
    tx: &Tx,
    lease: LeaseId,
    ids: &[DeliveryId],
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let change = ActiveModel {
        status: Set(DeliveryStatus::Delivered.code().to_owned()),
        finished_at: Set(Some(to_millis(now))),
        lease_until: Set(0),
        ..Default::default()
    };
    let those = Column::Id.is_in(filled(ids.iter().map(|id| id.uuid())));
    let end = Entity::update_many()
        .set(change)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(locked_in_order(tx, Entity, Column::Id, those))
        .filter(Column::LeaseId.eq(lease.uuid()))
        .filter(is_still_pending());
    tx.write_later(Write::any("deliveries", end.into_query()))
        .await
}

/// Ends what was still to be delivered to an endpoint that is deleted.
pub async fn abandon(
    tx: &Tx,
    institution: InstitutionId,
    endpoint: EndpointId,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let change = ActiveModel {
        status: Set(DeliveryStatus::Abandoned.code().to_owned()),
        finished_at: Set(Some(to_millis(now))),
        ..Default::default()
    };
    let those = Column::EndpointId
        .eq(endpoint.uuid())
        .and(Column::InstitutionId.eq(institution.uuid()))
        .and(Column::Status.eq(DeliveryStatus::Pending.code()));
    Entity::update_many()
        .set(change)
        .filter(locked_in_order(tx, Entity, Column::Id, those))
        .filter(is_still_pending())
        .exec(tx.connection())
        .await?;
    Ok(())
}

fn is_still_pending() -> Expr {
    still(Column::Status.eq(DeliveryStatus::Pending.code()))
}

/// Whether any delivery is due; asked before a transaction is opened for it.
pub async fn has_due_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    due(now).exists(db).await
}

fn due(now: DateTime<Utc>) -> Due<Entity> {
    let condition = Condition::all()
        .add(is_word(Column::Status, DeliveryStatus::Pending.code()))
        .add(Column::NextAttemptAt.lte(to_millis(now)))
        .add(Column::LeaseUntil.lte(to_millis(now)))
        .add(Column::EndpointId.not_in_subquery(closed_endpoints()));
    Due {
        condition,
        since: Column::NextAttemptAt,
    }
}

//! Every table that grows loses what nobody needs any more, a batch at a time.

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::endpoint::EndpointStatus;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::row::{
    access_token, authorization, delivery, endpoint, grant, idempotency_key, institution_key,
    nonce, outbox, store,
};

/// Deletes tokens, nonces, kept answers and replaced secrets that no longer count.
pub async fn delete_expired_for_worker(tx: &Tx, now: DateTime<Utc>) -> Result<u64, StorageError> {
    let now = to_millis(now);
    let db = tx.connection();
    let tokens = access_token::Entity::delete_many()
        .filter(access_token::Column::ExpiresAt.lte(now))
        .exec(db)
        .await?;
    let nonces = nonce::Entity::delete_many()
        .filter(nonce::Column::ExpiresAt.lte(now))
        .exec(db)
        .await?;
    let answers = idempotency_key::Entity::delete_many()
        .filter(idempotency_key::Column::ExpiresAt.lte(now))
        .exec(db)
        .await?;
    let secrets = institution_key::Entity::delete_many()
        .filter(institution_key::Column::ExpiresAt.lte(now))
        .exec(db)
        .await?;
    Ok([tokens, nonces, answers, secrets]
        .iter()
        .map(|result| result.rows_affected)
        .sum())
}

/// Deletes events that were created before `before`, are placed and taken note of, and are still owed to
/// nobody; their deliveries and attempts go with them. An endpoint that said it is gone is owed nothing
/// beyond that time, or it would keep its events for ever. Returns how many went.
pub async fn delete_events_for_worker(
    tx: &Tx,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StorageError> {
    let taking = Query::select()
        .column(endpoint::Column::Id)
        .from(endpoint::Entity)
        .and_where(endpoint::Column::Status.ne(EndpointStatus::Disabled.code()))
        .to_owned();
    let owed = Query::select()
        .column(delivery::Column::EventId)
        .from(delivery::Entity)
        .and_where(delivery::Column::Status.eq(DeliveryStatus::Pending.code()))
        .and_where(delivery::Column::EndpointId.in_subquery(taking))
        .to_owned();
    let ids: Vec<Uuid> = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::Id)
        .filter(outbox::Column::CreatedAt.lt(to_millis(before)))
        .filter(outbox::Column::EffectAt.is_not_null())
        .filter(outbox::Column::Position.is_not_null())
        .filter(outbox::Column::Id.not_in_subquery(owed))
        .order_by_asc(outbox::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(tx.connection())
        .await?;
    let deleted = outbox::Entity::delete_many()
        .filter(outbox::Column::Id.is_in(ids))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

/// Deletes what ended before `before`: grants, attempts that no grant comes from any more, and then stores
/// that were unbound and have no attempts left. Returns how many went.
pub async fn delete_ended_for_worker(
    tx: &Tx,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StorageError> {
    let (db, before) = (tx.connection(), to_millis(before));
    let ended: Vec<Uuid> = grant::Entity::find()
        .select_only()
        .column(grant::Column::Id)
        .filter(grant::Column::EndedAt.lt(before))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let grants = grant::Entity::delete_many()
        .filter(grant::Column::Id.is_in(ended))
        .exec(db)
        .await?;

    let proven = Query::select()
        .column(grant::Column::AuthorizationId)
        .from(grant::Entity)
        .to_owned();
    let finished: Vec<Uuid> = authorization::Entity::find()
        .select_only()
        .column(authorization::Column::Id)
        .filter(authorization::Column::FinishedAt.lt(before))
        .filter(authorization::Column::Id.not_in_subquery(proven))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let attempts = authorization::Entity::delete_many()
        .filter(authorization::Column::Id.is_in(finished))
        .exec(db)
        .await?;

    let tried = Query::select()
        .column(authorization::Column::StoreId)
        .from(authorization::Entity)
        .to_owned();
    let unbound: Vec<Uuid> = store::Entity::find()
        .select_only()
        .column(store::Column::Id)
        .filter(store::Column::UnboundAt.lt(before))
        .filter(store::Column::Id.not_in_subquery(tried))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let stores = store::Entity::delete_many()
        .filter(store::Column::Id.is_in(unbound))
        .exec(db)
        .await?;
    Ok([grants, attempts, stores]
        .iter()
        .map(|result| result.rows_affected)
        .sum())
}

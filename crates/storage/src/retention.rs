//! Every table that grows loses what nobody needs any more, a batch at a time: a transaction that deleted a
//! million rows at once would keep everybody else from writing to SQLite, and from vacuuming on PostgreSQL.

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::endpoint::EndpointStatus;
use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::row::{
    access_token, authorization, credential_request, delivery, endpoint, grant, held_key,
    idempotency_key, institution_key, launch, nonce, online_exchange, online_token, outbox,
    platform_event, pushed_code, revocation, store,
};
use crate::still::still;

/// How many rows of a table went. Rows of other tables that went with them are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    pub table: &'static str,
    pub rows: u64,
}

/// Deletes at most `limit` each of the tokens, nonces, kept answers and replaced secrets that no longer
/// count.
pub async fn delete_expired_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<[Deleted; 4], StorageError> {
    let expired = Expired {
        now: to_millis(now),
        limit,
    };
    Ok([
        expired
            .delete::<access_token::Entity, 1>(
                tx,
                "access_tokens",
                access_token::Column::ExpiresAt,
                [access_token::Column::TokenHash],
            )
            .await?,
        expired
            .delete::<nonce::Entity, 2>(
                tx,
                "nonces",
                nonce::Column::ExpiresAt,
                [nonce::Column::InstitutionId, nonce::Column::NonceHash],
            )
            .await?,
        expired
            .delete::<idempotency_key::Entity, 3>(
                tx,
                "idempotency_keys",
                idempotency_key::Column::ExpiresAt,
                [
                    idempotency_key::Column::InstitutionId,
                    idempotency_key::Column::Call,
                    idempotency_key::Column::KeyHash,
                ],
            )
            .await?,
        expired
            .delete::<institution_key::Entity, 1>(
                tx,
                "institution_keys",
                institution_key::Column::ExpiresAt,
                [institution_key::Column::Id],
            )
            .await?,
    ])
}

/// Deletes at most `limit` each of launches whose signature is too old to come again, and of platforms'
/// events that were handled before `before`.
pub async fn delete_initiated_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<[Deleted; 2], StorageError> {
    let expired = |now| Expired {
        now: to_millis(now),
        limit,
    };
    Ok([
        expired(now)
            .delete::<launch::Entity, 1>(
                tx,
                "launches",
                launch::Column::ExpiresAt,
                [launch::Column::Id],
            )
            .await?,
        expired(before)
            .delete::<platform_event::Entity, 1>(
                tx,
                "platform_events",
                platform_event::Column::FinishedAt,
                [platform_event::Column::Id],
            )
            .await?,
    ])
}

/// Deletes at most `limit` each of the tokens of sessions, their exchanges, the pushed codes and the held keys
/// that are over, and of the requests for credentials that were made before `before`.
pub async fn delete_handed_out_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<[Deleted; 5], StorageError> {
    let expired = |now| Expired {
        now: to_millis(now),
        limit,
    };
    Ok([
        expired(now)
            .delete::<online_token::Entity, 1>(
                tx,
                "online_tokens",
                online_token::Column::ExpiresAt,
                [online_token::Column::Id],
            )
            .await?,
        expired(now)
            .delete::<online_exchange::Entity, 2>(
                tx,
                "online_exchanges",
                online_exchange::Column::ExpiresAt,
                [
                    online_exchange::Column::StoreId,
                    online_exchange::Column::SessionHash,
                ],
            )
            .await?,
        expired(now)
            .delete::<pushed_code::Entity, 1>(
                tx,
                "pushed_codes",
                pushed_code::Column::ExpiresAt,
                [pushed_code::Column::Id],
            )
            .await?,
        expired(now)
            .delete::<held_key::Entity, 1>(
                tx,
                "held_keys",
                held_key::Column::ExpiresAt,
                [held_key::Column::ClickId],
            )
            .await?,
        expired(before)
            .delete::<credential_request::Entity, 1>(
                tx,
                "credential_requests",
                credential_request::Column::CreatedAt,
                [credential_request::Column::Id],
            )
            .await?,
    ])
}

struct Expired {
    now: i64,
    limit: u64,
}

impl Expired {
    /// Neither database has a DELETE with a LIMIT, so the rows are chosen by their key first.
    async fn delete<E: EntityTrait, const N: usize>(
        &self,
        tx: &Tx,
        table: &'static str,
        expires_at: E::Column,
        key: [E::Column; N],
    ) -> Result<Deleted, StorageError> {
        let chosen = Query::select()
            .columns(key)
            .from(E::default())
            .and_where(expires_at.lte(self.now))
            .order_by(expires_at, Order::Asc)
            .limit(self.limit)
            .to_owned();
        let key = key.map(|column| Expr::col(column.into_column_ref()));
        let deleted = E::delete_many()
            .filter(Expr::tuple(key).in_subquery(chosen))
            .exec(tx.connection())
            .await?;
        Ok(Deleted {
            table,
            rows: deleted.rows_affected,
        })
    }
}

/// Deletes at most `limit` events that were created before `before`, are placed and taken note of, and are
/// still owed to nobody; their deliveries and attempts go with them. An endpoint that said it is gone is
/// owed nothing beyond that time, or it would keep its events for ever.
pub async fn delete_events_for_worker(
    tx: &Tx,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Deleted, StorageError> {
    let taking = Query::select()
        .column(endpoint::Column::Id)
        .from(endpoint::Entity)
        .and_where(endpoint::Column::Status.ne(EndpointStatus::Disabled.code()))
        .to_owned();
    // Asked of each event alone: a list of everything that is owed can be longer than what is old.
    let owed = referring(
        delivery::Entity,
        (delivery::Entity, delivery::Column::EventId),
        (outbox::Entity, outbox::Column::Id),
    )
    .and_where(still(
        delivery::Column::Status.eq(DeliveryStatus::Pending.code()),
    ))
    .and_where(delivery::Column::EndpointId.in_subquery(taking))
    .to_owned();
    let ids: Vec<Uuid> = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::Id)
        .filter(outbox::Column::CreatedAt.lt(to_millis(before)))
        .filter(outbox::Column::EffectAt.is_not_null())
        .filter(outbox::Column::Position.is_not_null())
        .filter(Expr::exists(owed).not())
        .order_by_asc(outbox::Column::CreatedAt)
        .order_by_asc(outbox::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(tx.connection())
        .await?;
    let deleted = outbox::Entity::delete_many()
        .filter(outbox::Column::Id.is_in(ids))
        .exec(tx.connection())
        .await?;
    Ok(Deleted {
        table: "outbox",
        rows: deleted.rows_affected,
    })
}

/// Deletes at most `limit` each of what ended before `before`: grants, attempts that no grant comes from any
/// more, and then stores that were unbound and have no attempts left, nor anything to revoke.
pub async fn delete_ended_for_worker(
    tx: &Tx,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<[Deleted; 3], StorageError> {
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

    let proven = referring(
        grant::Entity,
        (grant::Entity, grant::Column::AuthorizationId),
        (authorization::Entity, authorization::Column::Id),
    );
    let finished: Vec<Uuid> = authorization::Entity::find()
        .select_only()
        .column(authorization::Column::Id)
        .filter(authorization::Column::FinishedAt.lt(before))
        .filter(Expr::exists(proven).not())
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let attempts = authorization::Entity::delete_many()
        .filter(authorization::Column::Id.is_in(finished))
        .exec(db)
        .await?;

    let tried = referring(
        authorization::Entity,
        (authorization::Entity, authorization::Column::StoreId),
        (store::Entity, store::Column::Id),
    );
    let given_up = referring(
        revocation::Entity,
        (revocation::Entity, revocation::Column::StoreId),
        (store::Entity, store::Column::Id),
    );
    let unbound: Vec<Uuid> = store::Entity::find()
        .select_only()
        .column(store::Column::Id)
        .filter(store::Column::UnboundAt.lt(before))
        .filter(Expr::exists(tried).not())
        .filter(Expr::exists(given_up).not())
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let stores = store::Entity::delete_many()
        .filter(store::Column::Id.is_in(unbound))
        .exec(db)
        .await?;
    Ok([
        ("grants", grants),
        ("authorizations", attempts),
        ("stores", stores),
    ]
    .map(|(table, deleted)| Deleted {
        table,
        rows: deleted.rows_affected,
    }))
}

/// The rows of a table that refer to the row of the query around this one.
fn referring<E: EntityTrait>(
    table: E,
    reference: impl IntoColumnRef,
    key: impl IntoColumnRef,
) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(table)
        .and_where(Expr::col(reference).equals(key))
        .to_owned()
}

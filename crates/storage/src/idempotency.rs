//! Answers kept under an `Idempotency-Key`, so that a repeated call changes nothing twice.

use chrono::{DateTime, Utc};
use domain::{AuthorizationId, InstitutionId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait, Set,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::to_millis;
use crate::row::idempotency_key;
use crate::sealing::Sealed;

/// What a key is remembered by: it counts per institution and call.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey<'a> {
    pub institution: InstitutionId,
    pub call: &'a str,
    pub key_hash: [u8; 32],
}

/// What is kept of the first call with a key.
#[derive(Clone, Debug)]
pub struct Kept {
    pub body_hash: Vec<u8>,
    pub answer: Option<Sealed>,
    /// The attempt whose link the answer carries; the answer lives as long as the link.
    pub authorization: Option<AuthorizationId>,
}

/// Reserves the key for the transaction, or returns what an earlier call left. Of two calls at once the
/// second waits here for the first.
pub async fn reserve(
    tx: &Tx,
    key: IdempotencyKey<'_>,
    body_hash: [u8; 32],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<Option<Kept>, StorageError> {
    idempotency_key::Entity::delete_many()
        .filter(of(key))
        .filter(idempotency_key::Column::ExpiresAt.lte(to_millis(now)))
        .exec(tx.connection())
        .await?;
    let row = idempotency_key::Model {
        institution_id: key.institution.uuid(),
        call: key.call.to_owned(),
        key_hash: key.key_hash.to_vec(),
        body_hash: body_hash.to_vec(),
        answer: None,
        authorization_id: None,
        expires_at: to_millis(expires_at),
    };
    let inserted = idempotency_key::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    if inserted == 1 {
        return Ok(None);
    }
    let row = idempotency_key::Entity::find()
        .filter(of(key))
        .one(tx.connection())
        .await?;
    Ok(row.map(|row| Kept {
        body_hash: row.body_hash,
        answer: row.answer.map(Sealed),
        authorization: row.authorization_id.map(AuthorizationId::new),
    }))
}

/// Keeps the answer of the call that reserved the key.
pub async fn keep_answer(
    tx: &Tx,
    key: IdempotencyKey<'_>,
    answer: &Sealed,
    authorization: Option<AuthorizationId>,
) -> Result<(), StorageError> {
    let change = idempotency_key::ActiveModel {
        answer: Set(Some(answer.0.clone())),
        authorization_id: Set(authorization.map(AuthorizationId::uuid)),
        ..Default::default()
    };
    let update = idempotency_key::Entity::update_many()
        .set(change)
        .filter(of(key))
        .into_query();
    let stale = StorageError::stale("idempotency_keys", key.call);
    tx.write_later(Write::one("idempotency_keys", update, stale))
        .await
}

/// Forgets a key whose call changed nothing, or whose answer no longer lives.
pub async fn forget(tx: &Tx, key: IdempotencyKey<'_>) -> Result<(), StorageError> {
    idempotency_key::Entity::delete_many()
        .filter(of(key))
        .exec(tx.connection())
        .await?;
    Ok(())
}

fn of(key: IdempotencyKey<'_>) -> sea_orm::Condition {
    sea_orm::Condition::all()
        .add(idempotency_key::Column::InstitutionId.eq(key.institution.uuid()))
        .add(idempotency_key::Column::Call.eq(key.call))
        .add(idempotency_key::Column::KeyHash.eq(key.key_hash.to_vec()))
}

//! The keys that attempts carry: handed in, leased to be proven, put back.

use chrono::{DateTime, Utc};
use domain::authorization::AuthorizationStatus;
use domain::{AuthType, Authorization, AuthorizationId, InstitutionId, LeaseId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryTrait, Set};

use super::is_still;
use crate::due::{Due, readable};
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::held_keys;
use crate::instant::to_millis;
use crate::literal::is_word;
use crate::news::News;
use crate::row::authorization::{ActiveModel, Column, Entity, Model};
use crate::sealing::{Fingerprint, Sealed};
use crate::shape::filled;

/// Puts the key that a seller handed in into an attempt that waits for one, to be proven at once and until
/// `deadline_at`; what was held for it goes. Fails with [`StorageError::Stale`], now or at the end of the transaction, if it has one or
/// has ended.
pub async fn take_key(
    tx: &Tx,
    attempt: &Authorization,
    credential: Sealed,
    fingerprint: Fingerprint,
    deadline_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let change = ActiveModel {
        credential: Set(Some(credential.0)),
        fingerprint: Set(Some(fingerprint.value.to_vec())),
        fingerprint_key_id: Set(Some(fingerprint.key_id)),
        next_attempt_at: Set(Some(to_millis(now))),
        deadline_at: Set(to_millis(deadline_at)),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(attempt.id.uuid()))
        .filter(Column::InstitutionId.eq(attempt.institution.uuid()))
        .filter(Column::AuthType.eq(AuthType::Key.code()))
        .filter(is_still(AuthorizationStatus::Pending))
        .filter(Column::Credential.is_null())
        .into_query();
    tx.announce(News::Keys);
    held_keys::discard_all(tx, attempt.institution, attempt.id).await?;
    let stale = StorageError::stale("authorizations", attempt.id);
    tx.write_later(Write::one("authorizations", update, stale))
        .await
}

/// By what the key that an attempt was given is known again, after its end too; `None` before it has one.
pub async fn find_fingerprint(
    db: &impl Executor,
    institution: InstitutionId,
    id: AuthorizationId,
) -> Result<Option<Fingerprint>, StorageError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .one(db.connection())
        .await?;
    row.as_ref().map_or(Ok(None), read_fingerprint)
}

/// A KEY attempt whose credential is to be proven now.
#[derive(Debug)]
pub struct KeyWork {
    pub authorization: Authorization,
    pub credential: Sealed,
    pub fingerprint: Fingerprint,
    /// How often it was tried before.
    pub attempts: usize,
}

/// Whether any KEY attempt is due; asked before a transaction is opened for it.
pub async fn has_due_key_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    due(now).exists(db).await
}

fn due(now: DateTime<Utc>) -> Due<Entity> {
    let condition = Condition::all()
        .add(is_word(Column::Status, AuthorizationStatus::Pending.code()))
        .add(is_word(Column::AuthType, AuthType::Key.code()))
        .add(Column::NextAttemptAt.lte(to_millis(now)))
        .add(Column::LeaseUntil.lte(to_millis(now)));
    Due {
        condition,
        since: Column::NextAttemptAt,
    }
}

/// Leases KEY attempts that are due, oldest first; nobody else gets them before `lease_until`.
pub async fn lease_due_keys_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<KeyWork>, StorageError> {
    let rows = due(now).lock(tx, limit).await?;
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
    Ok(readable(rows, "a key cannot be proven", KeyWork::try_from))
}

/// Puts a KEY attempt back, to be tried again at `next_attempt_at`. Does nothing if the lease was lost.
pub async fn reschedule_key(
    tx: &Tx,
    id: AuthorizationId,
    lease: LeaseId,
    next_attempt_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let change = ActiveModel {
        lease_until: Set(0),
        next_attempt_at: Set(Some(to_millis(next_attempt_at))),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .col_expr(
            Column::Attempts,
            sea_orm::sea_query::Expr::col(Column::Attempts).add(1),
        )
        .filter(Column::Id.eq(id.uuid()))
        .filter(is_still(AuthorizationStatus::Pending))
        .filter(Column::LeaseId.eq(lease.uuid()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

impl TryFrom<Model> for KeyWork {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = AuthorizationId::new(row.id);
        let corrupt = |what| StorageError::corrupt("authorizations", id, what);
        let credential = row
            .credential
            .clone()
            .ok_or_else(|| corrupt("KEY without credential"))?;
        let fingerprint =
            read_fingerprint(&row)?.ok_or_else(|| corrupt("KEY without fingerprint"))?;
        Ok(Self {
            credential: Sealed(credential),
            fingerprint,
            attempts: usize::try_from(row.attempts).map_err(|_| corrupt("attempts"))?,
            authorization: Authorization::try_from(row)?,
        })
    }
}

fn read_fingerprint(row: &Model) -> Result<Option<Fingerprint>, StorageError> {
    let (Some(value), Some(key_id)) = (&row.fingerprint, &row.fingerprint_key_id) else {
        return Ok(None);
    };
    let id = AuthorizationId::new(row.id);
    let corrupt = |_| StorageError::corrupt("authorizations", id, "fingerprint");
    Ok(Some(Fingerprint {
        value: value.as_slice().try_into().map_err(corrupt)?,
        key_id: key_id.clone(),
    }))
}

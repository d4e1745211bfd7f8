//! Session tokens that are being exchanged for tokens of their users' own: by whom, so that nobody else does.
//!
//! An exchange that succeeded is gone, and its token is kept instead. One that failed stays for a while with
//! its reason, for those who waited for it; whoever comes later takes its place.

use chrono::{DateTime, Utc};
use domain::{FailReason, InstitutionId, LeaseId, StoreId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, Set,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::{from_millis, to_millis};
use crate::news::News;
use crate::row::online_exchange::{ActiveModel, Column, Entity, Model};

/// A session token at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlineSession {
    pub institution: InstitutionId,
    pub store: StoreId,
    /// Of the session token.
    pub hash: [u8; 32],
}

/// An exchange that is under way, was cut off, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlineExchange {
    pub lease: LeaseId,
    /// In the past if it failed, or if whoever held it died.
    pub leased_until: DateTime<Utc>,
    pub failure: Option<FailReason>,
}

/// The latest exchange of a session token that brought nothing yet.
pub async fn find(
    db: &impl Executor,
    session: OnlineSession,
) -> Result<Option<OnlineExchange>, StorageError> {
    let row = Entity::find()
        .filter(of(session))
        .one(db.connection())
        .await?;
    row.map(OnlineExchange::try_from).transpose()
}

/// Takes the right to exchange a session token, until `lease_until`; `false` if somebody has it. What is not
/// taken by then, nor given back, is forgotten at `expires_at`.
pub async fn lease(
    tx: &Tx,
    session: OnlineSession,
    lease: LeaseId,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let row = Model {
        store_id: session.store.uuid(),
        session_hash: session.hash.to_vec(),
        institution_id: session.institution.uuid(),
        lease_id: lease.uuid(),
        lease_until: to_millis(lease_until),
        fail_reason: None,
        expires_at: to_millis(expires_at),
    };
    let over = Expr::col((Entity, Column::LeaseUntil)).lte(to_millis(now));
    let before = OnConflict::columns([Column::StoreId, Column::SessionHash])
        .update_columns([
            Column::LeaseId,
            Column::LeaseUntil,
            Column::FailReason,
            Column::ExpiresAt,
        ])
        .action_and_where(over)
        .to_owned();
    let taken = Entity::insert(row.into_active_model().reset_all())
        .on_conflict(before)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(taken == 1)
}

/// Keeps the right for longer; `false` if it was lost.
pub async fn extend(
    tx: &Tx,
    session: OnlineSession,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let change = ActiveModel {
        lease_until: Set(to_millis(lease_until)),
        ..Default::default()
    };
    let extended = Entity::update_many()
        .set(change)
        .filter(held(session, lease))
        .exec(tx.connection())
        .await?;
    Ok(extended.rows_affected == 1)
}

/// Gives the right back where a token is kept by now; `false` if it was lost.
pub async fn succeed(
    tx: &Tx,
    session: OnlineSession,
    lease: LeaseId,
) -> Result<bool, StorageError> {
    tx.announce(News::Outcomes);
    let deleted = Entity::delete_many()
        .filter(held(session, lease))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Gives the right back with why there is no token; `false` if it was lost.
pub async fn fail(
    tx: &Tx,
    session: OnlineSession,
    lease: LeaseId,
    reason: FailReason,
) -> Result<bool, StorageError> {
    tx.announce(News::Outcomes);
    let change = ActiveModel {
        lease_until: Set(0),
        fail_reason: Set(Some(reason.code().to_owned())),
        ..Default::default()
    };
    let failed = Entity::update_many()
        .set(change)
        .filter(held(session, lease))
        .exec(tx.connection())
        .await?;
    Ok(failed.rows_affected == 1)
}

fn of(session: OnlineSession) -> Condition {
    Condition::all()
        .add(Column::InstitutionId.eq(session.institution.uuid()))
        .add(Column::StoreId.eq(session.store.uuid()))
        .add(Column::SessionHash.eq(session.hash.to_vec()))
}

fn held(session: OnlineSession, lease: LeaseId) -> Condition {
    of(session)
        .add(Column::LeaseId.eq(lease.uuid()))
        .add(Column::FailReason.is_null())
}

impl TryFrom<Model> for OnlineExchange {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = StoreId::new(row.store_id);
        let read = |code: String| {
            FailReason::from_code(&code)
                .ok_or_else(|| StorageError::corrupt("online_exchanges", id, "fail_reason"))
        };
        Ok(Self {
            lease: LeaseId::new(row.lease_id),
            leased_until: from_millis(row.lease_until, "online_exchanges", id)?,
            failure: row.fail_reason.map(read).transpose()?,
        })
    }
}

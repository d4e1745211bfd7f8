//! Grants that are renewed: who may do it, what was attempted, and what came of it.
//!
//! Whoever renews a grant holds its lease, and everything that is written of it carries the lease's fencing
//! number: a process that was taken for dead can write nothing any more.

use chrono::{DateTime, Utc};
use domain::{
    AuthorizationId, GrantId, InstitutionId, LeaseId, Platform, ProvenShop, Scopes, ShopIdentity,
    ShopLabel, StoreId, Upkeep,
};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Set};

use crate::due::{Due, readable};
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::grants::{LIVE, is_still_live};
use crate::instant::{from_millis, to_millis};
use crate::literal::is_word;
use crate::news::News;
use crate::row::grant::{ActiveModel, Column, Entity, Model};
use crate::sealing::Sealed;
use crate::shape::filled;
use crate::still::still;

/// A grant that is to be renewed now, by whoever leased it.
#[derive(Debug)]
pub struct RefreshWork {
    pub grant: GrantId,
    pub store: StoreId,
    pub institution: InstitutionId,
    /// The attempt that it comes from, which knows the app.
    pub authorization: AuthorizationId,
    pub platform: Platform,
    pub shop: ProvenShop,
    pub origin: String,
    pub expires_at: Option<DateTime<Utc>>,
    pub lease: GrantLease,
    pub refresh_token: Option<Sealed>,
    pub previous_refresh_token: Option<Sealed>,
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// Somebody wanted to spend the refresh token before, and what came of it is not known.
    pub is_uncertain: bool,
    /// How often it failed since it last went well, and since when.
    pub failures: usize,
    pub failing_since: Option<DateTime<Utc>>,
}

/// The right to renew a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantLease {
    pub grant: GrantId,
    pub owner: LeaseId,
    /// Larger than that of every lease of the grant before.
    pub fence: i64,
}

/// Whether any grant is to be renewed; asked before a transaction is opened for it.
pub async fn has_due_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    due(now).exists(db).await
}

fn due(now: DateTime<Utc>) -> Due<Entity> {
    let condition = Condition::all()
        .add(is_word(Column::Status, LIVE))
        .add(Column::NextRefreshAt.lte(to_millis(now)))
        .add(Column::RefreshLeaseUntil.lte(to_millis(now)));
    Due {
        condition,
        since: Column::NextRefreshAt,
    }
}

/// Leases grants that are to be renewed, the longest overdue first; nobody else gets them before
/// `lease_until`. With the lease it is written that their refresh tokens may be spent from here on.
pub async fn lease_due_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    owner: LeaseId,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<RefreshWork>, StorageError> {
    let rows = due(now).lock(tx, limit).await?;
    lease(tx, &rows, now, owner, lease_until).await?;
    let read = |row| read_work(row, owner);
    Ok(readable(rows, "a grant cannot be renewed", read))
}

/// Leases one grant, like [`lease_due_for_worker`], if it is to be renewed and nobody else renews it.
pub async fn lease_one(
    tx: &Tx,
    institution: InstitutionId,
    grant: GrantId,
    now: DateTime<Utc>,
    owner: LeaseId,
    lease_until: DateTime<Utc>,
) -> Result<Option<RefreshWork>, StorageError> {
    let rows = Entity::find()
        .filter(Column::Id.eq(grant.uuid()))
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(still(due(now).condition.into()))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx.connection())
        .await?;
    lease(tx, &rows, now, owner, lease_until).await?;
    rows.into_iter()
        .next()
        .map(|row| read_work(row, owner))
        .transpose()
}

async fn lease(
    tx: &Tx,
    rows: &[Model],
    now: DateTime<Utc>,
    owner: LeaseId,
    lease_until: DateTime<Utc>,
) -> Result<(), StorageError> {
    if rows.is_empty() {
        return Ok(());
    }
    let change = ActiveModel {
        refresh_lease_id: Set(Some(owner.uuid())),
        refresh_lease_until: Set(to_millis(lease_until)),
        ..Default::default()
    };
    let leased = || filled(rows.iter().map(|row| row.id));
    Entity::update_many()
        .set(change)
        .col_expr(Column::RefreshFence, Expr::col(Column::RefreshFence).add(1))
        .filter(Column::Id.is_in(leased()))
        .exec(tx.connection())
        .await?;
    let intent = ActiveModel {
        refresh_intent_at: Set(Some(to_millis(now))),
        ..Default::default()
    };
    Entity::update_many()
        .set(intent)
        .filter(Column::Id.is_in(leased()))
        .filter(Column::RefreshToken.is_not_null())
        .filter(Column::RefreshIntentAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// What a renewal brought.
#[derive(Clone, Debug)]
pub struct Renewed {
    pub credential: Sealed,
    pub expires_at: Option<DateTime<Utc>>,
    pub upkeep: Upkeep,
    /// What the platform said of the scopes; `None` leaves what it said before.
    pub scopes_told: Option<String>,
    /// `None` where the refresh token before stays good.
    pub refresh_token: Option<NewRefreshToken>,
}

/// A refresh token that takes the place of another, which is kept until this one has worked.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    pub token: Sealed,
    pub previous: Option<Sealed>,
}

/// Writes a renewal, and gives the lease back. Fails with [`StorageError::Stale`], now or at the end of the
/// transaction, if the lease was lost.
pub async fn renew(
    tx: &Tx,
    lease: GrantLease,
    renewed: Renewed,
    scopes: &Scopes,
) -> Result<(), StorageError> {
    let mut change = ActiveModel {
        credential: Set(Some(renewed.credential.0)),
        expires_at: Set(renewed.expires_at.map(to_millis)),
        scopes: Set(serde_json::json!(scopes).to_string()),
        refresh_ends_at: Set(renewed.upkeep.refresh_ends_at.map(to_millis)),
        next_refresh_at: Set(renewed.upkeep.next_refresh_at.map(to_millis)),
        notice_at: Set(renewed.upkeep.notice_at.map(to_millis)),
        refresh_intent_at: Set(None),
        refresh_failures: Set(0),
        refresh_failing_since: Set(None),
        refresh_failure: Set(None),
        ..given_back()
    };
    if renewed.scopes_told.is_some() {
        change.scopes_told = Set(renewed.scopes_told);
    }
    if let Some(new) = renewed.refresh_token {
        change.refresh_token = Set(Some(new.token.0));
        change.previous_refresh_token = Set(new.previous.map(|previous| previous.0));
    }
    let update = Entity::update_many()
        .set(change)
        .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
        .filter(held(lease))
        .into_query();
    let stale = StorageError::stale("grants", lease.grant);
    tx.announce(News::Outcomes);
    tx.write_later(Write::one("grants", update, stale)).await
}

/// Why a grant could not be renewed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// The platform is in trouble, or cannot be reached.
    Transient,
    /// The operator's app is at fault.
    Operator,
}

/// When and how a renewal is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Postponed {
    pub next_refresh_at: DateTime<Utc>,
    pub setback: Setback,
    pub failing_since: DateTime<Utc>,
    /// Whether the refresh token may be spent.
    pub is_uncertain: bool,
}

/// Puts a renewal off, and gives the lease back. Fails with [`StorageError::Stale`], now or at the end of
/// the transaction, if the lease was lost.
pub async fn postpone(
    tx: &Tx,
    lease: GrantLease,
    postponed: Postponed,
) -> Result<(), StorageError> {
    let setback = match postponed.setback {
        Setback::Transient => "TRANSIENT",
        Setback::Operator => "OPERATOR",
    };
    let mut change = ActiveModel {
        next_refresh_at: Set(Some(to_millis(postponed.next_refresh_at))),
        refresh_failing_since: Set(Some(to_millis(postponed.failing_since))),
        refresh_failure: Set(Some(setback.to_owned())),
        ..given_back()
    };
    if !postponed.is_uncertain {
        change.refresh_intent_at = Set(None);
    }
    let update = Entity::update_many()
        .set(change)
        .col_expr(
            Column::RefreshFailures,
            Expr::col(Column::RefreshFailures).add(1),
        )
        .filter(held(lease))
        .into_query();
    let stale = StorageError::stale("grants", lease.grant);
    tx.announce(News::Outcomes);
    tx.write_later(Write::one("grants", update, stale)).await
}

/// Whether the lease still counts. The row stays locked until the transaction ends.
pub async fn is_held(tx: &Tx, lease: GrantLease) -> Result<bool, StorageError> {
    let row = Entity::find()
        .filter(held(lease))
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    Ok(row.is_some())
}

/// Has a grant renewed at once that nobody meant to renew: the version before, which may still run beside
/// this one, plans nothing.
pub async fn begin_for_worker(
    tx: &Tx,
    grant: GrantId,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let change = ActiveModel {
        next_refresh_at: Set(Some(to_millis(now))),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(grant.uuid()))
        .filter(is_still_live())
        .filter(Column::NextRefreshAt.is_null())
        .into_query();
    tx.write_later(Write::any("grants", update)).await
}

fn held(lease: GrantLease) -> Condition {
    Condition::all()
        .add(Column::Id.eq(lease.grant.uuid()))
        .add(is_still_live())
        .add(Column::RefreshLeaseId.eq(lease.owner.uuid()))
        .add(Column::RefreshFence.eq(lease.fence))
}

fn given_back() -> ActiveModel {
    ActiveModel {
        refresh_lease_id: Set(None),
        refresh_lease_until: Set(0),
        ..Default::default()
    }
}

fn read_work(row: Model, owner: LeaseId) -> Result<RefreshWork, StorageError> {
    let id = GrantId::new(row.id);
    let corrupt = |what| StorageError::corrupt("grants", id, what);
    let instant = |millis: Option<i64>| {
        millis
            .map(|millis| from_millis(millis, "grants", id))
            .transpose()
    };
    let platform: Platform = row.platform.parse().map_err(|_| corrupt("platform"))?;
    Ok(RefreshWork {
        grant: id,
        store: StoreId::new(row.store_id),
        institution: InstitutionId::new(row.institution_id),
        authorization: AuthorizationId::new(row.authorization_id),
        platform,
        shop: ProvenShop {
            identity: ShopIdentity::new(platform.realm(), row.shop_identity),
            label: row.shop_label.as_deref().map(ShopLabel::from_checked),
        },
        origin: row.origin,
        expires_at: instant(row.expires_at)?,
        lease: GrantLease {
            grant: id,
            owner,
            fence: row.refresh_fence + 1,
        },
        refresh_token: row.refresh_token.map(Sealed),
        previous_refresh_token: row.previous_refresh_token.map(Sealed),
        refresh_ends_at: instant(row.refresh_ends_at)?,
        is_uncertain: row.refresh_intent_at.is_some(),
        failures: usize::try_from(row.refresh_failures).map_err(|_| corrupt("refresh_failures"))?,
        failing_since: instant(row.refresh_failing_since)?,
    })
}

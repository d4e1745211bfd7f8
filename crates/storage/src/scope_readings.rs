//! Grants whose scopes are read again: when, by whom, and what was read.
//!
//! For the worker, what is due is the one thing that counts. Who leases a grant puts it off to the end of the
//! lease, so that it is due again if that process dies; and who has a hint puts it to now, also while it is
//! being read, since that reading may be of before. A reading that was overtaken by the next one is told by
//! its fencing number, and counts no more.
//!
//! For a call that wants to know now, it is written beside that until when somebody reads, and what came of
//! the last reading: it joins the one that is under way.

use chrono::{DateTime, Utc};
use domain::{
    AuthorizationId, GrantId, InstitutionId, NamedShop, Platform, PlatformAppId, Scopes,
    ShopIdentity, StoreId,
};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Set};

use crate::due::{Due, readable};
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::grants::{LIVE, is_still_live};
use crate::instant::{from_millis, to_millis};
use crate::literal::is_word;
use crate::lock_order::locked_in_order;
use crate::news::News;
use crate::row::grant::{ActiveModel, Column, Entity, Model};
use crate::sealing::Sealed;
use crate::shape::filled;
use crate::shop_grants::{AuthorizedShop, of_shop};

/// A grant whose scopes are to be read now, by whoever leased it.
#[derive(Debug)]
pub struct ScopeReading {
    pub grant: GrantId,
    pub store: StoreId,
    pub institution: InstitutionId,
    /// The attempt that it comes from, which knows the app.
    pub authorization: AuthorizationId,
    pub platform: Platform,
    pub origin: String,
    pub credential: Sealed,
    pub expires_at: Option<DateTime<Utc>>,
    pub turn: Turn,
}

/// The right to say what a grant's scopes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    grant: GrantId,
    fence: i64,
    put_off_to: i64,
}

impl Turn {
    /// Larger than that of every reading of the grant before.
    pub const fn number(self) -> i64 {
        self.fence
    }
}

/// What came of a reading that did not end the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingOutcome {
    Read,
    /// The grant may not ask.
    NotTold,
    /// The platform gave no answer, or there was nothing to ask it with.
    Unanswered,
}

impl ReadingOutcome {
    pub const ALL: [Self; 3] = [Self::Read, Self::NotTold, Self::Unanswered];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::NotTold => "NOT_TOLD",
            Self::Unanswered => "UNANSWERED",
        }
    }
}

/// The latest reading of a grant's scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReading {
    /// The [`Turn::number`]; 0 where there was none.
    pub number: i64,
    /// In the past if it is over, if whoever read died, or if a version of before reads, which keeps no lease.
    pub leased_until: DateTime<Utc>,
    /// `None` while it is under way, if it was cut off, and where there was none.
    pub outcome: Option<ReadingOutcome>,
}

/// Whether the scopes of any of the platform's grants are due; asked before a transaction is opened for it.
pub async fn has_due_for_worker(
    db: &impl Executor,
    platform: Platform,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    due(platform, now).exists(db).await
}

fn due(platform: Platform, now: DateTime<Utc>) -> Due<Entity> {
    let condition = Condition::all()
        .add(is_word(Column::Status, LIVE))
        .add(Column::Platform.eq(platform.code()))
        .add(Column::ScopesDueAt.lte(to_millis(now)));
    Due {
        condition,
        since: Column::ScopesDueAt,
    }
}

/// Leases grants whose scopes are due, the longest overdue first; nobody else gets them before `lease_until`.
pub async fn lease_due_for_worker(
    tx: &Tx,
    platform: Platform,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<ScopeReading>, StorageError> {
    let rows = due(platform, now).lock(tx, limit).await?;
    lease(tx, &rows, lease_until).await?;
    let read = |row| reading(row, to_millis(lease_until));
    Ok(readable(rows, "a grant's scopes cannot be read", read))
}

/// Leases one live grant, due or not, unless somebody reads its scopes. Waits for whoever is about to.
pub async fn lease_one(
    tx: &Tx,
    institution: InstitutionId,
    grant: GrantId,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> Result<Option<ScopeReading>, StorageError> {
    let rows = Entity::find_by_id(grant.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(is_still_live())
        .filter(free(now))
        .lock_exclusive()
        .all(tx.connection())
        .await?;
    lease(tx, &rows, lease_until).await?;
    rows.into_iter()
        .next()
        .map(|row| reading(row, to_millis(lease_until)))
        .transpose()
}

/// Nobody's lease is of the latest reading, or it is over.
fn free(now: DateTime<Utc>) -> Condition {
    let is_overtaken = Expr::col(Column::ScopesLeaseFence).ne(Expr::col(Column::ScopesFence));
    Condition::any()
        .add(Column::ScopesLeaseUntil.lte(to_millis(now)))
        .add(is_overtaken)
}

async fn lease(tx: &Tx, rows: &[Model], lease_until: DateTime<Utc>) -> Result<(), StorageError> {
    if rows.is_empty() {
        return Ok(());
    }
    let change = ActiveModel {
        scopes_due_at: Set(to_millis(lease_until)),
        scopes_lease_until: Set(to_millis(lease_until)),
        scopes_outcome: Set(None),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .col_expr(Column::ScopesFence, Expr::col(Column::ScopesFence).add(1))
        .col_expr(
            Column::ScopesLeaseFence,
            Expr::col(Column::ScopesFence).add(1),
        )
        .filter(Column::Id.is_in(filled(rows.iter().map(|row| row.id))))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// The latest reading of a live grant's scopes, under way or over.
pub async fn find_last(
    db: &impl Executor,
    institution: InstitutionId,
    grant: GrantId,
) -> Result<Option<LastReading>, StorageError> {
    let row = Entity::find_by_id(grant.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(is_still_live())
        .one(db.connection())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let read = |code: String| {
        let mut all = ReadingOutcome::ALL.into_iter();
        all.find(|outcome| outcome.code() == code)
            .ok_or_else(|| StorageError::corrupt("grants", grant, "scopes_outcome"))
    };
    let is_of_latest = row.scopes_lease_fence == row.scopes_fence;
    let leased_until = if is_of_latest {
        row.scopes_lease_until
    } else {
        0
    };
    Ok(Some(LastReading {
        number: row.scopes_fence,
        leased_until: from_millis(leased_until, "grants", grant)?,
        outcome: row.scopes_outcome.map(read).transpose()?,
    }))
}

/// Whether the turn still counts: the grant lives, and nobody reads its scopes since. The row stays locked
/// until the transaction ends.
pub async fn is_held(tx: &Tx, turn: Turn) -> Result<bool, StorageError> {
    let row = Entity::find()
        .filter(held(turn))
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    Ok(row.is_some())
}

/// Gives the turn back, to be due again at `next`, or at once where a hint came meanwhile. Does nothing if
/// the turn was lost.
pub async fn finish_for_worker(
    tx: &Tx,
    turn: Turn,
    outcome: ReadingOutcome,
    scopes: Option<&Scopes>,
    next: DateTime<Utc>,
) -> Result<(), StorageError> {
    let due = CaseStatement::new()
        .case(Column::ScopesDueAt.eq(turn.put_off_to), to_millis(next))
        .finally(Expr::col(Column::ScopesDueAt));
    let mut update = Entity::update_many()
        .col_expr(Column::ScopesDueAt, Expr::Case(Box::new(due)))
        .col_expr(Column::ScopesLeaseUntil, Expr::val(0_i64))
        .col_expr(Column::ScopesOutcome, Expr::val(outcome.code()))
        .filter(held(turn));
    if let Some(scopes) = scopes {
        let text = serde_json::json!(scopes).to_string();
        update = update.col_expr(Column::Scopes, Expr::val(text));
    }
    tx.announce(News::Outcomes);
    tx.write_later(Write::any("grants", update.into_query()))
        .await
}

/// Has the scopes of the shop's live grants read at once; returns how many there are.
pub async fn hasten_for_worker(
    tx: &Tx,
    platform: Platform,
    app: PlatformAppId,
    shop: &NamedShop,
    now: DateTime<Utc>,
) -> Result<u64, StorageError> {
    let wanted = AuthorizedShop {
        platform,
        app,
        shop,
    };
    let hastened = Entity::update_many()
        .set(due_at(now))
        .filter(is_still_live())
        .filter(locked_in_order(tx, Entity, Column::Id, of_shop(wanted)))
        .exec(tx.connection())
        .await?;
    Ok(hastened.rows_affected)
}

/// Has the scopes of the shop's live grants read at once, through whichever app they came.
pub async fn hasten_shop_for_worker(
    tx: &Tx,
    platform: Platform,
    shop: &ShopIdentity,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let of_shop = Condition::all()
        .add(Column::Platform.eq(platform.code()))
        .add(Column::ShopIdentity.eq(shop.value()));
    let update = Entity::update_many()
        .set(due_at(now))
        .filter(is_still_live())
        .filter(locked_in_order(tx, Entity, Column::Id, of_shop))
        .into_query();
    tx.write_later(Write::any("grants", update)).await
}

/// Has the scopes of a grant read at once.
pub async fn hasten(
    tx: &Tx,
    institution: InstitutionId,
    grant: GrantId,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let update = Entity::update_many()
        .set(due_at(now))
        .filter(Column::Id.eq(grant.uuid()))
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .into_query();
    tx.write_later(Write::any("grants", update)).await
}

fn due_at(now: DateTime<Utc>) -> ActiveModel {
    ActiveModel {
        scopes_due_at: Set(to_millis(now)),
        ..Default::default()
    }
}

fn held(turn: Turn) -> Condition {
    Condition::all()
        .add(Column::Id.eq(turn.grant.uuid()))
        .add(is_still_live())
        .add(Column::ScopesFence.eq(turn.fence))
}

fn reading(row: Model, put_off_to: i64) -> Result<ScopeReading, StorageError> {
    let id = GrantId::new(row.id);
    let corrupt = |what| StorageError::corrupt("grants", id, what);
    let credential = row
        .credential
        .ok_or_else(|| corrupt("LIVE without a credential"))?;
    Ok(ScopeReading {
        grant: id,
        store: StoreId::new(row.store_id),
        institution: InstitutionId::new(row.institution_id),
        authorization: AuthorizationId::new(row.authorization_id),
        platform: row.platform.parse().map_err(|_| corrupt("platform"))?,
        origin: row.origin,
        credential: Sealed(credential),
        expires_at: row
            .expires_at
            .map(|millis| from_millis(millis, "grants", id))
            .transpose()?,
        turn: Turn {
            grant: id,
            fence: row.scopes_fence + 1,
            put_off_to,
        },
    })
}

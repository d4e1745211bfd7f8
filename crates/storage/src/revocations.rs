//! Credentials that are to be given up at their platforms. A row is there for as long as that takes.

use chrono::{DateTime, Utc};
use domain::authorization::AuthorizationStatus;
use domain::{
    InstitutionId, LeaseId, Platform, PlatformAppId, ProvenShop, RevocationId, ShopIdentity,
    ShopLabel, StoreId,
};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use crate::due::Due;
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::grants::LIVE;
use crate::instant::to_millis;
use crate::literal::is_word;
use crate::row::revocation::{ActiveModel, Column, Entity, Model};
use crate::row::{authorization, claim, grant, platform_app, store};
use crate::sealing::Sealed;
use crate::shape::filled;

/// A credential that nobody may use any more.
#[derive(Clone, Debug)]
pub struct Revocation {
    pub id: RevocationId,
    pub institution: InstitutionId,
    pub store: StoreId,
    pub platform: Platform,
    /// The app that it was granted to.
    pub app: PlatformAppId,
    pub shop: ProvenShop,
    pub origin: String,
    pub credential: Sealed,
}

pub async fn insert(
    tx: &Tx,
    new: &Revocation,
    created_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let row = Model {
        id: new.id.uuid(),
        institution_id: new.institution.uuid(),
        store_id: new.store.uuid(),
        platform: new.platform.code().to_owned(),
        platform_app_id: new.app.uuid(),
        shop_identity: new.shop.identity.value().to_owned(),
        shop_label: new.shop.label.as_ref().map(ToString::to_string),
        origin: new.origin.clone(),
        credential: new.credential.0.clone(),
        attempts: 0,
        next_attempt_at: to_millis(created_at),
        revoked_at: None,
        lease_id: None,
        lease_until: 0,
        created_at: to_millis(created_at),
    };
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("revocations", insert)).await
}

/// A revocation that is to be tried now, by whoever leased it.
#[derive(Debug)]
pub struct DueRevocation {
    pub id: RevocationId,
    pub store: StoreId,
    /// What cannot be read is leased all the same: what its store holds must not be held for ever.
    pub revocation: Result<Revocation, StorageError>,
    /// How often it was leased before, whatever came of it.
    pub attempts: usize,
    /// Whether the platform has done it, so that only what follows from it is left.
    pub is_revoked: bool,
}

/// Whether any revocation is due; asked before a transaction is opened for it.
pub async fn has_due_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    due(now).exists(db).await
}

fn due(now: DateTime<Utc>) -> Due<Entity> {
    let condition = Condition::all()
        .add(Column::NextAttemptAt.lte(to_millis(now)))
        .add(Column::LeaseUntil.lte(to_millis(now)));
    Due {
        condition,
        since: Column::NextAttemptAt,
    }
}

/// Leases revocations that are due, oldest first; nobody else gets them before `lease_until`. That counts as
/// an attempt: one whose process dies over it is not tried without end.
pub async fn lease_due_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<DueRevocation>, StorageError> {
    let rows = due(now).lock(tx, limit).await?;
    let change = ActiveModel {
        lease_id: Set(Some(lease.uuid())),
        lease_until: Set(to_millis(lease_until)),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.is_in(filled(rows.iter().map(|row| row.id))))
        .exec(tx.connection())
        .await?;
    Ok(rows.into_iter().map(DueRevocation::from).collect())
}

/// Puts a revocation back, to be tried again at `next_attempt_at`; `revoked_at` says that the platform has
/// done its part. Does nothing if the lease was lost.
pub async fn reschedule_for_worker(
    tx: &Tx,
    id: RevocationId,
    lease: LeaseId,
    revoked_at: Option<DateTime<Utc>>,
    next_attempt_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let mut change = ActiveModel {
        lease_until: Set(0),
        next_attempt_at: Set(to_millis(next_attempt_at)),
        ..Default::default()
    };
    if let Some(revoked_at) = revoked_at {
        change.revoked_at = Set(Some(to_millis(revoked_at)));
    }
    Entity::update_many()
        .set(change)
        .filter(held(id, lease))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Ends a revocation: its credential is erased, and what an unbound store held for it is free once nothing
/// of that store is left to revoke. `false`, and nothing is changed, if the lease was lost.
pub async fn finish_for_worker(
    tx: &Tx,
    ended: RevocationId,
    of: StoreId,
    lease: LeaseId,
) -> Result<bool, StorageError> {
    // Of two that end at once, the second must see that the first is gone.
    store::Entity::find_by_id(of.uuid())
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    let deleted = Entity::delete_many()
        .filter(held(ended, lease))
        .exec(tx.connection())
        .await?;
    if deleted.rows_affected == 0 {
        return Ok(false);
    }
    let unbound = Query::select()
        .column(store::Column::Id)
        .from(store::Entity)
        .and_where(store::Column::UnboundAt.is_not_null())
        .to_owned();
    let left = Query::select()
        .column(Column::StoreId)
        .from(Entity)
        .to_owned();
    claim::Entity::delete_many()
        .filter(claim::Column::StoreId.eq(of.uuid()))
        .filter(claim::Column::StoreId.in_subquery(unbound))
        .filter(claim::Column::StoreId.not_in_subquery(left))
        .exec(tx.connection())
        .await?;
    Ok(true)
}

/// A live grant of the same shop.
#[derive(Debug)]
pub struct Neighbour {
    pub app: Option<PlatformAppId>,
    pub credential: Sealed,
    pub grant: domain::GrantId,
}

/// The live grants of the shop, whoever's they are.
pub async fn list_neighbours_for_worker(
    db: &impl Executor,
    of: &Revocation,
) -> Result<Vec<Neighbour>, StorageError> {
    let rows = grant::Entity::find()
        .filter(is_word(grant::Column::Status, LIVE))
        .filter(grant::Column::Platform.eq(of.platform.code()))
        .filter(grant::Column::ShopIdentity.eq(of.shop.identity.value()))
        .all(db.connection())
        .await?;
    let mut neighbours = Vec::with_capacity(rows.len());
    for row in rows {
        let id = domain::GrantId::new(row.id);
        let app: Option<Option<Uuid>> = authorization::Entity::find_by_id(row.authorization_id)
            .select_only()
            .column(authorization::Column::PlatformAppId)
            .into_tuple()
            .one(db.connection())
            .await?;
        let missing = || StorageError::corrupt("grants", id, "LIVE without a credential");
        neighbours.push(Neighbour {
            app: app.flatten().map(PlatformAppId::new),
            credential: Sealed(row.credential.ok_or_else(missing)?),
            grant: id,
        });
    }
    Ok(neighbours)
}

/// Whether an attempt to authorize the shop is under way through an app with the same client id: a code of it
/// is being exchanged, or, if `waiting` counts too, its seller may come back at any time.
pub async fn is_being_authorized_for_worker(
    db: &impl Executor,
    of: &Revocation,
    waiting: Waiting,
) -> Result<bool, StorageError> {
    let Some(label) = &of.shop.label else {
        return Ok(false);
    };
    let exchanging = AuthorizationStatus::Exchanging.code();
    let status = match waiting {
        Waiting::Ignored => is_word(authorization::Column::Status, exchanging).into(),
        Waiting::Counts => Condition::any()
            .add(is_word(authorization::Column::Status, exchanging))
            .add(is_word(
                authorization::Column::Status,
                AuthorizationStatus::Pending.code(),
            )),
    };
    let status: Condition = status;
    let client_id = Query::select()
        .column(platform_app::Column::ClientId)
        .from(platform_app::Entity)
        .and_where(platform_app::Column::Id.eq(of.app.uuid()))
        .to_owned();
    let same_apps = Query::select()
        .column(platform_app::Column::Id)
        .from(platform_app::Entity)
        .and_where(platform_app::Column::ClientId.in_subquery(client_id))
        .to_owned();
    let found: Option<Uuid> = authorization::Entity::find()
        .select_only()
        .column(authorization::Column::Id)
        .filter(status)
        .filter(authorization::Column::Platform.eq(of.platform.code()))
        .filter(authorization::Column::ExpectedShop.eq(label.as_str()))
        .filter(authorization::Column::PlatformAppId.in_subquery(same_apps))
        .limit(1)
        .into_tuple()
        .one(db.connection())
        .await?;
    Ok(found.is_some())
}

/// Whether an attempt counts whose seller has not come back yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    Counts,
    Ignored,
}

fn held(id: RevocationId, lease: LeaseId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.uuid()))
        .add(Column::LeaseId.eq(lease.uuid()))
}

impl From<Model> for DueRevocation {
    fn from(row: Model) -> Self {
        Self {
            id: RevocationId::new(row.id),
            store: StoreId::new(row.store_id),
            // A number that is none has no attempts left.
            attempts: usize::try_from(row.attempts).unwrap_or(usize::MAX),
            is_revoked: row.revoked_at.is_some(),
            revocation: Revocation::try_from(row),
        }
    }
}

impl TryFrom<Model> for Revocation {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = RevocationId::new(row.id);
        let corrupt = |what| StorageError::corrupt("revocations", id, what);
        let platform: Platform = row.platform.parse().map_err(|_| corrupt("platform"))?;
        Ok(Self {
            id,
            institution: InstitutionId::new(row.institution_id),
            store: StoreId::new(row.store_id),
            platform,
            app: PlatformAppId::new(row.platform_app_id),
            shop: ProvenShop {
                identity: ShopIdentity::new(platform.realm(), row.shop_identity),
                label: row.shop_label.as_deref().map(ShopLabel::from_checked),
            },
            origin: row.origin,
            credential: Sealed(row.credential),
        })
    }
}

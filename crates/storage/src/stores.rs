//! The stores of an institution, and the status that every channel tells.

use chrono::{DateTime, Utc};
use domain::{
    AuthStatus, AuthType, AuthorizationId, Authorized, ClientId, FailReason, GrantId,
    InstitutionId, Platform, Reauthorization, Renewal, ScopeCoverage, ShopIdentity, ShopLabel,
    Store, StoreId, StoreState,
};
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select, Set,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::{from_millis, to_millis};
use crate::row::store::{ActiveModel, Column, Entity, Model};

pub async fn insert(tx: &Tx, new: &Store) -> Result<(), StorageError> {
    let row = Model {
        id: new.id.uuid(),
        institution_id: new.institution.uuid(),
        client_id: new.client.uuid(),
        platform: new.platform.code().to_owned(),
        store_url: new.store_url.clone(),
        name: new.name.clone(),
        category: new.category.clone(),
        extra_info: new.extra_info.clone(),
        seller_id: None,
        auth_type: None,
        auth_status: AuthStatus::Unauthorized.code().to_owned(),
        auth_fail_reason: None,
        authorization_id: None,
        grant_id: None,
        shop_identity: None,
        scopes: None,
        authorized_at: None,
        expires_at: None,
        sequence: new.sequence,
        revision: new.revision,
        created_at: to_millis(new.created_at),
        unbound_at: None,
        health: None,
        reauthorize_by: None,
        scope_coverage: ScopeCoverage::Complete.code().to_owned(),
        reauthorization_id: None,
        reauthorization_status: None,
        reauthorization_fail_reason: None,
    };
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("stores", insert)).await
}

/// The store, unless it was unbound.
pub async fn find(
    db: &impl Executor,
    institution: InstitutionId,
    id: StoreId,
) -> Result<Option<Store>, StorageError> {
    let row = of_institution(institution, id).one(db.connection()).await?;
    row.map(Store::try_from).transpose()
}

/// The store, locked until the transaction ends: whoever changes a store starts here, so that two
/// changes of one store never mix. Without a transaction its revision tells at the end whether it was
/// changed in between.
pub async fn find_locked(
    tx: &Tx,
    institution: InstitutionId,
    id: StoreId,
) -> Result<Option<Store>, StorageError> {
    let mut found = of_institution(institution, id);
    if tx.locks() {
        found = found.lock_exclusive();
    }
    let row = found.one(tx.connection()).await?;
    row.map(Store::try_from).transpose()
}

fn of_institution(institution: InstitutionId, id: StoreId) -> Select<Entity> {
    Entity::find_by_id(id.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::UnboundAt.is_null())
}

/// What a list of stores is narrowed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreFilter {
    pub client: Option<ClientId>,
    pub platform: Option<Platform>,
    pub status: Option<AuthStatus>,
    /// The last store of the page before.
    pub after: Option<StoreId>,
}

/// The stores of an institution, oldest first.
pub async fn list(
    db: &impl Executor,
    institution: InstitutionId,
    filter: StoreFilter,
    limit: u64,
) -> Result<Vec<Store>, StorageError> {
    let mut query = Entity::find()
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::UnboundAt.is_null())
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(client) = filter.client {
        query = query.filter(Column::ClientId.eq(client.uuid()));
    }
    if let Some(platform) = filter.platform {
        query = query.filter(Column::Platform.eq(platform.code()));
    }
    if let Some(status) = filter.status {
        query = query.filter(Column::AuthStatus.eq(status.code()));
    }
    if let Some(after) = filter.after {
        query = query.filter(Column::Id.gt(after.uuid()));
    }
    query
        .all(db.connection())
        .await?
        .into_iter()
        .map(Store::try_from)
        .collect()
}

/// The institution's stores on a platform whose URL or asked-for label may name the shop, oldest first; the
/// caller knows how to read them.
pub async fn list_naming(
    db: &impl Executor,
    institution: InstitutionId,
    platform: Platform,
    shop: &ShopLabel,
) -> Result<Vec<Store>, StorageError> {
    let lower = |column: Column| Expr::expr(Func::lower(Expr::col(column)));
    // A label is letters, digits and hyphens, which mean nothing to LIKE.
    let label = shop.host_label();
    let naming = Condition::any()
        .add(lower(Column::StoreUrl).like(format!("%//{label}.%")))
        .add(lower(Column::SellerId).eq(label))
        .add(lower(Column::SellerId).like(format!("{label}.%")));
    Entity::find()
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::Platform.eq(platform.code()))
        .filter(Column::UnboundAt.is_null())
        .filter(naming)
        .order_by_asc(Column::Id)
        .all(db.connection())
        .await?
        .into_iter()
        .map(Store::try_from)
        .collect()
}

/// Writes a changed store. Its revision must be the next one: whoever read it without the lock and was
/// overtaken gets [`StorageError::Stale`], now or at the end of the transaction.
pub async fn update(tx: &Tx, store: &Store) -> Result<(), StorageError> {
    update_columns(tx, store, state_columns(store)).await
}

/// Writes a store for the last time; from now on nobody finds it.
pub async fn update_unbound(
    tx: &Tx,
    store: &Store,
    unbound_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let columns = ActiveModel {
        unbound_at: Set(Some(to_millis(unbound_at))),
        ..state_columns(store)
    };
    update_columns(tx, store, columns).await
}

async fn update_columns(tx: &Tx, store: &Store, columns: ActiveModel) -> Result<(), StorageError> {
    let update = Entity::update_many()
        .set(columns)
        .filter(Column::Id.eq(store.id.uuid()))
        .filter(Column::InstitutionId.eq(store.institution.uuid()))
        .filter(Column::Revision.eq(store.revision - 1))
        .filter(Column::UnboundAt.is_null())
        .into_query();
    let stale = StorageError::stale("stores", store.id);
    tx.write_later(Write::one("stores", update, stale)).await
}

fn state_columns(store: &Store) -> ActiveModel {
    let authorized = match &store.state {
        StoreState::Success(authorized) => Some(authorized),
        StoreState::Unauthorized | StoreState::Processing { .. } | StoreState::Failed { .. } => {
            None
        }
    };
    ActiveModel {
        store_url: Set(store.store_url.clone()),
        name: Set(store.name.clone()),
        category: Set(store.category.clone()),
        extra_info: Set(store.extra_info.clone()),
        seller_id: Set(store.seller_id.clone()),
        auth_type: Set(store.auth_type.map(|auth_type| auth_type.code().to_owned())),
        auth_status: Set(store.status().code().to_owned()),
        auth_fail_reason: Set(store.fail_reason().map(|reason| reason.code().to_owned())),
        authorization_id: Set(match store.state {
            StoreState::Processing { authorization } => Some(authorization.uuid()),
            StoreState::Unauthorized | StoreState::Success(_) | StoreState::Failed { .. } => None,
        }),
        grant_id: Set(authorized.map(|authorized| authorized.grant.uuid())),
        shop_identity: Set(authorized.map(|authorized| authorized.shop.value().to_owned())),
        scopes: Set(authorized.map(|authorized| serde_json::json!(authorized.scopes).to_string())),
        authorized_at: Set(authorized.map(|authorized| to_millis(authorized.authorized_at))),
        expires_at: Set(authorized.and_then(|authorized| authorized.expires_at.map(to_millis))),
        health: Set(authorized.map(|authorized| authorized.renewal.code().to_owned())),
        reauthorize_by: Set(
            authorized.and_then(|authorized| authorized.reauthorize_by.map(to_millis))
        ),
        scope_coverage: Set(authorized
            .map_or(ScopeCoverage::Complete, |authorized| authorized.coverage)
            .code()
            .to_owned()),
        sequence: Set(store.sequence),
        revision: Set(store.revision),
        ..reauthorization_columns(authorized.and_then(|authorized| authorized.reauthorization))
    }
}

const OFFERED: &str = "OFFERED";
const PROCESSING: &str = "PROCESSING";
const FAILED: &str = "FAILED";

fn reauthorization_columns(reauthorization: Option<Reauthorization>) -> ActiveModel {
    let (status, id, reason) = match reauthorization {
        None => (None, None, None),
        Some(Reauthorization::Offered { authorization }) => {
            (Some(OFFERED), Some(authorization), None)
        }
        Some(Reauthorization::Processing { authorization }) => {
            (Some(PROCESSING), Some(authorization), None)
        }
        Some(Reauthorization::Failed { reason }) => (Some(FAILED), None, Some(reason)),
    };
    ActiveModel {
        reauthorization_status: Set(status.map(str::to_owned)),
        reauthorization_id: Set(id.map(AuthorizationId::uuid)),
        reauthorization_fail_reason: Set(reason.map(|reason| reason.code().to_owned())),
        ..Default::default()
    }
}

impl TryFrom<Model> for Store {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = StoreId::new(row.id);
        let corrupt = |what| StorageError::corrupt("stores", id, what);
        let platform: Platform = row.platform.parse().map_err(|_| corrupt("platform"))?;
        let auth_type = match &row.auth_type {
            Some(code) => Some(AuthType::from_code(code).ok_or_else(|| corrupt("auth_type"))?),
            None => None,
        };
        Ok(Self {
            id,
            institution: InstitutionId::new(row.institution_id),
            client: ClientId::new(row.client_id),
            platform,
            state: read_state(&row, platform)?,
            store_url: row.store_url,
            name: row.name,
            category: row.category,
            extra_info: row.extra_info,
            seller_id: row.seller_id,
            auth_type,
            sequence: row.sequence,
            revision: row.revision,
            created_at: from_millis(row.created_at, "stores", id)?,
        })
    }
}

fn read_state(row: &Model, platform: Platform) -> Result<StoreState, StorageError> {
    let id = StoreId::new(row.id);
    let corrupt = |what| StorageError::corrupt("stores", id, what);
    let status = AuthStatus::from_code(&row.auth_status).ok_or_else(|| corrupt("auth_status"))?;
    match status {
        AuthStatus::Unauthorized => Ok(StoreState::Unauthorized),
        AuthStatus::Processing => {
            let authorization = row
                .authorization_id
                .ok_or_else(|| corrupt("PROCESSING without an attempt"))?;
            Ok(StoreState::Processing {
                authorization: AuthorizationId::new(authorization),
            })
        }
        AuthStatus::Failed => {
            let reason = row
                .auth_fail_reason
                .as_deref()
                .and_then(FailReason::from_code);
            Ok(StoreState::Failed {
                reason: reason.ok_or_else(|| corrupt("auth_fail_reason"))?,
            })
        }
        AuthStatus::Success => {
            let (Some(grant), Some(shop), Some(scopes), Some(authorized_at)) = (
                row.grant_id,
                &row.shop_identity,
                &row.scopes,
                row.authorized_at,
            ) else {
                return Err(corrupt("SUCCESS without a grant"));
            };
            let instant = |millis: Option<i64>| {
                millis
                    .map(|millis| from_millis(millis, "stores", id))
                    .transpose()
            };
            // The version before writes none.
            let renewal = match &row.health {
                Some(code) => Renewal::from_code(code).ok_or_else(|| corrupt("health"))?,
                None => Renewal::Good,
            };
            Ok(StoreState::Success(Authorized {
                grant: GrantId::new(grant),
                shop: ShopIdentity::new(platform.realm(), shop.clone()),
                scopes: serde_json::from_str(scopes).map_err(|_| corrupt("scopes"))?,
                authorized_at: from_millis(authorized_at, "stores", id)?,
                expires_at: instant(row.expires_at)?,
                coverage: ScopeCoverage::from_code(&row.scope_coverage)
                    .ok_or_else(|| corrupt("scope_coverage"))?,
                renewal,
                reauthorize_by: instant(row.reauthorize_by)?,
                reauthorization: read_reauthorization(row)?,
            }))
        }
    }
}

fn read_reauthorization(row: &Model) -> Result<Option<Reauthorization>, StorageError> {
    let id = StoreId::new(row.id);
    let corrupt = |what| StorageError::corrupt("stores", id, what);
    let attempt = row.reauthorization_id.map(AuthorizationId::new);
    let reason = row.reauthorization_fail_reason.as_deref();
    let reason = reason.and_then(FailReason::from_code);
    Ok(
        match (row.reauthorization_status.as_deref(), attempt, reason) {
            (None, _, _) => None,
            (Some(OFFERED), Some(authorization), _) => {
                Some(Reauthorization::Offered { authorization })
            }
            (Some(PROCESSING), Some(authorization), _) => {
                Some(Reauthorization::Processing { authorization })
            }
            (Some(FAILED), _, Some(reason)) => Some(Reauthorization::Failed { reason }),
            (Some(_), _, _) => return Err(corrupt("reauthorization_status")),
        },
    )
}

//! Proven credentials.

use chrono::{DateTime, Utc};
use domain::{Grant, GrantId, InstitutionId, StoreId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Set,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::to_millis;
use crate::literal::is_word;
use crate::row::grant::{ActiveModel, Column, Entity, Model};
use crate::sealing::Sealed;

const LIVE: &str = "LIVE";
const ENDED: &str = "ENDED";

pub async fn insert(tx: &Tx, new: &Grant, credential: Sealed) -> Result<(), StorageError> {
    let row = Model {
        id: new.id.uuid(),
        store_id: new.store.uuid(),
        institution_id: new.institution.uuid(),
        authorization_id: new.authorization.uuid(),
        platform: new.platform.code().to_owned(),
        status: LIVE.to_owned(),
        shop_identity: new.shop.identity.value().to_owned(),
        shop_label: new.shop.label.as_ref().map(ToString::to_string),
        origin: new.origin.clone(),
        credential: Some(credential.0),
        scopes: serde_json::json!(new.scopes).to_string(),
        expires_at: new.expires_at.map(to_millis),
        created_at: to_millis(new.created_at),
        ended_at: None,
    };
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("grants", insert)).await
}

/// Ends a grant and erases its credential.
pub async fn end(tx: &Tx, id: GrantId, ended_at: DateTime<Utc>) -> Result<(), StorageError> {
    let change = ActiveModel {
        status: Set(ENDED.to_owned()),
        credential: Set(None),
        ended_at: Set(Some(to_millis(ended_at))),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::Status.eq(LIVE))
        .into_query();
    let stale = StorageError::stale("grants", id);
    tx.write_later(Write::one("grants", update, stale)).await
}

/// A grant that is past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiredGrant {
    pub grant: GrantId,
    pub store: StoreId,
    pub institution: InstitutionId,
}

pub async fn list_expired_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<ExpiredGrant>, StorageError> {
    let rows = Entity::find()
        .filter(is_word(Column::Status, LIVE))
        .filter(Column::ExpiresAt.lte(to_millis(now)))
        .order_by_asc(Column::ExpiresAt)
        .limit(limit)
        .all(db.connection())
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| ExpiredGrant {
            grant: GrantId::new(row.id),
            store: StoreId::new(row.store_id),
            institution: InstitutionId::new(row.institution_id),
        })
        .collect())
}

//! Institutions and their secrets.

use chrono::{DateTime, Utc};
use domain::{AppId, Institution, InstitutionId, InstitutionKeyId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::{from_millis, to_millis};
use crate::row::{institution, institution_key};
use crate::sealing::Sealed;

/// One of an institution's secrets. It counts until `expires_at`, without it until it is replaced.
#[derive(Clone, Debug)]
pub struct InstitutionKey {
    pub id: InstitutionKeyId,
    pub secret: Sealed,
}

pub async fn insert(tx: &Tx, new: &Institution) -> Result<(), StorageError> {
    let row = institution::Model {
        id: new.id.uuid(),
        app_id: new.app_id.as_str().to_owned(),
        name: new.name.clone(),
        redirect_origins: serde_json::json!(new.redirect_origins).to_string(),
        created_at: to_millis(new.created_at),
    };
    institution::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

pub async fn find(
    db: &impl Executor,
    id: InstitutionId,
) -> Result<Option<Institution>, StorageError> {
    let row = institution::Entity::find_by_id(id.uuid())
        .one(db.connection())
        .await?;
    row.map(Institution::try_from).transpose()
}

pub async fn find_by_app_id(
    db: &impl Executor,
    app_id: &AppId,
) -> Result<Option<Institution>, StorageError> {
    let row = institution::Entity::find()
        .filter(institution::Column::AppId.eq(app_id.as_str()))
        .one(db.connection())
        .await?;
    row.map(Institution::try_from).transpose()
}

/// Every institution, oldest first; for the operator.
pub async fn list(db: &impl Executor) -> Result<Vec<Institution>, StorageError> {
    let rows = institution::Entity::find()
        .order_by_asc(institution::Column::Id)
        .all(db.connection())
        .await?;
    rows.into_iter().map(Institution::try_from).collect()
}

pub async fn insert_key(
    tx: &Tx,
    institution: InstitutionId,
    key: &InstitutionKey,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let row = institution_key::Model {
        id: key.id.uuid(),
        institution_id: institution.uuid(),
        secret: key.secret.0.clone(),
        created_at: to_millis(now),
        expires_at: None,
    };
    institution_key::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The secrets that count now, newest first.
pub async fn live_keys(
    db: &impl Executor,
    institution: InstitutionId,
    now: DateTime<Utc>,
) -> Result<Vec<InstitutionKey>, StorageError> {
    let live = Condition::any()
        .add(institution_key::Column::ExpiresAt.is_null())
        .add(institution_key::Column::ExpiresAt.gt(to_millis(now)));
    let rows = institution_key::Entity::find()
        .filter(institution_key::Column::InstitutionId.eq(institution.uuid()))
        .filter(live)
        .order_by_desc(institution_key::Column::Id)
        .all(db.connection())
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| InstitutionKey {
            id: InstitutionKeyId::new(row.id),
            secret: Sealed(row.secret),
        })
        .collect())
}

/// Gives an end to every secret that has none yet, or a later one.
pub async fn expire_keys(
    tx: &Tx,
    institution: InstitutionId,
    expires_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let later = Condition::any()
        .add(institution_key::Column::ExpiresAt.is_null())
        .add(institution_key::Column::ExpiresAt.gt(to_millis(expires_at)));
    let change = institution_key::ActiveModel {
        expires_at: sea_orm::Set(Some(to_millis(expires_at))),
        ..Default::default()
    };
    institution_key::Entity::update_many()
        .set(change)
        .filter(institution_key::Column::InstitutionId.eq(institution.uuid()))
        .filter(later)
        .exec(tx.connection())
        .await?;
    Ok(())
}

impl TryFrom<institution::Model> for Institution {
    type Error = StorageError;

    fn try_from(row: institution::Model) -> Result<Self, StorageError> {
        let id = InstitutionId::new(row.id);
        let redirect_origins = serde_json::from_str(&row.redirect_origins)
            .map_err(|_| StorageError::corrupt("institutions", id, "redirect_origins"))?;
        Ok(Self {
            id,
            app_id: AppId::new(row.app_id),
            name: row.name,
            redirect_origins,
            created_at: from_millis(row.created_at, "institutions", id)?,
        })
    }
}

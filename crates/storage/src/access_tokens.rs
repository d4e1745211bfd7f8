//! Access tokens, of which only a hash is kept.

use chrono::{DateTime, Utc};
use domain::InstitutionId;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::row::access_token;

pub async fn insert(
    tx: &Tx,
    institution: InstitutionId,
    token_hash: [u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let row = access_token::Model {
        token_hash: token_hash.to_vec(),
        institution_id: institution.uuid(),
        expires_at: to_millis(expires_at),
    };
    access_token::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Whose token this is, if it still counts.
pub async fn find_holder(
    db: &impl Executor,
    token_hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<InstitutionId>, StorageError> {
    let row = access_token::Entity::find_by_id(token_hash.to_vec())
        .filter(access_token::Column::ExpiresAt.gt(to_millis(now)))
        .one(db.connection())
        .await?;
    Ok(row.map(|row| InstitutionId::new(row.institution_id)))
}

//! Access tokens, of which only a hash is kept.

use chrono::{DateTime, Utc};
use domain::InstitutionId;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::{from_millis, to_millis};
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

/// A token, and until when it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessToken {
    pub institution: InstitutionId,
    pub expires_at: DateTime<Utc>,
}

/// The token with this hash, whether it still counts or not.
pub async fn find(
    db: &impl Executor,
    token_hash: [u8; 32],
) -> Result<Option<AccessToken>, StorageError> {
    let row = access_token::Entity::find_by_id(token_hash.to_vec())
        .one(db.connection())
        .await?;
    row.map(|row| {
        let institution = InstitutionId::new(row.institution_id);
        Ok(AccessToken {
            institution,
            expires_at: from_millis(row.expires_at, "access_tokens", institution)?,
        })
    })
    .transpose()
}

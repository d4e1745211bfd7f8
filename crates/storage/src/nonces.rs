//! Nonces of signed calls, each good for one call.

use chrono::{DateTime, Utc};
use domain::InstitutionId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::row::nonce;

/// Whether the nonce was fresh; it is used up now. Of two transactions with one nonce the second waits
/// for the first, so that exactly one finds it fresh.
pub async fn consume(
    tx: &Tx,
    institution: InstitutionId,
    nonce_hash: [u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let row = nonce::Model {
        institution_id: institution.uuid(),
        nonce_hash: nonce_hash.to_vec(),
        expires_at: to_millis(expires_at),
    };
    let inserted = nonce::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(inserted == 1)
}

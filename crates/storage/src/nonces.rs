//! Nonces of signed calls, each good for one call.

use chrono::{DateTime, Utc};
use domain::InstitutionId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryTrait};

use crate::error::StorageError;
use crate::executor::{Tx, Write};
use crate::instant::to_millis;
use crate::row::nonce;

/// Uses up the nonce. Fails with [`StorageError::NonceUsed`], now or at the end of the transaction, if it
/// was used before: of two transactions with one nonce the second waits for the first.
pub async fn consume(
    tx: &Tx,
    institution: InstitutionId,
    nonce_hash: [u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let row = nonce::Model {
        institution_id: institution.uuid(),
        nonce_hash: nonce_hash.to_vec(),
        expires_at: to_millis(expires_at),
    };
    let insert = nonce::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .into_query();
    tx.write_later(Write::one("nonces", insert, StorageError::NonceUsed))
        .await
}

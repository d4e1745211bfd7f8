//! Tokens of users' sessions at a platform. A user has one at a store at most, beside the store's grant.

use chrono::{DateTime, Utc};
use domain::{GrantId, InstitutionId, OnlineTokenId, Scopes, StoreId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::{from_millis, to_millis};
use crate::row::online_token::{Column, Entity, Model};
use crate::sealing::Sealed;

/// The token of a user's session.
#[derive(Clone, Debug)]
pub struct OnlineToken {
    pub id: OnlineTokenId,
    pub institution: InstitutionId,
    pub store: StoreId,
    /// The grant of the store, which it does not outlive.
    pub grant: GrantId,
    /// The platform's own id of the user.
    pub user: String,
    /// Of the session token that it was had for.
    pub session_hash: [u8; 32],
    pub token: Sealed,
    pub scopes: Scopes,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Keeps a token in place of the one that the user had at the store.
pub async fn replace(tx: &Tx, new: &OnlineToken) -> Result<(), StorageError> {
    let row = Model {
        id: new.id.uuid(),
        institution_id: new.institution.uuid(),
        store_id: new.store.uuid(),
        grant_id: new.grant.uuid(),
        user_id: new.user.clone(),
        session_hash: new.session_hash.to_vec(),
        token: new.token.0.clone(),
        scopes: serde_json::json!(new.scopes).to_string(),
        created_at: to_millis(new.created_at),
        expires_at: to_millis(new.expires_at),
    };
    let before = OnConflict::columns([Column::StoreId, Column::UserId])
        .update_columns([
            Column::Id,
            Column::GrantId,
            Column::SessionHash,
            Column::Token,
            Column::Scopes,
            Column::CreatedAt,
            Column::ExpiresAt,
        ])
        .to_owned();
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(before)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The living token that was had for a session token at a store.
pub async fn find_by_session(
    db: &impl Executor,
    institution: InstitutionId,
    store: StoreId,
    session_hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<OnlineToken>, StorageError> {
    let row = Entity::find()
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::StoreId.eq(store.uuid()))
        .filter(Column::SessionHash.eq(session_hash.to_vec()))
        .filter(Column::ExpiresAt.gt(to_millis(now)))
        .one(db.connection())
        .await?;
    row.map(OnlineToken::try_from).transpose()
}

/// Erases the tokens that were had beside a grant, with the grant.
pub(crate) async fn delete_of_grant(tx: &Tx, grant: GrantId) -> Result<(), StorageError> {
    let delete = Entity::delete_many()
        .filter(Column::GrantId.eq(grant.uuid()))
        .into_query();
    tx.write_later(Write::any("online_tokens", delete)).await
}

impl TryFrom<Model> for OnlineToken {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = OnlineTokenId::new(row.id);
        let corrupt = |what| StorageError::corrupt("online_tokens", id, what);
        Ok(Self {
            id,
            institution: InstitutionId::new(row.institution_id),
            store: StoreId::new(row.store_id),
            grant: GrantId::new(row.grant_id),
            user: row.user_id,
            session_hash: row
                .session_hash
                .as_slice()
                .try_into()
                .map_err(|_| corrupt("session_hash"))?,
            token: Sealed(row.token),
            scopes: serde_json::from_str(&row.scopes).map_err(|_| corrupt("scopes"))?,
            created_at: from_millis(row.created_at, "online_tokens", id)?,
            expires_at: from_millis(row.expires_at, "online_tokens", id)?,
        })
    }
}

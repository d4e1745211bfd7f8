//! Who asked for a credential, of which store, when, and what came of it. Never the credential.

use chrono::{DateTime, Utc};
use domain::{CredentialRequestId, InstitutionId, StoreId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::{from_millis, to_millis};
use crate::row::credential_request::{Column, Entity, Model};

/// The call by which a credential was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialCall {
    Get,
    Session,
}

impl CredentialCall {
    const ALL: [Self; 2] = [Self::Get, Self::Session];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Get => "credential/get",
            Self::Session => "store/session",
        }
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialOutcome {
    HandedOut,
    /// The institution may not have credentials.
    Forbidden,
    UnknownStore,
    NotAuthorized,
    /// What the store is authorized by is no access token.
    NoAccessToken,
    /// There is no living token, and none could be had.
    Unavailable,
    /// The session token proves nothing, or another shop.
    SessionRefused,
    /// The fault was ours.
    Failed,
}

impl CredentialOutcome {
    const ALL: [Self; 8] = [
        Self::HandedOut,
        Self::Forbidden,
        Self::UnknownStore,
        Self::NotAuthorized,
        Self::NoAccessToken,
        Self::Unavailable,
        Self::SessionRefused,
        Self::Failed,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::HandedOut => "HANDED_OUT",
            Self::Forbidden => "FORBIDDEN",
            Self::UnknownStore => "UNKNOWN_STORE",
            Self::NotAuthorized => "NOT_AUTHORIZED",
            Self::NoAccessToken => "NO_ACCESS_TOKEN",
            Self::Unavailable => "UNAVAILABLE",
            Self::SessionRefused => "SESSION_REFUSED",
            Self::Failed => "FAILED",
        }
    }
}

/// A request with its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRequest {
    pub id: CredentialRequestId,
    pub institution: InstitutionId,
    /// As it was asked for, whether or not the institution has such a store; `None` for what is no id.
    pub store: Option<StoreId>,
    pub call: CredentialCall,
    pub outcome: CredentialOutcome,
    /// The id that the answer carries.
    pub request_id: String,
    pub created_at: DateTime<Utc>,
}

pub async fn insert(tx: &Tx, new: &CredentialRequest) -> Result<(), StorageError> {
    let row = Model {
        id: new.id.uuid(),
        institution_id: new.institution.uuid(),
        store_id: new.store.map(StoreId::uuid),
        call: new.call.code().to_owned(),
        outcome: new.outcome.code().to_owned(),
        request_id: new.request_id.clone(),
        created_at: to_millis(new.created_at),
    };
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("credential_requests", insert))
        .await
}

/// The latest requests of an institution, newest first.
pub async fn list(
    db: &impl Executor,
    institution: InstitutionId,
    limit: u64,
) -> Result<Vec<CredentialRequest>, StorageError> {
    Entity::find()
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db.connection())
        .await?
        .into_iter()
        .map(CredentialRequest::try_from)
        .collect()
}

impl TryFrom<Model> for CredentialRequest {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = CredentialRequestId::new(row.id);
        let corrupt = |what| StorageError::corrupt("credential_requests", id, what);
        let call = CredentialCall::ALL
            .into_iter()
            .find(|call| call.code() == row.call);
        let outcome = CredentialOutcome::ALL
            .into_iter()
            .find(|outcome| outcome.code() == row.outcome);
        Ok(Self {
            id,
            institution: InstitutionId::new(row.institution_id),
            store: row.store_id.map(StoreId::new),
            call: call.ok_or_else(|| corrupt("call"))?,
            outcome: outcome.ok_or_else(|| corrupt("outcome"))?,
            request_id: row.request_id,
            created_at: from_millis(row.created_at, "credential_requests", id)?,
        })
    }
}

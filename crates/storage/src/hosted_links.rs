//! Links to a page of ours, and the clicks there: each goes on to the platform with a state of its own, and is
//! for the browser alone that made it.

use chrono::{DateTime, Utc};
use domain::{Authorization, AuthorizationId, InstitutionId, LinkClickId};
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::authorizations;
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::{from_millis, to_millis};
use crate::row::{hosted_link, link_click};

/// A seller's click on a link, and what its browser has to bring back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    pub id: LinkClickId,
    pub authorization: AuthorizationId,
    pub institution: InstitutionId,
    /// Of the state that the platform hands through.
    pub state_hash: [u8; 32],
    /// Of the value in the browser's cookie.
    pub cookie_hash: [u8; 32],
    pub deadline_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

/// Opens the one link of an attempt.
pub async fn insert(
    tx: &Tx,
    authorization: &Authorization,
    token_hash: [u8; 32],
) -> Result<(), StorageError> {
    let row = hosted_link::Model {
        authorization_id: authorization.id.uuid(),
        institution_id: authorization.institution.uuid(),
        token_hash: token_hash.to_vec(),
        code_hash: None,
        created_at: to_millis(authorization.created_at),
    };
    let insert = hosted_link::Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("hosted_links", insert)).await
}

/// The attempt behind a link. The token is its own proof, so no institution is asked for.
pub async fn find_by_token(
    db: &impl Executor,
    token_hash: [u8; 32],
) -> Result<Option<Authorization>, StorageError> {
    let row = hosted_link::Entity::find()
        .filter(hosted_link::Column::TokenHash.eq(token_hash.to_vec()))
        .one(db.connection())
        .await?;
    match row {
        None => Ok(None),
        Some(row) => {
            let institution = InstitutionId::new(row.institution_id);
            let id = AuthorizationId::new(row.authorization_id);
            authorizations::find(db, institution, id).await
        }
    }
}

/// Whether an attempt has a link of ours, which a key that was handed in came by.
pub async fn has_one(tx: &Tx, authorization: AuthorizationId) -> Result<bool, StorageError> {
    let row = hosted_link::Entity::find_by_id(authorization.uuid())
        .one(tx.connection())
        .await?;
    Ok(row.is_some())
}

/// Keeps which code came of an attempt's link, where it has one, so that the same callback is known again.
pub async fn keep_code(
    tx: &Tx,
    institution: InstitutionId,
    authorization: AuthorizationId,
    code_hash: [u8; 32],
) -> Result<(), StorageError> {
    let mut update = Query::update();
    update
        .table(hosted_link::Entity)
        .value(hosted_link::Column::CodeHash, code_hash.to_vec())
        .and_where(hosted_link::Column::AuthorizationId.eq(authorization.uuid()))
        .and_where(hosted_link::Column::InstitutionId.eq(institution.uuid()));
    tx.write_later(Write::any("hosted_links", update)).await
}

/// The attempts whose links this code came of. The code is its own proof, so no institution is asked for.
pub async fn list_by_code(
    db: &impl Executor,
    code_hash: [u8; 32],
) -> Result<Vec<AuthorizationId>, StorageError> {
    let rows = hosted_link::Entity::find()
        .filter(hosted_link::Column::CodeHash.eq(code_hash.to_vec()))
        .all(db.connection())
        .await?;
    let ids = rows.into_iter().map(|row| row.authorization_id);
    Ok(ids.map(AuthorizationId::new).collect())
}

/// Forgets the link of an attempt that goes on by another way, with all clicks on it.
pub async fn close(
    tx: &Tx,
    institution: InstitutionId,
    authorization: AuthorizationId,
) -> Result<(), StorageError> {
    let mut delete = Query::delete();
    delete
        .from_table(hosted_link::Entity)
        .and_where(hosted_link::Column::AuthorizationId.eq(authorization.uuid()))
        .and_where(hosted_link::Column::InstitutionId.eq(institution.uuid()));
    tx.write_later(Write::any("hosted_links", delete)).await
}

/// Records a click. Of those on one link the latest `keep` are kept, so that nobody fills the table by
/// clicking.
pub async fn insert_click(tx: &Tx, new: &Click, keep: u64) -> Result<(), StorageError> {
    let newer: Vec<Uuid> = link_click::Entity::find()
        .select_only()
        .column(link_click::Column::Id)
        .filter(link_click::Column::AuthorizationId.eq(new.authorization.uuid()))
        .order_by_desc(link_click::Column::Id)
        .limit(keep)
        .into_tuple()
        .all(tx.connection())
        .await?;
    if newer.len() as u64 == keep
        && let Some(last) = newer.last()
    {
        link_click::Entity::delete_many()
            .filter(link_click::Column::AuthorizationId.eq(new.authorization.uuid()))
            .filter(link_click::Column::Id.lte(*last))
            .exec(tx.connection())
            .await?;
    }
    let row = link_click::Model {
        id: new.id.uuid(),
        authorization_id: new.authorization.uuid(),
        institution_id: new.institution.uuid(),
        state_hash: new.state_hash.to_vec(),
        cookie_hash: new.cookie_hash.to_vec(),
        deadline_at: to_millis(new.deadline_at),
        created_at: to_millis(new.created_at),
    };
    let insert = link_click::Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("link_clicks", insert)).await
}

/// The click whose state this is. The state is its own proof, so no institution is asked for.
pub async fn find_click_by_state(
    db: &impl Executor,
    state_hash: [u8; 32],
) -> Result<Option<Click>, StorageError> {
    let row = link_click::Entity::find()
        .filter(link_click::Column::StateHash.eq(state_hash.to_vec()))
        .one(db.connection())
        .await?;
    row.map(Click::try_from).transpose()
}

/// The clicks of one browser by the cookies that it brings, the latest first. The cookies are their own proof.
pub async fn list_clicks_by_cookies(
    db: &impl Executor,
    cookie_hashes: &[[u8; 32]],
) -> Result<Vec<Click>, StorageError> {
    let hashes = cookie_hashes.iter().map(|hash| hash.to_vec());
    link_click::Entity::find()
        .filter(link_click::Column::CookieHash.is_in(hashes))
        .order_by_desc(link_click::Column::Id)
        .all(db.connection())
        .await?
        .into_iter()
        .map(Click::try_from)
        .collect()
}

impl TryFrom<link_click::Model> for Click {
    type Error = StorageError;

    fn try_from(row: link_click::Model) -> Result<Self, StorageError> {
        let id = LinkClickId::new(row.id);
        let corrupt = |what| StorageError::corrupt("link_clicks", id, what);
        Ok(Self {
            id,
            authorization: AuthorizationId::new(row.authorization_id),
            institution: InstitutionId::new(row.institution_id),
            state_hash: row
                .state_hash
                .try_into()
                .map_err(|_| corrupt("state_hash"))?,
            cookie_hash: row
                .cookie_hash
                .try_into()
                .map_err(|_| corrupt("cookie_hash"))?,
            deadline_at: from_millis(row.deadline_at, "link_clicks", id)?,
            created_at: from_millis(row.created_at, "link_clicks", id)?,
        })
    }
}

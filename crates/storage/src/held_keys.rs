//! Keys that shops sent by themselves, sealed until the browser whose click they answer is back. Nothing proves
//! them here.

use chrono::{DateTime, Utc};
use domain::{AuthorizationId, InstitutionId, LinkClickId};
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::{from_millis, to_millis};
use crate::news::News;
use crate::row::held_key::{Column, Entity, Model};
use crate::sealing::{Fingerprint, Sealed};

/// A key, and the click that it answers.
#[derive(Clone, Debug)]
pub struct HeldKey {
    pub click: LinkClickId,
    pub authorization: AuthorizationId,
    pub institution: InstitutionId,
    pub credential: Sealed,
    pub fingerprint: Fingerprint,
    /// The click's own end.
    pub expires_at: DateTime<Utc>,
}

/// Holds a key. A click has one at most.
pub async fn insert(tx: &Tx, new: &HeldKey, created_at: DateTime<Utc>) -> Result<(), StorageError> {
    let row = Model {
        click_id: new.click.uuid(),
        authorization_id: new.authorization.uuid(),
        institution_id: new.institution.uuid(),
        credential: new.credential.0.clone(),
        fingerprint: new.fingerprint.value.to_vec(),
        fingerprint_key_id: new.fingerprint.key_id.clone(),
        created_at: to_millis(created_at),
        expires_at: to_millis(new.expires_at),
    };
    tx.announce(News::Keys);
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("held_keys", insert)).await
}

/// The key that answers a click. `None` if none came, it was thrown away, or its time is over.
pub async fn find(
    db: &impl Executor,
    institution: InstitutionId,
    click: LinkClickId,
    now: DateTime<Utc>,
) -> Result<Option<HeldKey>, StorageError> {
    let row = Entity::find_by_id(click.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::ExpiresAt.gt(to_millis(now)))
        .one(db.connection())
        .await?;
    row.map(|row| HeldKey::read(row, institution)).transpose()
}

/// Throws away the key that answers a click, if there is one.
pub async fn discard(
    tx: &Tx,
    institution: InstitutionId,
    click: LinkClickId,
) -> Result<(), StorageError> {
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Column::ClickId.eq(click.uuid()))
        .and_where(Column::InstitutionId.eq(institution.uuid()));
    tx.write_later(Write::any("held_keys", delete)).await
}

/// Throws away all keys that are held for an attempt, which wants none any more.
pub(crate) async fn discard_all(
    tx: &Tx,
    institution: InstitutionId,
    authorization: AuthorizationId,
) -> Result<(), StorageError> {
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Column::AuthorizationId.eq(authorization.uuid()))
        .and_where(Column::InstitutionId.eq(institution.uuid()));
    tx.write_later(Write::any("held_keys", delete)).await
}

impl HeldKey {
    fn read(row: Model, institution: InstitutionId) -> Result<Self, StorageError> {
        let click = LinkClickId::new(row.click_id);
        let corrupt = |what| StorageError::corrupt("held_keys", click, what);
        Ok(Self {
            click,
            authorization: AuthorizationId::new(row.authorization_id),
            institution,
            credential: Sealed(row.credential),
            fingerprint: Fingerprint {
                value: row
                    .fingerprint
                    .try_into()
                    .map_err(|_| corrupt("fingerprint"))?,
                key_id: row.fingerprint_key_id,
            },
            expires_at: from_millis(row.expires_at, "held_keys", click)?,
        })
    }
}

//! Codes that a platform pushed without having been asked, sealed until somebody may spend them.

use chrono::{DateTime, Utc};
use domain::{Platform, PlatformAppId, PlatformEventId, ShopIdentity, ShopLabel};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::to_millis;
use crate::row::pushed_code::{Column, Entity, Model};
use crate::sealing::Sealed;

/// A code, the app that it is for and the shop that it is about.
#[derive(Clone, Debug)]
pub struct PushedCode {
    /// The event that brought it.
    pub id: PlatformEventId,
    pub platform: Platform,
    pub app: PlatformAppId,
    /// As the platform's headers name the shop, which it does not sign.
    pub label: ShopLabel,
    /// As the signed body names it.
    pub identity: ShopIdentity,
    pub code: Sealed,
}

pub async fn insert(
    tx: &Tx,
    new: &PushedCode,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let row = Model {
        id: new.id.uuid(),
        platform: new.platform.code().to_owned(),
        platform_app_id: new.app.uuid(),
        shop_label: new.label.to_string(),
        shop_identity: new.identity.value().to_owned(),
        code: new.code.0.clone(),
        created_at: to_millis(created_at),
        expires_at: to_millis(expires_at),
    };
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("pushed_codes", insert)).await
}

/// The code that an event brought, locked until the transaction ends. `None` if it was taken, or is dead.
pub async fn find_locked_for_worker(
    tx: &Tx,
    id: PlatformEventId,
    now: DateTime<Utc>,
) -> Result<Option<PushedCode>, StorageError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::ExpiresAt.gt(to_millis(now)))
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    row.map(PushedCode::try_from).transpose()
}

/// Takes a code out, to be spent: nobody finds it from here on. Fails with [`StorageError::Stale`], now or
/// at the end of the transaction, if it was taken.
pub async fn take(tx: &Tx, code: &PushedCode) -> Result<(), StorageError> {
    let delete = Entity::delete_many()
        .filter(Column::Id.eq(code.id.uuid()))
        .into_query();
    let stale = StorageError::stale("pushed_codes", code.id);
    tx.write_later(Write::one("pushed_codes", delete, stale))
        .await
}

/// The latest code for the app about a shop that both names agree on, locked until the transaction ends.
pub async fn find_parked_for_worker(
    tx: &Tx,
    app: PlatformAppId,
    label: &ShopLabel,
    identity: &ShopIdentity,
    now: DateTime<Utc>,
) -> Result<Option<PushedCode>, StorageError> {
    let row = Entity::find()
        .filter(Column::PlatformAppId.eq(app.uuid()))
        .filter(Column::ShopLabel.eq(label.as_str()))
        .filter(Column::ShopIdentity.eq(identity.value()))
        .filter(Column::ExpiresAt.gt(to_millis(now)))
        .order_by_desc(Column::Id)
        .limit(1)
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    row.map(PushedCode::try_from).transpose()
}

impl TryFrom<Model> for PushedCode {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = PlatformEventId::new(row.id);
        let corrupt = |what| StorageError::corrupt("pushed_codes", id, what);
        let platform: Platform = row.platform.parse().map_err(|_| corrupt("platform"))?;
        Ok(Self {
            id,
            platform,
            app: PlatformAppId::new(row.platform_app_id),
            label: ShopLabel::from_checked(&row.shop_label),
            identity: ShopIdentity::new(platform.realm(), row.shop_identity),
            code: Sealed(row.code),
        })
    }
}

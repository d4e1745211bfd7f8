//! Sellers who opened our app on a platform: each launch is used once, and what it offers is for one
//! browser.

use chrono::{DateTime, Utc};
use domain::authorization::AuthorizationStatus;
use domain::{
    AuthType, Authorization, AuthorizationId, InstitutionId, LaunchId, OperatorPermissions,
    OperatorRole, Platform, PlatformAppId, ShopIdentity, ShopLabel,
};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Set,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::literal::is_word;
use crate::row::authorization;
use crate::row::launch::{ActiveModel, Column, Entity, Model};

const UNANSWERED: &str = "UNANSWERED";
const OFFERED: &str = "OFFERED";
const CONFIRMED: &str = "CONFIRMED";

/// A launch that was verified.
#[derive(Clone, Debug)]
pub struct NewLaunch {
    pub id: LaunchId,
    /// By which it is known when it comes again.
    pub signature_hash: [u8; 32],
    pub platform: Platform,
    pub app: PlatformAppId,
    pub shop: ShopLabel,
    pub identity: Option<ShopIdentity>,
    pub language: Option<String>,
    /// What the person is who opened the app; `None` where the platform does not say.
    pub operator: Option<LaunchedBy>,
    /// `None` where nothing waits that could be continued.
    pub offer: Option<Offer>,
    pub created_at: DateTime<Utc>,
    /// When it is forgotten; by then its signature must be too old to be used.
    pub expires_at: DateTime<Utc>,
}

/// What is kept of who opened the app. Who it was is not.
#[derive(Clone, Debug)]
pub struct LaunchedBy {
    pub role: OperatorRole,
    /// `None` for those to whom the shop grants nothing one by one.
    pub permissions: Option<OperatorPermissions>,
}

/// The one attempt that a launch may continue, and what the browser must show for it.
#[derive(Clone, Debug)]
pub struct Offer {
    pub institution: InstitutionId,
    pub authorization: AuthorizationId,
    /// Of the value in the browser's cookie.
    pub cookie_hash: [u8; 32],
    /// Of the value in the page's form.
    pub token_hash: [u8; 32],
    pub until: DateTime<Utc>,
}

/// What a browser shows to confirm an offer.
#[derive(Clone, Copy, Debug)]
pub struct Confirmation {
    pub launch: LaunchId,
    pub platform: Platform,
    pub cookie_hash: [u8; 32],
    pub token_hash: [u8; 32],
}

/// What was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    pub app: PlatformAppId,
    pub institution: InstitutionId,
    pub authorization: AuthorizationId,
    pub language: Option<String>,
}

/// `false` if a launch with this signature came before. The unique key decides a race.
pub async fn insert(tx: &Tx, new: &NewLaunch) -> Result<bool, StorageError> {
    let (offer, operator) = (new.offer.as_ref(), new.operator.as_ref());
    let row = Model {
        id: new.id.uuid(),
        signature_hash: new.signature_hash.to_vec(),
        platform: new.platform.code().to_owned(),
        platform_app_id: new.app.uuid(),
        shop_label: new.shop.to_string(),
        shop_identity: new.identity.as_ref().map(|id| id.value().to_owned()),
        language: new.language.clone(),
        operator_role: operator.map(|by| by.role.code().to_owned()),
        operator_permissions: operator
            .and_then(|by| by.permissions.as_ref())
            .map(|permissions| serde_json::json!(permissions).to_string()),
        status: if offer.is_some() { OFFERED } else { UNANSWERED }.to_owned(),
        institution_id: offer.map(|offer| offer.institution.uuid()),
        authorization_id: offer.map(|offer| offer.authorization.uuid()),
        cookie_hash: offer.map(|offer| offer.cookie_hash.to_vec()),
        token_hash: offer.map(|offer| offer.token_hash.to_vec()),
        offered_until: offer.map(|offer| to_millis(offer.until)),
        created_at: to_millis(new.created_at),
        expires_at: to_millis(new.expires_at),
    };
    let inserted = Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(inserted == 1)
}

/// Takes up an offer, once: `None` unless it is still open at `now`, and the browser shows both values.
pub async fn confirm(
    tx: &Tx,
    shown: Confirmation,
    now: DateTime<Utc>,
) -> Result<Option<Confirmed>, StorageError> {
    let change = ActiveModel {
        status: Set(CONFIRMED.to_owned()),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(shown.launch.uuid()))
        .filter(Column::Platform.eq(shown.platform.code()))
        .filter(Column::Status.eq(OFFERED))
        .filter(Column::CookieHash.eq(shown.cookie_hash.to_vec()))
        .filter(Column::TokenHash.eq(shown.token_hash.to_vec()))
        .filter(Column::OfferedUntil.gt(to_millis(now)))
        .exec(tx.connection())
        .await?
        .rows_affected;
    if touched != 1 {
        return Ok(None);
    }
    let row = Entity::find_by_id(shown.launch.uuid())
        .one(tx.connection())
        .await?;
    let corrupt =
        || StorageError::corrupt("launches", shown.launch, "CONFIRMED without an attempt");
    let row = row.ok_or_else(corrupt)?;
    let (Some(institution), Some(authorization)) = (row.institution_id, row.authorization_id)
    else {
        return Err(corrupt());
    };
    Ok(Some(Confirmed {
        app: PlatformAppId::new(row.platform_app_id),
        institution: InstitutionId::new(institution),
        authorization: AuthorizationId::new(authorization),
        language: row.language,
    }))
}

/// A launch that offered something, for the browser that was shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedLaunch {
    pub shop: ShopLabel,
    pub language: Option<String>,
    /// What the offer was; of a launch that was confirmed, what came of it.
    pub institution: InstitutionId,
    pub authorization: AuthorizationId,
    pub is_confirmed: bool,
    /// Of the value in the page's form.
    pub token_hash: Option<Vec<u8>>,
}

/// The launch that offered something to the browser with this cookie, whether it was taken up or is over. The
/// cookie is its own proof, so no institution is asked for.
pub async fn find_offered(
    db: &impl Executor,
    launch: LaunchId,
    platform: Platform,
    cookie_hash: [u8; 32],
) -> Result<Option<OfferedLaunch>, StorageError> {
    let row = Entity::find_by_id(launch.uuid())
        .filter(Column::Platform.eq(platform.code()))
        .filter(Column::CookieHash.eq(cookie_hash.to_vec()))
        .one(db.connection())
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (Some(institution), Some(authorization)) = (row.institution_id, row.authorization_id)
    else {
        return Err(StorageError::corrupt(
            "launches",
            launch,
            "an offer of nothing",
        ));
    };
    Ok(Some(OfferedLaunch {
        shop: ShopLabel::from_checked(&row.shop_label),
        language: row.language,
        institution: InstitutionId::new(institution),
        authorization: AuthorizationId::new(authorization),
        is_confirmed: row.status == CONFIRMED,
        token_hash: row.token_hash,
    }))
}

/// The shop's stable id that the platform signed beside this label last, in a launch of this app.
pub async fn find_identity_for_worker(
    db: &impl Executor,
    app: PlatformAppId,
    shop: &ShopLabel,
) -> Result<Option<ShopIdentity>, StorageError> {
    let row = Entity::find()
        .filter(Column::PlatformAppId.eq(app.uuid()))
        .filter(Column::ShopLabel.eq(shop.as_str()))
        .filter(Column::ShopIdentity.is_not_null())
        .order_by_desc(Column::Id)
        .one(db.connection())
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let id = LaunchId::new(row.id);
    let platform: Platform = row
        .platform
        .parse()
        .map_err(|_| StorageError::corrupt("launches", id, "platform"))?;
    Ok(row
        .shop_identity
        .map(|identity| ShopIdentity::new(platform.realm(), identity)))
}

/// At most `limit` attempts by URL, of whichever institution, that wait for this shop to consent to this
/// app. A launch belongs to nobody before its seller has confirmed whose attempt it continues.
pub async fn list_waiting_for_worker(
    db: &impl Executor,
    app: PlatformAppId,
    shop: &ShopLabel,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Authorization>, StorageError> {
    authorization::Entity::find()
        .filter(is_word(
            authorization::Column::Status,
            AuthorizationStatus::Pending.code(),
        ))
        .filter(authorization::Column::AuthType.eq(AuthType::Url.code()))
        .filter(authorization::Column::PlatformAppId.eq(app.uuid()))
        .filter(authorization::Column::ExpectedShop.eq(shop.as_str()))
        .filter(authorization::Column::DeadlineAt.gt(to_millis(now)))
        .order_by_asc(authorization::Column::Id)
        .limit(limit)
        .all(db.connection())
        .await?
        .into_iter()
        .map(Authorization::try_from)
        .collect()
}

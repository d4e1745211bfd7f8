//! The broker's own app registrations at the platforms.

use chrono::{DateTime, Utc};
use domain::{InstitutionId, OperatorScopes, Platform, PlatformAppId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, Set,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::news::News;
use crate::row::platform_app;
use crate::sealing::Sealed;

/// An app registration, shared by all institutions or belonging to one.
#[derive(Clone, Debug)]
pub struct PlatformApp {
    pub id: PlatformAppId,
    pub platform: Platform,
    pub institution: Option<InstitutionId>,
    pub client_id: String,
    /// Absent where only KEY credentials are proven, which need no secret of ours.
    pub secret: Option<Sealed>,
    /// The scopes that an authorization must bring, in the platform's spelling.
    pub scopes: Vec<String>,
    /// Replaces the platform's own host pattern.
    pub host: Option<String>,
    /// What the platform shows beside its events, where it signs none of them.
    pub event_key: Option<Sealed>,
    /// What a shop can let its operators use, where a platform asks for that.
    pub operator_scopes: Option<OperatorScopes>,
}

pub async fn insert(tx: &Tx, app: &PlatformApp, now: DateTime<Utc>) -> Result<(), StorageError> {
    let row = platform_app::Model {
        id: app.id.uuid(),
        platform: app.platform.code().to_owned(),
        institution_id: app.institution.map(InstitutionId::uuid),
        client_id: app.client_id.clone(),
        secret: app.secret.clone().map(|sealed| sealed.0),
        scopes: serde_json::json!(app.scopes).to_string(),
        host: app.host.clone(),
        event_key: app.event_key.clone().map(|sealed| sealed.0),
        operator_scopes: text_of(app),
        created_at: to_millis(now),
    };
    platform_app::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    tx.announce(News::Configuration);
    Ok(())
}

/// Replaces what is configured; platform, owner and id stay.
pub async fn update(tx: &Tx, app: &PlatformApp) -> Result<(), StorageError> {
    let change = platform_app::ActiveModel {
        client_id: Set(app.client_id.clone()),
        secret: Set(app.secret.clone().map(|sealed| sealed.0)),
        scopes: Set(serde_json::json!(app.scopes).to_string()),
        host: Set(app.host.clone()),
        event_key: Set(app.event_key.clone().map(|sealed| sealed.0)),
        operator_scopes: Set(text_of(app)),
        ..Default::default()
    };
    let touched = platform_app::Entity::update_many()
        .set(change)
        .filter(platform_app::Column::Id.eq(app.id.uuid()))
        .exec(tx.connection())
        .await?
        .rows_affected;
    tx.announce(News::Configuration);
    StorageError::expect_one(touched, "platform_apps", app.id)
}

fn text_of(app: &PlatformApp) -> Option<String> {
    let scopes = app.operator_scopes.as_ref()?;
    Some(scopes.as_json().to_owned())
}

/// The app that this very owner configured: an institution's own, or the shared one for `None`.
pub async fn find(
    db: &impl Executor,
    platform: Platform,
    owner: Option<InstitutionId>,
) -> Result<Option<PlatformApp>, StorageError> {
    let of_owner = match owner {
        Some(institution) => platform_app::Column::InstitutionId.eq(institution.uuid()),
        None => platform_app::Column::InstitutionId.is_null(),
    };
    let row = platform_app::Entity::find()
        .filter(platform_app::Column::Platform.eq(platform.code()))
        .filter(of_owner)
        .one(db.connection())
        .await?;
    row.map(PlatformApp::try_from).transpose()
}

pub async fn find_by_id(
    db: &impl Executor,
    id: PlatformAppId,
) -> Result<Option<PlatformApp>, StorageError> {
    let row = platform_app::Entity::find_by_id(id.uuid())
        .one(db.connection())
        .await?;
    row.map(PlatformApp::try_from).transpose()
}

/// Every app; for the operator.
pub async fn list(db: &impl Executor) -> Result<Vec<PlatformApp>, StorageError> {
    let rows = platform_app::Entity::find()
        .order_by_asc(platform_app::Column::Platform)
        .order_by_asc(platform_app::Column::Id)
        .all(db.connection())
        .await?;
    rows.into_iter().map(PlatformApp::try_from).collect()
}

impl TryFrom<platform_app::Model> for PlatformApp {
    type Error = StorageError;

    fn try_from(row: platform_app::Model) -> Result<Self, StorageError> {
        let id = PlatformAppId::new(row.id);
        let corrupt = |what| StorageError::corrupt("platform_apps", id, what);
        Ok(Self {
            id,
            platform: row.platform.parse().map_err(|_| corrupt("platform"))?,
            institution: row.institution_id.map(InstitutionId::new),
            client_id: row.client_id,
            secret: row.secret.map(Sealed),
            scopes: serde_json::from_str(&row.scopes).map_err(|_| corrupt("scopes"))?,
            host: row.host,
            event_key: row.event_key.map(Sealed),
            operator_scopes: row
                .operator_scopes
                .map(|text| OperatorScopes::parse(&text))
                .transpose()
                .map_err(|_| corrupt("operator_scopes"))?,
        })
    }
}

//! Institutions and their secrets.

use chrono::{DateTime, Utc};
use domain::institution::{BusAccess, CredentialAccess};
use domain::{AppId, Institution, InstitutionId, InstitutionKeyId, Links};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Set,
};
use uuid::Uuid;

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::{from_millis, to_millis};
use crate::news::News;
use crate::row::{institution, institution_key};
use crate::sealing::Sealed;

/// One of an institution's secrets. It counts until `expires_at`, without it until it is replaced.
#[derive(Clone, Debug)]
pub struct InstitutionKey {
    pub id: InstitutionKeyId,
    pub secret: Sealed,
    pub expires_at: Option<DateTime<Utc>>,
}

/// What is to be different; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstitutionChange {
    pub name: Option<String>,
    pub redirect_origins: Option<Vec<String>>,
    pub bus_access: Option<BusAccess>,
    pub credential_access: Option<CredentialAccess>,
    pub links: Option<Links>,
}

pub async fn insert(tx: &Tx, new: &Institution) -> Result<(), StorageError> {
    let row = institution::Model {
        id: new.id.uuid(),
        app_id: new.app_id.as_str().to_owned(),
        name: new.name.clone(),
        redirect_origins: origins_text(&new.redirect_origins),
        created_at: to_millis(new.created_at),
        bus_access: new.bus_access.code().to_owned(),
        credential_access: new.credential_access.code().to_owned(),
        links: new.links.code().to_owned(),
    };
    institution::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    tx.announce(News::Configuration);
    Ok(())
}

pub async fn find(
    db: &impl Executor,
    id: InstitutionId,
) -> Result<Option<Institution>, StorageError> {
    let row = institution::Entity::find_by_id(id.uuid())
        .one(db.connection())
        .await?;
    row.map(Institution::try_from).transpose()
}

pub async fn find_by_app_id(
    db: &impl Executor,
    app_id: &AppId,
) -> Result<Option<Institution>, StorageError> {
    let row = institution::Entity::find()
        .filter(institution::Column::AppId.eq(app_id.as_str()))
        .one(db.connection())
        .await?;
    row.map(Institution::try_from).transpose()
}

/// Every institution, oldest first; for the operator.
pub async fn list(db: &impl Executor) -> Result<Vec<Institution>, StorageError> {
    let rows = institution::Entity::find()
        .order_by_asc(institution::Column::Id)
        .all(db.connection())
        .await?;
    rows.into_iter().map(Institution::try_from).collect()
}

/// Writes only what changes, so that two changes of different things are both kept. An empty change
/// touches nothing.
pub async fn update(
    tx: &Tx,
    id: InstitutionId,
    change: &InstitutionChange,
) -> Result<(), StorageError> {
    let mut row = <institution::ActiveModel as Default>::default();
    if let Some(name) = &change.name {
        row.name = Set(name.clone());
    }
    if let Some(redirect_origins) = &change.redirect_origins {
        row.redirect_origins = Set(origins_text(redirect_origins));
    }
    if let Some(bus_access) = change.bus_access {
        row.bus_access = Set(bus_access.code().to_owned());
    }
    if let Some(links) = change.links {
        row.links = Set(links.code().to_owned());
    }
    if let Some(credential_access) = change.credential_access {
        row.credential_access = Set(credential_access.code().to_owned());
    }
    if !row.is_changed() {
        return Ok(());
    }
    let touched = institution::Entity::update_many()
        .set(row)
        .filter(institution::Column::Id.eq(id.uuid()))
        .exec(tx.connection())
        .await?
        .rows_affected;
    tx.announce(News::Configuration);
    StorageError::expect_one(touched, "institutions", id)
}

/// Whoever may read from the message broker, or may no longer; in a fixed order.
pub async fn list_bus_access_for_worker(
    db: &impl Executor,
) -> Result<Vec<(AppId, BusAccess)>, StorageError> {
    let rows: Vec<(Uuid, String, String)> = institution::Entity::find()
        .select_only()
        .columns([
            institution::Column::Id,
            institution::Column::AppId,
            institution::Column::BusAccess,
        ])
        .filter(institution::Column::BusAccess.ne(BusAccess::None.code()))
        .order_by_asc(institution::Column::Id)
        .into_tuple()
        .all(db.connection())
        .await?;
    rows.into_iter()
        .map(|(id, app_id, code)| {
            let access = read_bus_access(InstitutionId::new(id), &code)?;
            Ok((AppId::new(app_id), access))
        })
        .collect()
}

pub async fn insert_key(
    tx: &Tx,
    institution: InstitutionId,
    key: &InstitutionKey,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let row = institution_key::Model {
        id: key.id.uuid(),
        institution_id: institution.uuid(),
        secret: key.secret.0.clone(),
        created_at: to_millis(now),
        expires_at: key.expires_at.map(to_millis),
    };
    institution_key::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    tx.announce(News::Configuration);
    Ok(())
}

/// The secrets that count now, newest first.
pub async fn live_keys(
    db: &impl Executor,
    institution: InstitutionId,
    now: DateTime<Utc>,
) -> Result<Vec<InstitutionKey>, StorageError> {
    let live = Condition::any()
        .add(institution_key::Column::ExpiresAt.is_null())
        .add(institution_key::Column::ExpiresAt.gt(to_millis(now)));
    let rows = institution_key::Entity::find()
        .filter(institution_key::Column::InstitutionId.eq(institution.uuid()))
        .filter(live)
        .order_by_desc(institution_key::Column::Id)
        .all(db.connection())
        .await?;
    rows.into_iter()
        .map(|row| {
            let id = InstitutionKeyId::new(row.id);
            let end = row.expires_at;
            Ok(InstitutionKey {
                id,
                secret: Sealed(row.secret),
                expires_at: end
                    .map(|end| from_millis(end, "institution_keys", id))
                    .transpose()?,
            })
        })
        .collect()
}

/// Gives an end to every secret that has none yet, or a later one.
pub async fn expire_keys(
    tx: &Tx,
    institution: InstitutionId,
    expires_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let later = Condition::any()
        .add(institution_key::Column::ExpiresAt.is_null())
        .add(institution_key::Column::ExpiresAt.gt(to_millis(expires_at)));
    let change = institution_key::ActiveModel {
        expires_at: Set(Some(to_millis(expires_at))),
        ..Default::default()
    };
    institution_key::Entity::update_many()
        .set(change)
        .filter(institution_key::Column::InstitutionId.eq(institution.uuid()))
        .filter(later)
        .exec(tx.connection())
        .await?;
    tx.announce(News::Configuration);
    Ok(())
}

fn origins_text(origins: &[String]) -> String {
    serde_json::json!(origins).to_string()
}

fn read_bus_access(id: InstitutionId, code: &str) -> Result<BusAccess, StorageError> {
    BusAccess::from_code(code)
        .ok_or_else(|| StorageError::corrupt("institutions", id, "bus_access"))
}

impl TryFrom<institution::Model> for Institution {
    type Error = StorageError;

    fn try_from(row: institution::Model) -> Result<Self, StorageError> {
        let id = InstitutionId::new(row.id);
        let redirect_origins = serde_json::from_str(&row.redirect_origins)
            .map_err(|_| StorageError::corrupt("institutions", id, "redirect_origins"))?;
        let bus_access = read_bus_access(id, &row.bus_access)?;
        let credential_access = CredentialAccess::from_code(&row.credential_access)
            .ok_or_else(|| StorageError::corrupt("institutions", id, "credential_access"))?;
        let links = Links::from_code(&row.links)
            .ok_or_else(|| StorageError::corrupt("institutions", id, "links"))?;
        Ok(Self {
            id,
            app_id: AppId::new(row.app_id),
            name: row.name,
            redirect_origins,
            bus_access,
            credential_access,
            links,
            created_at: from_millis(row.created_at, "institutions", id)?,
        })
    }
}

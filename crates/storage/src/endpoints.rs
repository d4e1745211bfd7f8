//! Webhook endpoints.

use chrono::{DateTime, Utc};
use domain::endpoint::{Endpoint, EndpointStatus};
use domain::{EndpointId, EventId, EventType, InstitutionId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Set,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::{from_millis, to_millis};
use crate::row::endpoint::{ActiveModel, Column, Entity, Model};
use crate::row::outbox;
use crate::sealing::Sealed;
use crate::shape::filled;

pub async fn insert(tx: &Tx, new: &Endpoint, secret: Sealed) -> Result<(), StorageError> {
    let types: Vec<_> = new
        .event_types
        .iter()
        .map(|event_type| event_type.code())
        .collect();
    let row = Model {
        id: new.id.uuid(),
        institution_id: new.institution.uuid(),
        url: new.url.clone(),
        event_types: serde_json::json!(types).to_string(),
        description: new.description.clone(),
        secret: secret.0,
        status: new.status.code().to_owned(),
        created_at: to_millis(new.created_at),
        deleted_at: None,
    };
    Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

pub async fn find(
    db: &impl Executor,
    institution: InstitutionId,
    id: EndpointId,
) -> Result<Option<Endpoint>, StorageError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::DeletedAt.is_null())
        .one(db.connection())
        .await?;
    row.map(Endpoint::try_from).transpose()
}

/// The endpoints of an institution, oldest first.
pub async fn list(
    db: &impl Executor,
    institution: InstitutionId,
) -> Result<Vec<Endpoint>, StorageError> {
    Entity::find()
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Id)
        .all(db.connection())
        .await?
        .into_iter()
        .map(Endpoint::try_from)
        .collect()
}

/// The endpoints of the institutions of the events, oldest first, with their secrets. Fails over one that cannot
/// be read: without it, its institution's events would be taken as told to it.
pub async fn list_for_worker(
    db: &impl Executor,
    events: &[EventId],
) -> Result<Vec<(Endpoint, Sealed)>, StorageError> {
    let ids = filled(events.iter().map(|id| id.uuid()));
    let institutions = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::InstitutionId)
        .filter(outbox::Column::Id.is_in(ids))
        .into_query();
    Entity::find()
        .filter(Column::InstitutionId.in_subquery(institutions))
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Id)
        .all(db.connection())
        .await?
        .into_iter()
        .map(|row| {
            let secret = Sealed(row.secret.clone());
            Ok((Endpoint::try_from(row)?, secret))
        })
        .collect()
}

/// Whether there was such an endpoint; from now on nobody finds it.
pub async fn delete(
    tx: &Tx,
    institution: InstitutionId,
    id: EndpointId,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let change = ActiveModel {
        deleted_at: Set(Some(to_millis(now))),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::DeletedAt.is_null())
        .exec(tx.connection())
        .await?
        .rows_affected;
    Ok(touched == 1)
}

/// Whether the status changed from `before` to `after`: of two workers that see the same answer one
/// makes the change.
pub async fn change_status_for_worker(
    tx: &Tx,
    id: EndpointId,
    before: EndpointStatus,
    after: EndpointStatus,
) -> Result<bool, StorageError> {
    let change = ActiveModel {
        status: Set(after.code().to_owned()),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::Status.eq(before.code()))
        .filter(Column::DeletedAt.is_null())
        .exec(tx.connection())
        .await?
        .rows_affected;
    Ok(touched == 1)
}

impl TryFrom<Model> for Endpoint {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = EndpointId::new(row.id);
        let corrupt = |what| StorageError::corrupt("endpoints", id, what);
        let types: Vec<String> =
            serde_json::from_str(&row.event_types).map_err(|_| corrupt("event_types"))?;
        let event_types = types
            .iter()
            .map(|code| EventType::from_code(code).ok_or_else(|| corrupt("event_types")))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id,
            institution: InstitutionId::new(row.institution_id),
            url: row.url,
            event_types,
            description: row.description,
            status: EndpointStatus::from_code(&row.status).ok_or_else(|| corrupt("status"))?,
            created_at: from_millis(row.created_at, "endpoints", id)?,
        })
    }
}

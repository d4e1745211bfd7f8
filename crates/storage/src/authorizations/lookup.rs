//! Attempts as an operator looks them up, who was told of one by a seller.

use std::ops::Range;

use chrono::{DateTime, Utc};
use domain::{Authorization, AuthorizationId, Reference};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::error::StorageError;
use crate::executor::Executor;
use crate::instant::from_millis;
use crate::row::authorization::{Column, Entity, Model};

/// An attempt, and when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    pub authorization: Authorization,
    pub finished_at: Option<DateTime<Utc>>,
}

/// The attempts of whichever institution that the reference names: hardly ever more than one. For the
/// operator.
pub async fn list_by_reference_for_worker(
    db: &impl Executor,
    reference: Reference,
) -> Result<Vec<LookedUp>, StorageError> {
    let Range { start, end } = reference.ids();
    let rows = Entity::find()
        .filter(Column::Id.gte(start.uuid()))
        .filter(Column::Id.lt(end.uuid()))
        .order_by_asc(Column::Id)
        .all(db.connection())
        .await?;
    rows.into_iter()
        .filter(|row| Reference::of(AuthorizationId::new(row.id)) == reference)
        .map(LookedUp::try_from)
        .collect()
}

/// One attempt of whichever institution. For the operator.
pub async fn find_for_worker(
    db: &impl Executor,
    id: AuthorizationId,
) -> Result<Option<LookedUp>, StorageError> {
    let row = Entity::find_by_id(id.uuid()).one(db.connection()).await?;
    row.map(LookedUp::try_from).transpose()
}

impl TryFrom<Model> for LookedUp {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = AuthorizationId::new(row.id);
        let finished_at = row
            .finished_at
            .map(|millis| from_millis(millis, "authorizations", id))
            .transpose()?;
        Ok(Self {
            authorization: Authorization::try_from(row)?,
            finished_at,
        })
    }
}

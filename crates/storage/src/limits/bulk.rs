//! Many rows at once, which nothing in real life asks for.

use domain::{AuthStatus, InstitutionId, ScopeCoverage, Store};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::database::Storage;
use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::row::outbox;
use crate::row::store::{Column, Entity, Model};

/// Rows of one statement, whose columns stay below what both databases take as parameters.
const ROWS: usize = 500;
/// Statements of one transaction.
const STATEMENTS: usize = 20;

/// Stores that nobody asked an authorization for, as `store/create` would have made them.
pub async fn insert_stores_for_measuring(
    storage: &Storage,
    stores: &[Store],
) -> Result<(), StorageError> {
    for stores in stores.chunks(ROWS * STATEMENTS) {
        storage
            .write(async |tx: &Tx| {
                for stores in stores.chunks(ROWS) {
                    let rows = stores.iter().map(row);
                    let rows = rows.map(|row| row.into_active_model().reset_all());
                    Entity::insert_many(rows)
                        .exec_without_returning(tx.connection())
                        .await?;
                }
                Ok::<_, StorageError>(())
            })
            .await?;
    }
    Ok(())
}

/// How many stores of an institution have this status.
pub async fn count_stores_for_measuring(
    db: &impl Executor,
    institution: InstitutionId,
    status: AuthStatus,
) -> Result<u64, StorageError> {
    let counted = Entity::find()
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::AuthStatus.eq(status.code()))
        .count(db.connection())
        .await?;
    Ok(counted)
}

/// How many events of an institution nobody has taken note of.
pub async fn count_untold_events_for_measuring(
    db: &impl Executor,
    institution: InstitutionId,
) -> Result<u64, StorageError> {
    let counted = outbox::Entity::find()
        .filter(outbox::Column::InstitutionId.eq(institution.uuid()))
        .filter(outbox::Column::EffectAt.is_null())
        .count(db.connection())
        .await?;
    Ok(counted)
}

/// When each event of an institution that has its place was taken note of, in epoch milliseconds, the
/// first of them first.
pub async fn list_effects_for_measuring(
    db: &impl Executor,
    institution: InstitutionId,
) -> Result<Vec<i64>, StorageError> {
    let times = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::EffectAt)
        .filter(outbox::Column::InstitutionId.eq(institution.uuid()))
        .filter(outbox::Column::Position.is_not_null())
        .filter(outbox::Column::EffectAt.is_not_null())
        .order_by_asc(outbox::Column::EffectAt)
        .into_tuple()
        .all(db.connection())
        .await?;
    Ok(times)
}

fn row(store: &Store) -> Model {
    Model {
        id: store.id.uuid(),
        institution_id: store.institution.uuid(),
        client_id: store.client.uuid(),
        platform: store.platform.code().to_owned(),
        store_url: store.store_url.clone(),
        name: store.name.clone(),
        category: store.category.clone(),
        extra_info: store.extra_info.clone(),
        seller_id: None,
        auth_type: None,
        auth_status: AuthStatus::Unauthorized.code().to_owned(),
        auth_fail_reason: None,
        authorization_id: None,
        grant_id: None,
        shop_identity: None,
        scopes: None,
        authorized_at: None,
        expires_at: None,
        sequence: store.sequence,
        revision: store.revision,
        created_at: to_millis(store.created_at),
        unbound_at: None,
        health: None,
        reauthorize_by: None,
        scope_coverage: ScopeCoverage::Complete.code().to_owned(),
        reauthorization_id: None,
        reauthorization_status: None,
        reauthorization_fail_reason: None,
    }
}

//! The sellers of an institution.

use domain::{Client, ClientId, InstitutionId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::{from_millis, to_millis};
use crate::row::client;

/// Whether the client was new; a known `partner_user_id` is left as it is.
pub async fn insert_new(tx: &Tx, new: &Client) -> Result<bool, StorageError> {
    let row = client::Model {
        id: new.id.uuid(),
        institution_id: new.institution.uuid(),
        partner_user_id: new.partner_user_id.clone(),
        email: new.email.clone(),
        name: new.name.clone(),
        created_at: to_millis(new.created_at),
    };
    let inserted = client::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(inserted == 1)
}

pub async fn find(
    db: &impl Executor,
    institution: InstitutionId,
    id: ClientId,
) -> Result<Option<Client>, StorageError> {
    let row = client::Entity::find_by_id(id.uuid())
        .filter(client::Column::InstitutionId.eq(institution.uuid()))
        .one(db.connection())
        .await?;
    row.map(Client::try_from).transpose()
}

pub async fn find_by_partner_user_id(
    db: &impl Executor,
    institution: InstitutionId,
    partner_user_id: &str,
) -> Result<Option<Client>, StorageError> {
    let row = client::Entity::find()
        .filter(client::Column::InstitutionId.eq(institution.uuid()))
        .filter(client::Column::PartnerUserId.eq(partner_user_id))
        .one(db.connection())
        .await?;
    row.map(Client::try_from).transpose()
}

impl TryFrom<client::Model> for Client {
    type Error = StorageError;

    fn try_from(row: client::Model) -> Result<Self, StorageError> {
        let id = ClientId::new(row.id);
        Ok(Self {
            id,
            institution: InstitutionId::new(row.institution_id),
            partner_user_id: row.partner_user_id,
            email: row.email,
            name: row.name,
            created_at: from_millis(row.created_at, "clients", id)?,
        })
    }
}

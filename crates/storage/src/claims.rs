//! Which store owns a shop identity, or a KEY credential, in an identity realm.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{IdentityRealm, InstitutionId, ProvenShop, ShopIdentity, ShopLabel, StoreId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait,
};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::row::claim::{Column, Entity, Model};
use crate::sealing::Fingerprint;

/// Among whom a claim is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// One shop serves one store in the whole broker.
    Broker,
    /// Each institution may have its own store for a shop.
    Institution,
}

/// A store that takes a claim, or asks for one.
#[derive(Clone, Copy, Debug)]
pub struct Claimant {
    pub uniqueness: Uniqueness,
    pub realm: IdentityRealm,
    pub institution: InstitutionId,
    pub store: StoreId,
}

const SHOP: &str = "SHOP";
const CREDENTIAL: &str = "CREDENTIAL";

/// Takes the shop for the store; `false` if another store has it. The unique key decides a race: the
/// second transaction waits for the first and then finds the row.
pub async fn take_shop(
    tx: &Tx,
    claimant: Claimant,
    shop: &ProvenShop,
) -> Result<bool, StorageError> {
    let label = shop.label.as_ref().map(ToString::to_string);
    take(
        tx,
        claimant,
        SHOP,
        shop.identity.value().to_owned(),
        None,
        label,
    )
    .await
}

/// Takes the KEY credential for the store; `false` if another store has it.
pub async fn take_credential(
    tx: &Tx,
    claimant: Claimant,
    fingerprint: &Fingerprint,
) -> Result<bool, StorageError> {
    let value = BASE64_STANDARD.encode(fingerprint.value);
    take(
        tx,
        claimant,
        CREDENTIAL,
        value,
        Some(fingerprint.key_id.clone()),
        None,
    )
    .await
}

/// Takes the KEY credential in place of whatever credentials the store holds, which may be the same one;
/// `false`, and nothing is changed, if another store has it.
pub async fn replace_credential(
    tx: &Tx,
    claimant: Claimant,
    fingerprint: &Fingerprint,
) -> Result<bool, StorageError> {
    let value = BASE64_STANDARD.encode(fingerprint.value);
    if !take_credential(tx, claimant, fingerprint).await? {
        let own = claimant
            .owned(CREDENTIAL, &value)
            .add(Column::StoreId.eq(claimant.store.uuid()));
        let is_own = Entity::find().filter(own).one(tx.connection()).await?;
        if is_own.is_none() {
            return Ok(false);
        }
    }
    let others = credentials_of(claimant.store).add(Column::Value.ne(value));
    Entity::delete_many()
        .filter(others)
        .exec(tx.connection())
        .await?;
    Ok(true)
}

/// Frees the KEY credentials that the store holds, and not its shop.
pub async fn free_credentials(tx: &Tx, store: StoreId) -> Result<(), StorageError> {
    Entity::delete_many()
        .filter(credentials_of(store))
        .exec(tx.connection())
        .await?;
    Ok(())
}

fn credentials_of(store: StoreId) -> Condition {
    Condition::all()
        .add(Column::StoreId.eq(store.uuid()))
        .add(Column::Kind.eq(CREDENTIAL))
}

async fn take(
    tx: &Tx,
    claimant: Claimant,
    kind: &str,
    value: String,
    key_id: Option<String>,
    label: Option<String>,
) -> Result<bool, StorageError> {
    let row = Model {
        scope: claimant.scope(),
        realm: claimant.realm.code().to_owned(),
        kind: kind.to_owned(),
        value,
        key_id,
        label,
        institution_id: claimant.institution.uuid(),
        store_id: claimant.store.uuid(),
    };
    let inserted = Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(inserted == 1)
}

impl Claimant {
    fn scope(&self) -> String {
        match self.uniqueness {
            Uniqueness::Broker => String::new(),
            Uniqueness::Institution => self.institution.to_string(),
        }
    }

    /// The one claim of its kind that there can be.
    fn owned(&self, kind: &str, value: &str) -> Condition {
        Condition::all()
            .add(Column::Scope.eq(self.scope()))
            .add(Column::Realm.eq(self.realm.code()))
            .add(Column::Kind.eq(kind))
            .add(Column::Value.eq(value))
    }
}

/// Frees whatever the store holds.
pub async fn free(tx: &Tx, store: StoreId) -> Result<(), StorageError> {
    Entity::delete_many()
        .filter(Column::StoreId.eq(store.uuid()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Whether another store of this institution holds the shop, by its identity or by the label that was
/// proven with it. Other institutions' claims are not looked at: nobody may probe for a stranger's shop.
///
/// Each half of the question is in the words of an index: it must not cost more with every store.
pub async fn is_shop_held_by_another_store(
    tx: &Tx,
    claimant: Claimant,
    label: &ShopLabel,
) -> Result<bool, StorageError> {
    let identity = ShopIdentity::new(claimant.realm, label.as_str());
    let by_identity = claimant.owned(SHOP, identity.value());
    let by_label = Condition::all()
        .add(Column::InstitutionId.eq(claimant.institution.uuid()))
        .add(Column::Realm.eq(claimant.realm.code()))
        .add(Column::Label.eq(label.as_str()));
    let held = of_another_store(claimant)
        .add(Column::Kind.eq(SHOP))
        .add(Condition::any().add(by_identity).add(by_label));
    tx.finds(Entity::find().filter(held).into_query()).await
}

/// Whether another store of this institution holds the KEY credential.
pub async fn is_credential_held_by_another_store(
    tx: &Tx,
    claimant: Claimant,
    fingerprint: &Fingerprint,
) -> Result<bool, StorageError> {
    let value = BASE64_STANDARD.encode(fingerprint.value);
    let held = of_another_store(claimant).add(claimant.owned(CREDENTIAL, &value));
    tx.finds(Entity::find().filter(held).into_query()).await
}

fn of_another_store(claimant: Claimant) -> Condition {
    Condition::all()
        .add(Column::InstitutionId.eq(claimant.institution.uuid()))
        .add(Column::StoreId.ne(claimant.store.uuid()))
}

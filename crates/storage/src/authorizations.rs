//! Attempts to get a store authorized.

mod key;
pub mod lookup;

use chrono::{DateTime, Utc};
use domain::authorization::AuthorizationStatus;
use domain::{
    AuthType, Authorization, AuthorizationId, AuthorizationState, FailReason, GrantId,
    InstitutionId, LeaseId, Platform, PlatformAppId, ShopLabel, StoreId,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait, Set,
};

use crate::due::Due;
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::held_keys;
use crate::instant::{from_millis, to_millis};
use crate::literal::is_word;
use crate::news::News;
use crate::row::authorization::{ActiveModel, Column, Entity, Model};
use crate::sealing::{Fingerprint, Sealed};
use crate::still::still;

pub use key::{
    KeyWork, find_fingerprint, has_due_key_for_worker, lease_due_keys_for_worker, reschedule_key,
    take_key,
};

/// What an attempt carries beside its public facts.
#[derive(Debug)]
pub enum Carried {
    /// The hash of the single-use state in the link.
    Link { state_hash: [u8; 32] },
    /// Nothing: the link leads to a page of ours, where each click has a state of its own, or a key is handed
    /// in.
    HostedLink,
    /// Nothing: what it exchanges is in the hands of whoever began it, and claimed it with that.
    Claimed,
    /// The credential that the worker proves.
    Key {
        credential: Sealed,
        fingerprint: Fingerprint,
    },
}

pub async fn insert(tx: &Tx, new: &Authorization, carried: Carried) -> Result<(), StorageError> {
    let (state_hash, credential, fingerprint, next_attempt_at) = match carried {
        Carried::Link { state_hash } => (Some(state_hash.to_vec()), None, None, None),
        Carried::HostedLink | Carried::Claimed => (None, None, None, None),
        Carried::Key {
            credential,
            fingerprint,
        } => (
            None,
            Some(credential.0),
            Some(fingerprint),
            Some(to_millis(new.created_at)),
        ),
    };
    let (fingerprint, fingerprint_key_id) = fingerprint
        .map(|print| (print.value.to_vec(), print.key_id))
        .unzip();
    let (lease_id, lease_until) = match new.state {
        AuthorizationState::Exchanging { lease, lease_until } => {
            (Some(lease.uuid()), to_millis(lease_until))
        }
        AuthorizationState::AwaitingKey
        | AuthorizationState::Pending
        | AuthorizationState::Succeeded
        | AuthorizationState::Failed { .. }
        | AuthorizationState::Superseded => (None, 0),
    };
    let row = Model {
        id: new.id.uuid(),
        store_id: new.store.uuid(),
        institution_id: new.institution.uuid(),
        platform: new.platform.code().to_owned(),
        platform_app_id: new.app.map(PlatformAppId::uuid),
        auth_type: new.auth_type.code().to_owned(),
        status: new.status().code().to_owned(),
        fail_reason: None,
        expected_shop: new.expected_shop.as_ref().map(ToString::to_string),
        seller_id: new.seller_id.clone(),
        redirect_url: new.redirect_url.clone(),
        state_hash,
        credential,
        fingerprint,
        fingerprint_key_id,
        attempts: 0,
        next_attempt_at,
        lease_id,
        lease_until,
        deadline_at: to_millis(new.deadline_at),
        created_at: to_millis(new.created_at),
        finished_at: None,
        beside_grant_id: new.beside.map(GrantId::uuid),
    };
    if row.next_attempt_at.is_some() {
        tx.announce(News::Keys);
    }
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("authorizations", insert)).await
}

/// The attempt behind a link. The state is its own proof, so no institution is asked for.
pub async fn find_by_state(
    db: &impl Executor,
    state_hash: [u8; 32],
) -> Result<Option<Authorization>, StorageError> {
    let row = Entity::find()
        .filter(Column::StateHash.eq(state_hash.to_vec()))
        .one(db.connection())
        .await?;
    row.map(Authorization::try_from).transpose()
}

pub async fn find(
    db: &impl Executor,
    institution: InstitutionId,
    id: AuthorizationId,
) -> Result<Option<Authorization>, StorageError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .one(db.connection())
        .await?;
    row.map(Authorization::try_from).transpose()
}

/// The attempt, locked until the transaction ends, so that nobody claims or ends it in between.
pub async fn find_locked(
    tx: &Tx,
    institution: InstitutionId,
    id: AuthorizationId,
) -> Result<Option<Authorization>, StorageError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    row.map(Authorization::try_from).transpose()
}

/// Takes the right to spend the callback's code. Exactly one caller gets `true`, ever.
pub async fn claim(
    tx: &Tx,
    id: AuthorizationId,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let change = ActiveModel {
        status: Set(AuthorizationStatus::Exchanging.code().to_owned()),
        lease_id: Set(Some(lease.uuid())),
        lease_until: Set(to_millis(lease_until)),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(is_still(AuthorizationStatus::Pending))
        .exec(tx.connection())
        .await?
        .rows_affected;
    Ok(touched == 1)
}

/// Keeps an exchange that takes long from being taken for a crashed one. `false` when it was taken for
/// one already.
pub async fn extend_claim(
    tx: &Tx,
    id: AuthorizationId,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let change = ActiveModel {
        lease_until: Set(to_millis(lease_until)),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(is_still(AuthorizationStatus::Exchanging))
        .filter(Column::LeaseId.eq(lease.uuid()))
        .exec(tx.connection())
        .await?
        .rows_affected;
    Ok(touched == 1)
}

/// Gives a waiting attempt another state: the link with the old one is dead from here on. Fails with
/// [`StorageError::Stale`], now or at the end of the transaction, if the attempt waits no more.
pub async fn replace_state(
    tx: &Tx,
    institution: InstitutionId,
    id: AuthorizationId,
    state_hash: [u8; 32],
) -> Result<(), StorageError> {
    let change = ActiveModel {
        state_hash: Set(Some(state_hash.to_vec())),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(is_still(AuthorizationStatus::Pending))
        .into_query();
    let stale = StorageError::stale("authorizations", id);
    tx.write_later(Write::one("authorizations", update, stale))
        .await
}

/// Writes the end of an attempt that was found in `before`, and erases what it carried and what was held for it.
/// Fails with [`StorageError::Stale`], now or at the end of the transaction, if it is no longer in that state.
pub async fn finish(
    tx: &Tx,
    before: &AuthorizationState,
    ended: &Authorization,
    finished_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let reason = match ended.state {
        AuthorizationState::Failed { reason } => Some(reason.code().to_owned()),
        AuthorizationState::AwaitingKey
        | AuthorizationState::Pending
        | AuthorizationState::Exchanging { .. }
        | AuthorizationState::Succeeded
        | AuthorizationState::Superseded => None,
    };
    let change = ActiveModel {
        status: Set(ended.status().code().to_owned()),
        fail_reason: Set(reason),
        seller_id: Set(ended.seller_id.clone()),
        credential: Set(None),
        next_attempt_at: Set(None),
        finished_at: Set(Some(to_millis(finished_at))),
        ..Default::default()
    };
    let mut query = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(ended.id.uuid()));
    query = match before {
        AuthorizationState::Exchanging { lease, .. } => query
            .filter(is_still(AuthorizationStatus::Exchanging))
            .filter(Column::LeaseId.eq(lease.uuid())),
        AuthorizationState::AwaitingKey => query
            .filter(is_still(AuthorizationStatus::Pending))
            .filter(Column::Credential.is_null()),
        AuthorizationState::Pending
        | AuthorizationState::Succeeded
        | AuthorizationState::Failed { .. }
        | AuthorizationState::Superseded => query.filter(is_still(AuthorizationStatus::Pending)),
    };
    if *before == AuthorizationState::AwaitingKey {
        held_keys::discard_all(tx, ended.institution, ended.id).await?;
    }
    tx.announce(News::Outcomes);
    let stale = StorageError::stale("authorizations", ended.id);
    tx.write_later(Write::one("authorizations", query.into_query(), stale))
        .await
}

/// Of an attempt that is named by its id.
fn is_still(status: AuthorizationStatus) -> Expr {
    still(Column::Status.eq(status.code()))
}

/// What a worker says of an attempt that it cannot read.
const UNREADABLE: &str = "an attempt cannot be ended";

/// Attempts that nobody finished in time and nobody is working on.
pub async fn list_overdue_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Authorization>, StorageError> {
    let condition = Condition::all()
        .add(is_word(Column::Status, AuthorizationStatus::Pending.code()))
        .add(Column::DeadlineAt.lte(to_millis(now)))
        .add(Column::LeaseUntil.lte(to_millis(now)));
    let overdue = Due::<Entity> {
        condition,
        since: Column::DeadlineAt,
    };
    overdue
        .list(db, limit, UNREADABLE, Authorization::try_from)
        .await
}

/// Exchanges whose holder has stopped extending its claim: it died, and the code may be spent.
pub async fn list_interrupted_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Authorization>, StorageError> {
    let exchanging = AuthorizationStatus::Exchanging.code();
    let condition = Condition::all()
        .add(is_word(Column::Status, exchanging))
        .add(Column::LeaseUntil.lte(to_millis(now)));
    let interrupted = Due::<Entity> {
        condition,
        since: Column::LeaseUntil,
    };
    interrupted
        .list(db, limit, UNREADABLE, Authorization::try_from)
        .await
}

impl TryFrom<Model> for Authorization {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = AuthorizationId::new(row.id);
        let corrupt = |what| StorageError::corrupt("authorizations", id, what);
        Ok(Self {
            id,
            store: StoreId::new(row.store_id),
            institution: InstitutionId::new(row.institution_id),
            platform: row
                .platform
                .parse::<Platform>()
                .map_err(|_| corrupt("platform"))?,
            app: row.platform_app_id.map(PlatformAppId::new),
            auth_type: AuthType::from_code(&row.auth_type).ok_or_else(|| corrupt("auth_type"))?,
            state: read_state(&row)?,
            expected_shop: row.expected_shop.as_deref().map(ShopLabel::from_checked),
            seller_id: row.seller_id,
            beside: row.beside_grant_id.map(GrantId::new),
            redirect_url: row.redirect_url,
            deadline_at: from_millis(row.deadline_at, "authorizations", id)?,
            created_at: from_millis(row.created_at, "authorizations", id)?,
        })
    }
}

fn read_state(row: &Model) -> Result<AuthorizationState, StorageError> {
    let id = AuthorizationId::new(row.id);
    let corrupt = |what| StorageError::corrupt("authorizations", id, what);
    let status = AuthorizationStatus::from_code(&row.status).ok_or_else(|| corrupt("status"))?;
    match status {
        // A key that was handed in is erased by the end of its attempt, and not before.
        AuthorizationStatus::Pending
            if row.auth_type == AuthType::Key.code() && row.credential.is_none() =>
        {
            Ok(AuthorizationState::AwaitingKey)
        }
        AuthorizationStatus::Pending => Ok(AuthorizationState::Pending),
        AuthorizationStatus::Succeeded => Ok(AuthorizationState::Succeeded),
        AuthorizationStatus::Superseded => Ok(AuthorizationState::Superseded),
        AuthorizationStatus::Failed => {
            let reason = row.fail_reason.as_deref().and_then(FailReason::from_code);
            Ok(AuthorizationState::Failed {
                reason: reason.ok_or_else(|| corrupt("fail_reason"))?,
            })
        }
        AuthorizationStatus::Exchanging => Ok(AuthorizationState::Exchanging {
            lease: LeaseId::new(
                row.lease_id
                    .ok_or_else(|| corrupt("EXCHANGING without a lease"))?,
            ),
            lease_until: from_millis(row.lease_until, "authorizations", id)?,
        }),
    }
}

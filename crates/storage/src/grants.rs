//! Proven credentials.

use chrono::{DateTime, Utc};
use domain::{
    AuthType, AuthorizationId, Disclosure, Grant, GrantId, InstitutionId, Platform, ProvenShop,
    ShopIdentity, ShopLabel, StoreId,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait, Set,
};

use crate::due::Due;
use crate::error::StorageError;
use crate::executor::{Executor, Tx, Write};
use crate::instant::{from_millis, to_millis};
use crate::literal::is_word;
use crate::online_tokens;
use crate::row::grant::{ActiveModel, Column, Entity, Model};
use crate::row::{authorization, hosted_link};
use crate::sealing::Sealed;
use crate::still::still;

pub(crate) const LIVE: &str = "LIVE";
const ENDED: &str = "ENDED";

/// What a grant is used and renewed with.
#[derive(Clone, Debug)]
pub struct GrantSecrets {
    pub credential: Sealed,
    pub refresh_token: Option<Sealed>,
    pub disclosure: Disclosure,
}

pub async fn insert(tx: &Tx, new: &Grant, secrets: GrantSecrets) -> Result<(), StorageError> {
    let row = Model {
        id: new.id.uuid(),
        store_id: new.store.uuid(),
        institution_id: new.institution.uuid(),
        authorization_id: new.authorization.uuid(),
        platform: new.platform.code().to_owned(),
        status: LIVE.to_owned(),
        shop_identity: new.shop.identity.value().to_owned(),
        shop_label: new.shop.label.as_ref().map(ToString::to_string),
        origin: new.origin.clone(),
        credential: Some(secrets.credential.0),
        disclosure: secrets.disclosure.code().to_owned(),
        scopes: serde_json::json!(new.scopes).to_string(),
        scopes_told: new.scopes_told.clone(),
        expires_at: new.expires_at.map(to_millis),
        created_at: to_millis(new.created_at),
        ended_at: None,
        generation: 1,
        refresh_token: secrets.refresh_token.map(|token| token.0),
        previous_refresh_token: None,
        refresh_ends_at: new.upkeep.refresh_ends_at.map(to_millis),
        next_refresh_at: new.upkeep.next_refresh_at.map(to_millis),
        notice_at: new.upkeep.notice_at.map(to_millis),
        refresh_fence: 0,
        refresh_lease_id: None,
        refresh_lease_until: 0,
        refresh_intent_at: None,
        refresh_failures: 0,
        refresh_failing_since: None,
        refresh_failure: None,
        scopes_due_at: to_millis(new.scopes_due_at),
        scopes_fence: 0,
        scopes_lease_until: 0,
        scopes_lease_fence: 0,
        scopes_outcome: None,
    };
    let insert = Entity::insert(row.into_active_model().reset_all()).into_query();
    tx.write_later(Write::any("grants", insert)).await
}

/// Ends a grant and erases its secrets, and the tokens of users' sessions beside it.
pub async fn end(tx: &Tx, id: GrantId, ended_at: DateTime<Utc>) -> Result<(), StorageError> {
    let change = ActiveModel {
        status: Set(ENDED.to_owned()),
        credential: Set(None),
        refresh_token: Set(None),
        previous_refresh_token: Set(None),
        refresh_intent_at: Set(None),
        next_refresh_at: Set(None),
        notice_at: Set(None),
        refresh_lease_id: Set(None),
        ended_at: Set(Some(to_millis(ended_at))),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(is_still_live())
        .into_query();
    let stale = StorageError::stale("grants", id);
    tx.write_later(Write::one("grants", update, stale)).await?;
    online_tokens::delete_of_grant(tx, id).await
}

/// The credential of a live grant, with what is known of its renewal.
#[derive(Clone, Debug)]
pub struct HeldCredential {
    pub sealed: Sealed,
    pub disclosure: Disclosure,
    /// `None` where the platform gives it no end.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it may be renewed next; `None` where nothing renews it.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// Until when somebody holds the right to renew it.
    pub leased_until: DateTime<Utc>,
}

/// The credential of a grant that is live.
pub async fn find_credential(
    db: &impl Executor,
    institution: InstitutionId,
    id: GrantId,
) -> Result<Option<HeldCredential>, StorageError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(is_still_live())
        .one(db.connection())
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let instant = |millis: Option<i64>| {
        millis
            .map(|millis| from_millis(millis, "grants", id))
            .transpose()
    };
    let missing = || StorageError::corrupt("grants", id, "LIVE without a credential");
    let unknown = || StorageError::corrupt("grants", id, "disclosure");
    let mut disclosure = Disclosure::from_code(&row.disclosure).ok_or_else(unknown)?;
    if disclosure == Disclosure::Institution && was_handed_in(db, &row).await? {
        disclosure = Disclosure::Nobody;
    }
    Ok(Some(HeldCredential {
        disclosure,
        sealed: Sealed(row.credential.ok_or_else(missing)?),
        expires_at: instant(row.expires_at)?,
        next_refresh_at: instant(row.next_refresh_at)?,
        leased_until: from_millis(row.refresh_lease_until, "grants", id)?,
    }))
}

/// Whether a grant's credential is a key that its seller handed in on a page of ours. The version before proves
/// such keys as well, and does not know the column that says so. The rows stay as long as the grant does.
async fn was_handed_in(db: &impl Executor, row: &Model) -> Result<bool, StorageError> {
    let by_key = authorization::Entity::find_by_id(row.authorization_id)
        .select_only()
        .column(authorization::Column::Id)
        .filter(authorization::Column::InstitutionId.eq(row.institution_id))
        .filter(authorization::Column::AuthType.eq(AuthType::Key.code()))
        .into_query();
    let link = hosted_link::Entity::find()
        .filter(hosted_link::Column::AuthorizationId.in_subquery(by_key))
        .one(db.connection())
        .await?;
    Ok(link.is_some())
}

/// A grant as it is needed to replace it, or to give it up.
#[derive(Clone, Debug)]
pub struct Held {
    /// The attempt that it comes from, which knows the app.
    pub authorization: AuthorizationId,
    pub shop: ProvenShop,
    pub origin: String,
    pub credential: Sealed,
}

/// The grant, while it lives.
pub async fn find_live(
    db: &impl Executor,
    institution: InstitutionId,
    id: GrantId,
) -> Result<Option<Held>, StorageError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(is_still_live())
        .one(db.connection())
        .await?;
    row.map(Held::try_from).transpose()
}

impl TryFrom<Model> for Held {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = GrantId::new(row.id);
        let corrupt = |what| StorageError::corrupt("grants", id, what);
        let platform: Platform = row.platform.parse().map_err(|_| corrupt("platform"))?;
        let missing = || corrupt("LIVE without a credential");
        Ok(Self {
            authorization: AuthorizationId::new(row.authorization_id),
            shop: ProvenShop {
                identity: ShopIdentity::new(platform.realm(), row.shop_identity),
                label: row.shop_label.as_deref().map(ShopLabel::from_checked),
            },
            origin: row.origin,
            credential: Sealed(row.credential.ok_or_else(missing)?),
        })
    }
}

/// A grant whose end has to be dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndingGrant {
    pub grant: GrantId,
    pub store: StoreId,
    pub institution: InstitutionId,
    pub platform: Platform,
    /// The end that no renewal moves.
    pub ends_at: DateTime<Utc>,
}

/// What a worker says of a grant that it cannot read.
const UNREADABLE: &str = "a grant's end cannot be told";

/// Grants past their end that nobody is to renew.
pub async fn list_expired_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<EndingGrant>, StorageError> {
    let condition = Condition::all()
        .add(is_word(Column::Status, LIVE))
        .add(Column::ExpiresAt.lte(to_millis(now)))
        .add(Column::NextRefreshAt.is_null());
    let expired = Due::<Entity> {
        condition,
        since: Column::ExpiresAt,
    };
    expired
        .list(db, limit, UNREADABLE, EndingGrant::try_from)
        .await
}

/// Grants past their end that were to be renewed, and that nothing can renew any more; not those that
/// somebody is about to renew.
pub async fn list_unrenewable_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<EndingGrant>, StorageError> {
    let condition = Condition::all()
        .add(is_word(Column::Status, LIVE))
        .add(Column::RefreshEndsAt.lte(to_millis(now)))
        .add(Column::ExpiresAt.lte(to_millis(now)))
        .add(Column::RefreshLeaseUntil.lte(to_millis(now)));
    let unrenewable = Due::<Entity> {
        condition,
        since: Column::RefreshEndsAt,
    };
    unrenewable
        .list(db, limit, UNREADABLE, EndingGrant::try_from)
        .await
}

/// Grants of whose end the institution is to be told ahead.
pub async fn list_ending_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<EndingGrant>, StorageError> {
    let condition = Condition::all()
        .add(is_word(Column::Status, LIVE))
        .add(Column::NoticeAt.lte(to_millis(now)));
    let ending = Due::<Entity> {
        condition,
        since: Column::NoticeAt,
    };
    ending
        .list(db, limit, UNREADABLE, EndingGrant::try_from)
        .await
}

/// Takes the right to tell of a grant's end ahead, which is done once. `false` if that is done already, or
/// the end has moved.
pub async fn take_notice(tx: &Tx, id: GrantId, now: DateTime<Utc>) -> Result<bool, StorageError> {
    let change = ActiveModel {
        notice_at: Set(None),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(is_still_live())
        .filter(still(Column::NoticeAt.lte(to_millis(now))))
        .exec(tx.connection())
        .await?
        .rows_affected;
    Ok(touched == 1)
}

/// Whether a grant that was listed as past its end still is; it may have been renewed in between. The row
/// stays locked until the transaction ends.
pub async fn is_past_its_end(
    tx: &Tx,
    id: GrantId,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let now = to_millis(now);
    let unrenewable = Condition::all()
        .add(Column::RefreshEndsAt.lte(now))
        .add(Column::RefreshLeaseUntil.lte(now));
    let row = Entity::find_by_id(id.uuid())
        .filter(is_still_live())
        .filter(still(Column::ExpiresAt.lte(now)))
        .filter(
            Condition::any()
                .add(Column::NextRefreshAt.is_null())
                .add(unrenewable),
        )
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    Ok(row.is_some())
}

/// Of a grant that is named by its id.
pub(crate) fn is_still_live() -> Expr {
    still(Column::Status.eq(LIVE))
}

impl TryFrom<Model> for EndingGrant {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = GrantId::new(row.id);
        let corrupt = |what| StorageError::corrupt("grants", id, what);
        let ends_at = match row.next_refresh_at {
            Some(_) => row.refresh_ends_at,
            None => row.expires_at,
        };
        let ends_at = ends_at.ok_or_else(|| corrupt("an end that is missing"))?;
        Ok(Self {
            grant: id,
            store: StoreId::new(row.store_id),
            institution: InstitutionId::new(row.institution_id),
            platform: row.platform.parse().map_err(|_| corrupt("platform"))?,
            ends_at: from_millis(ends_at, "grants", id)?,
        })
    }
}

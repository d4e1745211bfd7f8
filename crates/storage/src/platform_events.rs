//! What platforms told by themselves: recorded once, handled by whoever leases it.

use chrono::{DateTime, Utc};
use domain::{
    IdentityRealm, LeaseId, NamedShop, Platform, PlatformAppId, PlatformEventId, PlatformEventKind,
    PlatformEventOutcome, ShopIdentity, ShopLabel,
};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    Set,
};

use crate::due::{Due, readable};
use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::to_millis;
use crate::literal::is_word;
use crate::news::News;
use crate::row::platform_event::{ActiveModel, Column, Entity, Model};
use crate::shape::filled;
use crate::still::still;

/// Behind the label of a mall, where all of its shops are meant. No label has it.
const ALL_SHOPS: &str = "/*";
const RECEIVED: &str = "RECEIVED";
const HANDLED: &str = "HANDLED";

/// An event that was verified.
#[derive(Clone, Debug)]
pub struct NewPlatformEvent {
    pub id: PlatformEventId,
    /// Equal for events that are the same.
    pub same_key: [u8; 32],
    pub platform: Platform,
    pub app: PlatformAppId,
    pub topic: String,
    pub kind: PlatformEventKind,
    pub shop: Option<NamedShop>,
    pub created_at: DateTime<Utc>,
}

/// An event to handle now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEvent {
    pub id: PlatformEventId,
    pub platform: Platform,
    pub app: PlatformAppId,
    pub topic: String,
    pub kind: PlatformEventKind,
    pub shop: Option<NamedShop>,
    /// How often it was tried before.
    pub attempts: usize,
}

/// `false` if the same event came before. The unique key decides a race.
pub async fn insert(tx: &Tx, new: &NewPlatformEvent) -> Result<bool, StorageError> {
    let (shop_label, shop_identity) = match &new.shop {
        Some(NamedShop::Label(label)) => (Some(label.to_string()), None),
        Some(NamedShop::Identity(identity)) => (None, Some(identity.value().to_owned())),
        Some(NamedShop::Mall(label)) => (Some(format!("{label}{ALL_SHOPS}")), None),
        None => (None, None),
    };
    let row = Model {
        id: new.id.uuid(),
        same_key: new.same_key.to_vec(),
        platform: new.platform.code().to_owned(),
        platform_app_id: new.app.uuid(),
        topic: new.topic.clone(),
        kind: new.kind.code().to_owned(),
        shop_label,
        shop_identity,
        status: RECEIVED.to_owned(),
        outcome: None,
        attempts: 0,
        next_attempt_at: to_millis(new.created_at),
        lease_id: None,
        lease_until: 0,
        created_at: to_millis(new.created_at),
        finished_at: None,
    };
    let inserted = Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    if inserted == 1 {
        tx.announce(News::PlatformEvents);
    }
    Ok(inserted == 1)
}

/// Whether any event is due; asked before a transaction is opened for it.
pub async fn has_due_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    due(now).exists(db).await
}

fn due(now: DateTime<Utc>) -> Due<Entity> {
    let condition = Condition::all()
        .add(is_word(Column::Status, RECEIVED))
        .add(Column::NextAttemptAt.lte(to_millis(now)))
        .add(Column::LeaseUntil.lte(to_millis(now)));
    Due {
        condition,
        since: Column::NextAttemptAt,
    }
}

/// Leases events that are due, oldest first; nobody else gets them before `lease_until`.
pub async fn lease_due_for_worker(
    tx: &Tx,
    now: DateTime<Utc>,
    lease: LeaseId,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<DueEvent>, StorageError> {
    let rows = due(now).lock(tx, limit).await?;
    let change = ActiveModel {
        lease_id: Set(Some(lease.uuid())),
        lease_until: Set(to_millis(lease_until)),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .filter(Column::Id.is_in(filled(rows.iter().map(|row| row.id))))
        .exec(tx.connection())
        .await?;
    let problem = "a platform's event cannot be handled";
    Ok(readable(rows, problem, DueEvent::try_from))
}

/// Writes what came of an event. `false`, and nothing is written, if the lease was lost.
pub async fn finish_for_worker(
    tx: &Tx,
    id: PlatformEventId,
    lease: LeaseId,
    outcome: PlatformEventOutcome,
    finished_at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let change = ActiveModel {
        status: Set(HANDLED.to_owned()),
        outcome: Set(Some(outcome.code().to_owned())),
        finished_at: Set(Some(to_millis(finished_at))),
        ..Default::default()
    };
    let touched = Entity::update_many()
        .set(change)
        .filter(held(id, lease))
        .exec(tx.connection())
        .await?
        .rows_affected;
    Ok(touched == 1)
}

/// Puts an event back, to be tried again at `next_attempt_at`. Does nothing if the lease was lost.
pub async fn reschedule_for_worker(
    tx: &Tx,
    id: PlatformEventId,
    lease: LeaseId,
    next_attempt_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let change = ActiveModel {
        lease_until: Set(0),
        next_attempt_at: Set(to_millis(next_attempt_at)),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(held(id, lease))
        .exec(tx.connection())
        .await?;
    Ok(())
}

fn held(id: PlatformEventId, lease: LeaseId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.uuid()))
        .add(still(Column::Status.eq(RECEIVED)))
        .add(Column::LeaseId.eq(lease.uuid()))
}

impl TryFrom<Model> for DueEvent {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = PlatformEventId::new(row.id);
        let corrupt = |what| StorageError::corrupt("platform_events", id, what);
        let platform: Platform = row.platform.parse().map_err(|_| corrupt("platform"))?;
        let realm: IdentityRealm = platform.realm();
        let shop = match (&row.shop_label, row.shop_identity) {
            (Some(label), _) => Some(match label.strip_suffix(ALL_SHOPS) {
                Some(mall) => NamedShop::Mall(ShopLabel::from_checked(mall)),
                None => NamedShop::Label(ShopLabel::from_checked(label)),
            }),
            (None, Some(identity)) => Some(NamedShop::Identity(ShopIdentity::new(realm, identity))),
            (None, None) => None,
        };
        Ok(Self {
            id,
            platform,
            app: PlatformAppId::new(row.platform_app_id),
            kind: PlatformEventKind::from_code(&row.kind).ok_or_else(|| corrupt("kind"))?,
            topic: row.topic,
            shop,
            attempts: usize::try_from(row.attempts).map_err(|_| corrupt("attempts"))?,
        })
    }
}

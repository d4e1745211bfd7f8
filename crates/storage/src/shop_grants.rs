//! The grants of one shop, of whichever institution: what a platform's event is about.

use chrono::{DateTime, Utc};
use domain::{GrantId, InstitutionId, NamedShop, Platform, PlatformAppId, ShopLabel, StoreId};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::instant::from_millis;
use crate::literal::is_word;
use crate::row::authorization;
use crate::row::grant::{Column, Entity};
use crate::sealing::Sealed;

/// A shop at a platform, with the app of ours through which it was authorized. The same shop may have
/// authorized an institution's own app as well, of which the event says nothing.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizedShop<'a> {
    pub platform: Platform,
    pub app: PlatformAppId,
    pub shop: &'a NamedShop,
}

/// A live grant, as it is needed to ask the platform about it.
#[derive(Clone, Debug)]
pub struct ShopGrant {
    pub grant: GrantId,
    pub store: StoreId,
    pub institution: InstitutionId,
    pub origin: String,
    pub credential: Sealed,
    /// When the credential ends, after which its refusal says nothing about the grant.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The live grants of the shop.
pub async fn list_live_for_worker(
    db: &impl Executor,
    shop: AuthorizedShop<'_>,
) -> Result<Vec<ShopGrant>, StorageError> {
    let rows = Entity::find()
        .filter(is_word(Column::Status, "LIVE"))
        .filter(of_shop(shop))
        .order_by_asc(Column::Id)
        .all(db.connection())
        .await?;
    rows.into_iter()
        .map(|row| {
            let grant = GrantId::new(row.id);
            let missing = || StorageError::corrupt("grants", grant, "LIVE without a credential");
            Ok(ShopGrant {
                grant,
                store: StoreId::new(row.store_id),
                institution: InstitutionId::new(row.institution_id),
                origin: row.origin,
                expires_at: row
                    .expires_at
                    .map(|millis| from_millis(millis, "grants", grant))
                    .transpose()?,
                credential: Sealed(row.credential.ok_or_else(missing)?),
            })
        })
        .collect()
}

/// Whether the shop has a live grant.
pub async fn has_live_for_worker(
    db: &impl Executor,
    shop: AuthorizedShop<'_>,
) -> Result<bool, StorageError> {
    let found: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_word(Column::Status, "LIVE"))
        .filter(of_shop(shop))
        .limit(1)
        .into_tuple()
        .one(db.connection())
        .await?;
    Ok(found.is_some())
}

/// Whether the grant still has the credential that the platform was asked about. One that was renewed
/// meanwhile is not dead because its predecessor is.
pub async fn has_credential(
    tx: &Tx,
    institution: InstitutionId,
    grant: GrantId,
    credential: &Sealed,
) -> Result<bool, StorageError> {
    let found: Option<Uuid> = Entity::find_by_id(grant.uuid())
        .select_only()
        .column(Column::Id)
        .filter(Column::InstitutionId.eq(institution.uuid()))
        .filter(Column::Credential.eq(credential.0.clone()))
        .into_tuple()
        .one(tx.connection())
        .await?;
    Ok(found.is_some())
}

/// Forgets grants of the shop that have ended; what is live stays.
pub async fn delete_ended_for_worker(
    tx: &Tx,
    shop: AuthorizedShop<'_>,
) -> Result<u64, StorageError> {
    let deleted = Entity::delete_many()
        .filter(Column::Status.eq("ENDED"))
        .filter(of_shop(shop))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

pub(crate) fn of_shop(wanted: AuthorizedShop<'_>) -> Condition {
    let through_app = Query::select()
        .expr(Expr::val(1))
        .from(authorization::Entity)
        .and_where(
            Expr::col((authorization::Entity, authorization::Column::Id))
                .equals((Entity, Column::AuthorizationId)),
        )
        .and_where(
            Expr::col((authorization::Entity, authorization::Column::PlatformAppId))
                .eq(wanted.app.uuid()),
        )
        .to_owned();
    let named = match wanted.shop {
        NamedShop::Label(label) => Column::ShopLabel.eq(label.as_str()),
        NamedShop::Identity(identity) => Column::ShopIdentity.eq(identity.value()),
        NamedShop::Mall(label) => Column::Id.in_subquery(of_mall(wanted.platform, label)),
    };
    Condition::all()
        .add(is_word(Column::Platform, wanted.platform.code()))
        .add(named)
        .add(Expr::exists(through_app))
}

/// The first shop of a mall has no number, and the others have theirs behind a slash. Either half says what an
/// index says; of one condition with an `OR`, SQLite would walk through all malls.
fn of_mall(platform: Platform, label: &ShopLabel) -> SelectStatement {
    let numbered = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(is_word(Column::Platform, platform.code()))
        .and_where(Expr::cust("rtrim(shop_label, '0123456789')").eq(format!("{label}/")))
        .to_owned();
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::ShopLabel.eq(label.as_str()))
        .union(UnionType::All, numbered)
        .to_owned()
}

//! A store as institutions see it: the answer of a query and the `data` of an event, by one function.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    AuthStatus, AuthType, Authorized, ClientId, FailReason, Health, Platform, Reauthorization,
    Scopes, ShopIdentity, Store, StoreId, StoreState,
};
use serde::{Serialize, Serializer};

/// The state of a store at one revision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    pub client_id: ClientId,
    pub store_id: StoreId,
    pub platform: Platform,
    pub name: String,
    pub store_url: String,
    pub category: String,
    /// What the institution asked for, or, if it asked for none, the proven label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller_id: Option<String>,
    /// What the platform proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shop_identity: Option<ShopIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_type: Option<AuthType>,
    pub auth_status: AuthStatus,
    /// Empty unless the status is FAILED.
    #[serde(serialize_with = "reason_or_empty")]
    pub auth_fail_reason: Option<FailReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub authorized_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub reauthorize_by: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What is tried, or was tried last, to replace the grant; the status is that of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reauthorization: Option<ReauthorizationSnapshot>,
    pub sequence: i64,
    pub revision: i64,
    pub status: RecordStatus,
}

/// An attempt beside a working grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReauthorizationSnapshot {
    /// PROCESSING or FAILED: one that succeeds is the store's grant.
    pub status: AuthStatus,
    /// Empty unless the status is FAILED.
    #[serde(serialize_with = "reason_or_empty")]
    pub auth_fail_reason: Option<FailReason>,
}

impl ReauthorizationSnapshot {
    /// `None` for a link of ours that nobody has followed: nobody asked for it.
    const fn of(reauthorization: Reauthorization) -> Option<Self> {
        match reauthorization {
            Reauthorization::Offered { .. } => None,
            Reauthorization::Processing { .. } => Some(Self {
                status: AuthStatus::Processing,
                auth_fail_reason: None,
            }),
            Reauthorization::Failed { reason } => Some(Self {
                status: AuthStatus::Failed,
                auth_fail_reason: Some(reason),
            }),
        }
    }
}

/// PingPong's `status` of a store, of which only this value is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordStatus {
    Normal,
}

impl Snapshot {
    pub fn of(store: &Store) -> Self {
        let authorized = match &store.state {
            StoreState::Success(authorized) => Some(authorized),
            StoreState::Unauthorized
            | StoreState::Processing { .. }
            | StoreState::Failed { .. } => None,
        };
        Self {
            client_id: store.client,
            store_id: store.id,
            platform: store.platform,
            name: store.name.clone(),
            store_url: store.store_url.clone(),
            category: store.category.clone(),
            seller_id: store.seller_id.clone(),
            shop_identity: authorized.map(|authorized| authorized.shop.clone()),
            auth_type: store.auth_type,
            auth_status: store.status(),
            auth_fail_reason: store.fail_reason(),
            scopes: authorized.map(|authorized| authorized.scopes.clone()),
            authorized_at: authorized.map(|authorized| authorized.authorized_at),
            expires_at: authorized.and_then(|authorized| authorized.expires_at),
            reauthorize_by: authorized.and_then(|authorized| authorized.reauthorize_by),
            health: authorized.map(Authorized::health),
            reauthorization: authorized
                .and_then(|authorized| authorized.reauthorization)
                .and_then(ReauthorizationSnapshot::of),
            sequence: store.sequence,
            revision: store.revision,
            status: RecordStatus::Normal,
        }
    }
}

/// A time of the API: RFC 3339, UTC, milliseconds.
pub(crate) fn rfc3339_text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[expect(
    clippy::ref_option,
    reason = "serde hands over a reference to the field"
)]
fn rfc3339<S: Serializer>(
    instant: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    instant.map(rfc3339_text).serialize(serializer)
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference to the field"
)]
fn reason_or_empty<S: Serializer>(
    reason: &Option<FailReason>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.map_or("", FailReason::code))
}

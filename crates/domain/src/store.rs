//! One shop of a client on one platform, and the status that every channel tells.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::grant::Health;
use crate::id::{AuthorizationId, ClientId, GrantId, InstitutionId, StoreId};
use crate::platform::{AuthType, Platform};
use crate::reason::FailReason;
use crate::scope::Scopes;
use crate::shop::ShopIdentity;

/// The four statuses of PingPong's document; there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuthStatus {
    Unauthorized,
    Processing,
    Success,
    Failed,
}

impl AuthStatus {
    pub const ALL: [Self; 4] = [
        Self::Unauthorized,
        Self::Processing,
        Self::Success,
        Self::Failed,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// What a store has while it is authorized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    pub grant: GrantId,
    pub shop: ShopIdentity,
    pub scopes: Scopes,
    pub authorized_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub health: Health,
    /// The end that no renewal moves, where there is one to tell: the seller has to authorize again before.
    pub reauthorize_by: Option<DateTime<Utc>>,
}

/// The status with exactly what exists in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreState {
    Unauthorized,
    Processing { authorization: AuthorizationId },
    Success(Authorized),
    Failed { reason: FailReason },
}

/// A store of an institution's client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    pub id: StoreId,
    pub institution: InstitutionId,
    pub client: ClientId,
    pub platform: Platform,
    pub store_url: String,
    pub name: String,
    pub category: String,
    pub extra_info: Option<String>,
    /// What the institution asked for, or, if it asked for none, the proven label.
    pub seller_id: Option<String>,
    pub auth_type: Option<AuthType>,
    pub state: StoreState,
    /// Grows by one with every event of the store.
    pub sequence: i64,
    /// Grows by one with every change of the store.
    pub revision: i64,
    pub created_at: DateTime<Utc>,
}

/// A change that the store's present state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    #[error("the store is authorized already")]
    AlreadyAuthorized,
    #[error("another attempt took the place of this one")]
    NotTheCurrentAttempt,
    #[error("the store holds another grant")]
    NotTheCurrentGrant,
}

impl Store {
    pub const fn status(&self) -> AuthStatus {
        match self.state {
            StoreState::Unauthorized => AuthStatus::Unauthorized,
            StoreState::Processing { .. } => AuthStatus::Processing,
            StoreState::Success(_) => AuthStatus::Success,
            StoreState::Failed { .. } => AuthStatus::Failed,
        }
    }

    pub const fn fail_reason(&self) -> Option<FailReason> {
        match self.state {
            StoreState::Failed { reason } => Some(reason),
            StoreState::Unauthorized | StoreState::Processing { .. } | StoreState::Success(_) => {
                None
            }
        }
    }

    /// The attempt under way.
    pub const fn current_attempt(&self) -> Option<AuthorizationId> {
        match self.state {
            StoreState::Processing { authorization } => Some(authorization),
            StoreState::Unauthorized | StoreState::Success(_) | StoreState::Failed { .. } => None,
        }
    }

    /// Starts an attempt; one that was under way is superseded by it.
    pub fn begin(
        self,
        authorization: AuthorizationId,
        auth_type: AuthType,
        seller_id: Option<String>,
    ) -> Result<Self, TransitionError> {
        if matches!(self.state, StoreState::Success(_)) {
            return Err(TransitionError::AlreadyAuthorized);
        }
        let state = StoreState::Processing { authorization };
        Ok(Self {
            state,
            auth_type: Some(auth_type),
            seller_id,
            ..self
        }
        .changed())
    }

    /// Ends the current attempt well. `label` is what the platform calls the shop.
    pub fn succeed(
        self,
        authorization: AuthorizationId,
        authorized: Authorized,
        label: Option<&str>,
    ) -> Result<Self, TransitionError> {
        self.expect_attempt(authorization)?;
        let seller_id = self.seller_id.clone().or_else(|| label.map(str::to_owned));
        Ok(Self {
            state: StoreState::Success(authorized),
            seller_id,
            ..self
        }
        .told())
    }

    /// Ends the current attempt with a reason.
    pub fn fail(
        self,
        authorization: AuthorizationId,
        reason: FailReason,
    ) -> Result<Self, TransitionError> {
        self.expect_attempt(authorization)?;
        Ok(Self {
            state: StoreState::Failed { reason },
            ..self
        }
        .told())
    }

    /// What the store has by a grant, while it holds that one.
    pub fn authorized_by(&self, grant: GrantId) -> Result<&Authorized, TransitionError> {
        match &self.state {
            StoreState::Success(authorized) if authorized.grant == grant => Ok(authorized),
            StoreState::Unauthorized
            | StoreState::Processing { .. }
            | StoreState::Success(_)
            | StoreState::Failed { .. } => Err(TransitionError::NotTheCurrentGrant),
        }
    }

    /// Ends the grant that the store holds: expired, revoked or uninstalled.
    pub fn lose_grant(self, grant: GrantId, reason: FailReason) -> Result<Self, TransitionError> {
        self.authorized_by(grant)?;
        Ok(Self {
            state: StoreState::Failed { reason },
            ..self
        }
        .told())
    }

    /// The grant that the store holds was renewed, which is a change and no event.
    pub fn renew(
        self,
        grant: GrantId,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Self, TransitionError> {
        let renewed = Authorized {
            expires_at,
            health: Health::Healthy,
            reauthorize_by: None,
            ..self.authorized_by(grant)?.clone()
        };
        Ok(self.with_authorized(renewed).changed())
    }

    /// The grant that the store holds could not be renewed, and lives on. What is already worse stays, and
    /// then nothing is changed.
    pub fn worsen(self, grant: GrantId, health: Health) -> Result<Option<Self>, TransitionError> {
        let authorized = self.authorized_by(grant)?;
        if authorized.health == health || authorized.health == Health::Expiring {
            return Ok(None);
        }
        let worse = Authorized {
            health,
            ..authorized.clone()
        };
        Ok(Some(self.with_authorized(worse).changed()))
    }

    /// The grant that the store holds ends soon, and the institution is told.
    pub fn expire_soon(
        self,
        grant: GrantId,
        reauthorize_by: DateTime<Utc>,
    ) -> Result<Self, TransitionError> {
        let ending = Authorized {
            health: Health::Expiring,
            reauthorize_by: Some(reauthorize_by),
            ..self.authorized_by(grant)?.clone()
        };
        Ok(self.with_authorized(ending).told())
    }

    fn with_authorized(self, authorized: Authorized) -> Self {
        Self {
            state: StoreState::Success(authorized),
            ..self
        }
    }

    /// The store's last change: nothing is authorized any more, and the institution is told.
    #[must_use]
    pub fn unbind(self) -> Self {
        Self {
            state: StoreState::Unauthorized,
            ..self
        }
        .told()
    }

    /// Counts a change that is no event.
    #[must_use]
    pub fn changed(self) -> Self {
        Self {
            revision: self.revision + 1,
            ..self
        }
    }

    /// Counts a change that an event tells.
    fn told(self) -> Self {
        Self {
            sequence: self.sequence + 1,
            ..self
        }
        .changed()
    }

    fn expect_attempt(&self, authorization: AuthorizationId) -> Result<(), TransitionError> {
        if self.current_attempt() == Some(authorization) {
            Ok(())
        } else {
            Err(TransitionError::NotTheCurrentAttempt)
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::platform::IdentityRealm;

    const FIRST: AuthorizationId = AuthorizationId::new(Uuid::from_u128(11));
    const SECOND: AuthorizationId = AuthorizationId::new(Uuid::from_u128(12));

    fn store(state: StoreState) -> Store {
        Store {
            id: StoreId::new(Uuid::from_u128(1)),
            institution: InstitutionId::new(Uuid::from_u128(2)),
            client: ClientId::new(Uuid::from_u128(3)),
            platform: Platform::Genstore,
            store_url: "https://demo.genmystore.com".to_owned(),
            name: "Demo".to_owned(),
            category: "General".to_owned(),
            extra_info: None,
            seller_id: None,
            auth_type: None,
            state,
            sequence: 4,
            revision: 9,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn authorized(grant: u128) -> Authorized {
        Authorized {
            grant: GrantId::new(Uuid::from_u128(grant)),
            shop: ShopIdentity::new(IdentityRealm::Genstore, "7"),
            scopes: Scopes::default(),
            authorized_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            health: Health::Healthy,
            reauthorize_by: None,
        }
    }

    #[test]
    fn a_start_is_a_change_and_an_end_is_an_event() {
        let begun = store(StoreState::Unauthorized)
            .begin(FIRST, AuthType::Url, None)
            .unwrap();
        assert_eq!(
            (begun.status(), begun.sequence, begun.revision),
            (AuthStatus::Processing, 4, 10)
        );
        let done = begun.succeed(FIRST, authorized(1), Some("demo")).unwrap();
        assert_eq!(
            (done.status(), done.sequence, done.revision),
            (AuthStatus::Success, 5, 11)
        );
        assert_eq!(done.seller_id.as_deref(), Some("demo"));
    }

    #[test]
    fn what_the_institution_asked_for_is_not_replaced_by_the_proven_label() {
        let asked = Some("Demo".to_owned());
        let begun = store(StoreState::Unauthorized)
            .begin(FIRST, AuthType::Url, asked)
            .unwrap();
        let done = begun.succeed(FIRST, authorized(1), Some("demo")).unwrap();
        assert_eq!(done.seller_id.as_deref(), Some("Demo"));
    }

    #[test]
    fn a_superseded_attempt_can_end_nothing() {
        let begun = store(StoreState::Processing {
            authorization: FIRST,
        })
        .begin(SECOND, AuthType::Url, None)
        .unwrap();
        let stale = TransitionError::NotTheCurrentAttempt;
        assert_eq!(
            begun.clone().succeed(FIRST, authorized(1), None),
            Err(stale)
        );
        assert_eq!(
            begun.clone().fail(FIRST, FailReason::UserDenied),
            Err(stale)
        );
        assert!(begun.fail(SECOND, FailReason::UserDenied).is_ok());
    }

    #[test]
    fn an_authorized_store_starts_nothing_and_loses_only_its_own_grant() {
        let done = store(StoreState::Success(authorized(1)));
        assert_eq!(
            done.clone().begin(FIRST, AuthType::Url, None),
            Err(TransitionError::AlreadyAuthorized)
        );
        let other = GrantId::new(Uuid::from_u128(2));
        assert_eq!(
            done.clone().lose_grant(other, FailReason::AuthExpired),
            Err(TransitionError::NotTheCurrentGrant)
        );
        let own = GrantId::new(Uuid::from_u128(1));
        let lost = done.lose_grant(own, FailReason::AuthExpired).unwrap();
        assert_eq!(
            (lost.status(), lost.fail_reason()),
            (AuthStatus::Failed, Some(FailReason::AuthExpired))
        );
    }

    #[test]
    fn a_grant_is_renewed_worsens_and_comes_to_its_end() {
        let grant = GrantId::new(Uuid::from_u128(1));
        let by = DateTime::from_timestamp(100, 0).unwrap();
        let of = |store: &Store| {
            let authorized = store.authorized_by(grant).unwrap();
            (
                authorized.health,
                authorized.reauthorize_by,
                store.sequence,
                store.revision,
            )
        };
        let done = store(StoreState::Success(authorized(1)));
        let failing = done
            .clone()
            .worsen(grant, Health::RefreshFailing)
            .unwrap()
            .unwrap();
        assert_eq!(of(&failing), (Health::RefreshFailing, None, 4, 10));
        let again = failing.clone().worsen(grant, Health::RefreshFailing);
        assert_eq!(again, Ok(None));
        let ending = failing.expire_soon(grant, by).unwrap();
        assert_eq!(of(&ending), (Health::Expiring, Some(by), 5, 11));
        let failing = ending.clone().worsen(grant, Health::RefreshFailing);
        assert_eq!(failing, Ok(None), "it ends soon all the same");
        let renewed = ending.renew(grant, Some(by)).unwrap();
        assert_eq!(of(&renewed), (Health::Healthy, None, 5, 12));
        assert_eq!(
            renewed.authorized_by(grant).unwrap().expires_at,
            Some(by),
            "the end moved"
        );

        let other = GrantId::new(Uuid::from_u128(2));
        let stale = TransitionError::NotTheCurrentGrant;
        assert_eq!(done.clone().renew(other, None), Err(stale));
        assert_eq!(done.clone().worsen(other, Health::Uncertain), Err(stale));
        assert_eq!(done.expire_soon(other, by), Err(stale));
    }
}

//! One shop of a client on one platform, and the status that every channel tells.

use chrono::{DateTime, Utc};
use serde::Serialize;

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

    /// Ends the grant that the store holds: expired, revoked or uninstalled.
    pub fn lose_grant(self, grant: GrantId, reason: FailReason) -> Result<Self, TransitionError> {
        match &self.state {
            StoreState::Success(authorized) if authorized.grant == grant => Ok(Self {
                state: StoreState::Failed { reason },
                ..self
            }
            .told()),
            StoreState::Unauthorized
            | StoreState::Processing { .. }
            | StoreState::Success(_)
            | StoreState::Failed { .. } => Err(TransitionError::NotTheCurrentGrant),
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
}

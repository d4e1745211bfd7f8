//! One shop of a client on one platform, and the status that every channel tells.

mod authorized;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use self::authorized::{Authorized, Reauthorization, Renewed};
use crate::grant::{Health, Renewal};
use crate::id::{AuthorizationId, ClientId, GrantId, InstitutionId, StoreId};
use crate::platform::{AuthType, Platform};
use crate::reason::FailReason;
use crate::scope::AssessedScopes;

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

    /// The attempt under way; while a grant works, the one that runs beside it.
    pub const fn current_attempt(&self) -> Option<AuthorizationId> {
        match &self.state {
            StoreState::Processing { authorization } => Some(*authorization),
            StoreState::Success(authorized) => authorized.attempt_beside(),
            StoreState::Unauthorized | StoreState::Failed { .. } => None,
        }
    }

    /// Starts an attempt; one that was under way is superseded by it. Beside a working grant nothing else
    /// changes, and only a grant whose health asks for it takes one.
    pub fn begin(
        self,
        authorization: AuthorizationId,
        auth_type: AuthType,
        seller_id: Option<String>,
    ) -> Result<Self, TransitionError> {
        if let StoreState::Success(authorized) = &self.state {
            if authorized.health() == Health::Healthy {
                return Err(TransitionError::AlreadyAuthorized);
            }
            let beside = Authorized {
                reauthorization: Some(Reauthorization::Processing { authorization }),
                ..authorized.clone()
            };
            return Ok(self.with_authorized(beside).changed());
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

    /// Ends the current attempt well; the grant before, if one works, is replaced. `label` is what the
    /// platform calls the shop.
    pub fn succeed(
        self,
        authorization: AuthorizationId,
        auth_type: AuthType,
        authorized: Authorized,
        label: Option<&str>,
    ) -> Result<Self, TransitionError> {
        self.expect_attempt(authorization)?;
        let seller_id = self.seller_id.clone().or_else(|| label.map(str::to_owned));
        Ok(Self {
            state: StoreState::Success(authorized),
            auth_type: Some(auth_type),
            seller_id,
            ..self
        }
        .told())
    }

    /// Ends the current attempt with a reason. A grant that works beside it goes on as before, which is a
    /// change and no event.
    pub fn fail(
        self,
        authorization: AuthorizationId,
        reason: FailReason,
    ) -> Result<Self, TransitionError> {
        self.expect_attempt(authorization)?;
        if let StoreState::Success(authorized) = &self.state {
            let kept = authorized.clone().without_attempt(reason);
            return Ok(self.with_authorized(kept).changed());
        }
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

    /// The grant that the store holds was renewed. That is an event only if its scopes changed with it.
    pub fn renew(self, grant: GrantId, renewed: Renewed) -> Result<Self, TransitionError> {
        let before = self.authorized_by(grant)?;
        let after = before.clone().renewed(renewed);
        let same_scopes = after.has_scopes_of(before);
        let store = self.with_authorized(after);
        Ok(if same_scopes {
            store.changed()
        } else {
            store.told()
        })
    }

    /// The scopes of the grant that the store holds were read again. If they are as they were, nothing is
    /// changed; else the institution is told.
    pub fn read_scopes(
        self,
        grant: GrantId,
        scopes: AssessedScopes,
    ) -> Result<Option<Self>, TransitionError> {
        let before = self.authorized_by(grant)?;
        let after = before.clone().with_scopes(scopes);
        if after.has_scopes_of(before) {
            return Ok(None);
        }
        Ok(Some(self.with_authorized(after).told()))
    }

    /// The grant that the store holds could not be renewed, and lives on. What is already worse stays, and
    /// then nothing is changed.
    pub fn worsen(self, grant: GrantId, renewal: Renewal) -> Result<Option<Self>, TransitionError> {
        let authorized = self.authorized_by(grant)?;
        if authorized.renewal == renewal || authorized.renewal == Renewal::Expiring {
            return Ok(None);
        }
        let worse = Authorized {
            renewal,
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
            renewal: Renewal::Expiring,
            reauthorize_by: Some(reauthorize_by),
            ..self.authorized_by(grant)?.clone()
        };
        Ok(self.with_authorized(ending).told())
    }

    /// Puts an attempt of our own beside the grant, in the same change as what calls for it.
    pub fn offer(
        self,
        grant: GrantId,
        authorization: AuthorizationId,
    ) -> Result<Self, TransitionError> {
        let offered = Authorized {
            reauthorization: Some(Reauthorization::Offered { authorization }),
            ..self.authorized_by(grant)?.clone()
        };
        Ok(self.with_authorized(offered))
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
mod tests;

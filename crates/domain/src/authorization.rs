//! One attempt to get a store authorized.

use chrono::{DateTime, Utc};

use crate::id::{AuthorizationId, GrantId, InstitutionId, LeaseId, PlatformAppId, StoreId};
use crate::platform::{AuthType, Platform};
use crate::reason::FailReason;
use crate::shop::ShopLabel;

/// An attempt, its deadline and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    pub id: AuthorizationId,
    pub store: StoreId,
    pub institution: InstitutionId,
    pub platform: Platform,
    /// The platform app whose link the seller got; none for a KEY platform that needs no app.
    pub app: Option<PlatformAppId>,
    pub auth_type: AuthType,
    /// The shop that must answer; `None` where nobody could name it beforehand.
    pub expected_shop: Option<ShopLabel>,
    /// What the institution asked for, or, after a success, the proven label.
    pub seller_id: Option<String>,
    /// The grant that works while this attempt runs, and stays as it is if the attempt fails.
    pub beside: Option<GrantId>,
    /// Where the seller's browser goes afterwards.
    pub redirect_url: Option<String>,
    pub deadline_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub state: AuthorizationState,
}

/// Where an attempt stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationState {
    /// Waits for the seller to hand in a key on a page of ours (KEY by a hosted link).
    AwaitingKey,
    /// Waits for the seller (URL) or for the worker that proves the credential (KEY).
    Pending,
    /// The callback's code is being exchanged by whoever holds the lease; nobody else may spend it.
    Exchanging {
        lease: LeaseId,
        lease_until: DateTime<Utc>,
    },
    Succeeded,
    Failed {
        reason: FailReason,
    },
    /// A later `store/auth` took its place; its link is dead.
    Superseded,
}

/// The name of a state in the database and in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationStatus {
    Pending,
    Exchanging,
    Succeeded,
    Failed,
    Superseded,
}

impl AuthorizationStatus {
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Exchanging,
        Self::Succeeded,
        Self::Failed,
        Self::Superseded,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Exchanging => "EXCHANGING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Superseded => "SUPERSEDED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// An attempt that can no longer change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorization has ended")]
pub struct Ended;

impl Authorization {
    pub const fn status(&self) -> AuthorizationStatus {
        match self.state {
            AuthorizationState::AwaitingKey | AuthorizationState::Pending => {
                AuthorizationStatus::Pending
            }
            AuthorizationState::Exchanging { .. } => AuthorizationStatus::Exchanging,
            AuthorizationState::Succeeded => AuthorizationStatus::Succeeded,
            AuthorizationState::Failed { .. } => AuthorizationStatus::Failed,
            AuthorizationState::Superseded => AuthorizationStatus::Superseded,
        }
    }

    /// Why it failed, if it did.
    pub const fn fail_reason(&self) -> Option<FailReason> {
        match self.state {
            AuthorizationState::Failed { reason } => Some(reason),
            AuthorizationState::AwaitingKey
            | AuthorizationState::Pending
            | AuthorizationState::Exchanging { .. }
            | AuthorizationState::Succeeded
            | AuthorizationState::Superseded => None,
        }
    }

    /// Ends the attempt well.
    pub fn succeed(self, seller_id: Option<String>) -> Result<Self, Ended> {
        Self { seller_id, ..self }.end(AuthorizationState::Succeeded)
    }

    /// Ends the attempt with the reason that the institution is told.
    pub fn fail(self, reason: FailReason) -> Result<Self, Ended> {
        self.end(AuthorizationState::Failed { reason })
    }

    /// Ends the attempt because another took its place.
    pub fn supersede(self) -> Result<Self, Ended> {
        self.end(AuthorizationState::Superseded)
    }

    fn end(self, state: AuthorizationState) -> Result<Self, Ended> {
        match self.state {
            AuthorizationState::AwaitingKey
            | AuthorizationState::Pending
            | AuthorizationState::Exchanging { .. } => Ok(Self { state, ..self }),
            AuthorizationState::Succeeded
            | AuthorizationState::Failed { .. }
            | AuthorizationState::Superseded => Err(Ended),
        }
    }

    /// What an attempt that nobody finished in time is told as.
    pub const fn reason_past_deadline(&self) -> FailReason {
        match (self.auth_type, &self.state) {
            (AuthType::Url, _) | (AuthType::Key, AuthorizationState::AwaitingKey) => {
                FailReason::LinkExpired
            }
            (AuthType::Key, _) => FailReason::PlatformUnreachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn attempt(state: AuthorizationState) -> Authorization {
        Authorization {
            id: AuthorizationId::new(Uuid::from_u128(1)),
            store: StoreId::new(Uuid::from_u128(2)),
            institution: InstitutionId::new(Uuid::from_u128(3)),
            platform: Platform::Shopline,
            app: None,
            auth_type: AuthType::Url,
            expected_shop: None,
            seller_id: None,
            beside: None,
            redirect_url: None,
            deadline_at: DateTime::UNIX_EPOCH,
            created_at: DateTime::UNIX_EPOCH,
            state,
        }
    }

    #[test]
    fn an_attempt_ends_once() {
        let lease = LeaseId::new(Uuid::from_u128(4));
        let live = [
            AuthorizationState::AwaitingKey,
            AuthorizationState::Pending,
            AuthorizationState::Exchanging {
                lease,
                lease_until: DateTime::UNIX_EPOCH,
            },
        ];
        for state in live {
            assert!(attempt(state.clone()).succeed(None).is_ok());
            assert!(attempt(state.clone()).fail(FailReason::UserDenied).is_ok());
            assert!(attempt(state).supersede().is_ok());
        }
        let ended = [
            AuthorizationState::Succeeded,
            AuthorizationState::Failed {
                reason: FailReason::UserDenied,
            },
            AuthorizationState::Superseded,
        ];
        for state in ended {
            assert_eq!(attempt(state.clone()).succeed(None), Err(Ended));
            assert_eq!(
                attempt(state.clone()).fail(FailReason::LinkExpired),
                Err(Ended)
            );
            assert_eq!(attempt(state).supersede(), Err(Ended));
        }
    }

    #[test]
    fn what_nobody_finished_in_time_is_told_by_whom_it_waited_for() {
        for (auth_type, state, reason) in [
            (
                AuthType::Url,
                AuthorizationState::Pending,
                FailReason::LinkExpired,
            ),
            (
                AuthType::Key,
                AuthorizationState::AwaitingKey,
                FailReason::LinkExpired,
            ),
            (
                AuthType::Key,
                AuthorizationState::Pending,
                FailReason::PlatformUnreachable,
            ),
        ] {
            let attempt = Authorization {
                auth_type,
                ..attempt(state)
            };
            assert_eq!(attempt.reason_past_deadline(), reason);
        }
    }
}

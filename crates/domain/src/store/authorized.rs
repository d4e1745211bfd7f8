//! What a store has while it is authorized, and how that changes.

use chrono::{DateTime, Utc};

use crate::grant::{Health, Renewal, ScopeCoverage};
use crate::id::{AuthorizationId, GrantId};
use crate::reason::FailReason;
use crate::scope::{AssessedScopes, Scopes};
use crate::shop::ShopIdentity;

/// What a store has while it is authorized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    pub grant: GrantId,
    pub shop: ShopIdentity,
    pub scopes: Scopes,
    pub coverage: ScopeCoverage,
    pub authorized_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub renewal: Renewal,
    /// The end that no renewal moves, where there is one to tell: the seller has to authorize again before.
    pub reauthorize_by: Option<DateTime<Utc>>,
    /// What is tried, or was tried last, to replace the grant.
    pub reauthorization: Option<Reauthorization>,
}

/// An attempt beside a working grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reauthorization {
    /// We made a link that the institution may hand on. Nobody asked for it, so nobody is told if nobody
    /// follows it.
    Offered {
        authorization: AuthorizationId,
    },
    Processing {
        authorization: AuthorizationId,
    },
    /// The last one failed; the grant is as it was.
    Failed {
        reason: FailReason,
    },
}

/// What a renewal brought.
#[derive(Clone, Debug)]
pub struct Renewed {
    pub expires_at: Option<DateTime<Utc>>,
    pub scopes: AssessedScopes,
}

impl Authorized {
    /// What is told of the grant in one word.
    pub const fn health(&self) -> Health {
        Health::of(self.renewal, self.coverage)
    }

    pub(super) const fn attempt_beside(&self) -> Option<AuthorizationId> {
        match self.reauthorization {
            Some(
                Reauthorization::Offered { authorization }
                | Reauthorization::Processing { authorization },
            ) => Some(authorization),
            Some(Reauthorization::Failed { .. }) | None => None,
        }
    }

    pub(super) fn without_attempt(self, reason: FailReason) -> Self {
        let is_unheeded = matches!(self.reauthorization, Some(Reauthorization::Offered { .. }))
            && reason == FailReason::LinkExpired;
        Self {
            reauthorization: (!is_unheeded).then_some(Reauthorization::Failed { reason }),
            ..self
        }
    }

    pub(super) fn renewed(self, renewed: Renewed) -> Self {
        Self {
            expires_at: renewed.expires_at,
            renewal: Renewal::Good,
            reauthorize_by: None,
            ..self.with_scopes(renewed.scopes)
        }
    }

    pub(super) fn with_scopes(self, assessed: AssessedScopes) -> Self {
        Self {
            scopes: assessed.scopes,
            coverage: assessed.coverage,
            ..self
        }
    }

    pub(super) fn has_scopes_of(&self, other: &Self) -> bool {
        self.scopes == other.scopes && self.coverage == other.coverage
    }
}

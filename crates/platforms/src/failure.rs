//! Why a call to a platform proved nothing.

use domain::FailReason;
use egress::EgressError;

/// Why there is no [`Proof`](crate::Proof), by what can be done about it. It holds nothing of what the
/// platform said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformFailure {
    /// Nothing was sent, so that even a one-time code may be sent again.
    #[error("the platform could not be connected to")]
    ConnectFailed,
    /// The platform may have acted on the call, but its answer is missing or cannot be understood.
    #[error("the platform gave no answer that can be understood")]
    Unreachable,
    #[error("the platform refused")]
    Rejected,
    #[error("the platform does not know the credential")]
    CredentialInvalid,
    #[error("the credential may not read the shop")]
    ScopesInsufficient,
    #[error("the platform answered for another shop")]
    ShopMismatch,
    /// The platform objects to our id, secret, redirect URI or address: the operator's to mend.
    #[error("the platform does not accept our app")]
    AppMisconfigured,
}

impl PlatformFailure {
    /// What the institution is told.
    pub const fn reason(self) -> FailReason {
        match self {
            Self::ConnectFailed | Self::Unreachable => FailReason::PlatformUnreachable,
            Self::Rejected => FailReason::PlatformRejected,
            Self::CredentialInvalid => FailReason::AuthInfoInvalid,
            Self::ScopesInsufficient => FailReason::ScopesInsufficient,
            Self::ShopMismatch => FailReason::SellerMismatch,
            Self::AppMisconfigured => FailReason::PlatformAppMisconfigured,
        }
    }

    /// Whether the same call may end well later. A one-time code is spent all the same, unless the
    /// connection failed.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::ConnectFailed | Self::Unreachable => true,
            Self::Rejected
            | Self::CredentialInvalid
            | Self::ScopesInsufficient
            | Self::ShopMismatch
            | Self::AppMisconfigured => false,
        }
    }
}

/// What a refresh that failed says about the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshVerdict {
    /// The platform does not honour the grant any more, and will not again.
    Permanent,
    /// Nothing: the same call may end well later.
    Transient,
    /// Nothing: the operator's app is at fault, and the grant is as good as it was.
    Operator,
}

impl PlatformFailure {
    /// How a refresh is judged that failed so. Only a clear refusal ends a grant.
    pub const fn refresh_verdict(self) -> RefreshVerdict {
        match self {
            Self::Rejected | Self::CredentialInvalid => RefreshVerdict::Permanent,
            Self::AppMisconfigured => RefreshVerdict::Operator,
            // Another shop's token is not saved, and says nothing about this shop's.
            Self::ConnectFailed
            | Self::Unreachable
            | Self::ScopesInsufficient
            | Self::ShopMismatch => RefreshVerdict::Transient,
        }
    }
}

impl From<EgressError> for PlatformFailure {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::ConnectFailed => Self::ConnectFailed,
            EgressError::Refused(_)
            | EgressError::TimedOut
            | EgressError::TooLarge
            | EgressError::Interrupted => Self::Unreachable,
        }
    }
}

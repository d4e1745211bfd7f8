//! Why an authorization failed, whose move it is, and whether asking again can help.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::event::EventType;

/// Who has to do something about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    Seller,
    Institution,
    Operator,
    Platform,
}

impl Actor {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Institution => "institution",
            Self::Operator => "operator",
            Self::Platform => "platform",
        }
    }
}

/// The closed list of what institutions are told; never a platform's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailReason {
    UserDenied,
    LinkExpired,
    SellerMismatch,
    SellerAlreadyAuthorized,
    AuthInfoInvalid,
    ScopesInsufficient,
    PlatformRejected,
    PlatformUnreachable,
    PlatformAppMisconfigured,
    Interrupted,
    AuthExpired,
    AuthRevoked,
    AppUninstalled,
}

impl FailReason {
    pub const ALL: [Self; 13] = [
        Self::UserDenied,
        Self::LinkExpired,
        Self::SellerMismatch,
        Self::SellerAlreadyAuthorized,
        Self::AuthInfoInvalid,
        Self::ScopesInsufficient,
        Self::PlatformRejected,
        Self::PlatformUnreachable,
        Self::PlatformAppMisconfigured,
        Self::Interrupted,
        Self::AuthExpired,
        Self::AuthRevoked,
        Self::AppUninstalled,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::UserDenied => "USER_DENIED",
            Self::LinkExpired => "LINK_EXPIRED",
            Self::SellerMismatch => "SELLER_MISMATCH",
            Self::SellerAlreadyAuthorized => "SELLER_ALREADY_AUTHORIZED",
            Self::AuthInfoInvalid => "AUTH_INFO_INVALID",
            Self::ScopesInsufficient => "SCOPES_INSUFFICIENT",
            Self::PlatformRejected => "PLATFORM_REJECTED",
            Self::PlatformUnreachable => "PLATFORM_UNREACHABLE",
            Self::PlatformAppMisconfigured => "PLATFORM_APP_MISCONFIGURED",
            Self::Interrupted => "INTERRUPTED",
            Self::AuthExpired => "AUTH_EXPIRED",
            Self::AuthRevoked => "AUTH_REVOKED",
            Self::AppUninstalled => "APP_UNINSTALLED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Whose move it is.
    pub const fn who(self) -> Actor {
        match self {
            Self::UserDenied
            | Self::LinkExpired
            | Self::SellerMismatch
            | Self::ScopesInsufficient
            | Self::AuthExpired
            | Self::AuthRevoked
            | Self::AppUninstalled => Actor::Seller,
            Self::SellerAlreadyAuthorized | Self::AuthInfoInvalid | Self::Interrupted => {
                Actor::Institution
            }
            Self::PlatformAppMisconfigured => Actor::Operator,
            Self::PlatformRejected | Self::PlatformUnreachable => Actor::Platform,
        }
    }

    /// Whether `store/auth` with the same fields can end well.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::UserDenied
            | Self::LinkExpired
            | Self::SellerMismatch
            | Self::ScopesInsufficient
            | Self::PlatformRejected
            | Self::PlatformUnreachable
            | Self::Interrupted
            | Self::AuthExpired
            | Self::AuthRevoked
            | Self::AppUninstalled => true,
            Self::SellerAlreadyAuthorized
            | Self::AuthInfoInvalid
            | Self::PlatformAppMisconfigured => false,
        }
    }

    /// The event that tells of this failure.
    pub const fn event_type(self) -> EventType {
        match self {
            Self::AuthExpired => EventType::StoreAuthExpired,
            Self::AuthRevoked | Self::AppUninstalled => EventType::StoreAuthRevoked,
            Self::UserDenied
            | Self::LinkExpired
            | Self::SellerMismatch
            | Self::SellerAlreadyAuthorized
            | Self::AuthInfoInvalid
            | Self::ScopesInsufficient
            | Self::PlatformRejected
            | Self::PlatformUnreachable
            | Self::PlatformAppMisconfigured
            | Self::Interrupted => EventType::StoreAuthFailed,
        }
    }
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for FailReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_reason() {
        for reason in FailReason::ALL {
            assert_eq!(FailReason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(FailReason::from_code("user_denied"), None);
    }

    #[test]
    fn the_end_of_a_grant_has_events_of_its_own() {
        let told: Vec<_> = FailReason::ALL
            .into_iter()
            .filter(|reason| reason.event_type() != EventType::StoreAuthFailed)
            .collect();
        assert_eq!(
            told,
            [
                FailReason::AuthExpired,
                FailReason::AuthRevoked,
                FailReason::AppUninstalled
            ]
        );
    }
}

//! What an institution can be told.

use std::fmt;

use serde::{Serialize, Serializer};

/// The type of a committed fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    StoreAuthSucceeded,
    StoreAuthFailed,
    StoreAuthExpiring,
    StoreAuthExpired,
    StoreAuthRevoked,
    StoreAuthScopesChanged,
    StoreUnbound,
    EndpointTest,
    EndpointDisabled,
}

impl EventType {
    pub const ALL: [Self; 9] = [
        Self::StoreAuthSucceeded,
        Self::StoreAuthFailed,
        Self::StoreAuthExpiring,
        Self::StoreAuthExpired,
        Self::StoreAuthRevoked,
        Self::StoreAuthScopesChanged,
        Self::StoreUnbound,
        Self::EndpointTest,
        Self::EndpointDisabled,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::StoreAuthSucceeded => "store.auth.succeeded",
            Self::StoreAuthFailed => "store.auth.failed",
            Self::StoreAuthExpiring => "store.auth.expiring",
            Self::StoreAuthExpired => "store.auth.expired",
            Self::StoreAuthRevoked => "store.auth.revoked",
            Self::StoreAuthScopesChanged => "store.auth.scopes_changed",
            Self::StoreUnbound => "store.unbound",
            Self::EndpointTest => "endpoint.test",
            Self::EndpointDisabled => "endpoint.disabled",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|event_type| event_type.code() == code)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

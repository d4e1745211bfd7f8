//! Who integrates, and their sellers.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::id::{ClientId, InstitutionId};

/// The public name of an institution: what it sends for a token and signs as `keyid`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(String);

impl AppId {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an institution may read its events from the message broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusAccess {
    None,
    Granted,
    /// Not any more: what there is of it at the broker has to go.
    Revoked,
}

impl BusAccess {
    pub const ALL: [Self; 3] = [Self::None, Self::Granted, Self::Revoked];

    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Granted => "GRANTED",
            Self::Revoked => "REVOKED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.code() == code)
    }
}

/// Whether an institution may have the credentials of its stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialAccess {
    #[default]
    Denied,
    Granted,
}

impl CredentialAccess {
    pub const ALL: [Self; 2] = [Self::Denied, Self::Granted];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Denied => "DENIED",
            Self::Granted => "GRANTED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.code() == code)
    }
}

/// Where the links lead that an institution hands to its sellers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// To the platform's own consent page.
    #[default]
    Direct,
    /// To a page of ours that says who asks for what, and goes on from there.
    Hosted,
}

impl Links {
    pub const ALL: [Self; 2] = [Self::Direct, Self::Hosted];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Direct => "DIRECT",
            Self::Hosted => "HOSTED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|links| links.code() == code)
    }
}

/// A payment institution that registers sellers and asks for their stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institution {
    pub id: InstitutionId,
    pub app_id: AppId,
    pub name: String,
    /// Where a seller's browser may be sent after the authorization, as ASCII origins
    /// (`https://pay.example`). None registered means that no `redirect_url` is accepted.
    pub redirect_origins: Vec<String>,
    pub bus_access: BusAccess,
    pub credential_access: CredentialAccess,
    /// Where a platform leaves the choice.
    pub links: Links,
    pub created_at: DateTime<Utc>,
}

/// A seller registered by an institution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: ClientId,
    pub institution: InstitutionId,
    /// The institution's own id of the seller.
    pub partner_user_id: String,
    pub email: Option<String>,
    pub name: Option<String>,
    pub created_at: DateTime<Utc>,
}

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

//! An institution's webhook URL.

use chrono::{DateTime, Utc};

use crate::event::EventType;
use crate::id::{EndpointId, InstitutionId};

/// Whether an endpoint takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointStatus {
    /// It has not answered 2xx yet; events are sent all the same.
    Unverified,
    Active,
    /// It answered 410: nothing is sent any more.
    Disabled,
}

impl EndpointStatus {
    pub const ALL: [Self; 3] = [Self::Unverified, Self::Active, Self::Disabled];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Unverified => "UNVERIFIED",
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// Where an institution wants its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub institution: InstitutionId,
    pub url: String,
    /// Empty means every type.
    pub event_types: Vec<EventType>,
    pub description: Option<String>,
    pub status: EndpointStatus,
    pub created_at: DateTime<Utc>,
}

impl Endpoint {
    /// Whether events of this type go here.
    pub fn wants(&self, event_type: EventType) -> bool {
        self.status != EndpointStatus::Disabled
            && (self.event_types.is_empty() || self.event_types.contains(&event_type))
    }
}

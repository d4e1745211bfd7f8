//! What a platform tells us by itself, and what came of it.

use crate::shop::{ShopIdentity, ShopLabel};

/// What an event of a platform asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformEventKind {
    /// The app was removed from the shop, or so it seems: the event may be late, or come again.
    Uninstalled,
    /// The shop's time with the app is over, or so it seems.
    Expired,
    /// The shop changed what the app may do, or so it seems.
    ScopesUpdated,
    /// The app was installed by the platform itself, which sends a code for it.
    CodeGranted,
    /// A customer of the shop wants to know what is kept about him.
    CustomerDataRequest,
    /// A customer of the shop wants to be forgotten.
    CustomerRedaction,
    /// The shop wants to be forgotten.
    ShopRedaction,
    /// Nothing that we act on.
    Other,
}

/// A shop as an event names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedShop {
    Label(ShopLabel),
    Identity(ShopIdentity),
    /// All shops of a mall, the first and the numbered ones.
    Mall(ShopLabel),
}

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformEventOutcome {
    /// The platform does not honour the shop's grant any more, so that it was ended.
    GrantEnded,
    /// The platform still honours every grant of the shop.
    GrantAlive,
    /// No store holds a grant of the shop.
    NoGrant,
    /// The platform is asked about the shop's grants, apart from this event.
    HintTaken,
    /// The code was taken to authorize a store; the attempt says what came of that.
    CodeTaken,
    /// Nobody may spend the code before the shop's seller confirms who.
    CodeParked,
    /// Nothing is kept about customers of shops.
    NothingHeld,
    /// The shop's grants are dead and forgotten.
    ShopForgotten,
    /// We do not act on this topic.
    Ignored,
    /// The platform could not be asked in time.
    Unanswered,
}

impl PlatformEventKind {
    pub const ALL: [Self; 8] = [
        Self::Uninstalled,
        Self::Expired,
        Self::ScopesUpdated,
        Self::CodeGranted,
        Self::CustomerDataRequest,
        Self::CustomerRedaction,
        Self::ShopRedaction,
        Self::Other,
    ];

    /// The kind as it is recorded.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Uninstalled => "UNINSTALLED",
            Self::Expired => "EXPIRED",
            Self::ScopesUpdated => "SCOPES_UPDATED",
            Self::CodeGranted => "CODE_GRANTED",
            Self::CustomerDataRequest => "CUSTOMER_DATA_REQUEST",
            Self::CustomerRedaction => "CUSTOMER_REDACTION",
            Self::ShopRedaction => "SHOP_REDACTION",
            Self::Other => "OTHER",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl PlatformEventOutcome {
    /// The outcome as it is recorded.
    pub const fn code(self) -> &'static str {
        match self {
            Self::GrantEnded => "GRANT_ENDED",
            Self::GrantAlive => "GRANT_ALIVE",
            Self::NoGrant => "NO_GRANT",
            Self::HintTaken => "HINT_TAKEN",
            Self::CodeTaken => "CODE_TAKEN",
            Self::CodeParked => "CODE_PARKED",
            Self::NothingHeld => "NOTHING_HELD",
            Self::ShopForgotten => "SHOP_FORGOTTEN",
            Self::Ignored => "IGNORED",
            Self::Unanswered => "UNANSWERED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_kind() {
        for kind in PlatformEventKind::ALL {
            assert_eq!(PlatformEventKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(PlatformEventKind::from_code("uninstalled"), None);
    }
}

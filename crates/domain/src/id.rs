//! Identifiers: one type each, so that a store is never looked up by the id of a client.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text that is no id of the wanted kind. Whoever asks treats it as an id that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

/// Declares an id: a `UUIDv7` inside, so that new rows stay at the end of their index, and a prefix with
/// 32 hexadecimal digits outside, so that a reader sees what it names.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Accepts exactly what `Display` prints: other spellings of the same UUID are other texts.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(NotAnId)?;
                let id = Self(Uuid::try_parse(digits).map_err(|_| NotAnId)?);
                if id.to_string() == text { Ok(id) } else { Err(NotAnId) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Who integrates; inside only, the outside knows its `app_id`.
    InstitutionId, "inst"
);
id!(
    /// One of an institution's secrets; two live at once while one replaces the other.
    InstitutionKeyId, "key"
);
id!(
    /// A seller registered by an institution.
    ClientId, "cl"
);
id!(
    /// One shop of a client on one platform.
    StoreId, "st"
);
id!(
    /// One attempt to get a store authorized.
    AuthorizationId, "auth"
);
id!(
    /// A proven credential of a store.
    GrantId, "grant"
);
id!(
    /// The broker's own app registration at a platform.
    PlatformAppId, "papp"
);
id!(
    /// A committed fact to tell an institution.
    EventId, "evt"
);
id!(
    /// An institution's webhook URL.
    EndpointId, "ep"
);
id!(
    /// One event for one endpoint.
    DeliveryId, "dlv"
);
id!(
    /// A seller's opening of our app on a platform.
    LaunchId, "lch"
);
id!(
    /// A seller's click on the page behind a hosted link.
    LinkClickId, "click"
);
id!(
    /// Something that a platform told by itself.
    PlatformEventId, "pevt"
);
id!(
    /// A credential that is to be given up at its platform.
    RevocationId, "rev"
);
id!(
    /// A request for a credential, as it is kept for whoever looks after it.
    CredentialRequestId, "creq"
);
id!(
    /// The token of a user's session at a platform.
    OnlineTokenId, "otok"
);
id!(
    /// Who holds a piece of work; the fencing token of a lease.
    LeaseId, "lease"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_form_is_read_back() {
        let id = StoreId::new(Uuid::from_u128(0x0192_f0c1_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in [
            "",
            "st_",
            "cl_0192f0c1000070008000000000000001",
            "0192f0c1000070008000000000000001",
            "st_0192f0c1-0000-7000-8000-000000000001",
            "st_0192F0C1000070008000000000000001",
        ] {
            assert_eq!(other.parse::<StoreId>(), Err(NotAnId), "{other}");
        }
    }
}

//! Which shop: what an institution calls it, and what the platform proves it to be.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::platform::IdentityRealm;

/// A platform's shop label in lower case, checked against the platform's pattern by the adapter that
/// made it. Only a label may become part of a host name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShopLabel(String);

impl ShopLabel {
    /// Takes what matched a platform's pattern. Labels compare without case, so they are kept without.
    pub fn from_checked(label: &str) -> Self {
        Self(label.to_ascii_lowercase())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShopLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The platform's own stable id of a shop in canonical form; unique within its realm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShopIdentity {
    realm: IdentityRealm,
    value: String,
}

impl ShopIdentity {
    pub fn new(realm: IdentityRealm, value: impl Into<String>) -> Self {
        Self {
            realm,
            value: value.into(),
        }
    }

    pub fn realm(&self) -> IdentityRealm {
        self.realm
    }

    pub fn value(&self) -> &str {
        &self.value
    }
}

impl Serialize for ShopIdentity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.value)
    }
}

/// What a platform's answer proved about the shop behind a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenShop {
    pub identity: ShopIdentity,
    /// The label of the shop, on platforms that have labels.
    pub label: Option<ShopLabel>,
}

impl ProvenShop {
    /// Whether this is the shop that was asked for. Where no shop was named, any proven one is.
    pub fn answers_to(&self, expected: Option<&ShopLabel>) -> bool {
        match expected {
            None => true,
            Some(expected) => self.label.as_ref() == Some(expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(label: Option<&str>) -> ProvenShop {
        ProvenShop {
            identity: ShopIdentity::new(IdentityRealm::Genstore, "988716383"),
            label: label.map(ShopLabel::from_checked),
        }
    }

    #[test]
    fn a_named_shop_is_matched_without_case_and_never_by_absence() {
        let expected = ShopLabel::from_checked("Demo-Shop");
        assert!(proven(Some("demo-shop")).answers_to(Some(&expected)));
        assert!(!proven(Some("demo-shop-2")).answers_to(Some(&expected)));
        assert!(!proven(None).answers_to(Some(&expected)));
        assert!(proven(None).answers_to(None));
    }
}

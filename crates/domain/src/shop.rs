//! Which shop: what an institution calls it, and what the platform proves it to be.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

use crate::platform::IdentityRealm;

/// A platform's shop label, checked against the platform's pattern by the adapter that made it. Only a
/// label may become part of a host name. Labels compare without case.
#[derive(Clone, Debug)]
pub struct ShopLabel {
    canonical: String,
    spelling: String,
}

impl ShopLabel {
    /// Takes what matched a platform's pattern.
    pub fn from_checked(label: &str) -> Self {
        Self {
            canonical: label.to_ascii_lowercase(),
            spelling: label.to_owned(),
        }
    }

    /// The label in lower case, as it is kept and compared.
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// What stands in the host name: the label without the number that some platforms put behind it, as in
    /// `mall/2`, for one of several shops at one host.
    pub fn host_label(&self) -> &str {
        before_number(&self.canonical)
    }

    /// [`Self::host_label`] as it was given, for a link that its reader should recognise.
    pub fn host_spelling(&self) -> &str {
        before_number(&self.spelling)
    }
}

fn before_number(label: &str) -> &str {
    label.split_once('/').map_or(label, |(host, _)| host)
}

impl PartialEq for ShopLabel {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for ShopLabel {}

impl Hash for ShopLabel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl fmt::Display for ShopLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
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

    #[test]
    fn only_what_stands_before_a_number_gets_into_a_host_name() {
        for (label, host) in [("Demo-Shop", "demo-shop"), ("Demomall/2", "demomall")] {
            let label = ShopLabel::from_checked(label);
            assert_eq!(label.host_label(), host);
            assert!(label.host_spelling().eq_ignore_ascii_case(host));
        }
        let [first, second] = ["demomall", "demomall/2"].map(ShopLabel::from_checked);
        assert_ne!(first, second);
    }

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

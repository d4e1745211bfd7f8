//! Dialects and shops.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A platform's way of speaking; its name is the first segment of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// SHOPLINE and its European twin, which speak alike.
    Shopline,
    Genstore,
    Cafe24,
    Multivende,
    Shopify,
    Woocommerce,
}

impl Dialect {
    /// Whether sellers authorize apps on a consent page here; elsewhere they
    /// paste a token or a key, and the only call is the probe.
    pub fn has_consent(self) -> bool {
        match self {
            Dialect::Shopline | Dialect::Genstore | Dialect::Cafe24 | Dialect::Multivende => true,
            Dialect::Shopify | Dialect::Woocommerce => false,
        }
    }

    /// Whether sellers open apps here and are sent to them, which is always signed, and whether apps are told
    /// what happens.
    pub(crate) fn begins(self) -> bool {
        match self {
            Dialect::Shopline | Dialect::Genstore | Dialect::Cafe24 => true,
            Dialect::Multivende | Dialect::Shopify | Dialect::Woocommerce => false,
        }
    }

    /// Whether what a browser brings back from a consent page is signed here.
    pub(crate) fn signs_callbacks(self) -> bool {
        match self {
            Dialect::Shopline | Dialect::Genstore => true,
            Dialect::Cafe24 | Dialect::Multivende | Dialect::Shopify | Dialect::Woocommerce => {
                false
            }
        }
    }

    /// Whether access tokens end by themselves here.
    pub(crate) fn tokens_end(self) -> bool {
        match self {
            Dialect::Shopline | Dialect::Cafe24 | Dialect::Multivende => true,
            Dialect::Genstore | Dialect::Shopify | Dialect::Woocommerce => false,
        }
    }

    /// Whether an app can give a token up here.
    pub(crate) fn revokes(self) -> bool {
        matches!(self, Dialect::Genstore | Dialect::Cafe24)
    }

    /// Whether a token is renewed with a refresh token that is used up by it here.
    pub(crate) fn rotates_tokens(self) -> bool {
        matches!(self, Dialect::Cafe24 | Dialect::Multivende)
    }
}

/// A shop's label: the part of its host name that the platform hands out.
///
/// Kept in lower case, because host names are compared without case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Shop(String);

/// The label could not be the first label of a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shop is 1 to 63 letters, digits and hyphens, and does not start with a hyphen")]
pub struct InvalidShop;

impl Shop {
    pub fn label(&self) -> &str {
        &self.0
    }

    /// The platform's number for the shop: 13 digits, always the same for one label.
    pub fn id(&self) -> u64 {
        const SMALLEST: u64 = 1_000_000_000_000;
        let digest = Sha256::digest(self.0.as_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&digest[..8]);
        SMALLEST + u64::from_be_bytes(head) % (9 * SMALLEST)
    }

    /// The shop as a UUID, where the platform knows its shops by nothing else: the label itself if it is one.
    pub fn uuid(&self) -> String {
        let groups: Vec<&str> = self.0.split('-').collect();
        let is_uuid = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
            && self.0.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
        if is_uuid {
            return self.0.clone();
        }
        uuid_text(&hex::encode(Sha256::digest(self.0.as_bytes())))
    }

    /// What its owner calls it: `demo-shop` is "Demo Shop".
    pub fn name(&self) -> String {
        let mut name = String::new();
        for word in self.0.split('-').filter(|word| !word.is_empty()) {
            if !name.is_empty() {
                name.push(' ');
            }
            let (first, rest) = word.split_at(1);
            name.push_str(&first.to_ascii_uppercase());
            name.push_str(rest);
        }
        name
    }
}

/// The first 32 hexadecimal digits as a UUID.
pub(crate) fn uuid_text(digits: &str) -> String {
    let group = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        group(0, 8),
        group(8, 12),
        group(12, 16),
        group(16, 20),
        group(20, 32)
    )
}

impl FromStr for Shop {
    type Err = InvalidShop;

    fn from_str(label: &str) -> Result<Self, InvalidShop> {
        let plain = label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if label.is_empty() || label.len() > 63 || label.starts_with('-') || !plain {
            return Err(InvalidShop);
        }
        Ok(Shop(label.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for Shop {
    type Error = InvalidShop;

    fn try_from(label: String) -> Result<Self, InvalidShop> {
        label.parse()
    }
}

impl fmt::Display for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_checked_and_compared_without_case() {
        let shop: Shop = "Demo-Shop".parse().unwrap();
        assert_eq!(shop.label(), "demo-shop");
        assert_eq!(shop.name(), "Demo Shop");
        for label in [
            "",
            "-demo",
            "demo.shop",
            "demo/shop",
            "démo",
            "a b",
            &"x".repeat(64),
        ] {
            assert_eq!(label.parse::<Shop>(), Err(InvalidShop), "{label}");
        }
    }

    #[test]
    fn a_shop_is_a_uuid_that_it_may_be_named_by() {
        let shop: Shop = "demo-shop".parse().unwrap();
        let uuid = shop.uuid();
        assert_eq!(uuid.parse::<Shop>().unwrap().uuid(), uuid);
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_ne!("demo-shop-2".parse::<Shop>().unwrap().uuid(), uuid);
    }

    #[test]
    fn an_id_has_13_digits_and_depends_on_the_label_alone() {
        let id = |label: &str| label.parse::<Shop>().unwrap().id();
        assert_eq!(id("demo"), id("DEMO"));
        assert_ne!(id("demo"), id("demo2"));
        assert_eq!(id("demo").to_string().len(), 13);
    }
}

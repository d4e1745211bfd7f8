//! The platforms by name. What each of them says and expects is in the crate `platforms`.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A dialect and site of a store platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    Cafe24,
    Genstore,
    Multivende,
    Shopify,
    Shopline,
    ShoplineEu,
    Woocommerce,
}

/// The platforms among which one shop identity is one shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentityRealm {
    Cafe24,
    Genstore,
    Multivende,
    Shopify,
    Shopline,
    Woocommerce,
}

/// A code that names no platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a platform")]
pub struct UnknownPlatform;

impl Platform {
    /// Every platform, in the order in which they are listed to an institution.
    pub const ALL: [Self; 7] = [
        Self::Cafe24,
        Self::Genstore,
        Self::Multivende,
        Self::Shopify,
        Self::Shopline,
        Self::ShoplineEu,
        Self::Woocommerce,
    ];

    /// The code that institutions send, as in PingPong's appendix.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cafe24 => "CAFE24",
            Self::Genstore => "GENSTORE",
            Self::Multivende => "MULTIVENDE",
            Self::Shopify => "SHOPIFY",
            Self::Shopline => "SHOPLINE",
            Self::ShoplineEu => "SHOPLINE_EU",
            Self::Woocommerce => "WOOCOMMERCE",
        }
    }

    /// The platform as a segment of our callback paths.
    pub fn path_segment(self) -> String {
        self.code().to_ascii_lowercase()
    }

    /// The platform of a callback path, of which only the lower-case form exists.
    pub fn from_path_segment(segment: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.path_segment() == segment)
    }

    pub const fn realm(self) -> IdentityRealm {
        match self {
            Self::Cafe24 => IdentityRealm::Cafe24,
            Self::Genstore => IdentityRealm::Genstore,
            Self::Multivende => IdentityRealm::Multivende,
            Self::Shopify => IdentityRealm::Shopify,
            Self::Shopline | Self::ShoplineEu => IdentityRealm::Shopline,
            Self::Woocommerce => IdentityRealm::Woocommerce,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(code: &str) -> Result<Self, UnknownPlatform> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.code() == code)
            .ok_or(UnknownPlatform)
    }
}

impl Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl IdentityRealm {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cafe24 => "CAFE24",
            Self::Genstore => "GENSTORE",
            Self::Multivende => "MULTIVENDE",
            Self::Shopify => "SHOPIFY",
            Self::Shopline => "SHOPLINE",
            Self::Woocommerce => "WOOCOMMERCE",
        }
    }
}

/// How a store is authorized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuthType {
    /// The seller clicks a link and consents on the platform.
    Url,
    /// The seller's developer credentials are handed over.
    Key,
}

impl AuthType {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Url => "URL",
            Self::Key => "KEY",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Url, Self::Key]
            .into_iter()
            .find(|auth_type| auth_type.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_path_segments_lead_back() {
        for platform in Platform::ALL {
            assert_eq!(platform.code().parse(), Ok(platform));
            assert_eq!(
                Platform::from_path_segment(&platform.path_segment()),
                Some(platform)
            );
        }
        assert_eq!("shopline".parse::<Platform>(), Err(UnknownPlatform));
        assert_eq!(Platform::from_path_segment("SHOPLINE"), None);
    }

    #[test]
    fn both_shopline_sites_share_a_realm() {
        assert_eq!(Platform::Shopline.realm(), Platform::ShoplineEu.realm());
    }
}

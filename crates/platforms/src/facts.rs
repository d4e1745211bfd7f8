//! What is fixed about a platform: its names, patterns, lifetimes and needs.

use std::time::Duration;

use domain::{AskedScope, AuthType, Platform, ShopLabel, ShopResource, WriteScope};
use url::Url;

/// How old a signed callback may be: SHOPLINE's own rule, and a sensible one where there is none.
/// <https://developer.shopline.com/docs/apps/api-instructions-for-use/generate-and-verify-signatures>
pub(crate) const FRESHNESS: Duration = Duration::from_mins(10);

/// The pattern of one DNS label, which is what every shop label is; `is_label` agrees with it.
pub(crate) const LABEL_PATTERN: &str = "^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$";

/// What is fixed about a platform.
#[derive(Debug)]
pub struct PlatformFacts {
    pub platform: Platform,
    /// The name for people.
    pub name: &'static str,
    pub auth_types: &'static [AuthType],
    /// `None` where the platform has no label for its shops.
    pub seller_id: Option<SellerIdRule>,
    /// `None` where the platform takes no key.
    pub key_shape: Option<KeyShape>,
    pub store_url: StoreUrlRule,
    /// The platform's own host with `{shop}` for the label; `None` where the store is its own host.
    pub host: Option<&'static str>,
    /// The domain of which shop labels are subdomains.
    pub shop_domain: Option<&'static str>,
    /// What is asked for, and required, where the operator names no scopes.
    pub default_scopes: &'static [&'static str],
    pub write_scope: WriteScope,
    /// What the platform calls what its scopes are about, and what that is.
    pub resources: &'static [(&'static str, ShopResource)],
    pub lifetimes: Lifetimes,
    pub needs_app: AppNeed,
    pub links: LinkRule,
    /// How old a signed callback may be.
    pub freshness: Duration,
}

/// What a platform's `seller_id` looks like.
#[derive(Clone, Copy, Debug)]
pub struct SellerIdRule {
    /// A regular expression that matches the whole text.
    pub pattern: &'static str,
    pub example: &'static str,
    /// Whether the label may also be given as the whole domain below [`PlatformFacts::shop_domain`].
    pub takes_domain: bool,
    pub shape: LabelShape,
    pub need: SellerIdNeed,
}

/// When an institution has to say which shop it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SellerIdNeed {
    /// Unless the store's URL says it: the shop is part of every address.
    BeforeTheLink,
    /// Never: who answers is known from the answer alone. One that is named must be the one that answers.
    Never,
}

/// What a shop label is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelShape {
    /// One DNS label.
    Dns,
    /// The id of a mall, `^[a-z0-9-]{3,50}$`, and behind a slash the number of one of its shops; without
    /// one, and with 1, it is the first.
    Mall,
    /// A UUID, whose label stands in no host name.
    Uuid,
}

/// Which fields of `auth_info` a platform's key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyShape {
    /// `token`.
    Token,
    /// `api_key` and `api_secret`.
    KeyPair,
}

impl KeyShape {
    /// The name in `platform/list`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::KeyPair => "api_key_secret",
        }
    }
}

/// What a platform's `store_url` looks like.
#[derive(Clone, Copy, Debug)]
pub struct StoreUrlRule {
    /// A regular expression where only the shop's own address counts; `None` takes any http(s) URL.
    pub pattern: Option<&'static str>,
    pub example: &'static str,
}

/// How long what a platform hands out lives; `None` where it has no end or the platform does not say.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub access: Option<Duration>,
    pub code: Option<Duration>,
}

/// Whether the operator has to register at the platform first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppNeed {
    Always,
    Never,
}

/// Which links lead to the platform's consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRule {
    /// Those that the institution chose.
    AsChosen,
    /// Those to a page of ours alone, because a callback can only be told by the browser's cookie whose it is.
    Hosted,
}

/// A text that is no shop label of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a shop label of the platform")]
pub struct NotALabel;

/// A URL that cannot be a store's on the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a store URL of the platform")]
pub struct NotAStoreUrl;

impl PlatformFacts {
    /// What a seller is told who is asked for these scopes, given in the platform's spelling.
    pub fn asked_scopes<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<AskedScope> {
        AskedScope::read_all(names, self.write_scope, self.resources)
    }

    /// The label in a `seller_id`, whose whole text must match the platform's pattern.
    pub fn parse_seller_id(&self, text: &str) -> Result<ShopLabel, NotALabel> {
        let rule = self.seller_id.as_ref().ok_or(NotALabel)?;
        if rule.takes_domain
            && let Some(label) = self.label_in_domain(text)
        {
            return Ok(label);
        }
        read_label(rule.shape, text).ok_or(NotALabel)
    }

    /// The label in the URL of a store, where it is the platform's own address of a shop.
    pub fn label_in_store_url(&self, url: &Url) -> Option<ShopLabel> {
        self.label_in_domain(url.host_str()?)
    }

    /// Whether a store of this platform can have that URL.
    pub fn check_store_url(&self, url: &Url) -> Result<(), NotAStoreUrl> {
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let has_userinfo = !url.username().is_empty() || url.password().is_some();
        if !is_web || has_userinfo {
            return Err(NotAStoreUrl);
        }
        if self.store_url.pattern.is_some() && !self.is_shops_own_address(url) {
            return Err(NotAStoreUrl);
        }
        Ok(())
    }

    /// The label in a domain directly below the platform's own.
    pub(crate) fn label_in_domain(&self, domain: &str) -> Option<ShopLabel> {
        let domain = domain.to_ascii_lowercase();
        let label = domain.strip_suffix(self.shop_domain?)?.strip_suffix('.')?;
        read_label(self.seller_id?.shape, label)
    }

    fn is_shops_own_address(&self, url: &Url) -> bool {
        url.scheme() == "https"
            && url.port().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && self.label_in_store_url(url).is_some()
    }
}

fn read_label(shape: LabelShape, text: &str) -> Option<ShopLabel> {
    match shape {
        LabelShape::Dns => is_label(text).then(|| ShopLabel::from_checked(text)),
        LabelShape::Mall => {
            let (mall, number) = text.split_once('/').unwrap_or((text, "1"));
            if !is_mall_id(mall) || !is_shop_number(number) {
                return None;
            }
            let label = if number == "1" { mall } else { text };
            Some(ShopLabel::from_checked(label))
        }
        LabelShape::Uuid => is_uuid(text).then(|| ShopLabel::from_checked(text)),
    }
}

/// With hyphens, in either case: `8-4-4-4-12` hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_mall_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=50).contains(&text.len()) && text.bytes().all(plain)
}

/// Without leading zeros, so that one shop has one spelling.
fn is_shop_number(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0')
}

/// One DNS label (RFC 1123): it becomes a part of host names, so that neither dots nor slashes nor
/// anything else that could end a host name may get through.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests;

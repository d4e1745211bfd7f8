//! `platform/list`: what can be authorized, and how.

use domain::{AuthType, Platform};
use platforms::{PlatformFacts, adapter};
use serde::Serialize;

use crate::Broker;

/// A platform as institutions see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlatformListing {
    pub code: Platform,
    pub name: &'static str,
    pub auth_types: &'static [AuthType],
    pub seller_id: SellerIdListing,
    /// `token`, `api_key_secret`, or null where no KEY is taken.
    pub key_shape: Option<&'static str>,
    pub store_url: StoreUrlListing,
    /// What is asked of sellers unless the operator configured other scopes.
    pub scopes: &'static [&'static str],
    pub lifetimes: LifetimesListing,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SellerIdListing {
    /// Where it is false, the shop is taken from `store_url`, and `seller_id` is needed only if that
    /// does not name it.
    pub required: bool,
    pub pattern: Option<&'static str>,
    pub example: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoreUrlListing {
    pub pattern: Option<&'static str>,
    pub example: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LifetimesListing {
    /// How long a grant lives, in seconds; null where it has no end.
    pub access_seconds: Option<u64>,
}

impl Broker {
    pub fn list_platforms(&self) -> Vec<PlatformListing> {
        Platform::ALL
            .into_iter()
            .map(|platform| listing(adapter(platform).facts()))
            .collect()
    }
}

fn listing(facts: &'static PlatformFacts) -> PlatformListing {
    PlatformListing {
        code: facts.platform,
        name: facts.name,
        auth_types: facts.auth_types,
        seller_id: SellerIdListing {
            required: false,
            pattern: facts.seller_id.as_ref().map(|rule| rule.pattern),
            example: facts.seller_id.as_ref().map(|rule| rule.example),
        },
        key_shape: facts.key_shape.map(platforms::KeyShape::code),
        store_url: StoreUrlListing {
            pattern: facts.store_url.pattern,
            example: facts.store_url.example,
        },
        scopes: facts.default_scopes,
        lifetimes: LifetimesListing {
            access_seconds: facts.lifetimes.access.map(|life| life.as_secs()),
        },
    }
}

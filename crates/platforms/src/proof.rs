//! What a platform's answer proved.

use chrono::{DateTime, Utc};
use domain::{Credential, ProvenShop};

/// A credential that works, and what is known about it.
#[derive(Clone, Debug)]
pub struct Proof {
    pub shop: ProvenShop,
    /// Where the credential was proven, and the only place where it may be used: a URL without a
    /// trailing slash.
    pub origin: String,
    pub credential: Credential,
    /// What was granted, in the platform's spelling.
    pub scopes: Vec<String>,
    /// When the credential ends; `None` where the platform gives it no end.
    pub expires_at: Option<DateTime<Utc>>,
}

//! What a platform's answer proved.

use chrono::{DateTime, Utc};
use domain::{Credential, GrantedScopes, ProvenShop};
use secrecy::SecretString;

/// A credential that works, and what is known about it.
#[derive(Clone, Debug)]
pub struct Proof {
    pub shop: ProvenShop,
    /// Where the credential was proven, and the only place where it may be used: a URL without a
    /// trailing slash.
    pub origin: String,
    pub credential: Credential,
    pub scopes: GrantedScopes,
    /// When the credential ends; `None` where the platform gives it no end.
    pub expires_at: Option<DateTime<Utc>>,
    /// What a newer credential is asked for with, on platforms that hand it out.
    pub refresh_token: Option<RefreshToken>,
}

/// A token that is good for a newer access token, and for nothing else.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    pub token: SecretString,
    /// When it ends by itself; `None` where the platform gives it no end.
    pub expires_at: Option<DateTime<Utc>>,
}

//! Authorization by KEY: the seller's own developer credential is handed over and proven.

use std::time::Duration;

use domain::{Credential, ShopLabel};
use futures_util::future::BoxFuture;

use crate::adapter::App;
use crate::failure::PlatformFailure;
use crate::proof::Proof;

/// A platform's way to find out whose key it is.
pub trait KeyFlow: Send + Sync {
    /// Asks the platform who the credential belongs to. It only reads, so that it may be asked again
    /// after any failure.
    fn prove<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProveRequest<'a>,
    ) -> BoxFuture<'a, Result<Proof, PlatformFailure>>;
}

/// A credential, and where it is said to belong.
#[derive(Clone, Copy, Debug)]
pub struct ProveRequest<'a> {
    /// `None` where the platform needs no app.
    pub app: Option<&'a App>,
    pub shop: Option<&'a ShopLabel>,
    pub store_url: &'a str,
    pub credential: &'a Credential,
    pub timeout: Duration,
}

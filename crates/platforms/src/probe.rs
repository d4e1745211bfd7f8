//! Whether a platform still honours a credential.

use std::time::Duration;

use domain::Credential;
use futures_util::future::BoxFuture;

/// The platform's cheapest call that presents a credential.
pub trait Probe: Send + Sync {
    /// Asks once, at the origin where the credential was proven. It changes nothing there.
    fn probe<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProbeRequest<'a>,
    ) -> BoxFuture<'a, Liveness>;
}

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct ProbeRequest<'a> {
    /// Where the credential was proven: a URL without a trailing slash.
    pub origin: &'a str,
    pub credential: &'a Credential,
    pub timeout: Duration,
}

/// What the platform's answer says about the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    Alive,
    /// The platform does not know it any more, and said so.
    Dead,
    /// There was no answer, or one that says nothing about it.
    Unknown,
}

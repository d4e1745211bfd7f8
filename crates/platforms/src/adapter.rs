//! What every platform has, and what only some have.

use secrecy::SecretString;

use crate::code_flow::CodeFlow;
use crate::facts::PlatformFacts;
use crate::key_flow::KeyFlow;

/// A store platform: what is fixed about it, and the ways in which its stores are authorized.
pub trait PlatformAdapter: Send + Sync {
    fn facts(&self) -> &'static PlatformFacts;

    /// Authorization by URL, where the platform offers it.
    fn code_flow(&self) -> Option<&dyn CodeFlow> {
        None
    }

    /// Authorization by KEY, where the platform offers it.
    fn key_flow(&self) -> Option<&dyn KeyFlow> {
        None
    }
}

/// Our registration at a platform, as the operator configured it.
#[derive(Clone, Debug)]
pub struct App {
    pub client_id: String,
    /// The newest first. While secrets roll over, the platform may sign with any of them.
    pub secrets: Vec<SecretString>,
    /// What sellers are asked for, in the platform's spelling.
    pub scopes: Vec<String>,
    /// Replaces the platform's own host, for a sandbox: `http://127.0.0.1:9100/shopline/{shop}`.
    pub host: Option<String>,
}

impl App {
    /// Where a shop is reached, without a trailing slash. `host` is the platform's own.
    pub(crate) fn base_url(&self, host: &str, shop: &str) -> String {
        let host = self.host.as_deref().unwrap_or(host);
        host.trim_end_matches('/').replace("{shop}", shop)
    }
}

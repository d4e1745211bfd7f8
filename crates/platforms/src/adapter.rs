//! What every platform has, and what only some have.

use domain::RequiredScope;
use secrecy::SecretString;

use crate::code_flow::CodeFlow;
use crate::events::PlatformEvents;
use crate::facts::PlatformFacts;
use crate::granted_scopes::ScopeReader;
use crate::key_flow::{KeyFlow, KeyPush};
use crate::launch::Launch;
use crate::probe::Probe;
use crate::refresh::Refresh;
use crate::revoke::Revoke;
use crate::session::SessionExchange;

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

    /// How shops send a key of their own, where they do.
    fn key_push(&self) -> Option<&dyn KeyPush> {
        None
    }

    /// How access tokens are renewed, where they end and can be renewed.
    fn refresh(&self) -> Option<&dyn Refresh> {
        None
    }

    /// Whether a credential is still honoured, where one call tells.
    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    /// What a credential may do by now, where the platform tells.
    fn scope_reader(&self) -> Option<&dyn ScopeReader> {
        None
    }

    /// How a credential is given up, where that can be.
    fn revoke(&self) -> Option<&dyn Revoke> {
        None
    }

    /// What a seller's browser brings who opens our app on the platform, where that is signed.
    fn launch(&self) -> Option<&dyn Launch> {
        None
    }

    /// How session tokens are exchanged, where the platform makes any.
    fn session(&self) -> Option<&dyn SessionExchange> {
        None
    }

    /// What the platform tells by itself, where it does.
    fn events(&self) -> Option<&dyn PlatformEvents> {
        None
    }
}

/// Our registration at a platform, as the operator configured it.
#[derive(Clone, Debug)]
pub struct App {
    pub client_id: String,
    /// The newest first. While secrets roll over, the platform may sign with any of them.
    pub secrets: Vec<SecretString>,
    /// What sellers are asked for, each as [`RequiredScope::read`] takes it.
    pub scopes: Vec<String>,
    /// Replaces the platform's own host, for a sandbox: `http://127.0.0.1:9100/shopline/{shop}`.
    pub host: Option<String>,
    /// What the platform shows beside its events, where it signs none of them.
    pub event_key: Option<SecretString>,
}

impl App {
    /// What the app must be granted.
    pub fn required_scopes(&self) -> Vec<RequiredScope> {
        RequiredScope::read_all(&self.scopes)
    }

    /// The scopes that are asked for, in the platform's spelling.
    pub(crate) fn scope_names(&self) -> Vec<String> {
        self.required_scopes()
            .iter()
            .map(|scope| scope.name().to_owned())
            .collect()
    }

    /// Where a shop is reached, without a trailing slash. `host` is the platform's own.
    pub(crate) fn base_url(&self, host: &str, shop: &str) -> String {
        let host = self.host.as_deref().unwrap_or(host);
        host.trim_end_matches('/').replace("{shop}", shop)
    }
}

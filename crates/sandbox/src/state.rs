//! The handle through which tests and demos steer the sandbox.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::cafe24::{MallLaunch, MallOperator};
use crate::call_log::CallLog;
use crate::redirect::Redirect;
use crate::registry::{Key, Registry};
use crate::script::{Fault, Step};
use crate::{
    AppRegistration, Call, Dialect, KeyPermission, Rule, RuleError, Shop, SignedEvent, Topic,
};

/// Fills a buffer with bytes that nobody can guess.
pub type Random = dyn Fn(&mut [u8]) + Send + Sync;

/// Where the sandbox's time and chance come from; it reads neither itself.
#[derive(Clone)]
pub struct SandboxOptions {
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    pub random: Arc<Random>,
}

/// All platforms with all their shops. Clones share one state.
#[derive(Clone)]
pub struct Sandbox {
    options: SandboxOptions,
    token_key: [u8; 32],
    state: Arc<Mutex<State>>,
    /// Beside the state, so that the clock can be read by whoever has it locked.
    advanced_ms: Arc<AtomicU64>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) registry: Registry,
    pub(crate) calls: CallLog,
    pub(crate) shops_without_authorization: HashSet<Shop>,
    event_keys: HashMap<String, SecretString>,
    /// Who is signed in to MULTIVENDE, where nobody says otherwise.
    pub(crate) merchant: Option<Shop>,
    rules: Vec<Rule>,
}

/// The seller cannot be sent to the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    #[error("this platform launches no apps and tells them nothing")]
    NoLaunches,
    #[error("no such app is registered")]
    UnknownApp,
    #[error("several apps are registered: name one by its client id")]
    AmbiguousApp,
    #[error("the app's URL is not an http or https URL")]
    InvalidUrl,
    #[error("the app has no event key: set one first")]
    NoEventKey,
    #[error("this platform tells nothing of that kind")]
    NoSuchTopic,
}

impl Sandbox {
    pub fn new(options: SandboxOptions) -> Self {
        let mut token_key = [0; 32];
        (options.random)(&mut token_key);
        Sandbox {
            options,
            token_key,
            state: Arc::default(),
            advanced_ms: Arc::default(),
        }
    }

    /// Registers an app, or replaces the one with the same dialect and client id.
    pub fn register_app(&self, app: AppRegistration) {
        self.state().registry.insert_app(app);
    }

    /// Makes a SHOPIFY custom app's Admin API token good at this shop.
    pub fn register_token(&self, shop: Shop, token: SecretString, scopes: Vec<String>) {
        let now = self.now();
        self.state()
            .registry
            .insert_token(Dialect::Shopify, shop, token, scopes, now);
    }

    /// Makes a WOOCOMMERCE API key good at this shop.
    pub fn register_key(
        &self,
        shop: Shop,
        key: &str,
        secret: SecretString,
        permission: KeyPermission,
    ) {
        let value = Key { secret, permission };
        self.state()
            .registry
            .insert_key(shop, key.to_owned(), value);
    }

    /// From now on this WOOCOMMERCE shop's web server drops the Authorization
    /// header, as misconfigured ones do; credentials in the query still arrive.
    pub fn strip_authorization(&self, shop: Shop) {
        self.state().shops_without_authorization.insert(shop);
    }

    /// From now on this is who is signed in to MULTIVENDE, whose pages are the same for every merchant, unless
    /// the consent page's form names another.
    pub fn sign_in(&self, merchant: Shop) {
        self.state().merchant = Some(merchant);
    }

    /// The merchant removes every app, token and key from the shop.
    pub fn uninstall(&self, dialect: Dialect, shop: &Shop) {
        self.state().registry.uninstall_all(dialect, shop);
    }

    /// Adds a rule; of several that match, the first one added comes true first.
    pub fn script(&self, rule: Rule) -> Result<(), RuleError> {
        rule.check()?;
        self.state().rules.push(rule);
        Ok(())
    }

    /// Forgets all rules, sticky ones too.
    pub fn clear_script(&self) {
        self.state().rules.clear();
    }

    /// The URL to which the platform sends a seller who opens the app in the
    /// shop's back office, signed and dated now. On CAFE24 it is the mall's chief.
    ///
    /// Without a `client_id` it is the dialect's only app.
    pub fn launch(
        &self,
        dialect: Dialect,
        shop: &Shop,
        client_id: Option<&str>,
        app_url: &str,
    ) -> Result<String, LaunchError> {
        if dialect == Dialect::Cafe24 {
            return self.launch_by(&MallOperator::default(), shop, client_id, app_url);
        }
        let (app, fault) = self.find_launched(dialect, shop, client_id, app_url)?;
        let launch = Redirect {
            target: app_url,
            app: &app,
            shop,
            code: None,
            state: None,
            now: self.now(),
        };
        Ok(launch.url(fault.as_ref()))
    }

    /// Like [`Sandbox::launch`], by somebody of a CAFE24 mall.
    pub fn launch_by(
        &self,
        operator: &MallOperator,
        mall: &Shop,
        client_id: Option<&str>,
        app_url: &str,
    ) -> Result<String, LaunchError> {
        let (app, fault) = self.find_launched(Dialect::Cafe24, mall, client_id, app_url)?;
        let launch = MallLaunch {
            target: app_url,
            app: &app,
            mall,
            operator,
            now: self.now(),
        };
        Ok(launch.url(fault.as_ref()))
    }

    fn find_launched(
        &self,
        dialect: Dialect,
        shop: &Shop,
        client_id: Option<&str>,
        app_url: &str,
    ) -> Result<(AppRegistration, Option<Fault>), LaunchError> {
        if !dialect.begins() {
            return Err(LaunchError::NoLaunches);
        }
        if !app_url.starts_with("http://") && !app_url.starts_with("https://") {
            return Err(LaunchError::InvalidUrl);
        }
        let app = self.find_only_app(dialect, client_id)?;
        let fault = self.take_fault(dialect, shop, Step::Launch);
        Ok((app, fault))
    }

    /// The key that CAFE24's developer centre shows for an app, and that stands beside what the app is told.
    pub fn set_event_key(&self, client_id: &str, key: SecretString) {
        let client_id = client_id.to_owned();
        self.state().event_keys.insert(client_id, key);
    }

    /// What the platform tells the app about the shop, signed and dated now. Whoever asks for it sends it.
    ///
    /// Without a `client_id` it is for the dialect's only app.
    pub fn event(
        &self,
        dialect: Dialect,
        shop: &Shop,
        client_id: Option<&str>,
        topic: Topic,
    ) -> Result<SignedEvent, LaunchError> {
        if !dialect.begins() {
            return Err(LaunchError::NoLaunches);
        }
        let app = self.find_only_app(dialect, client_id)?;
        let event = if dialect == Dialect::Cafe24 {
            let key = self.state().event_keys.get(&app.client_id).cloned();
            let key = key.ok_or(LaunchError::NoEventKey)?;
            SignedEvent::about_mall(&app, &key, shop, topic, self.now())
        } else {
            let id = self.random_hex::<12>();
            SignedEvent::about(&app, shop, topic, id, self.now())
        };
        event.ok_or(LaunchError::NoSuchTopic)
    }

    pub(crate) fn find_only_app(
        &self,
        dialect: Dialect,
        client_id: Option<&str>,
    ) -> Result<AppRegistration, LaunchError> {
        let state = self.state();
        let mut apps = state
            .registry
            .apps_of(dialect)
            .filter(|app| client_id.is_none_or(|wanted| wanted == app.client_id));
        let app = apps.next().ok_or(LaunchError::UnknownApp)?.clone();
        if apps.next().is_some() {
            return Err(LaunchError::AmbiguousApp);
        }
        Ok(app)
    }

    /// The calls received, oldest first; the latest ten thousand are kept.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.list()
    }

    /// Every code and token that the platforms handed out and still remember, for who looks whether one of
    /// them has leaked.
    pub fn issued(&self) -> Vec<SecretString> {
        self.state().registry.list_issued()
    }

    /// Puts the platforms' clock forward by whole milliseconds, on top of whatever the options' clock says.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.advanced_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.options.now)() + Duration::from_millis(self.advanced_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn random_hex<const BYTES: usize>(&self) -> String {
        let mut bytes = [0; BYTES];
        (self.options.random)(&mut bytes);
        hex::encode(bytes)
    }

    pub(crate) fn token_key(&self) -> &[u8] {
        &self.token_key
    }

    /// The fault that shall happen now, which is used up unless it is sticky.
    pub(crate) fn take_fault(&self, dialect: Dialect, shop: &Shop, step: Step) -> Option<Fault> {
        let rules = &mut self.state().rules;
        let index = rules
            .iter()
            .position(|rule| rule.matches(dialect, shop, step))?;
        if rules[index].sticky {
            return Some(rules[index].fault.clone());
        }
        Some(rules.remove(index).fault)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use crate::registry::Code;
    use crate::testing::{CLIENT_ID, sandbox, shop};

    use super::*;

    #[test]
    fn codes_and_tokens_are_known_as_issued() {
        let sandbox = sandbox();
        assert!(sandbox.issued().is_empty());
        sandbox.register_token(shop("demo"), "t0ken".into(), Vec::new());
        let code = Code {
            dialect: Dialect::Genstore,
            client_id: CLIENT_ID.to_owned(),
            asked_at: shop("demo"),
            shop: shop("demo"),
            scopes: Vec::new(),
            issued_at: sandbox.now(),
            used: true,
        };
        sandbox
            .state()
            .registry
            .insert_code("c0de".to_owned(), code);
        let issued = sandbox.issued();
        let issued: Vec<&str> = issued.iter().map(SecretString::expose_secret).collect();
        assert_eq!(issued, ["c0de", "t0ken"]);
    }

    #[test]
    fn a_rule_comes_true_once_unless_it_is_sticky() {
        let sandbox = sandbox();
        let rule = |shop: Option<Shop>, fault, sticky| Rule {
            dialect: Dialect::Shopline,
            shop,
            step: Step::Token,
            fault,
            sticky,
        };
        sandbox
            .script(rule(Some(shop("demo")), Fault::ServerError, false))
            .unwrap();
        sandbox.script(rule(None, Fault::Garbage, true)).unwrap();
        let take = |dialect, label, step| sandbox.take_fault(dialect, &shop(label), step);

        assert_eq!(take(Dialect::Genstore, "demo", Step::Token), None);
        assert_eq!(take(Dialect::Shopline, "demo", Step::Consent), None);
        for (label, expected) in [
            ("other", Fault::Garbage),
            ("demo", Fault::ServerError),
            ("demo", Fault::Garbage),
            ("demo", Fault::Garbage),
        ] {
            let fault = take(Dialect::Shopline, label, Step::Token);
            assert_eq!(fault, Some(expected));
        }
        sandbox.clear_script();
        assert_eq!(take(Dialect::Shopline, "demo", Step::Token), None);
    }
}

//! The broker's own registrations at the platforms.

use domain::{InstitutionId, OperatorScopes, Platform, PlatformAppId, RequiredScope};
use platforms::{App, AppNeed, EventProof, Launch, PlatformAdapter, adapter};
use secrecy::SecretString;
use storage::platform_apps::{self, PlatformApp};
use storage::sealing::Place;
use storage::{Executor, StorageError, Tx};

use crate::Broker;
use crate::caller::Operator;
use crate::institutions::OperatorError;
use crate::internal::Internal;

pub struct ConfigurePlatformApp {
    pub platform: Platform,
    pub client_id: String,
    pub secret: Option<SecretString>,
    /// Each as [`RequiredScope::read`] takes it; empty means the platform's default.
    pub scopes: Vec<String>,
    /// The institution whose own app it is, by `app_id`; `None` for the shared one.
    pub institution: Option<String>,
    /// Replaces the platform's own host pattern.
    pub host: Option<String>,
    /// What the platform shows beside its events, where it signs none of them. Without one, its events are
    /// refused.
    pub event_key: Option<SecretString>,
    /// What a shop can let its operators use, where the platform asks for that.
    pub operator_scopes: Option<OperatorScopes>,
}

/// An app, and the addresses to register for it at the platform.
#[derive(Debug)]
pub struct ConfiguredApp {
    pub app: PlatformApp,
    /// `None` on platforms that are only authorized by KEY.
    pub callback_url: Option<String>,
    /// Where the platform sends a seller who opens the app; `None` where it signs no such thing.
    pub launch_url: Option<String>,
    /// Where the platform tells its events; `None` where it tells none that we take.
    pub events_url: Option<String>,
    /// Where the platform learns what a shop can let its operators use; `None` where the app has nothing to
    /// tell.
    pub operator_scopes_url: Option<String>,
    /// Any one of these scopes would let the platform be asked again what it granted, and the app asks for
    /// none of them; empty where nothing is missing.
    pub lacking_to_read_scopes: &'static [&'static str],
}

impl Broker {
    /// Registers an app, or changes the one that the same owner has at the platform.
    pub async fn configure_platform_app(
        &self,
        _: &Operator,
        command: ConfigurePlatformApp,
    ) -> Result<ConfiguredApp, OperatorError> {
        let adapter = adapter(command.platform);
        self.check(adapter, &command)?;
        let owner = match &command.institution {
            Some(app_id) => Some(self.find_institution(app_id).await?.id),
            None => None,
        };
        let scopes = if command.scopes.is_empty() {
            adapter
                .facts()
                .default_scopes
                .iter()
                .map(|&scope| scope.to_owned())
                .collect()
        } else {
            command.scopes
        };
        let app = self
            .storage()
            .write(async |tx: &Tx| {
                let known = platform_apps::find(tx, command.platform, owner).await?;
                let id = known
                    .as_ref()
                    .map_or_else(|| PlatformAppId::new(self.next_id()), |app| app.id);
                let secret = command.secret.as_ref().map(|secret| {
                    self.keyring()
                        .seal(Place::PlatformAppSecret(id), secret, self.seal_nonce())
                });
                let event_key = command.event_key.as_ref().map(|key| {
                    self.keyring()
                        .seal(Place::PlatformAppEventKey(id), key, self.seal_nonce())
                });
                let app = PlatformApp {
                    id,
                    platform: command.platform,
                    institution: owner,
                    client_id: command.client_id,
                    secret,
                    scopes,
                    host: command.host,
                    event_key,
                    operator_scopes: command.operator_scopes,
                };
                match known {
                    Some(_) => platform_apps::update(tx, &app).await?,
                    None => platform_apps::insert(tx, &app, self.now()).await?,
                }
                Ok::<_, OperatorError>(app)
            })
            .await?;
        Ok(self.configured(app))
    }

    pub async fn list_platform_apps(
        &self,
        _: &Operator,
    ) -> Result<Vec<ConfiguredApp>, OperatorError> {
        let apps = platform_apps::list(self.storage()).await?;
        Ok(apps.into_iter().map(|app| self.configured(app)).collect())
    }

    fn check(
        &self,
        adapter: &dyn PlatformAdapter,
        command: &ConfigurePlatformApp,
    ) -> Result<(), OperatorError> {
        let invalid = |problem: String| Err(OperatorError::Invalid(problem));
        let platform = command.platform;
        if adapter.facts().needs_app == AppNeed::Never {
            return invalid(format!("{platform} needs no app"));
        }
        if adapter.code_flow().is_some()
            && (command.client_id.is_empty() || command.secret.is_none())
        {
            return invalid(format!("{platform} needs a client id and a client secret"));
        }
        let takes_key = adapter
            .events()
            .is_some_and(|events| events.proof() == EventProof::EventKey);
        if command.event_key.is_some() && !takes_key {
            return invalid(format!("{platform} shows no key beside its events"));
        }
        let has_operators = adapter.launch().is_some_and(Launch::names_operators);
        if command.operator_scopes.is_some() && !has_operators {
            return invalid(format!("{platform} asks for no operators' scopes"));
        }
        for text in &command.scopes {
            let scope = RequiredScope::read(text);
            if scope.name().is_empty() || scope.name().contains('=') {
                return invalid(format!(
                    "`{text}` is not a scope such as read_orders or read:stocks=all"
                ));
            }
        }
        if let Some(host) = &command.host {
            let own = adapter.facts().host;
            let is_of_shops = own.is_none_or(|own| own.contains("{shop}"));
            let before = match host.split_once("{shop}") {
                Some((before, _)) if is_of_shops => before,
                None if !is_of_shops => host,
                None => return invalid("the host must contain {shop}".to_owned()),
                Some(_) => return invalid(format!("{platform} has one host for all shops")),
            };
            if before.contains('@') || !before.starts_with("http") {
                return invalid("the host must be a URL such as https://{shop}.example".to_owned());
            }
            // What stands for the shop is a label of letters and digits, whichever shop it is.
            let sample = host.replace("{shop}", "sample");
            if let Err(refused) = self.egress().check_url(&sample) {
                return invalid(format!("the host cannot be used: {refused}"));
            }
        }
        Ok(())
    }

    pub(crate) fn configured(&self, app: PlatformApp) -> ConfiguredApp {
        let adapter = adapter(app.platform);
        let readable_with = adapter
            .scope_reader()
            .map_or(&[][..], |reader| reader.needs_any_of());
        let asks_for_one = RequiredScope::read_all(&app.scopes)
            .iter()
            .any(|scope| readable_with.contains(&scope.name()));
        ConfiguredApp {
            lacking_to_read_scopes: if asks_for_one { &[] } else { readable_with },
            callback_url: adapter.code_flow().map(|_| self.callback_url(&app)),
            launch_url: adapter.launch().map(|_| self.url_for(&app, "launch")),
            events_url: adapter.events().map(|_| self.url_for(&app, "events")),
            operator_scopes_url: app
                .operator_scopes
                .as_ref()
                .map(|_| self.url_for(&app, "operator-scopes")),
            app,
        }
    }

    /// Where the platform sends the seller's browser back. The path of an institution's own app names
    /// it, so that the path says whose secret a callback is verified with.
    pub(crate) fn callback_url(&self, app: &PlatformApp) -> String {
        self.url_for(app, "callback")
    }

    fn url_for(&self, app: &PlatformApp, purpose: &str) -> String {
        let base = self.options().public_url.as_str().trim_end_matches('/');
        let platform = app.platform.path_segment();
        match app.institution {
            None => format!("{base}/v1/auth/{platform}/{purpose}"),
            Some(_) => format!("{base}/v1/auth/{platform}/{}/{purpose}", app.id),
        }
    }

    /// The app that a platform's request is about: the path names an institution's own, and no other path has
    /// the shared one.
    pub(crate) async fn find_app_of_path(
        &self,
        platform: Platform,
        named: Option<PlatformAppId>,
    ) -> Result<Option<PlatformApp>, StorageError> {
        match named {
            None => self.directory().app(self.storage(), platform, None).await,
            Some(id) => {
                let found = self.directory().app_by_id(self.storage(), id).await?;
                Ok(found.filter(|app| app.platform == platform))
            }
        }
    }

    /// The tree that the app of a path has for its platform, as it was given.
    pub async fn find_operator_scopes(
        &self,
        platform: Platform,
        named: Option<PlatformAppId>,
    ) -> Result<Option<String>, Internal> {
        let app = self.find_app_of_path(platform, named).await?;
        let scopes = app.and_then(|app| app.operator_scopes);
        Ok(scopes.map(|scopes| scopes.as_json().to_owned()))
    }

    /// The app that an institution's stores are authorized with: its own, else the shared one.
    pub(crate) async fn find_app(
        &self,
        db: &impl Executor,
        platform: Platform,
        institution: InstitutionId,
    ) -> Result<Option<PlatformApp>, Internal> {
        for owner in [Some(institution), None] {
            if let Some(app) = self.directory().app(db, platform, owner).await? {
                return Ok(Some(app));
            }
        }
        // One that was configured a moment ago counts from the first call on.
        for owner in [Some(institution), None] {
            self.directory().forget_app(platform, owner);
            if let Some(app) = self.directory().app(db, platform, owner).await? {
                return Ok(Some(app));
            }
        }
        Ok(None)
    }

    /// The app as the platform's adapter takes it.
    pub(crate) fn open_app(&self, app: &PlatformApp) -> Result<App, Internal> {
        let secrets = match &app.secret {
            Some(sealed) => vec![
                self.keyring()
                    .open(Place::PlatformAppSecret(app.id), sealed)?,
            ],
            None => Vec::new(),
        };
        let event_key = match &app.event_key {
            Some(sealed) => {
                let place = Place::PlatformAppEventKey(app.id);
                Some(self.keyring().open(place, sealed)?)
            }
            None => None,
        };
        Ok(App {
            client_id: app.client_id.clone(),
            secrets,
            scopes: app.scopes.clone(),
            host: app.host.clone(),
            event_key,
        })
    }
}

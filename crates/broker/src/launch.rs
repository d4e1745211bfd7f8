//! A seller opens our app in the shop's back office. What waits for that shop goes on only when the seller
//! says so: anybody could have asked for the shop's label.

use std::time::Duration;

use domain::{Authorization, Platform, PlatformAppId, Store};
use domain::{AuthorizationId, AuthorizationState, Client, Institution, LaunchId};
use platforms::{AuthorizeRequest, LaunchedShop, adapter};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use storage::launches::{self, Confirmation, NewLaunch, Offer};
use storage::platform_apps::PlatformApp;
use storage::{StorageError, Tx, authorizations, clients, institutions, stores};
use url::Url;

use crate::Broker;
use crate::internal::Internal;
use crate::secret_text::sha256;

/// How long the seller has to confirm.
const OFFER_LIFE: Duration = Duration::from_mins(10);
/// How long a launch is remembered. A signature counts for some minutes before and after its time, so that
/// one that is forgotten is too old to be used.
const LAUNCH_LIFE: Duration = Duration::from_hours(24);

/// What the platform sent the seller's browser with.
#[derive(Clone, Copy)]
pub struct LaunchVisit<'a> {
    pub platform: Platform,
    /// The institution's own app, where the path names one.
    pub app: Option<PlatformAppId>,
    /// The query as it was received, byte for byte.
    pub raw_query: &'a str,
}

/// What a launch leads to.
#[derive(Debug)]
pub enum Opened {
    /// Exactly one store waits for the shop.
    Offered(Box<LaunchOffer>),
    /// None does, or several do; whoever opened the app learns nothing about which.
    NothingWaits {
        platform_name: &'static str,
        shop: String,
    },
}

/// What the seller is asked to confirm, and what the browser must bring back for it.
#[derive(Debug)]
pub struct LaunchOffer {
    pub launch: LaunchId,
    /// For the browser's cookie.
    pub cookie: SecretString,
    /// For the page's form.
    pub token: SecretString,
    pub open_for: Duration,
    pub platform_name: &'static str,
    pub institution: String,
    /// The institution's seller, by name or by the id that the institution gave.
    pub client: String,
    pub store: String,
    pub shop: String,
    /// The origin at which the seller goes on after confirming.
    pub continues_at: String,
}

/// What the browser brought back.
#[derive(Debug)]
pub struct ConfirmLaunch {
    pub platform: Platform,
    pub launch: LaunchId,
    pub cookie: SecretString,
    pub token: SecretString,
}

/// A launch, or its confirmation, that changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum LaunchRefused {
    /// Forged, too old, used, another browser's, or overtaken: whoever sent it learns nothing about which.
    #[error("unknown link")]
    Unknown,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for LaunchRefused {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

/// The one attempt that waits, and whose it is.
struct Waiting {
    authorization: Authorization,
    institution: Institution,
    client: Client,
    store: Store,
}

impl Broker {
    /// Uses up the launch, and finds what waits for its shop. Nothing is bound by it: the attempt stays as it
    /// is until [`Broker::confirm_launch`].
    pub async fn open_launch(&self, visit: LaunchVisit<'_>) -> Result<Opened, LaunchRefused> {
        let reader = adapter(visit.platform)
            .launch()
            .ok_or(LaunchRefused::Unknown)?;
        let app = self
            .find_app_of_path(visit.platform, visit.app)
            .await?
            .ok_or(LaunchRefused::Unknown)?;
        let launched = reader
            .read_launch(visit.raw_query, &self.open_app(&app)?)
            .map_err(|_| LaunchRefused::Unknown)?;
        let facts = adapter(visit.platform).facts();
        if (self.now() - launched.signed_at).abs().to_std().ok() > Some(facts.freshness) {
            return Err(LaunchRefused::Unknown);
        }
        let (cookie, token) = (self.random_token(), self.random_token());
        let id = LaunchId::new(self.next_id());
        let waiting = self
            .storage()
            .write(async |tx: &Tx| {
                let waiting = self.find_waiting(tx, &app, &launched).await?;
                let offer = waiting.as_ref().map(|waiting| Offer {
                    institution: waiting.institution.id,
                    authorization: waiting.authorization.id,
                    cookie_hash: sha256(cookie.expose_secret()),
                    token_hash: sha256(token.expose_secret()),
                    until: self.now() + OFFER_LIFE,
                });
                let new = self.new_launch(id, &app, &launched, offer);
                let is_new = launches::insert(tx, &new).await?;
                Ok::<_, Internal>(is_new.then_some(waiting))
            })
            .await?
            .ok_or(LaunchRefused::Unknown)?;
        let shop = launched.shop.to_string();
        tracing::info!(
            launch.id = %id, platform = %visit.platform, is_offered = waiting.is_some(), "an app was opened"
        );
        let Some(waiting) = waiting else {
            let platform_name = facts.name;
            return Ok(Opened::NothingWaits {
                platform_name,
                shop,
            });
        };
        let continues_at = self.consent_url(&app, &waiting.authorization, &"-".into())?;
        let continues_at = Url::parse(continues_at.expose_secret()).map_err(Internal::new)?;
        Ok(Opened::Offered(Box::new(LaunchOffer {
            launch: id,
            cookie,
            token,
            open_for: OFFER_LIFE,
            platform_name: facts.name,
            institution: waiting.institution.name,
            client: waiting
                .client
                .name
                .unwrap_or(waiting.client.partner_user_id),
            store: waiting.store.name,
            shop,
            continues_at: continues_at.origin().ascii_serialization(),
        })))
    }

    /// Goes on with the attempt that the seller confirmed: the platform's page, as a link to follow at once.
    ///
    /// The attempt gets a new state, which only this browser learns; the link that the institution was given
    /// is dead from here on. Were both alive, whoever had that link before could go on beside the seller.
    pub async fn confirm_launch(
        &self,
        confirm: ConfirmLaunch,
    ) -> Result<SecretString, LaunchRefused> {
        let now = self.now();
        let state = self.random_token();
        let shown = Confirmation {
            launch: confirm.launch,
            platform: confirm.platform,
            cookie_hash: sha256(confirm.cookie.expose_secret()),
            token_hash: sha256(confirm.token.expose_secret()),
        };
        let continued = self
            .storage()
            .write(async |tx: &Tx| {
                let Some(confirmed) = launches::confirm(tx, shown, now).await? else {
                    return Ok(None);
                };
                let (institution, id) = (confirmed.institution, confirmed.authorization);
                // Always the store first: whoever starts or ends anything about it waits here.
                let Some(found) = authorizations::find(tx, institution, id).await? else {
                    return Ok(None);
                };
                let store = stores::find_locked(tx, institution, found.store).await?;
                let authorization = authorizations::find_locked(tx, institution, id).await?;
                let app = self.directory().app_by_id(tx, confirmed.app).await?;
                let (Some(store), Some(authorization), Some(app)) = (store, authorization, app)
                else {
                    return Ok(None);
                };
                let is_waiting = store.current_attempt() == Some(id)
                    && authorization.state == AuthorizationState::Pending
                    && authorization.deadline_at > now;
                if !is_waiting {
                    return Ok(None);
                }
                let hash = sha256(state.expose_secret());
                authorizations::replace_state(tx, institution, id, hash).await?;
                Ok::<_, Internal>(Some((app, authorization)))
            })
            .await?;
        let (app, authorization) = continued.ok_or(LaunchRefused::Unknown)?;
        let id: AuthorizationId = authorization.id;
        tracing::info!(
            launch.id = %confirm.launch, store.id = %authorization.store, authorization.id = %id,
            "the seller confirmed a launch"
        );
        Ok(self.consent_url(&app, &authorization, &state)?)
    }

    /// The attempt that waits for the shop, if it is the only one.
    async fn find_waiting(
        &self,
        tx: &Tx,
        app: &PlatformApp,
        launched: &LaunchedShop,
    ) -> Result<Option<Waiting>, Internal> {
        let now = self.now();
        let waiting = launches::list_waiting_for_worker(tx, app.id, &launched.shop, now, 2).await?;
        let Ok([authorization]) = <[Authorization; 1]>::try_from(waiting) else {
            return Ok(None);
        };
        let owner = authorization.institution;
        let institution = institutions::find(tx, owner).await?;
        let store = stores::find(tx, owner, authorization.store).await?;
        let (Some(institution), Some(store)) = (institution, store) else {
            return Ok(None);
        };
        let client = clients::find(tx, owner, store.client).await?;
        Ok(client.map(|client| Waiting {
            authorization,
            institution,
            client,
            store,
        }))
    }

    fn new_launch(
        &self,
        id: LaunchId,
        app: &PlatformApp,
        launched: &LaunchedShop,
        offer: Option<Offer>,
    ) -> NewLaunch {
        let now = self.now();
        let signature_hash = Sha256::new()
            .chain_update(app.id.uuid())
            .chain_update(&launched.signature)
            .finalize();
        NewLaunch {
            id,
            signature_hash: signature_hash.into(),
            platform: app.platform,
            app: app.id,
            shop: launched.shop.clone(),
            identity: launched.identity.clone(),
            language: launched.language.clone(),
            offer,
            created_at: now,
            expires_at: now + LAUNCH_LIFE,
        }
    }

    /// The platform's page for an attempt, with this state.
    fn consent_url(
        &self,
        app: &PlatformApp,
        authorization: &Authorization,
        state: &SecretString,
    ) -> Result<SecretString, Internal> {
        let flow = adapter(authorization.platform).code_flow();
        let (Some(flow), Some(shop)) = (flow, &authorization.expected_shop) else {
            return Err(Internal::new("a launch without flow or shop"));
        };
        let url = flow.authorize_url(&AuthorizeRequest {
            app: &self.open_app(app)?,
            shop,
            redirect_uri: &self.callback_url(app),
            state,
        });
        Ok(url.into())
    }
}

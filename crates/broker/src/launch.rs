//! A seller opens our app in the shop's back office. What waits for that shop goes on only when the seller
//! says so: anybody could have asked for the shop's label.

use std::time::Duration;

use domain::{Authorization, OperatorPermissions, Platform, PlatformAppId, Store};
use domain::{AuthorizationId, AuthorizationState, Client, Institution, LaunchId, LeaseId};
use platforms::{LaunchOperator, LaunchedShop, adapter};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use storage::launches::{self, Confirmation, LaunchedBy, NewLaunch, Offer};
use storage::platform_apps::PlatformApp;
use storage::pushed_codes::{self, PushedCode};
use storage::{StorageError, Tx, authorizations, clients, hosted_links, institutions, stores};

use crate::Broker;
use crate::complete_callback::{CLAIM_LIFE, CallbackRefused, Shown};
use crate::finish_authorization::Attempt;
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
    NothingWaits(LaunchVisitor),
    /// Whoever opened the app may not decide for the shop, whatever waits for it.
    NotTheirs(LaunchVisitor),
}

/// Who opened the app where, for the page alone.
#[derive(Debug)]
pub struct LaunchVisitor {
    pub platform_name: &'static str,
    pub shop: String,
    /// The language's tag (BCP 47) or, on some platforms, a list of them.
    pub language: Option<String>,
    /// Who it is, where the platform says so.
    pub operator: Option<LaunchOperator>,
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
    pub visitor: LaunchVisitor,
    pub institution: String,
    /// The institution's seller, by name or by the id that the institution gave.
    pub client: String,
    pub store: String,
}

/// What the browser brought back.
#[derive(Debug)]
pub struct ConfirmLaunch {
    pub platform: Platform,
    pub launch: LaunchId,
    pub cookie: SecretString,
    pub token: SecretString,
}

/// Where a confirmed launch leads.
#[derive(Debug)]
pub enum Continued {
    /// To the platform's page, as a link to follow at once.
    AtPlatform(SecretString),
    /// The platform had pushed a code for the shop, and this came of it.
    Ended(Shown),
}

/// What a confirmation decided.
struct Confirmed {
    app: PlatformApp,
    authorization: Authorization,
    /// The code that the platform pushed, with the claim of whoever spends it.
    pushed: Option<(PushedCode, LeaseId)>,
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
        let age = (self.now() - launched.signed_at).abs();
        if age.to_std().ok() > Some(self.options().freshness_of(visit.platform)) {
            return Err(LaunchRefused::Unknown);
        }
        let (cookie, token) = (self.random_token(), self.random_token());
        let id = LaunchId::new(self.next_id());
        let may_authorize = may_authorize(&launched);
        let waiting = self
            .storage()
            .write(async |tx: &Tx| {
                let waiting = if may_authorize {
                    self.find_waiting(tx, &app, &launched).await?
                } else {
                    None
                };
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
        let visitor = LaunchVisitor {
            platform_name: facts.name,
            shop: launched.shop.to_string(),
            language: launched.language,
            operator: launched.operator,
        };
        tracing::info!(
            launch.id = %id, platform = %visit.platform, is_offered = waiting.is_some(), "an app was opened"
        );
        let Some(waiting) = waiting else {
            return Ok(if may_authorize {
                Opened::NothingWaits(visitor)
            } else {
                Opened::NotTheirs(visitor)
            });
        };
        Ok(Opened::Offered(Box::new(LaunchOffer {
            launch: id,
            cookie,
            token,
            open_for: OFFER_LIFE,
            visitor,
            institution: waiting.institution.name,
            client: waiting
                .client
                .name
                .unwrap_or(waiting.client.partner_user_id),
            store: waiting.store.name,
        })))
    }

    /// Goes on with the attempt that the seller confirmed: at the platform's page, or, where the platform has
    /// pushed a code for the shop that nobody might spend before, with that.
    ///
    /// The attempt gets a new state, which only this browser learns; the link that the institution was given
    /// is dead from here on. Were both alive, whoever had that link before could go on beside the seller.
    pub async fn confirm_launch(&self, confirm: ConfirmLaunch) -> Result<Continued, LaunchRefused> {
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
                hosted_links::close(tx, institution, id).await?;
                let pushed = self.claim_parked(tx, &app, &authorization).await?;
                if pushed.is_none() {
                    let hash = sha256(state.expose_secret());
                    authorizations::replace_state(tx, institution, id, hash).await?;
                }
                Ok::<_, Internal>(Some(Confirmed {
                    app,
                    authorization,
                    pushed,
                }))
            })
            .await?;
        let Confirmed {
            app,
            authorization,
            pushed,
        } = continued.ok_or(LaunchRefused::Unknown)?;
        let id: AuthorizationId = authorization.id;
        tracing::info!(
            launch.id = %confirm.launch, store.id = %authorization.store, authorization.id = %id,
            "the seller confirmed a launch"
        );
        let Some((code, claim)) = pushed else {
            let auth_url = self.consent_url(&app, &authorization, &state)?;
            return Ok(Continued::AtPlatform(auth_url));
        };
        let attempt = Attempt::of(&authorization);
        self.exchange_pushed(authorization, &code, &app, claim)
            .await?;
        match self.show(attempt).await {
            Ok(shown) => Ok(Continued::Ended(shown)),
            Err(CallbackRefused::Internal(internal)) => Err(internal.into()),
            Err(CallbackRefused::Unknown | CallbackRefused::SeveralWait) => {
                Err(LaunchRefused::Unknown)
            }
        }
    }

    /// Takes a code that the platform pushed for the shop and that nobody might spend, and claims the attempt
    /// with it. The number beside the label is the one that the platform signed in a launch.
    async fn claim_parked(
        &self,
        tx: &Tx,
        app: &PlatformApp,
        authorization: &Authorization,
    ) -> Result<Option<(PushedCode, LeaseId)>, Internal> {
        let Some(shop) = &authorization.expected_shop else {
            return Ok(None);
        };
        let now = self.now();
        let identity = launches::find_identity_for_worker(tx, app.id, shop).await?;
        let Some(identity) = identity else {
            return Ok(None);
        };
        let parked = pushed_codes::find_parked_for_worker(tx, app.id, shop, &identity, now).await?;
        let Some(code) = parked else {
            return Ok(None);
        };
        let claim = LeaseId::new(self.next_id());
        pushed_codes::take(tx, &code).await?;
        if !authorizations::claim(tx, authorization.id, claim, now + CLAIM_LIFE).await? {
            return Err(Internal::new("a locked attempt was claimed by another"));
        }
        Ok(Some((code, claim)))
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
            operator: launched.operator.as_ref().map(|operator| LaunchedBy {
                role: operator.role,
                permissions: operator.granted.as_ref().map(|granted| {
                    OperatorPermissions::resolve(app.operator_scopes.as_ref(), granted)
                }),
            }),
            offer,
            created_at: now,
            expires_at: now + LAUNCH_LIFE,
        }
    }
}

/// Where the platform says who opened the app, a shop is connected only by who decides for all of it.
fn may_authorize(launched: &LaunchedShop) -> bool {
    let operator = launched.operator.as_ref();
    operator.is_none_or(|operator| operator.role.may_authorize())
}

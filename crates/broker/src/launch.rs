//! A seller opens our app in the shop's back office. What waits for that shop goes on only when the seller
//! says so: anybody could have asked for the shop's label.

mod confirmation;

use std::time::Duration;

use domain::{Authorization, OperatorPermissions, Platform, PlatformAppId, Reference, Store};
use domain::{Client, LaunchId, NamedShop};
use platforms::{LaunchOperator, LaunchedShop, adapter};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use storage::launches::{self, LaunchedBy, NewLaunch, Offer};
use storage::platform_apps::PlatformApp;
use storage::shop_grants::{self, AuthorizedShop};
use storage::{Tx, clients, stores};

use crate::Broker;
use crate::asker::Asker;
use crate::hosted_link::LinkRefused;
use crate::internal::Internal;
use crate::secret_text::sha256;

pub use confirmation::{ConfirmLaunch, Continued};

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
    /// No single store waits for the shop, and by this app one is connected to it that works. Whose it is, the
    /// platform has not said of whoever opened the app, and neither do we.
    Connected(LaunchVisitor),
    /// Whoever opened the app may not decide for the shop, whatever waits for it.
    NotTheirs(LaunchVisitor),
    /// The platform signed it, and it was used before or is too old.
    Over(LaunchVisitor),
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
    pub institution: Asker,
    pub reference: Reference,
    /// The institution's seller, by name or by the id that the institution gave.
    pub client: String,
    pub store: String,
}

impl LaunchVisitor {
    /// For a launch that does not count any more. By then its address may have come from anywhere, so that nobody
    /// is greeted by name.
    fn without_operator(platform: Platform, launched: LaunchedShop) -> Self {
        Self {
            platform_name: adapter(platform).facts().name,
            shop: launched.shop.to_string(),
            language: launched.language,
            operator: None,
        }
    }
}

/// The one attempt that waits, and whose it is.
struct Waiting {
    authorization: Authorization,
    institution: Asker,
    client: Client,
    store: Store,
}

impl Broker {
    /// Uses up the launch, and finds what waits for its shop. Nothing is bound by it: the attempt stays as it
    /// is until [`Broker::confirm_launch`].
    pub async fn open_launch(&self, visit: LaunchVisit<'_>) -> Result<Opened, LinkRefused> {
        let reader = adapter(visit.platform)
            .launch()
            .ok_or(LinkRefused::Unknown)?;
        let app = self
            .find_app_of_path(visit.platform, visit.app)
            .await?
            .ok_or(LinkRefused::Unknown)?;
        let launched = reader
            .read_launch(visit.raw_query, &self.open_app(&app)?)
            .map_err(|_| LinkRefused::Unknown)?;
        let age = (self.now() - launched.signed_at).abs();
        let is_old = age.to_std().ok() > Some(self.options().freshness_of(visit.platform));
        if is_old {
            return Ok(Opened::Over(LaunchVisitor::without_operator(
                visit.platform,
                launched,
            )));
        }
        let (cookie, token) = (self.random_token(), self.random_token());
        let id = LaunchId::new(self.next_id());
        let may_authorize = may_authorize(&launched);
        let found = self
            .storage()
            .write(async |tx: &Tx| {
                let (waiting, is_connected) = if may_authorize {
                    self.find_of_shop(tx, &app, &launched).await?
                } else {
                    (None, false)
                };
                let offer = waiting.as_ref().map(|waiting| Offer {
                    institution: waiting.authorization.institution,
                    authorization: waiting.authorization.id,
                    cookie_hash: sha256(cookie.expose_secret()),
                    token_hash: sha256(token.expose_secret()),
                    until: self.now() + OFFER_LIFE,
                });
                let new = self.new_launch(id, &app, &launched, offer);
                let is_new = launches::insert(tx, &new).await?;
                Ok::<_, Internal>(is_new.then_some((waiting, is_connected)))
            })
            .await?;
        let (waiting, is_connected) = match found {
            Some(found) => found,
            // Who may not decide is told so as often as the page is loaded: nothing was offered.
            None if !may_authorize => (None, false),
            None => {
                let visitor = LaunchVisitor::without_operator(visit.platform, launched);
                return Ok(Opened::Over(visitor));
            }
        };
        let visitor = LaunchVisitor {
            operator: launched.operator.clone(),
            ..LaunchVisitor::without_operator(visit.platform, launched)
        };
        tracing::info!(
            launch.id = %id, platform = %visit.platform, is_offered = waiting.is_some(), "an app was opened"
        );
        let Some(waiting) = waiting else {
            return Ok(match (may_authorize, is_connected) {
                (true, true) => Opened::Connected(visitor),
                (true, false) => Opened::NothingWaits(visitor),
                (false, _) => Opened::NotTheirs(visitor),
            });
        };
        Ok(Opened::Offered(Box::new(LaunchOffer {
            launch: id,
            cookie,
            token,
            open_for: OFFER_LIFE,
            visitor,
            institution: waiting.institution,
            reference: Reference::of(waiting.authorization.id),
            client: waiting
                .client
                .name
                .unwrap_or(waiting.client.partner_user_id),
            store: waiting.store.name,
        })))
    }

    /// The attempt that waits for the shop, and if there is none, or are several, whether the shop is connected
    /// already. Only what this app connected counts: an institution that signs launches of its own app must
    /// not learn by them who is whose customer.
    async fn find_of_shop(
        &self,
        tx: &Tx,
        app: &PlatformApp,
        launched: &LaunchedShop,
    ) -> Result<(Option<Waiting>, bool), Internal> {
        let waiting = self.find_waiting(tx, app, launched).await?;
        if waiting.is_some() {
            return Ok((waiting, false));
        }
        let label = NamedShop::Label(launched.shop.clone());
        let shop = AuthorizedShop {
            platform: app.platform,
            app: app.id,
            shop: &label,
        };
        Ok((None, shop_grants::has_live_for_worker(tx, shop).await?))
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
        let institution = Asker::find(tx, owner).await?;
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

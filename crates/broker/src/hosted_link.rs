//! The page of our own to which a hosted link leads, and what a seller does there.
//!
//! Looking at it changes nothing, whoever looks: programs that read mail follow links too. Going on to the
//! platform is a click with a state of its own, which counts only in the browser that clicked. Without that,
//! whoever holds a link could begin, send on the address where it leads, and have somebody else's shop
//! authorized.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    AskedScope, AuthType, Authorization, AuthorizationState, FailReason, Institution, LinkClickId,
    Links, Reference, RequiredScope,
};
use platforms::{LinkRule, adapter};
use secrecy::{ExposeSecret, SecretString};
use storage::hosted_links::{self, Click};
use storage::platform_apps::PlatformApp;
use storage::{StorageError, Tx, authorizations, clients, stores};

use crate::Broker;
use crate::asker::Asker;
use crate::complete_callback::{CallbackRefused, WhyUnbound};
use crate::finish_authorization::{Attempt, Ending, Fence};
use crate::internal::Internal;
use crate::key_link::WantedKey;
use crate::key_proof::required_scopes;
use crate::outcome::{Next, Shown};
use crate::secret_text::sha256;

/// How many clicks on one link are remembered at most.
const CLICKS_KEPT: u64 = 100;

/// What a link leads to.
#[derive(Debug)]
pub enum LinkVisit {
    /// It waits for its seller.
    Open(Box<OpenLink>),
    /// It waits for its seller to hand in a key.
    KeyWanted(Box<WantedKey>),
    /// The key that was handed in is being proven.
    KeyInHand(Box<OpenLink>),
    /// Its attempt has ended, or is about to.
    Ended(Box<Shown>),
    /// Nobody followed it in time, or a newer one took its place.
    Over {
        /// Whom to ask for another.
        institution: Box<Asker>,
        reference: Reference,
    },
}

/// What the seller is asked for, and by whom.
#[derive(Debug)]
pub struct OpenLink {
    pub platform_name: &'static str,
    pub institution: Asker,
    pub reference: Reference,
    /// The institution's seller, by name or by the id that the institution gave.
    pub client: String,
    pub store: String,
    pub store_url: String,
    /// The shop that has to answer, where it is known beforehand.
    pub shop: Option<String>,
    /// What the app that is to be authorized requires.
    pub scopes: Vec<AskedScope>,
    /// When the link ends.
    pub open_until: DateTime<Utc>,
    /// How long that is from now.
    pub open_for: Duration,
}

/// What came of a seller's wish to go on.
#[derive(Debug)]
pub enum WentOn {
    /// To the platform.
    Away(Departure),
    /// Nowhere: the link does not wait any more, and its page says how it stands.
    Nowhere,
}

/// Where a browser goes, and what it has to bring back.
#[derive(Debug)]
pub struct Departure {
    pub click: LinkClickId,
    /// For the browser's cookie.
    pub cookie: SecretString,
    pub open_for: Duration,
    /// The platform's consent page, with the click's state in it.
    pub auth_url: SecretString,
}

/// What came of a seller's refusal.
#[derive(Debug)]
pub enum Declined {
    /// The attempt has ended, and the institution wants the seller here.
    Redirect(String),
    /// It has ended, or did not wait any more: the link's page says how it stands.
    Here,
}

/// A link, a launch or its confirmation that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkRefused {
    /// Not ours, not signed by its platform, or another browser's: whoever sent it learns nothing about which.
    #[error("unknown link")]
    Unknown,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for LinkRefused {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<CallbackRefused> for LinkRefused {
    fn from(refused: CallbackRefused) -> Self {
        match refused {
            CallbackRefused::Unknown
            | CallbackRefused::SeveralWait
            | CallbackRefused::Unbound(_) => Self::Unknown,
            CallbackRefused::Internal(internal) => Self::Internal(internal),
        }
    }
}

/// Where the links of an institution lead on a platform.
pub(crate) fn links_of(institution: &Institution, rule: LinkRule) -> Links {
    match rule {
        LinkRule::AsChosen => institution.links,
        LinkRule::Hosted => Links::Hosted,
    }
}

impl Broker {
    /// Opens the link of an attempt that was recorded in this transaction, as one that carries
    /// [`storage::authorizations::Carried::HostedLink`] until the hosted deadline; returns its address, which
    /// is as secret as what it leads to.
    pub(crate) async fn open_hosted_link(
        &self,
        tx: &Tx,
        authorization: &Authorization,
    ) -> Result<String, Internal> {
        let token = self.random_token();
        let token = token.expose_secret();
        hosted_links::insert(tx, authorization, sha256(token)).await?;
        let base = self.options().public_url.as_str().trim_end_matches('/');
        Ok(format!("{base}/go/{token}"))
    }

    /// What the link shows. Nothing is changed or spent by it.
    pub async fn visit_link(&self, link: &SecretString) -> Result<LinkVisit, LinkRefused> {
        let authorization = self.find_linked(link).await?;
        if !self.waits(&authorization) {
            return self.closed_link(authorization).await;
        }
        let platform = authorization.platform;
        match authorization.auth_type {
            AuthType::Url => Ok(LinkVisit::Open(self.open_link(authorization).await?)),
            AuthType::Key => {
                let asked = self.open_link(authorization).await?;
                let wanted = self.wanted_key(platform, asked)?;
                Ok(LinkVisit::KeyWanted(Box::new(wanted)))
            }
        }
    }

    /// Sends the seller to the platform with a state of this click's own. Every click does so anew: which of
    /// them ends the attempt is decided by the code that is exchanged first.
    pub async fn follow_link(&self, link: &SecretString) -> Result<WentOn, LinkRefused> {
        let found = self.find_linked(link).await?;
        if found.auth_type == AuthType::Key && !self.takes_pushed_keys(found.platform) {
            return Ok(WentOn::Nowhere);
        }
        let now = self.now();
        let (state, cookie) = (self.random_token(), self.random_token());
        let click = Click {
            id: LinkClickId::new(self.next_id()),
            authorization: found.id,
            institution: found.institution,
            state_hash: sha256(state.expose_secret()),
            cookie_hash: sha256(cookie.expose_secret()),
            deadline_at: (now + self.options().click_deadline).min(found.deadline_at),
            created_at: now,
        };
        let continued = self
            .storage()
            .write(async |tx: &Tx| self.record_click(tx, link, &found, &click).await)
            .await?;
        if !continued {
            return Ok(WentOn::Nowhere);
        }
        let auth_url = match found.auth_type {
            AuthType::Url => {
                let app = self.app_of_link(self.storage(), &found).await?;
                self.consent_url(&app, &found, &state)?
            }
            AuthType::Key => self.shop_page(&found, &state).await?,
        };
        tracing::info!(
            store.id = %found.store, authorization.id = %found.id, click.id = %click.id,
            "a seller goes on to the platform"
        );
        Ok(WentOn::Away(Departure {
            click: click.id,
            cookie,
            open_for: (click.deadline_at - now).to_std().unwrap_or_default(),
            auth_url,
        }))
    }

    /// Ends the attempt as the seller wishes, unless it has ended or is being ended otherwise.
    pub async fn decline_link(&self, link: &SecretString) -> Result<Declined, LinkRefused> {
        let authorization = self.find_linked(link).await?;
        if !self.waits(&authorization) {
            return Ok(Declined::Here);
        }
        let attempt = Attempt::of(&authorization);
        let denied = Ending::Failed(FailReason::UserDenied);
        // A launch may have been confirmed since the link was looked at, and gone on with the same attempt.
        let fence = match authorization.auth_type {
            AuthType::Key => Fence::Keyless,
            AuthType::Url => Fence::Linked(sha256(link.expose_secret())),
        };
        self.finish_authorization(attempt, fence, denied).await?;
        self.find_linked(link).await?;
        let shown = self.show_linked(attempt).await?;
        Ok(match shown.map(|shown| shown.next) {
            Some(Next::Redirect(redirect_to)) => Declined::Redirect(redirect_to),
            Some(Next::Page(_)) | None => Declined::Here,
        })
    }

    /// How the attempt ended, once it has; `None` where another took its place meanwhile, of which the link's page
    /// tells the seller.
    pub(crate) async fn show_linked(&self, attempt: Attempt) -> Result<Option<Shown>, LinkRefused> {
        match self.show(attempt).await {
            Ok(shown) => Ok(Some(shown)),
            Err(CallbackRefused::Unknown) => Ok(None),
            Err(refused) => Err(refused.into()),
        }
    }

    pub(crate) async fn find_linked(
        &self,
        link: &SecretString,
    ) -> Result<Authorization, LinkRefused> {
        let found = hosted_links::find_by_token(self.storage(), sha256(link.expose_secret()));
        found.await?.ok_or(LinkRefused::Unknown)
    }

    /// Whether it is the seller's move.
    pub(crate) fn waits(&self, authorization: &Authorization) -> bool {
        let is_theirs = match authorization.auth_type {
            AuthType::Url => authorization.state == AuthorizationState::Pending,
            AuthType::Key => authorization.state == AuthorizationState::AwaitingKey,
        };
        is_theirs && authorization.deadline_at > self.now()
    }

    /// `false` if the attempt does not wait any more, or goes on by another way.
    async fn record_click(
        &self,
        tx: &Tx,
        link: &SecretString,
        found: &Authorization,
        click: &Click,
    ) -> Result<bool, Internal> {
        // Always the store first: whoever starts or ends anything about it waits here.
        let store = stores::find_locked(tx, found.institution, found.store).await?;
        let linked = hosted_links::find_by_token(tx, sha256(link.expose_secret())).await?;
        let (Some(store), Some(authorization)) = (store, linked) else {
            return Ok(false);
        };
        if store.current_attempt() != Some(authorization.id) || !self.waits(&authorization) {
            return Ok(false);
        }
        hosted_links::insert_click(tx, click, CLICKS_KEPT).await?;
        Ok(true)
    }

    async fn app_of_link(
        &self,
        db: &impl storage::Executor,
        authorization: &Authorization,
    ) -> Result<PlatformApp, Internal> {
        let app = match authorization.app {
            Some(id) => self.directory().app_by_id(db, id).await?,
            None => None,
        };
        app.ok_or_else(|| Internal::new("a link without an app"))
    }

    async fn open_link(&self, authorization: Authorization) -> Result<Box<OpenLink>, LinkRefused> {
        let (db, owner) = (self.storage(), authorization.institution);
        let app = match authorization.app {
            Some(_) => Some(self.app_of_link(db, &authorization).await?.scopes),
            None => None,
        };
        let institution = Asker::find(db, owner).await?;
        let store = stores::find(db, owner, authorization.store).await?;
        let (Some(institution), Some(store)) = (institution, store) else {
            return Err(LinkRefused::Unknown);
        };
        let client = clients::find(db, owner, store.client).await?;
        let client = client.ok_or(LinkRefused::Unknown)?;
        let facts = adapter(authorization.platform).facts();
        let scopes = RequiredScope::read_all(&required_scopes(authorization.platform, app));
        Ok(Box::new(OpenLink {
            platform_name: facts.name,
            institution,
            reference: Reference::of(authorization.id),
            client: client.name.unwrap_or(client.partner_user_id),
            store: store.name,
            store_url: store.store_url,
            shop: authorization.expected_shop.map(|shop| shop.to_string()),
            scopes: facts.asked_scopes(scopes.iter().map(RequiredScope::name)),
            open_until: authorization.deadline_at,
            open_for: (authorization.deadline_at - self.now())
                .to_std()
                .unwrap_or_default(),
        }))
    }

    /// What is shown of an attempt that does not wait for its seller any more.
    async fn closed_link(&self, authorization: Authorization) -> Result<LinkVisit, LinkRefused> {
        let has_key = authorization.auth_type == AuthType::Key;
        if has_key && authorization.state == AuthorizationState::Pending {
            return Ok(LinkVisit::KeyInHand(self.open_link(authorization).await?));
        }
        let is_over = match authorization.state {
            AuthorizationState::Exchanging { .. } | AuthorizationState::Succeeded => false,
            AuthorizationState::Failed { reason } => reason == FailReason::LinkExpired,
            AuthorizationState::AwaitingKey
            | AuthorizationState::Pending
            | AuthorizationState::Superseded => true,
        };
        if !is_over {
            let shown = self.shown_here(authorization).await?;
            return Ok(LinkVisit::Ended(Box::new(shown)));
        }
        let institution = Asker::find(self.storage(), authorization.institution).await?;
        let institution = institution.ok_or(LinkRefused::Unknown)?;
        Ok(LinkVisit::Over {
            institution: Box::new(institution),
            reference: Reference::of(authorization.id),
        })
    }

    /// The attempts whose clicks this browser made, as far as they are this app's, to find the one that a
    /// callback without a state answers. A code that came before is that attempt's, whatever waits by now: a
    /// page that is reloaded must not spend what another link brings. Otherwise one that waits goes before
    /// those that have ended; of several that wait nobody knows which is meant.
    pub(crate) async fn find_by_cookies(
        &self,
        app: &PlatformApp,
        cookie_hashes: &[[u8; 32]],
        code_hash: Option<[u8; 32]>,
    ) -> Result<(Authorization, Binding), CallbackRefused> {
        let now = self.now();
        let known = match code_hash {
            Some(code_hash) => hosted_links::list_by_code(self.storage(), code_hash).await?,
            None => Vec::new(),
        };
        let (mut waiting, mut ended) = (None::<Authorization>, None);
        let clicks = hosted_links::list_clicks_by_cookies(self.storage(), cookie_hashes).await?;
        for click in clicks {
            let (institution, id) = (click.institution, click.authorization);
            let found = authorizations::find(self.storage(), institution, id).await?;
            let Some(found) = found.filter(|found| found.app == Some(app.id)) else {
                continue;
            };
            if known.contains(&found.id) {
                return Ok((found, Binding::Bound));
            }
            match found.state {
                AuthorizationState::Pending | AuthorizationState::Exchanging { .. } => {
                    if click.deadline_at <= now {
                        continue;
                    }
                    if waiting.as_ref().is_some_and(|known| known.id != found.id) {
                        return Err(CallbackRefused::SeveralWait);
                    }
                    waiting = Some(found);
                }
                AuthorizationState::Succeeded | AuthorizationState::Failed { .. } => {
                    ended = ended.or(Some(found));
                }
                AuthorizationState::AwaitingKey | AuthorizationState::Superseded => {}
            }
        }
        let answered = match (waiting, ended) {
            (Some(waiting), _) => (waiting, Binding::Bound),
            (None, Some(ended)) => (ended, Binding::Unbound(WhyUnbound::Late)),
            (None, None) => return Err(CallbackRefused::Unknown),
        };
        Ok(answered)
    }

    /// The attempt whose click has this state, and whether the browser that brings it is the one that
    /// clicked, in time.
    pub(crate) async fn find_by_click(
        &self,
        state_hash: [u8; 32],
        cookie_hashes: &[[u8; 32]],
    ) -> Result<Option<(Authorization, Binding)>, CallbackRefused> {
        let click = hosted_links::find_click_by_state(self.storage(), state_hash).await?;
        let Some(click) = click else {
            return Ok(None);
        };
        let (institution, id) = (click.institution, click.authorization);
        let found = authorizations::find(self.storage(), institution, id).await?;
        let binding = if click.deadline_at <= self.now() {
            // By now the right browser has forgotten its cookie, too.
            Binding::Unbound(WhyUnbound::Late)
        } else if cookie_hashes.contains(&click.cookie_hash) {
            Binding::Bound
        } else {
            Binding::Unbound(WhyUnbound::OtherBrowser)
        };
        Ok(found.map(|found| (found, binding)))
    }
}

/// Whether a browser may end the attempt that it comes back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    Bound,
    /// It is another than the one that clicked, or late: it may see how the attempt ended, and nothing else.
    Unbound(WhyUnbound),
}

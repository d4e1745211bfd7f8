//! The page of our own to which a hosted link leads, and what a seller does there.
//!
//! Looking at it changes nothing, whoever looks: programs that read mail follow links too. Going on to the
//! platform is a click with a state of its own, which counts only in the browser that clicked. Without that,
//! whoever holds a link could begin, send on the address where it leads, and have somebody else's shop
//! authorized.

use std::time::Duration;

use domain::{
    Authorization, AuthorizationState, FailReason, Institution, LinkClickId, Links, RequiredScope,
};
use platforms::{LinkRule, adapter};
use secrecy::{ExposeSecret, SecretString};
use storage::hosted_links::{self, Click};
use storage::platform_apps::PlatformApp;
use storage::{StorageError, Tx, authorizations, clients, institutions, stores};

use crate::Broker;
use crate::complete_callback::{CallbackRefused, Outcome, Shown};
use crate::finish_authorization::{Attempt, Ending, Fence};
use crate::internal::Internal;
use crate::secret_text::sha256;

/// How many clicks on one link are remembered at most.
const CLICKS_KEPT: u64 = 100;

/// What a link leads to.
#[derive(Debug)]
pub enum LinkVisit {
    /// It waits for its seller.
    Open(Box<OpenLink>),
    /// Its attempt has ended, or is about to.
    Ended(Outcome),
    /// Nobody followed it in time, or a newer one took its place.
    Over {
        /// Whom to ask for another.
        institution: String,
    },
}

/// What the seller is asked for, and by whom.
#[derive(Debug)]
pub struct OpenLink {
    pub platform_name: &'static str,
    pub institution: String,
    /// The institution's seller, by name or by the id that the institution gave.
    pub client: String,
    pub store: String,
    /// The shop that has to answer, where it is known beforehand.
    pub shop: Option<String>,
    /// In the platform's spelling.
    pub scopes: Vec<String>,
}

/// What came of a seller's wish to go on.
#[derive(Debug)]
pub enum WentOn {
    /// To the platform.
    Away(Departure),
    /// Nowhere: the link does not wait any more.
    Nowhere(LinkVisit),
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
    /// The attempt has ended, by the refusal or before it.
    Shown(Shown),
    /// The link did not wait any more.
    Nowhere(LinkVisit),
}

/// A link that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkRefused {
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
            CallbackRefused::Unknown | CallbackRefused::SeveralWait => Self::Unknown,
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
        if self.waits(&authorization) {
            return self.open_link(authorization).await;
        }
        self.closed_link(authorization).await
    }

    /// Sends the seller to the platform with a state of this click's own. Every click does so anew: which of
    /// them ends the attempt is decided by the code that is exchanged first.
    pub async fn follow_link(&self, link: &SecretString) -> Result<WentOn, LinkRefused> {
        let found = self.find_linked(link).await?;
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
        let Some(app) = continued else {
            let visit = self.visit_link(link).await?;
            return Ok(WentOn::Nowhere(visit));
        };
        tracing::info!(
            store.id = %found.store, authorization.id = %found.id, click.id = %click.id,
            "a seller goes on to the platform"
        );
        Ok(WentOn::Away(Departure {
            click: click.id,
            cookie,
            open_for: (click.deadline_at - now).to_std().unwrap_or_default(),
            auth_url: self.consent_url(&app, &found, &state)?,
        }))
    }

    /// Ends the attempt as the seller wishes, unless it has ended or is being ended otherwise.
    pub async fn decline_link(&self, link: &SecretString) -> Result<Declined, LinkRefused> {
        let authorization = self.find_linked(link).await?;
        if !self.waits(&authorization) {
            let visit = self.closed_link(authorization).await?;
            return Ok(Declined::Nowhere(visit));
        }
        let attempt = Attempt::of(&authorization);
        let denied = Ending::Failed(FailReason::UserDenied);
        // A launch may have been confirmed since the link was looked at, and gone on with the same attempt.
        let fence = Fence::Linked(sha256(link.expose_secret()));
        self.finish_authorization(attempt, fence, denied).await?;
        self.find_linked(link).await?;
        Ok(Declined::Shown(self.show(attempt).await?))
    }

    async fn find_linked(&self, link: &SecretString) -> Result<Authorization, LinkRefused> {
        let found = hosted_links::find_by_token(self.storage(), sha256(link.expose_secret()));
        found.await?.ok_or(LinkRefused::Unknown)
    }

    fn waits(&self, authorization: &Authorization) -> bool {
        authorization.state == AuthorizationState::Pending && authorization.deadline_at > self.now()
    }

    /// `None` if the attempt does not wait any more, or goes on by another way.
    async fn record_click(
        &self,
        tx: &Tx,
        link: &SecretString,
        found: &Authorization,
        click: &Click,
    ) -> Result<Option<PlatformApp>, Internal> {
        // Always the store first: whoever starts or ends anything about it waits here.
        let store = stores::find_locked(tx, found.institution, found.store).await?;
        let linked = hosted_links::find_by_token(tx, sha256(link.expose_secret())).await?;
        let (Some(store), Some(authorization)) = (store, linked) else {
            return Ok(None);
        };
        if store.current_attempt() != Some(authorization.id) || !self.waits(&authorization) {
            return Ok(None);
        }
        hosted_links::insert_click(tx, click, CLICKS_KEPT).await?;
        self.app_of_link(tx, &authorization).await.map(Some)
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

    async fn open_link(&self, authorization: Authorization) -> Result<LinkVisit, LinkRefused> {
        let (db, owner) = (self.storage(), authorization.institution);
        let app = self.app_of_link(db, &authorization).await?;
        let institution = institutions::find(db, owner).await?;
        let store = stores::find(db, owner, authorization.store).await?;
        let (Some(institution), Some(store)) = (institution, store) else {
            return Err(LinkRefused::Unknown);
        };
        let client = clients::find(db, owner, store.client).await?;
        let client = client.ok_or(LinkRefused::Unknown)?;
        let scopes = RequiredScope::read_all(&app.scopes);
        Ok(LinkVisit::Open(Box::new(OpenLink {
            platform_name: adapter(authorization.platform).facts().name,
            institution: institution.name,
            client: client.name.unwrap_or(client.partner_user_id),
            store: store.name,
            shop: authorization.expected_shop.map(|shop| shop.to_string()),
            scopes: scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        })))
    }

    /// What is shown of an attempt that does not wait for its seller any more.
    async fn closed_link(&self, authorization: Authorization) -> Result<LinkVisit, LinkRefused> {
        let is_over = match authorization.state {
            AuthorizationState::Exchanging { .. } | AuthorizationState::Succeeded => false,
            AuthorizationState::Failed { reason } => reason == FailReason::LinkExpired,
            AuthorizationState::Pending | AuthorizationState::Superseded => true,
        };
        if !is_over {
            let shown = self.shown(authorization).await?;
            return Ok(LinkVisit::Ended(shown.outcome));
        }
        let institution = institutions::find(self.storage(), authorization.institution).await?;
        let institution = institution.ok_or(LinkRefused::Unknown)?;
        Ok(LinkVisit::Over {
            institution: institution.name,
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
                AuthorizationState::Superseded => {}
            }
        }
        let answered = match (waiting, ended) {
            (Some(waiting), _) => (waiting, Binding::Bound),
            (None, Some(ended)) => (ended, Binding::Unbound),
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
        let is_bound = cookie_hashes.contains(&click.cookie_hash) && click.deadline_at > self.now();
        let binding = if is_bound {
            Binding::Bound
        } else {
            Binding::Unbound
        };
        Ok(found.map(|found| (found, binding)))
    }
}

/// Whether a browser may end the attempt that it comes back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    Bound,
    /// It is another than the one that clicked, or late: it may see how the attempt ended, and nothing else.
    Unbound,
}

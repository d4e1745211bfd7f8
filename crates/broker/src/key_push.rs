//! A key that the seller's shop makes and sends by itself, after the seller allowed it there.
//!
//! It begins with a click on the page behind a link, whose state goes to the shop and comes back twice: with the
//! key, from server to server, and with the browser. Neither is signed. The key counts by the state alone, and
//! only as far as the shop that the institution named honours it; the browser counts by the cookie of its click.

use std::borrow::Cow;

use domain::{Authorization, AuthorizationState, FailReason, Platform};
use platforms::{KeyDecision, KeyPushRequest, adapter};
use secrecy::{ExposeSecret, SecretString};
use storage::{StorageError, authorizations, clients, hosted_links, institutions, stores};

use crate::Broker;
use crate::complete_callback::CallbackRefused;
use crate::finish_authorization::{Attempt, Ending, Fence};
use crate::hosted_link::Binding;
use crate::internal::Internal;
use crate::key_link::{Kept, find_problems};
use crate::outcome::Shown;
use crate::secret_text::sha256;

/// A browser that comes back from the shop's page.
#[derive(Clone, Copy)]
pub struct ShopReturn<'a> {
    pub platform: Platform,
    /// The query as it was received.
    pub raw_query: &'a str,
    /// The values of the cookies that clicks on hosted links left in this browser.
    pub cookies: &'a [SecretString],
}

/// A key that is not taken. Whoever sent it learns nothing about why.
#[derive(Debug, thiserror::Error)]
pub enum KeyPushRefused {
    #[error("nobody waits for this key")]
    NotTaken,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for KeyPushRefused {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl Broker {
    /// Keeps the key that a shop sends, to be proven at the shop of the attempt whose click it answers. When
    /// this returns, now or for the same key again, the shop may rely on it.
    pub async fn receive_pushed_key(
        &self,
        platform: Platform,
        body: &[u8],
    ) -> Result<(), KeyPushRefused> {
        let adapter = adapter(platform);
        let (Some(push), Some(flow)) = (adapter.key_push(), adapter.key_flow()) else {
            return Err(KeyPushRefused::NotTaken);
        };
        let pushed = push.read_push(body).ok_or(KeyPushRefused::NotTaken)?;
        if !find_problems(flow.key_guide(), &pushed.credential).is_empty() {
            return Err(KeyPushRefused::NotTaken);
        }
        let state_hash = sha256(pushed.state.expose_secret());
        let click = hosted_links::find_click_by_state(self.storage(), state_hash).await?;
        let click = click.ok_or(KeyPushRefused::NotTaken)?;
        let (institution, id) = (click.institution, click.authorization);
        let found = authorizations::find(self.storage(), institution, id).await?;
        let found = found
            .filter(|found| found.platform == platform)
            .ok_or(KeyPushRefused::NotTaken)?;
        let key = self
            .read_key(adapter.facts(), &pushed.credential)
            .map_err(|_| KeyPushRefused::NotTaken)?;
        match self.keep_key(&found, &key, click.deadline_at).await? {
            Kept::This => Ok(()),
            Kept::NotThis => Err(KeyPushRefused::NotTaken),
        }
    }

    /// Shows what came of the key to the browser that clicked, and takes its refusal. Any other sees how the
    /// attempt ended, if it has, and ends nothing.
    pub async fn return_from_shop(
        &self,
        returned: ShopReturn<'_>,
    ) -> Result<Shown, CallbackRefused> {
        let push = adapter(returned.platform).key_push();
        let read = push.and_then(|push| push.read_return(returned.raw_query));
        let read = read.ok_or(CallbackRefused::Unknown)?;
        let hash = |secret: &SecretString| sha256(secret.expose_secret());
        let cookie_hashes: Vec<_> = returned.cookies.iter().map(hash).collect();
        let (found, binding) = self
            .find_by_click(hash(&read.state), &cookie_hashes)
            .await?
            .filter(|(found, _)| found.platform == returned.platform)
            .ok_or(CallbackRefused::Unknown)?;
        let attempt = Attempt::of(&found);
        match (&found.state, binding) {
            (AuthorizationState::Superseded, _) => Err(CallbackRefused::Unknown),
            (
                AuthorizationState::AwaitingKey
                | AuthorizationState::Pending
                | AuthorizationState::Exchanging { .. },
                Binding::Unbound(why),
            ) => Err(self.unbound(&found, why).await),
            (AuthorizationState::AwaitingKey, Binding::Bound)
                if read.decision == KeyDecision::Denied =>
            {
                let denied = Ending::Failed(FailReason::UserDenied);
                self.finish_authorization(attempt, Fence::Keyless, denied)
                    .await?;
                self.show(attempt).await
            }
            // The shop sends the key before it sends the browser: there is none to wait for.
            (AuthorizationState::AwaitingKey, Binding::Bound) => self.shown(found).await,
            (
                AuthorizationState::Pending
                | AuthorizationState::Exchanging { .. }
                | AuthorizationState::Succeeded
                | AuthorizationState::Failed { .. },
                _,
            ) => self.show(attempt).await,
        }
    }

    /// Whether shops of the platform may send keys here: over https, or where this machine is developed on.
    pub(crate) fn takes_pushed_keys(&self, platform: Platform) -> bool {
        let public_url = &self.options().public_url;
        // Shops refuse to send a key over plain http; the sandbox's take it from where we may dial it too.
        let is_reached =
            public_url.scheme() == "https" || self.egress().check_url(public_url.as_str()).is_ok();
        adapter(platform).key_push().is_some() && is_reached
    }

    /// The page of the shop on which the seller allows it, with the state of a click.
    pub(crate) async fn shop_page(
        &self,
        found: &Authorization,
        state: &SecretString,
    ) -> Result<SecretString, Internal> {
        let (db, owner) = (self.storage(), found.institution);
        let institution = institutions::find(db, owner).await?;
        let store = stores::find(db, owner, found.store).await?;
        let (Some(institution), Some(store)) = (institution, store) else {
            return Err(Internal::new("a link of no store"));
        };
        let client = clients::find(db, owner, store.client).await?;
        let client = client.ok_or_else(|| Internal::new("a store of no client"))?;
        // The shop's page shows this and nothing else of who asks: somebody who is sent there without having
        // seen our page must find out there whom the key is for.
        let client = client.name.unwrap_or(client.partner_user_id);
        let app_name = format!("{} ({})", plain(&institution.name), plain(&client));
        let base = self.options().public_url.as_str().trim_end_matches('/');
        let platform = found.platform.path_segment();
        let url = adapter(found.platform).key_push().and_then(|push| {
            push.authorize_url(&KeyPushRequest {
                store_url: &store.store_url,
                app_name: &app_name,
                state,
                return_url: &format!("{base}/v1/auth/{platform}/return"),
                callback_url: &format!("{base}/v1/auth/{platform}/keys"),
            })
        });
        let url = url.ok_or_else(|| Internal::new("a shop without a page"))?;
        Ok(String::from(url).into())
    }
}

/// A name without what could make another of it on somebody else's page.
fn plain(name: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| {
        let marks = ['\u{61c}', '\u{feff}'];
        c.is_control()
            || marks.contains(&c)
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{2028}'..='\u{202e}').contains(&c)
            || ('\u{2060}'..='\u{206f}').contains(&c)
    };
    if name.contains(is_hidden) {
        return name.replace(is_hidden, "").into();
    }
    name.into()
}

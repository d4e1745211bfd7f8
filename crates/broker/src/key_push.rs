//! A key that the seller's shop makes and sends by itself, after the seller allowed it there.
//!
//! It begins with a click on the page behind a link, whose state goes to the shop and comes back twice: with the
//! key, from server to server, and with the browser. Neither is signed. So the key is only held when it comes, and
//! given to the attempt when the browser that clicked is back with its cookie. Without that, whoever sends on the
//! address of the shop's page would have a shop connected whose people never saw ours.

use std::borrow::Cow;
use std::time::Duration;

use domain::{Authorization, AuthorizationState, FailReason, Platform};
use platforms::{KeyDecision, KeyPushRequest, adapter};
use secrecy::{ExposeSecret, SecretString};
use storage::held_keys::{self, HeldKey};
use storage::sealing::Place;
use storage::{
    News, StorageError, Tx, authorizations, clients, hosted_links, institutions, stores,
};
use tokio::time::Instant;

use crate::Broker;
use crate::complete_callback::CallbackRefused;
use crate::crash_point::CrashPoint;
use crate::finish_authorization::{Attempt, Ending, Fence};
use crate::hosted_link::Binding;
use crate::internal::Internal;
use crate::key_link::{ReadKey, find_problems};
use crate::outcome::Shown;
use crate::query_store::LOOK_AGAIN;
use crate::secret_text::sha256;

/// How long a browser that is back waits for its key. The shop sends the key first, so that it is there but for
/// a moment.
const PUSH_WAIT: Duration = Duration::from_secs(3);

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
    /// Holds the key that a shop sends until the browser whose click it answers is back. When this returns, now or
    /// for the same key again, a crash does not lose it.
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
        if self.hold_key(&found, state_hash, &key).await? {
            Ok(())
        } else {
            Err(KeyPushRefused::NotTaken)
        }
    }

    /// Has the key that is held for the browser that clicked proven, and shows what came of it, or takes the
    /// browser's refusal. Any other browser sees how the attempt ended, if it has; if not, it has been sent to the
    /// shop by somebody else, and the key that its user allowed is thrown away.
    pub async fn return_from_shop(
        &self,
        returned: ShopReturn<'_>,
    ) -> Result<Shown, CallbackRefused> {
        let push = adapter(returned.platform).key_push();
        let read = push.and_then(|push| push.read_return(returned.raw_query));
        let read = read.ok_or(CallbackRefused::Unknown)?;
        let hash = |secret: &SecretString| sha256(secret.expose_secret());
        let cookie_hashes: Vec<_> = returned.cookies.iter().map(hash).collect();
        let state_hash = hash(&read.state);
        let (found, binding) = self
            .find_by_click(state_hash, &cookie_hashes)
            .await?
            .filter(|(found, _)| found.platform == returned.platform)
            .ok_or(CallbackRefused::Unknown)?;
        let attempt = Attempt::of(&found);
        match (&found.state, binding) {
            (AuthorizationState::Superseded, _) => Err(CallbackRefused::Unknown),
            (AuthorizationState::AwaitingKey, Binding::Unbound(why)) => {
                self.discard_held_key(&found, state_hash).await?;
                Err(self.unbound(&found, why).await)
            }
            (
                AuthorizationState::Pending | AuthorizationState::Exchanging { .. },
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
            (AuthorizationState::AwaitingKey, Binding::Bound) => {
                if self.await_held_key(&found, state_hash).await? {
                    return self.show(attempt).await;
                }
                self.shown(found).await
            }
            (
                AuthorizationState::Pending
                | AuthorizationState::Exchanging { .. }
                | AuthorizationState::Succeeded
                | AuthorizationState::Failed { .. },
                _,
            ) => self.show(attempt).await,
        }
    }

    /// Whether this key is the one that answers the click, now or from before.
    async fn hold_key(
        &self,
        found: &Authorization,
        state_hash: [u8; 32],
        (credential, fingerprint): &ReadKey,
    ) -> Result<bool, Internal> {
        let (institution, now) = (found.institution, self.now());
        let held = self
            .storage()
            .write(async |tx: &Tx| {
                if self.lock_waiting(tx, found).await?.is_none() {
                    let taken = authorizations::find_fingerprint(tx, institution, found.id);
                    return Ok(taken.await?);
                }
                let click = hosted_links::find_click_by_state(tx, state_hash).await?;
                let Some(click) = click.filter(|click| click.deadline_at > now) else {
                    return Ok(None);
                };
                if let Some(held) = held_keys::find(tx, institution, click.id, now).await? {
                    return Ok(Some(held.fingerprint));
                }
                let text = credential.to_secret_text();
                let place = Place::HeldKey(click.id);
                let new = HeldKey {
                    click: click.id,
                    authorization: found.id,
                    institution,
                    credential: self.keyring().seal(place, &text, self.seal_nonce()),
                    fingerprint: fingerprint.clone(),
                    expires_at: click.deadline_at,
                };
                held_keys::insert(tx, &new, now).await?;
                tracing::info!(
                    store.id = %found.store, authorization.id = %found.id, click.id = %click.id,
                    "a shop sent a key, which waits for the browser that clicked"
                );
                Ok::<_, Internal>(Some(fingerprint.clone()))
            })
            .await?;
        self.reach(CrashPoint::KeyTaken);
        Ok(held.as_ref() == Some(fingerprint))
    }

    /// Waits a moment for the key of a click whose browser is back. `false` if none comes. That the browser was
    /// here is not remembered: a key that comes later waits until it comes again, because one who means to send
    /// the shop's address on could otherwise come back here first.
    async fn await_held_key(
        &self,
        found: &Authorization,
        state_hash: [u8; 32],
    ) -> Result<bool, Internal> {
        let give_up = Instant::now() + PUSH_WAIT;
        let mut commits = self.storage().commits(News::Keys);
        loop {
            if self.take_held_key(found, state_hash).await? {
                return Ok(true);
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let changed = tokio::time::timeout(left.min(LOOK_AGAIN), commits.changed());
            changed.await.ok();
        }
    }

    /// Gives the attempt the key that is held for a click, from where the worker takes it. `false` if none is
    /// held; an attempt that does not wait any more needs none.
    async fn take_held_key(
        &self,
        found: &Authorization,
        state_hash: [u8; 32],
    ) -> Result<bool, Internal> {
        let (institution, now) = (found.institution, self.now());
        let is_done = self
            .storage()
            .write(async |tx: &Tx| {
                let Some(waiting) = self.lock_waiting(tx, found).await? else {
                    return Ok(true);
                };
                let Some(click) = hosted_links::find_click_by_state(tx, state_hash).await? else {
                    return Ok(false);
                };
                let Some(held) = held_keys::find(tx, institution, click.id, now).await? else {
                    return Ok(false);
                };
                let place = Place::HeldKey(held.click);
                let text = self.keyring().open(place, &held.credential)?;
                let place = Place::AuthorizationCredential(waiting.id);
                let sealed = self.keyring().seal(place, &text, self.seal_nonce());
                let deadline_at = now + self.options().key_deadline;
                let print = held.fingerprint;
                authorizations::take_key(tx, &waiting, sealed, print, deadline_at, now).await?;
                tracing::info!(
                    store.id = %found.store, authorization.id = %found.id, click.id = %click.id,
                    "the browser that clicked is back for its key"
                );
                Ok::<_, Internal>(true)
            })
            .await?;
        if is_done {
            self.reach(CrashPoint::KeyTaken);
        }
        Ok(is_done)
    }

    async fn discard_held_key(
        &self,
        found: &Authorization,
        state_hash: [u8; 32],
    ) -> Result<(), Internal> {
        self.storage()
            .write(async |tx: &Tx| {
                if self.lock_waiting(tx, found).await?.is_none() {
                    return Ok(());
                }
                if let Some(click) = hosted_links::find_click_by_state(tx, state_hash).await? {
                    held_keys::discard(tx, found.institution, click.id).await?;
                }
                Ok(())
            })
            .await
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

//! The seller says yes to what a launch's page asked, and what became of that.

use domain::{Authorization, AuthorizationId, AuthorizationState, LaunchId, LeaseId, Platform};
use platforms::adapter;
use secrecy::{ExposeSecret, SecretString};
use storage::launches::{self, Confirmation};
use storage::platform_apps::PlatformApp;
use storage::pushed_codes::{self, PushedCode};
use storage::{Tx, authorizations, hosted_links, stores};

use super::LaunchVisitor;
use crate::Broker;
use crate::complete_callback::CLAIM_LIFE;
use crate::finish_authorization::Attempt;
use crate::hosted_link::LinkRefused;
use crate::internal::Internal;
use crate::outcome::Shown;
use crate::secret_text::sha256;

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
    /// To the platform's page.
    AtPlatform {
        /// A link to follow at once.
        auth_url: SecretString,
        /// That of the launch, as the platform named it.
        language: Option<String>,
    },
    /// The platform had pushed a code for the shop, and this came of it.
    Ended(Shown),
    /// It was confirmed before, and [`Broker::visit_confirmed_launch`] shows what comes of that.
    Confirmed,
    /// Nowhere: it is too late, or the attempt waits at the platform's page or has gone on another way.
    Over(LaunchVisitor),
}

/// What a confirmation decided.
struct Confirmed {
    app: PlatformApp,
    authorization: Authorization,
    /// The code that the platform pushed, with the claim of whoever spends it.
    pushed: Option<(PushedCode, LeaseId)>,
    language: Option<String>,
}

impl Broker {
    /// Goes on with the attempt that the seller confirmed: at the platform's page, or, where the platform has
    /// pushed a code for the shop that nobody might spend before, with that.
    ///
    /// The attempt gets a new state, which only this browser learns; the link that the institution was given
    /// is dead from here on. Were both alive, whoever had that link before could go on beside the seller.
    pub async fn confirm_launch(&self, confirm: ConfirmLaunch) -> Result<Continued, LinkRefused> {
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
                    language: confirmed.language,
                }))
            })
            .await?;
        let Some(Confirmed {
            app,
            authorization,
            pushed,
            language,
        }) = continued
        else {
            return self.late_confirmation(shown).await;
        };
        let id: AuthorizationId = authorization.id;
        tracing::info!(
            launch.id = %confirm.launch, store.id = %authorization.store, authorization.id = %id,
            "the seller confirmed a launch"
        );
        let Some((code, claim)) = pushed else {
            let auth_url = self.consent_url(&app, &authorization, &state)?;
            return Ok(Continued::AtPlatform { auth_url, language });
        };
        let attempt = Attempt::of(&authorization);
        self.exchange_pushed(authorization, &code, &app, claim)
            .await?;
        Ok(Continued::Ended(self.show(attempt).await?))
    }

    /// For a browser that was shown an offer which does not stand any more; nobody else learns that there was
    /// one.
    async fn late_confirmation(&self, shown: Confirmation) -> Result<Continued, LinkRefused> {
        let (db, platform) = (self.storage(), shown.platform);
        let found = launches::find_offered(db, shown.launch, platform, shown.cookie_hash).await?;
        let offered = found
            .filter(|offered| offered.token_hash.as_deref() == Some(&shown.token_hash))
            .ok_or(LinkRefused::Unknown)?;
        // The second of two clicks must not hide what the first one does.
        if offered.is_confirmed {
            let (institution, id) = (offered.institution, offered.authorization);
            let attempt = authorizations::find(db, institution, id).await?;
            if attempt.is_some_and(|attempt| has_outcome(&attempt.state)) {
                return Ok(Continued::Confirmed);
            }
        }
        Ok(Continued::Over(LaunchVisitor {
            platform_name: adapter(platform).facts().name,
            shop: offered.shop.to_string(),
            language: offered.language,
            operator: None,
        }))
    }

    /// How the attempt stands that this browser confirmed on a launch's page, with the language of that page.
    /// Nothing is changed by it.
    pub async fn visit_confirmed_launch(
        &self,
        platform: Platform,
        launch: LaunchId,
        cookie: &SecretString,
    ) -> Result<(Shown, Option<String>), LinkRefused> {
        let cookie_hash = sha256(cookie.expose_secret());
        let found = launches::find_offered(self.storage(), launch, platform, cookie_hash).await?;
        let confirmed = found.filter(|launch| launch.is_confirmed);
        let confirmed = confirmed.ok_or(LinkRefused::Unknown)?;
        let (institution, id) = (confirmed.institution, confirmed.authorization);
        let found = authorizations::find(self.storage(), institution, id).await?;
        let attempt = Attempt::of(&found.ok_or(LinkRefused::Unknown)?);
        Ok((self.show(attempt).await?, confirmed.language))
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
}

/// Now or soon.
const fn has_outcome(state: &AuthorizationState) -> bool {
    match state {
        AuthorizationState::Exchanging { .. }
        | AuthorizationState::Succeeded
        | AuthorizationState::Failed { .. } => true,
        AuthorizationState::AwaitingKey
        | AuthorizationState::Pending
        | AuthorizationState::Superseded => false,
    }
}

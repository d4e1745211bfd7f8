//! A code that a platform pushed: nobody asked for it, so that it is exchanged only where it cannot be
//! anybody else's.

use std::time::Duration;

use domain::{Authorization, LeaseId, PlatformEventId, PlatformEventOutcome, ShopLabel, Store};
use platforms::{Callback as PlatformCallback, CallbackAnswer, PushedCode as Pushed, adapter};
use secrecy::SecretString;
use storage::platform_apps::PlatformApp;
use storage::platform_events::{self, DueEvent};
use storage::pushed_codes::{self, PushedCode};
use storage::sealing::Place;
use storage::{Tx, platform_apps, stores};

use super::log_outcome;
use crate::Broker;
use crate::claimed_attempt::{Begun, shop_of};
use crate::complete_callback::Verified;
use crate::hosted_link::Binding;
use crate::internal::Internal;

/// How long a code is kept that nobody may spend yet. How long it is good for is not documented; this is what
/// other platforms give theirs.
const CODE_LIFE: Duration = Duration::from_mins(10);

/// What is decided about a code.
enum Course {
    /// The attempt is claimed, and is to be finished with the code.
    Exchange(Box<(Authorization, PushedCode, PlatformApp)>),
    Leave(PlatformEventOutcome),
    /// The store's attempt is being exchanged: the code stays where it is until that has ended.
    Later,
}

impl Broker {
    /// Keeps a code, sealed, with the event that brought it.
    pub(super) async fn keep_code(
        &self,
        tx: &Tx,
        event: PlatformEventId,
        app: &PlatformApp,
        pushed: &Pushed,
    ) -> Result<(), Internal> {
        let code = PushedCode {
            id: event,
            platform: app.platform,
            app: app.id,
            label: pushed.label.clone(),
            identity: pushed.identity.clone(),
            code: self
                .keyring()
                .seal(Place::PushedCode(event), &pushed.code, self.seal_nonce()),
        };
        let now = self.now();
        Ok(pushed_codes::insert(tx, &code, now, now + CODE_LIFE).await?)
    }

    /// Exchanges the code for the one store that expects its shop, if the app is one institution's own. The
    /// attempt is claimed in the transaction that takes the code: a crash in between is told as
    /// `INTERRUPTED`, and the code is not spent twice.
    pub(super) async fn take_code(&self, event: &DueEvent, lease: LeaseId) -> Result<(), Internal> {
        let claim = LeaseId::new(self.next_id());
        let (course, outcome) = self
            .storage()
            .write(async |tx: &Tx| {
                let course = self.decide_on_code(tx, event, claim).await?;
                let outcome = match &course {
                    Course::Exchange(_) => PlatformEventOutcome::CodeTaken,
                    Course::Leave(outcome) => *outcome,
                    Course::Later => {
                        let given_up = self.postpone(tx, event, lease).await?;
                        return Ok((course, given_up));
                    }
                };
                let (id, now) = (event.id, self.now());
                let is_ours =
                    platform_events::finish_for_worker(tx, id, lease, outcome, now).await?;
                if is_ours {
                    Ok((course, Some(outcome)))
                } else {
                    Err(Internal::new("the lease of a platform's event was lost"))
                }
            })
            .await?;
        if let Some(outcome) = outcome {
            log_outcome(event, outcome);
        }
        let Course::Exchange(taken) = course else {
            return Ok(());
        };
        let (authorization, code, app) = *taken;
        self.exchange_pushed(authorization, &code, &app, claim)
            .await
    }

    async fn decide_on_code(
        &self,
        tx: &Tx,
        event: &DueEvent,
        claim: LeaseId,
    ) -> Result<Course, Internal> {
        let now = self.now();
        let Some(code) = pushed_codes::find_locked_for_worker(tx, event.id, now).await? else {
            return Ok(Course::Leave(PlatformEventOutcome::Ignored));
        };
        let app = platform_apps::find_by_id(tx, event.app).await?;
        let store = match &app {
            Some(app) => self.find_only_expecting(tx, app, &code.label).await?,
            None => None,
        };
        let (Some(app), Some(store)) = (app, store) else {
            return Ok(Course::Leave(PlatformEventOutcome::CodeParked));
        };
        let begun = self
            .begin_claimed(tx, store, &app, &code.label, claim)
            .await?;
        let course = match begun {
            Begun::UnderWay(_) => return Ok(Course::Later),
            Begun::Claimed(authorization) => {
                Course::Exchange(Box::new((*authorization, code.clone(), app)))
            }
            Begun::AlreadyAuthorized => Course::Leave(PlatformEventOutcome::Ignored),
        };
        pushed_codes::take(tx, &code).await?;
        Ok(course)
    }

    /// The store that expects the shop, locked, if it is the only one of the institution whose own app it is.
    async fn find_only_expecting(
        &self,
        tx: &Tx,
        app: &PlatformApp,
        shop: &ShopLabel,
    ) -> Result<Option<Store>, Internal> {
        let Some(owner) = app.institution else {
            return Ok(None);
        };
        let facts = adapter(app.platform).facts();
        let mut found = stores::list_naming(tx, owner, app.platform, shop).await?;
        found.retain(|store| shop_of(facts, store).as_ref() == Some(shop));
        let [only] = &*found else {
            return Ok(None);
        };
        let locked = stores::find_locked(tx, owner, only.id).await?;
        Ok(locked.filter(|store| shop_of(facts, store).as_ref() == Some(shop)))
    }

    /// Spends a pushed code for an attempt that is claimed, and ends the attempt with what it bought.
    pub(crate) async fn exchange_pushed(
        &self,
        authorization: Authorization,
        code: &PushedCode,
        app: &PlatformApp,
        claim: LeaseId,
    ) -> Result<(), Internal> {
        let Some(flow) = adapter(code.platform).code_flow() else {
            return Err(Internal::new("a pushed code without a flow"));
        };
        let spent: SecretString = self
            .keyring()
            .open(Place::PushedCode(code.id), &code.code)?;
        let pushed = Verified {
            flow,
            app: self.open_app(app)?,
            redirect_uri: self.callback_url(app),
            callback: PlatformCallback {
                state: None,
                shop: Some(code.label.clone()),
                // The answer must be about the shop that the signed event named.
                identity: Some(code.identity.clone()),
                signed: None,
                answer: CallbackAnswer::Code(spent.clone()),
            },
            authorization,
            binding: Binding::Bound,
        };
        let broker = self.clone();
        let exchanging =
            self.spawn(async move { broker.exchange_and_finish(pushed, spent, claim).await });
        exchanging.await.map_err(Internal::new)?
    }
}

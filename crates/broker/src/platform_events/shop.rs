//! A shop that removed our app, or says so: the platform is asked about its grants, and what is dead ends.

use std::time::Duration;

use domain::{
    Credential, EventId, FailReason, LeaseId, NamedShop, PlatformEventKind, PlatformEventOutcome,
};
use futures_util::future::join_all;
use platforms::{Liveness, ProbeRequest, adapter};
use storage::platform_events::{self, DueEvent};
use storage::sealing::Place;
use storage::shop_grants::{self, AuthorizedShop, ShopGrant};
use storage::{Tx, institutions, stores};

use super::log_outcome;
use crate::Broker;
use crate::internal::Internal;

/// How long a platform has to say whether a credential still works.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// What the transaction came to.
struct LookedAfter {
    /// `None` while the platform is to be asked again.
    outcome: Option<PlatformEventOutcome>,
    ended: Vec<(ShopGrant, EventId)>,
}

impl Broker {
    /// Asks about every live grant of the shop, then ends what is dead and the event in one transaction. An
    /// event is a hint alone: it may be late, and the shop authorized anew.
    pub(super) async fn look_after_shop(
        &self,
        event: &DueEvent,
        lease: LeaseId,
    ) -> Result<(), Internal> {
        let live = match &event.shop {
            Some(shop) => {
                let about = about(event, shop);
                shop_grants::list_live_for_worker(self.storage(), about).await?
            }
            None => Vec::new(),
        };
        let answers = join_all(live.iter().map(|grant| self.ask_about(event, grant))).await;
        let mut asked = Vec::new();
        for (grant, liveness) in live.into_iter().zip(answers) {
            asked.push((grant, liveness?));
        }
        // The same order everywhere, so that two of these never wait for each other's stores.
        asked.sort_by_key(|(grant, _)| grant.store);
        let done = self
            .storage()
            .write(async |tx: &Tx| self.end_dead(tx, event, lease, asked).await)
            .await?;
        for (grant, told) in &done.ended {
            tracing::info!(store.id = %grant.store, event.id = %told, "a shop's grant is dead");
        }
        if let Some(outcome) = done.outcome {
            log_outcome(event, outcome);
        }
        Ok(())
    }

    async fn ask_about(&self, event: &DueEvent, grant: &ShopGrant) -> Result<Liveness, Internal> {
        let Some(probe) = adapter(event.platform).probe() else {
            return Ok(Liveness::Unknown);
        };
        // A token past its end is refused, whether or not the app is still there.
        if grant.expires_at.is_some_and(|end| end <= self.now()) {
            return Ok(Liveness::Unknown);
        }
        let place = Place::GrantCredential(grant.grant);
        let text = self.keyring().open(place, &grant.credential)?;
        let credential = Credential::from_secret_text(&text).map_err(Internal::new)?;
        let request = ProbeRequest {
            origin: &grant.origin,
            credential: &credential,
            timeout: PROBE_LIMIT,
        };
        Ok(probe.probe(self.egress(), request).await)
    }

    async fn end_dead(
        &self,
        tx: &Tx,
        event: &DueEvent,
        lease: LeaseId,
        asked: Vec<(ShopGrant, Liveness)>,
    ) -> Result<LookedAfter, Internal> {
        let is_known = !asked.is_empty();
        let mut ask_again = false;
        let mut ended = Vec::new();
        for (grant, liveness) in asked {
            match liveness {
                Liveness::Alive => {}
                Liveness::Unknown => ask_again = true,
                Liveness::Dead => match self.bury(tx, &grant, reason_of(event)).await? {
                    Some(told) => ended.push((grant, told)),
                    // It changed while the platform was asked.
                    None => ask_again = true,
                },
            }
        }
        if ask_again {
            let outcome = self.postpone(tx, event, lease).await?;
            return Ok(LookedAfter { outcome, ended });
        }
        let mut outcome = match (is_known, ended.is_empty()) {
            (false, _) => PlatformEventOutcome::NoGrant,
            (true, true) => PlatformEventOutcome::GrantAlive,
            (true, false) => PlatformEventOutcome::GrantEnded,
        };
        if event.kind == PlatformEventKind::ShopRedaction
            && outcome != PlatformEventOutcome::GrantAlive
            && let Some(shop) = &event.shop
        {
            shop_grants::delete_ended_for_worker(tx, about(event, shop)).await?;
            outcome = PlatformEventOutcome::ShopForgotten;
        }
        platform_events::finish_for_worker(tx, event.id, lease, outcome, self.now()).await?;
        let outcome = Some(outcome);
        Ok(LookedAfter { outcome, ended })
    }

    /// Ends a grant that the platform does not honour: status, claims and event in this transaction. `None`
    /// if it is no longer the one that was asked about.
    async fn bury(
        &self,
        tx: &Tx,
        dead: &ShopGrant,
        reason: FailReason,
    ) -> Result<Option<EventId>, Internal> {
        let store = stores::find_locked(tx, dead.institution, dead.store).await?;
        let institution = institutions::find(tx, dead.institution).await?;
        let (Some(store), Some(institution)) = (store, institution) else {
            return Ok(None);
        };
        let (owner, credential) = (dead.institution, &dead.credential);
        if !shop_grants::has_credential(tx, owner, dead.grant, credential).await? {
            return Ok(None);
        }
        self.end_grant(tx, &institution, store, dead.grant, reason)
            .await
    }
}

/// What a dead grant died of, as far as the event says.
fn reason_of(event: &DueEvent) -> FailReason {
    if event.kind == PlatformEventKind::Expired {
        FailReason::AuthExpired
    } else {
        FailReason::AppUninstalled
    }
}

fn about<'a>(event: &DueEvent, shop: &'a NamedShop) -> AuthorizedShop<'a> {
    AuthorizedShop {
        platform: event.platform,
        app: event.app,
        shop,
    }
}

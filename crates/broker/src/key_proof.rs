//! The KEY flow's worker: proves a pasted credential with the platform, and commits what came of it.

use std::time::Duration;

use domain::{Authorization, Credential, FailReason, LeaseId, Platform, RequiredScope, Scopes};
use futures_util::future::join_all;
use platforms::{App, PlatformFailure, Proof, ProveRequest, adapter};
use storage::authorizations::KeyWork;
use storage::sealing::{Fingerprint, Place};
use storage::{Tx, authorizations, platform_apps, stores};

use crate::Broker;
use crate::finish_authorization::{Attempt, Ending, Fence, NewGrant};
use crate::internal::{Internal, chain};
use crate::workers::Progress;

/// How many credentials are proven side by side.
const BATCH: u64 = 16;
/// How long a platform has to answer.
const PROOF_LIMIT: Duration = Duration::from_secs(10);
/// Longer than a proof can take, with all its calls: nobody else proves it meanwhile.
const LEASE: Duration = Duration::from_secs(45);
/// The waits after a platform that could not be reached; the last one repeats until the deadline.
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];

impl Broker {
    /// Proves the credentials that are due.
    pub async fn key_proof_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        if !authorizations::has_due_key_for_worker(self.storage(), now).await? {
            return Ok(Progress::Idle);
        }
        let lease = LeaseId::new(self.next_id());
        let work = self
            .storage()
            .write(async |tx: &Tx| {
                authorizations::lease_due_keys_for_worker(tx, now, lease, now + LEASE, BATCH).await
            })
            .await?;
        if work.is_empty() {
            return Ok(Progress::Idle);
        }
        let proven = join_all(work.iter().map(|work| self.prove_key(work, lease))).await;
        for (work, proven) in work.iter().zip(proven) {
            // The lease runs out and the credential is proven again; the others are not held up.
            if let Err(error) = proven {
                let cause = chain(&error);
                tracing::error!(authorization.id = %work.authorization.id, cause, "not proven");
            }
        }
        Ok(Progress::Worked)
    }

    async fn prove_key(&self, work: &KeyWork, lease: LeaseId) -> Result<(), Internal> {
        let authorization = &work.authorization;
        let attempt = Attempt::of(authorization);
        let app = match authorization.app {
            Some(id) => platform_apps::find_by_id(self.storage(), id).await?,
            None => None,
        };
        let app = app.as_ref().map(|app| self.open_app(app)).transpose()?;
        let ending = match self.ask_platform(work, app.as_ref()).await? {
            Ok(proof) => {
                let scopes = app.map(|app| app.scopes);
                let required = required_scopes(authorization.platform, scopes);
                judge(
                    authorization,
                    &required,
                    proof,
                    Some(work.fingerprint.clone()),
                )
            }
            Err(failure) if failure.is_transient() && self.now() < authorization.deadline_at => {
                return self.try_again(work, lease, failure).await;
            }
            Err(failure) => Ending::Failed(failure.reason()),
        };
        self.finish_authorization(attempt, Fence::Unclaimed, ending)
            .await?;
        Ok(())
    }

    async fn ask_platform(
        &self,
        work: &KeyWork,
        app: Option<&App>,
    ) -> Result<Result<Proof, PlatformFailure>, Internal> {
        let authorization = &work.authorization;
        let place = Place::AuthorizationCredential(authorization.id);
        let text = self.keyring().open(place, &work.credential)?;
        let credential = Credential::from_secret_text(&text).map_err(Internal::new)?;
        let store = stores::find(
            self.storage(),
            authorization.institution,
            authorization.store,
        )
        .await?;
        let (Some(store), Some(flow)) = (store, adapter(authorization.platform).key_flow()) else {
            return Err(Internal::new("a KEY attempt without store or flow"));
        };
        let request = ProveRequest {
            app,
            shop: authorization.expected_shop.as_ref(),
            store_url: &store.store_url,
            credential: &credential,
            timeout: PROOF_LIMIT,
        };
        Ok(flow.prove(self.egress(), request).await)
    }

    async fn try_again(
        &self,
        work: &KeyWork,
        lease: LeaseId,
        failure: PlatformFailure,
    ) -> Result<(), Internal> {
        let authorization = &work.authorization;
        let wait = WAITS[work.attempts.min(WAITS.len() - 1)];
        let at = (self.now() + wait).min(authorization.deadline_at);
        tracing::info!(
            store.id = %authorization.store, platform = %authorization.platform,
            attempt = work.attempts + 1, "the credential is proven again later: {failure}"
        );
        self.storage()
            .write(async |tx: &Tx| {
                authorizations::reschedule_key(tx, authorization.id, lease, at).await
            })
            .await?;
        Ok(())
    }
}

/// What the operator's app requires; where a platform needs no app, what is asked of every seller there.
pub(crate) fn required_scopes(platform: Platform, of_app: Option<Vec<String>>) -> Vec<String> {
    of_app.unwrap_or_else(|| {
        let asked = adapter(platform).facts().default_scopes.iter();
        asked.map(|&scope| scope.to_owned()).collect()
    })
}

/// Whether a proof is what the attempt asked for: the expected shop, and every required scope.
pub(crate) fn judge(
    authorization: &Authorization,
    required: &[String],
    proof: Proof,
    fingerprint: Option<Fingerprint>,
) -> Ending {
    if !proof.shop.answers_to(authorization.expected_shop.as_ref()) {
        return Ending::Failed(FailReason::SellerMismatch);
    }
    let write = adapter(authorization.platform).facts().write_scope;
    let required = RequiredScope::read_all(required);
    if proof.scopes.missing(&required, write).next().is_some() {
        return Ending::Failed(FailReason::ScopesInsufficient);
    }
    let scopes = Scopes::assess(&proof.scopes, &required, write);
    Ending::Proven {
        grant: Box::new(NewGrant { proof, scopes }),
        fingerprint,
    }
}

//! Attempts that nobody will finish: past their deadline, or cut off by a crash.

use domain::{Authorization, AuthorizationState, FailReason};
use storage::authorizations;

use crate::Broker;
use crate::finish_authorization::{Attempt, Ending, Fence};
use crate::internal::Internal;
use crate::workers::Progress;

const BATCH: u64 = 100;

impl Broker {
    /// Ends attempts past their deadline with `LINK_EXPIRED` or `PLATFORM_UNREACHABLE`, and exchanges
    /// whose process died with `INTERRUPTED`: the code may be spent, and the answer is gone.
    pub async fn deadline_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        let interrupted =
            authorizations::list_interrupted_for_worker(self.storage(), now, BATCH).await?;
        let overdue = authorizations::list_overdue_for_worker(self.storage(), now, BATCH).await?;
        if interrupted.is_empty() && overdue.is_empty() {
            return Ok(Progress::Idle);
        }
        for authorization in &interrupted {
            let fence = Fence::LapsedBefore(now);
            self.end(authorization, fence, FailReason::Interrupted)
                .await?;
        }
        for authorization in &overdue {
            let reason = authorization.reason_past_deadline();
            // A key that was handed in meanwhile has a deadline of its own.
            let fence = if authorization.state == AuthorizationState::AwaitingKey {
                Fence::Keyless
            } else {
                Fence::Unclaimed
            };
            self.end(authorization, fence, reason).await?;
        }
        Ok(Progress::Worked)
    }

    async fn end(
        &self,
        authorization: &Authorization,
        fence: Fence,
        reason: FailReason,
    ) -> Result<(), Internal> {
        let attempt = Attempt::of(authorization);
        let finished = self
            .finish_authorization(attempt, fence, Ending::Failed(reason))
            .await?;
        tracing::info!(store.id = %attempt.store, %reason, ?finished, "nobody finished the attempt");
        Ok(())
    }
}

//! The loops that finish what use cases start. Each step can be called alone, so that a test needs no
//! loop and no waiting.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Broker;
use crate::internal::{Internal, chain};

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing was due.
    Idle,
    /// There may be more.
    Worked,
}

/// How often old rows are looked for.
const RETENTION_INTERVAL: Duration = Duration::from_mins(10);
/// The waits after a step that failed.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// One of the steps below. Boxed, because a future of an unnamed type cannot be shown to be `Send` for
/// every lifetime of the broker.
type Step = for<'a> fn(&'a Broker) -> BoxFuture<'a, Result<Progress, Internal>>;

impl Broker {
    /// Runs every worker until `shutdown`, and ends when what is under way is recorded. It ends early when
    /// one of them panics: whoever runs it should not go on without it.
    pub async fn run_workers(&self, shutdown: CancellationToken) {
        let poll = self.options().worker_poll;
        let steps: [(&str, Duration, Step); 5] = [
            ("relay", poll, |broker| Box::pin(broker.relay_step())),
            ("key_proof", poll, |broker| {
                Box::pin(broker.key_proof_step())
            }),
            ("deadline", poll, |broker| Box::pin(broker.deadline_step())),
            ("expiry", poll, |broker| Box::pin(broker.expiry_step())),
            ("retention", RETENTION_INTERVAL, |broker| {
                Box::pin(broker.retention_step())
            }),
        ];
        let loops = TaskTracker::new();
        let ended = CancellationToken::new();
        for (name, poll, step) in steps {
            let (broker, shutdown) = (self.clone(), shutdown.clone());
            let guard = ended.clone().drop_guard();
            loops.spawn(async move {
                broker.run_loop(name, poll, shutdown, step).await;
                drop(guard);
            });
        }
        let (broker, stop, guard) = (self.clone(), shutdown.clone(), ended.clone().drop_guard());
        loops.spawn(async move {
            broker.consume_events(stop).await;
            drop(guard);
        });
        let (broker, stop, guard) = (self.clone(), shutdown.clone(), ended.clone().drop_guard());
        loops.spawn(async move {
            broker.run_deliveries(stop).await;
            drop(guard);
        });
        loops.close();
        ended.cancelled().await;
        if shutdown.is_cancelled() {
            loops.wait().await;
        } else {
            tracing::error!("a worker ended by itself");
        }
    }

    /// Repeats a step: at once while there is work, else when something was committed or `poll` is over.
    async fn run_loop(
        &self,
        name: &'static str,
        poll: Duration,
        shutdown: CancellationToken,
        step: Step,
    ) {
        let mut commits = self.storage().commits();
        let mut backoff = FIRST_BACKOFF;
        while !shutdown.is_cancelled() {
            // What is committed from here on wakes us, even if this step does not see it.
            commits.mark_unchanged();
            match step(self).await {
                Ok(Progress::Worked) => backoff = FIRST_BACKOFF,
                Ok(Progress::Idle) => {
                    backoff = FIRST_BACKOFF;
                    tokio::select! {
                        _ = commits.changed() => {}
                        _ = tokio::time::timeout(poll, shutdown.cancelled()) => {}
                    }
                }
                Err(error) => {
                    tracing::error!(worker = name, cause = chain(&error), "a step failed");
                    tokio::time::timeout(backoff, shutdown.cancelled())
                        .await
                        .ok();
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
            }
        }
    }
}

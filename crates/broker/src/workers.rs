//! The loops that finish what use cases start. Each step can be called alone, so that a test needs no
//! loop and no waiting.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
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

/// When an idle worker looks again.
#[derive(Clone, Copy)]
enum Pace {
    /// When something was committed that may be work, or when the poll's time is up.
    Commits,
    /// Now and then: nobody waits for it.
    Rare,
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
        let steps: [(&str, Pace, Step); 5] = [
            ("relay", Pace::Commits, |broker| {
                Box::pin(broker.relay_step())
            }),
            ("key_proof", Pace::Commits, |broker| {
                Box::pin(broker.key_proof_step())
            }),
            ("deadline", Pace::Commits, |broker| {
                Box::pin(broker.deadline_step())
            }),
            ("expiry", Pace::Commits, |broker| {
                Box::pin(broker.expiry_step())
            }),
            ("retention", Pace::Rare, |broker| {
                Box::pin(broker.retention_step())
            }),
        ];
        let loops = TaskTracker::new();
        let ended = CancellationToken::new();
        for (name, pace, step) in steps {
            let (broker, shutdown) = (self.clone(), shutdown.clone());
            let guard = ended.clone().drop_guard();
            loops.spawn(async move {
                broker.run_loop(name, pace, shutdown, step).await;
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

    /// Repeats a step: at once while there is work, else at its pace.
    async fn run_loop(
        &self,
        name: &'static str,
        pace: Pace,
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
                    self.wait(pace, &mut commits, &shutdown).await;
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

    async fn wait(
        &self,
        pace: Pace,
        commits: &mut watch::Receiver<u64>,
        shutdown: &CancellationToken,
    ) {
        match pace {
            Pace::Rare => {
                tokio::time::timeout(RETENTION_INTERVAL, shutdown.cancelled())
                    .await
                    .ok();
            }
            Pace::Commits => tokio::select! {
                _ = commits.changed() => {}
                _ = tokio::time::timeout(self.options().worker_poll, shutdown.cancelled()) => {}
            },
        }
    }
}

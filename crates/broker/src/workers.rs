//! The loops that finish what use cases start. Each step can be called alone, so that a test needs no
//! loop and no waiting.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use storage::News;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Broker;
use crate::internal::{Internal, chain};
use crate::pulse::Worker;

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing was due.
    Idle,
    /// There may be more.
    Worked,
    /// There is more, and nothing can be done about it at the moment.
    Stuck,
}

/// When an idle worker looks again.
#[derive(Clone, Copy)]
enum Pace {
    /// When something was committed that may be work, or when the poll's time is up.
    Commits(News),
    /// When the poll's time is up: its work comes due with time alone.
    Poll,
    /// Now and then: nobody waits for it.
    Rare,
}

/// How often old rows are looked for.
const RETENTION_INTERVAL: Duration = Duration::from_mins(10);
/// How long a loop sleeps that nobody waits for, before it shows that it only sleeps.
const NAP: Duration = Duration::from_secs(10);
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
        let steps: [(Worker, Pace, Step); 10] = [
            (Worker::Relay, Pace::Commits(News::Events), |broker| {
                Box::pin(broker.relay_step())
            }),
            (Worker::KeyProof, Pace::Commits(News::Keys), |broker| {
                Box::pin(broker.key_proof_step())
            }),
            (
                Worker::PlatformEvents,
                Pace::Commits(News::PlatformEvents),
                |broker| Box::pin(broker.platform_event_step()),
            ),
            (Worker::Deadline, Pace::Poll, |broker| {
                Box::pin(broker.deadline_step())
            }),
            (Worker::Refresh, Pace::Poll, |broker| {
                Box::pin(broker.refresh_step())
            }),
            (Worker::Expiry, Pace::Poll, |broker| {
                Box::pin(broker.expiry_step())
            }),
            (Worker::Scopes, Pace::Poll, |broker| {
                Box::pin(broker.scope_step())
            }),
            (Worker::Revocation, Pace::Poll, |broker| {
                Box::pin(broker.revocation_step())
            }),
            (
                Worker::BusAccess,
                Pace::Commits(News::Configuration),
                |broker| Box::pin(broker.bus_access_step()),
            ),
            (Worker::Retention, Pace::Rare, |broker| {
                Box::pin(broker.retention_step())
            }),
        ];
        let loops = TaskTracker::new();
        let ended = CancellationToken::new();
        for (worker, pace, step) in steps {
            let (broker, shutdown) = (self.clone(), shutdown.clone());
            let guard = ended.clone().drop_guard();
            loops.spawn(async move {
                broker.run_loop(worker, pace, shutdown, step).await;
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
            broker.pulse().beat(Worker::Delivery);
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
    async fn run_loop(&self, worker: Worker, pace: Pace, shutdown: CancellationToken, step: Step) {
        self.pulse().beat(worker);
        let mut commits = match pace {
            Pace::Commits(news) => Some(self.storage().commits(news)),
            Pace::Poll | Pace::Rare => None,
        };
        let mut backoff = FIRST_BACKOFF;
        while !shutdown.is_cancelled() {
            // What is committed from here on wakes us, even if this step does not see it.
            if let Some(commits) = &mut commits {
                commits.mark_unchanged();
            }
            match step(self).await {
                Ok(progress) => {
                    backoff = FIRST_BACKOFF;
                    self.pulse().beat(worker);
                    match progress {
                        Progress::Worked => {}
                        Progress::Idle => {
                            self.rest(worker, pace, commits.as_mut(), &shutdown).await;
                        }
                        Progress::Stuck => {
                            wait(self.options().worker_poll, None, &shutdown).await;
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(
                        worker = worker.name(),
                        cause = chain(&error),
                        "a step failed"
                    );
                    tokio::time::timeout(backoff, shutdown.cancelled())
                        .await
                        .ok();
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
            }
        }
    }

    async fn rest(
        &self,
        worker: Worker,
        pace: Pace,
        commits: Option<&mut watch::Receiver<u64>>,
        shutdown: &CancellationToken,
    ) {
        match pace {
            Pace::Rare => {
                let wake_at = Instant::now() + RETENTION_INTERVAL;
                while Instant::now() < wake_at && !shutdown.is_cancelled() {
                    wait(NAP, None, shutdown).await;
                    self.pulse().beat(worker);
                }
            }
            Pace::Commits(_) | Pace::Poll => {
                wait(self.options().worker_poll, commits, shutdown).await;
            }
        }
    }
}

/// Waits for a commit, the time or the end, whichever comes first.
async fn wait(
    longest: Duration,
    commits: Option<&mut watch::Receiver<u64>>,
    shutdown: &CancellationToken,
) {
    let commit = async {
        match commits {
            // The sender lives as long as the storage.
            Some(commits) => commits.changed().await.unwrap_or_default(),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = commit => {}
        _ = tokio::time::timeout(longest, shutdown.cancelled()) => {}
    }
}

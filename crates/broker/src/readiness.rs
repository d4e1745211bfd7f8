//! Whether a process can do its work, and what is waiting for it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use messaging::PublisherState;
use storage::OpenError;
use storage::backlog::{self, Backlog};
use tokio::time::timeout;

use crate::Broker;
use crate::internal::chain;

/// How long the database has to answer whoever asks whether it does. A load balancer waits not much longer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How long a reading of the backlogs counts, so that many monitors cost no more than one.
const READING_LIFE: Duration = Duration::from_secs(1);

/// What keeps a process from its work, in words for its operator; they hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hindrance {
    #[error("the database does not answer")]
    Database,
    #[error("the schema is older than this program: run `shopgrant migrate`")]
    OldSchema,
    #[error("the worker {worker} has made no progress for {} s", age.as_secs())]
    Stalled { worker: &'static str, age: Duration },
    #[error("no events are taken from the bus")]
    NotConsuming,
    #[error("the bus takes no events")]
    NotPublishing,
}

/// The last look at the backlogs.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// One at a time looks; who comes meanwhile takes what that one found.
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Option<Reading>>,
}

impl Readings {
    /// `None` before the first time.
    pub(crate) fn last(&self) -> Option<Reading> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, reading: Reading) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(reading);
    }
}

/// What was found in the database at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    at: Instant,
    /// `None` if the database did not answer.
    pub(crate) backlog: Option<Backlog>,
    /// Messages that can never be handled; `None` in a process that consumes none, or if the bus did not
    /// answer.
    pub(crate) parked: Option<u64>,
}

impl Broker {
    /// What keeps this process from answering calls: a database that does not answer, or whose schema lacks a
    /// step. A schema that is newer is fine, since steps expand first.
    pub async fn api_hindrances(&self) -> Vec<Hindrance> {
        let checked = timeout(ANSWER_LIMIT, self.storage().check_schema()).await;
        match checked {
            Ok(Ok(())) => Vec::new(),
            Ok(Err(OpenError::SchemaIsOld)) => vec![Hindrance::OldSchema],
            Ok(Err(error)) => {
                tracing::warn!(cause = chain(&error), "the database does not answer");
                vec![Hindrance::Database]
            }
            Err(_elapsed) => {
                tracing::warn!("the database does not answer in time");
                vec![Hindrance::Database]
            }
        }
    }

    /// What keeps the workers of this process from their work, beyond the database.
    pub fn worker_hindrances(&self) -> Vec<Hindrance> {
        let stalled = self.pulse().stalled(Instant::now());
        let mut hindrances: Vec<_> = stalled
            .into_iter()
            .map(|(worker, age)| Hindrance::Stalled {
                worker: worker.name(),
                age,
            })
            .collect();
        let bus = self.bus().status();
        if !bus.is_consuming {
            hindrances.push(Hindrance::NotConsuming);
        }
        match bus.publisher {
            // Who has published nothing yet has no connection for it.
            PublisherState::Ready | PublisherState::Disconnected => {}
            PublisherState::Blocked | PublisherState::Unanswered => {
                hindrances.push(Hindrance::NotPublishing);
            }
        }
        hindrances
    }

    /// Reads the backlogs and what is parked for the metrics, unless somebody has just done so. A database
    /// that is away is no failure here, but one of the things that are told.
    pub async fn read_backlogs(&self) {
        let _turn = self.readings().turn.lock().await;
        let last = self.readings().last();
        if last.is_some_and(|reading| reading.at.elapsed() < READING_LIFE) {
            return;
        }
        let (backlog, parked) = tokio::join!(self.read_database(), self.count_parked());
        let at = Instant::now();
        let reading = Reading {
            at,
            backlog,
            parked,
        };
        self.readings().keep(reading);
    }

    async fn read_database(&self) -> Option<Backlog> {
        let read = backlog::read_for_worker(self.storage(), self.now());
        match timeout(ANSWER_LIMIT, read).await {
            Ok(Ok(backlog)) => Some(backlog),
            Ok(Err(error)) => {
                tracing::warn!(cause = chain(&error), "the backlogs cannot be read");
                None
            }
            Err(_elapsed) => {
                tracing::warn!("the backlogs cannot be read in time");
                None
            }
        }
    }

    async fn count_parked(&self) -> Option<u64> {
        // No monitor should make a process without workers dial RabbitMQ, nor one whose connection is lost.
        if !self.bus().status().is_consuming {
            return None;
        }
        timeout(ANSWER_LIMIT, self.bus().count_parked())
            .await
            .ok()?
            .ok()
    }
}

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// What a bus knows of itself without asking anybody; reading it costs next to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusStatus {
    pub publisher: PublisherState,
    /// Whether messages are being taken at the moment.
    pub is_consuming: bool,
    /// When the bus last took responsibility for a message.
    pub last_published_at: Option<Instant>,
    /// The latest failure of either side. It stays when all is well again: compare the instants.
    pub last_failure: Option<BusFailure>,
}

/// How the publishing side stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublisherState {
    /// There is no connection; the next publication opens one. So it is also in a process that has
    /// published nothing.
    Disconnected,
    /// What is published will be sent.
    Ready,
    /// The broker takes nothing because it is short of memory or disk.
    Blocked,
    /// The broker owes answers; nothing new is sent before it has given them.
    Unanswered,
}

/// A failure, as the log has it; the text holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusFailure {
    pub at: Instant,
    pub text: String,
}

/// What has happened lately, as far as [`BusStatus`] tells it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    last_published_at: Option<Instant>,
    last_failure: Option<BusFailure>,
}

impl Journal {
    pub(crate) fn published(&self) {
        self.lock().last_published_at = Some(Instant::now());
    }

    pub(crate) fn failed(&self, error: &dyn std::error::Error) {
        let failure = BusFailure {
            at: Instant::now(),
            text: error.to_string(),
        };
        self.lock().last_failure = Some(failure);
    }

    pub(crate) fn status(&self, publisher: PublisherState, is_consuming: bool) -> BusStatus {
        let entries = self.lock();
        BusStatus {
            publisher,
            is_consuming,
            last_published_at: entries.last_published_at,
            last_failure: entries.last_failure.clone(),
        }
    }

    /// Notes how a publication ended.
    pub(crate) fn note<E: std::error::Error>(&self, results: &[Result<(), E>]) {
        if results.iter().any(Result::is_ok) {
            self.published();
        }
        if let Some(error) = results.iter().find_map(|result| result.as_ref().err()) {
            self.failed(error);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

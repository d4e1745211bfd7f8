//! The one source of time.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Tells the time. Only the broker and its workers ask; everything below takes `now` as a value.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// The time of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the source that everybody else asks"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A time that moves only when it is told to: days pass in a test at no cost.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<DateTime<Utc>>,
}

impl ManualClock {
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            now: Mutex::new(now),
        }
    }

    pub fn advance(&self, by: Duration) {
        let mut now = self
            .now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self
            .now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

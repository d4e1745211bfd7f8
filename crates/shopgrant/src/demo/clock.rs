//! The demo's time: the machine's, and as much further as the demo has been told to go.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use broker::{Clock, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};

/// Everybody in the demo but the simulated platforms reads this clock; those have one of their own.
#[derive(Debug, Default)]
pub(super) struct DemoClock {
    ahead_ms: AtomicI64,
}

impl DemoClock {
    pub(super) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for DemoClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Relaxed))
    }
}

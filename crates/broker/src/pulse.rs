//! When each loop of a worker last got to the end of a step.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The loops of a worker. What is consumed from the bus is the bus's to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worker {
    Relay,
    KeyProof,
    PlatformEvents,
    Deadline,
    Refresh,
    Expiry,
    Scopes,
    Revocation,
    BusAccess,
    Delivery,
    Retention,
}

impl Worker {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::KeyProof => "key_proof",
            Self::PlatformEvents => "platform_events",
            Self::Deadline => "deadline",
            Self::Refresh => "refresh",
            Self::Expiry => "expiry",
            Self::Scopes => "scopes",
            Self::Revocation => "revocation",
            Self::BusAccess => "bus_access",
            Self::Delivery => "delivery",
            Self::Retention => "retention",
        }
    }

    /// How long the loop may go without a sign of progress.
    const fn patience(self) -> Duration {
        match self {
            Self::Relay | Self::Deadline | Self::Expiry | Self::BusAccess | Self::Delivery => {
                Duration::from_secs(30)
            }
            // A step is as long as the slowest platform that it asks, with all its questions, or as the
            // deletion of the largest batch.
            Self::KeyProof
            | Self::PlatformEvents
            | Self::Refresh
            | Self::Scopes
            | Self::Revocation
            | Self::Retention => Duration::from_mins(1),
        }
    }
}

/// The last progress of each loop that was started. By the monotonic clock: a clock that is set must not
/// make a worker look dead, nor a dead one alive.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beats: Mutex<BTreeMap<Worker, Instant>>,
}

impl Pulse {
    /// A step came to its end, whether it found something to do or not. To begin counts as well, and so does
    /// to sleep on purpose.
    pub(crate) fn beat(&self, worker: Worker) {
        self.beat_at(worker, Instant::now());
    }

    fn beat_at(&self, worker: Worker, now: Instant) {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.insert(worker, now);
    }

    /// For how long each loop has made no progress.
    pub(crate) fn ages(&self, now: Instant) -> Vec<(Worker, Duration)> {
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats
            .iter()
            .map(|(worker, beat)| (*worker, now.saturating_duration_since(*beat)))
            .collect()
    }

    /// The loops that have made no progress for longer than they may, and for how long.
    pub(crate) fn stalled(&self, now: Instant) -> Vec<(Worker, Duration)> {
        let mut ages = self.ages(now);
        ages.retain(|(worker, age)| *age > worker.patience());
        ages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_stalled_when_its_own_patience_is_over() {
        let (pulse, start) = (Pulse::default(), Instant::now());
        assert_eq!(pulse.stalled(start), []);
        let after = |secs| start + Duration::from_secs(secs);
        for worker in [Worker::Relay, Worker::KeyProof, Worker::Retention] {
            pulse.beat_at(worker, start);
        }
        assert_eq!(pulse.stalled(after(30)), []);
        let relay = |secs| (Worker::Relay, Duration::from_secs(secs));
        assert_eq!(pulse.stalled(after(31)), [relay(31)]);
        assert_eq!(pulse.stalled(after(60)), [relay(60)]);
        let minute = Duration::from_secs(61);
        let others = [(Worker::KeyProof, minute), (Worker::Retention, minute)];
        assert_eq!(pulse.stalled(after(61))[1..], others);

        pulse.beat_at(Worker::Relay, after(61));
        assert_eq!(pulse.stalled(after(61)), others);
    }
}

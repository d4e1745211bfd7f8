//! When an event is tried again at an endpoint, and what an answer means.

use std::time::Duration;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Waits for its first or next attempt.
    Pending,
    /// The endpoint answered 2xx.
    Delivered,
    /// Every attempt of the schedule was used up.
    Exhausted,
    /// The endpoint was deleted before it answered.
    Abandoned,
}

impl DeliveryStatus {
    pub const ALL: [Self; 4] = [
        Self::Pending,
        Self::Delivered,
        Self::Exhausted,
        Self::Abandoned,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Exhausted => "EXHAUSTED",
            Self::Abandoned => "ABANDONED",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// Why an attempt was no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptError {
    /// The guard refused the address; nothing was sent.
    Refused,
    ConnectFailed,
    TimedOut,
    /// The connection broke before the answer was whole.
    Interrupted,
    /// An answer with another status than 2xx.
    Status,
}

impl AttemptError {
    pub const ALL: [Self; 5] = [
        Self::Refused,
        Self::ConnectFailed,
        Self::TimedOut,
        Self::Interrupted,
        Self::Status,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused => "REFUSED",
            Self::ConnectFailed => "CONNECT_FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Interrupted => "INTERRUPTED",
            Self::Status => "STATUS",
        }
    }
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// Try again, not before the time that the endpoint asked for.
    Retry {
        not_before: Option<Duration>,
    },
    /// The endpoint says that it is gone for good.
    Gone,
}

/// The longest wait that an endpoint may ask for by `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

impl Verdict {
    /// Reads an answer. Redirects are failures: whoever moved must say so in the settings of the endpoint.
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Delivered,
            410 => Self::Gone,
            429 | 503 => Self::Retry {
                not_before: retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER)),
            },
            _ => Self::Retry { not_before: None },
        }
    }
}

/// The waits between the attempts of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// The share by which each wait is made longer or shorter, so that endpoints that failed together are not
/// tried together.
pub const JITTER: f64 = 0.2;

impl RetrySchedule {
    pub fn new(waits: Vec<Duration>) -> Self {
        Self(waits)
    }

    pub fn waits(&self) -> &[Duration] {
        &self.0
    }

    /// The wait after `attempts` tries, or `None` when the schedule is used up. `chance` is in 0.0..1.0.
    pub fn wait_after(&self, attempts: usize, chance: f64) -> Option<Duration> {
        let wait = self.0.get(attempts.checked_sub(1)?)?;
        Some(wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance))
    }
}

impl Default for RetrySchedule {
    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    fn default() -> Self {
        let seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        Self(seconds.map(Duration::from_secs).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_their_status() {
        let minute = Some(Duration::from_mins(1));
        for (status, retry_after, verdict) in [
            (200, None, Verdict::Delivered),
            (204, minute, Verdict::Delivered),
            (301, None, Verdict::Retry { not_before: None }),
            (404, minute, Verdict::Retry { not_before: None }),
            (410, None, Verdict::Gone),
            (429, minute, Verdict::Retry { not_before: minute }),
            (503, None, Verdict::Retry { not_before: None }),
            (500, minute, Verdict::Retry { not_before: None }),
        ] {
            assert_eq!(Verdict::of_status(status, retry_after), verdict, "{status}");
        }
    }

    #[test]
    fn nobody_can_ask_for_more_than_a_day() {
        let year = Some(Duration::from_hours(365 * 24));
        let day = Some(Duration::from_hours(24));
        assert_eq!(
            Verdict::of_status(503, year),
            Verdict::Retry { not_before: day }
        );
    }

    #[test]
    fn waits_stay_within_a_fifth_of_the_schedule_and_end() {
        let schedule = RetrySchedule::default();
        assert_eq!(schedule.wait_after(1, 0.0), Some(Duration::from_secs(4)));
        assert_eq!(schedule.wait_after(1, 0.5), Some(Duration::from_secs(5)));
        assert!(schedule.wait_after(9, 0.999).unwrap() < Duration::from_secs(103_681));
        assert_eq!(schedule.wait_after(10, 0.5), None);
    }
}

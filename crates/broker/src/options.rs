//! What an operator decides.

use std::time::Duration;

use domain::delivery::RetrySchedule;
use storage::claims::Uniqueness;
use url::Url;

/// Whether a seller's browser may be sent to a plain http address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    Refused,
    /// To this machine alone, for development.
    LoopbackOnly,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Where institutions, sellers and platforms reach us.
    pub public_url: Url,
    pub uniqueness: Uniqueness,
    /// How long a seller has to follow a platform's own link.
    pub direct_deadline: Duration,
    /// How long a platform that is down may keep a KEY from being proven.
    pub key_deadline: Duration,
    pub plain_http_redirects: PlainHttp,
    pub retry_schedule: RetrySchedule,
    /// How long a webhook endpoint has to answer.
    pub webhook_timeout: Duration,
    /// How long events, deliveries and attempts are kept.
    pub webhook_retention: Duration,
    /// How long a worker waits for a wake-up before it looks by itself.
    pub worker_poll: Duration,
    /// Where this process kills itself, in tests.
    #[cfg(feature = "crash-points")]
    pub crash_point: Option<crate::CrashPoint>,
}

impl Options {
    /// The documented defaults.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            uniqueness: Uniqueness::Broker,
            direct_deadline: Duration::from_hours(24),
            key_deadline: Duration::from_mins(2),
            plain_http_redirects: PlainHttp::Refused,
            retry_schedule: RetrySchedule::default(),
            webhook_timeout: Duration::from_secs(15),
            webhook_retention: Duration::from_hours(30 * 24),
            worker_poll: Duration::from_secs(1),
            #[cfg(feature = "crash-points")]
            crash_point: None,
        }
    }
}

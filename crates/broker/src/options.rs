//! What an operator decides.

use std::time::Duration;

use domain::Platform;
use domain::delivery::RetrySchedule;
use platforms::adapter;
use storage::claims::Uniqueness;
use url::Url;

/// Whether a seller's browser may be sent to a plain http address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    Refused,
    /// To this machine alone, for development.
    LoopbackOnly,
}

/// Whether events bring links to pages of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyLinks {
    Made,
    /// This process does not know where sellers reach us.
    Withheld,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Where institutions, sellers and platforms reach us.
    pub public_url: Url,
    pub uniqueness: Uniqueness,
    /// How long a seller has to follow a platform's own link.
    pub direct_deadline: Duration,
    /// How long a seller has to follow a link to our own page.
    pub hosted_deadline: Duration,
    /// How long a seller who went on from there has to consent on the platform.
    pub click_deadline: Duration,
    /// How long a platform that is down may keep a KEY from being proven.
    pub key_deadline: Duration,
    /// How long before its end a token is renewed that somebody asks for; half of its life if that is less.
    pub refresh_margin: Duration,
    /// How old what a platform signed for a browser may be, where it is not what the platform has by itself.
    pub freshness: Vec<(Platform, Duration)>,
    pub plain_http_redirects: PlainHttp,
    pub retry_schedule: RetrySchedule,
    /// How long a webhook endpoint has to answer.
    pub webhook_timeout: Duration,
    /// How long events, deliveries and attempts are kept.
    pub webhook_retention: Duration,
    pub ready_links: ReadyLinks,
    /// How often a platform that tells them is asked for the scopes of a grant.
    pub scopes_interval: Duration,
    /// How long a worker waits for a wake-up before it looks by itself.
    pub worker_poll: Duration,
    /// The headers by which platforms name a shop beside an event, where the operator knows better than their
    /// pages let guess.
    pub shop_headers: Vec<(Platform, String)>,
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
            hosted_deadline: Duration::from_hours(7 * 24),
            click_deadline: Duration::from_mins(30),
            key_deadline: Duration::from_mins(2),
            refresh_margin: Duration::from_mins(5),
            freshness: Vec::new(),
            plain_http_redirects: PlainHttp::Refused,
            retry_schedule: RetrySchedule::default(),
            webhook_timeout: Duration::from_secs(15),
            webhook_retention: Duration::from_hours(30 * 24),
            ready_links: ReadyLinks::Made,
            scopes_interval: Duration::from_hours(24),
            worker_poll: Duration::from_secs(1),
            shop_headers: Vec::new(),
            #[cfg(feature = "crash-points")]
            crash_point: None,
        }
    }

    /// How old a callback or a launch of the platform may be.
    pub(crate) fn freshness_of(&self, platform: Platform) -> Duration {
        let mut set = self.freshness.iter();
        let chosen = set.find(|(of, _)| *of == platform);
        chosen.map_or(adapter(platform).facts().freshness, |(_, freshness)| {
            *freshness
        })
    }

    pub(crate) fn shop_header(&self, platform: Platform) -> Option<&str> {
        let mut set = self.shop_headers.iter();
        let (_, name) = set.find(|(of, _)| *of == platform)?;
        Some(name)
    }
}

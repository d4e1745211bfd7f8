//! How many calls one institution, or one address, may make.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// Where the time comes from: the broker's clock.
pub(crate) type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// After so many calls the keys whose buckets are full again are dropped, so that an address that called
/// once does not stay in memory for ever.
const CALLS_BETWEEN_SWEEPS: u32 = 1024;

/// A token bucket for each key: `burst` calls at once, and `per_second` more with every second.
pub(crate) struct RateLimit<K: Hash + Eq + Clone> {
    buckets: RateLimiter<K, DashMapStateStore<K>, BrokerClock, NoOpMiddleware<Nanos>>,
    clock: BrokerClock,
    /// The time in which one call is refilled. Nobody who is refused ever has to wait longer.
    refill: Duration,
    calls: AtomicU32,
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32, now: Now) -> Self {
        let clock = BrokerClock(now);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            buckets: RateLimiter::dashmap_with_clock(quota, clock.clone()),
            clock,
            refill: Duration::from_secs(1) / per_second.get(),
            calls: AtomicU32::new(0),
        }
    }

    /// Takes a call out of the key's bucket, or tells how long to wait until one is in it.
    pub(crate) fn check(&self, key: &K) -> Result<(), Duration> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if calls % CALLS_BETWEEN_SWEEPS == CALLS_BETWEEN_SWEEPS - 1 {
            self.buckets.retain_recent();
        }
        let Err(refused) = self.buckets.check_key(key) else {
            return Ok(());
        };
        let wait = refused.wait_time_from(self.clock.now());
        // The clock is the wall's. One that was set back by an hour would refuse everybody for an hour;
        // a wait that a running clock cannot produce is let through instead.
        if wait > self.refill {
            return Ok(());
        }
        Err(wait)
    }
}

#[derive(Clone)]
struct BrokerClock(Now);

impl Clock for BrokerClock {
    type Instant = Nanos;

    /// Nanoseconds since 1970; zero before that and after 2262, where they do not fit.
    fn now(&self) -> Nanos {
        let nanos = (self.0)().timestamp_nanos_opt();
        Nanos::new(
            nanos
                .and_then(|nanos| u64::try_from(nanos).ok())
                .unwrap_or(0),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    /// A limit of 2 per second and 3 at once, and the milliseconds that its clock shows.
    fn limit() -> (RateLimit<&'static str>, Arc<AtomicI64>) {
        let millis = Arc::new(AtomicI64::new(1_767_225_600_000));
        let shown = Arc::clone(&millis);
        let now: Now = Arc::new(move || {
            DateTime::from_timestamp_millis(shown.load(Ordering::Relaxed)).unwrap()
        });
        let two = NonZeroU32::new(2).unwrap();
        let three = NonZeroU32::new(3).unwrap();
        (RateLimit::new(two, three, now), millis)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (limit, millis) = limit();
        for _ in 0..3 {
            assert_eq!(limit.check(&"a"), Ok(()));
        }
        assert_eq!(limit.check(&"a"), Err(Duration::from_millis(500)));
        millis.fetch_add(499, Ordering::Relaxed);
        assert_eq!(limit.check(&"a"), Err(Duration::from_millis(1)));
        millis.fetch_add(1, Ordering::Relaxed);
        assert_eq!(limit.check(&"a"), Ok(()));
        assert_eq!(limit.check(&"a"), Err(Duration::from_millis(500)));
    }

    #[test]
    fn one_caller_does_not_spend_the_calls_of_another() {
        let (limit, _) = limit();
        while limit.check(&"a").is_ok() {}
        assert_eq!(limit.check(&"b"), Ok(()));
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let (limit, millis) = limit();
        while limit.check(&"a").is_ok() {}
        millis.fetch_sub(3_600_000, Ordering::Relaxed);
        assert_eq!(limit.check(&"a"), Ok(()));
    }

    #[test]
    fn idle_keys_are_dropped() {
        let (limit, millis) = limit();
        assert_eq!(limit.check(&"idle"), Ok(()));
        millis.fetch_add(60_000, Ordering::Relaxed);
        let passed = (1..CALLS_BETWEEN_SWEEPS).filter(|_| limit.check(&"busy").is_ok());
        assert_eq!(passed.count(), 3);
        assert_eq!(limit.buckets.len(), 1);
    }
}

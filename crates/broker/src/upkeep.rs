//! When a grant is to be renewed, and when its end is told ahead.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Upkeep;
use platforms::RefreshStrategy;

/// How long before its end the institution is told of it; of a short life, the second half.
const NOTICE: Duration = Duration::from_hours(7 * 24);

/// Between two renewals of a grant, however short what it lives on is.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What a grant lives on from now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// How it can be renewed. One whose platform wants a refresh token, and gave none, cannot.
    pub(crate) strategy: Option<RefreshStrategy>,
    /// The end of its refresh token, where it has one that ends.
    pub(crate) refresh_ends_at: Option<DateTime<Utc>>,
}

impl Life {
    /// It is renewed at half of what ends first, so that there is as much time again for a platform that
    /// is down.
    pub(crate) fn upkeep(self, now: DateTime<Utc>) -> Upkeep {
        let ends_first = [self.expires_at, self.refresh_ends_at]
            .into_iter()
            .flatten()
            .min();
        let refresh_ends_at = self.strategy.and(self.refresh_ends_at);
        Upkeep {
            next_refresh_at: self
                .strategy
                .and(ends_first)
                .map(|end| now + (left(end, now) / 2).max(SHORTEST_WAIT)),
            refresh_ends_at,
            notice_at: self.end_for_good().map(|end| {
                let left = left(end, now);
                now + left.saturating_sub(NOTICE.min(left / 2))
            }),
        }
    }

    /// The end that no renewal moves.
    pub(crate) fn end_for_good(self) -> Option<DateTime<Utc>> {
        match self.strategy {
            Some(_) => self.refresh_ends_at,
            None => self.expires_at,
        }
    }
}

fn left(end: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (end - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(number: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_284_000 + number * 3600, 0).unwrap()
    }

    fn upkeep(
        expires: Option<i64>,
        strategy: Option<RefreshStrategy>,
        refresh_ends: Option<i64>,
    ) -> Upkeep {
        let life = Life {
            expires_at: expires.map(hour),
            strategy,
            refresh_ends_at: refresh_ends.map(hour),
        };
        life.upkeep(hour(0))
    }

    #[test]
    fn half_of_what_ends_first_and_a_week_of_notice() {
        use RefreshStrategy::{AppSigned, RotatingToken};
        let expected = |next: Option<i64>, ends: Option<i64>, notice: Option<i64>| Upkeep {
            next_refresh_at: next.map(hour),
            refresh_ends_at: ends.map(hour),
            notice_at: notice.map(hour),
        };
        for (life, planned) in [
            // Nothing ends.
            ((None, None, None), (None, None, None)),
            ((None, Some(AppSigned), None), (None, None, None)),
            // The app's signature renews it for ever.
            ((Some(10), Some(AppSigned), None), (Some(5), None, None)),
            // Two hours, and a refresh token of two weeks.
            (
                (Some(2), Some(RotatingToken), Some(336)),
                (Some(1), Some(336), Some(168)),
            ),
            // Six hours, and two days.
            (
                (Some(6), Some(RotatingToken), Some(48)),
                (Some(3), Some(48), Some(24)),
            ),
            // The refresh token ends first, or alone.
            (
                (Some(60), Some(RotatingToken), Some(48)),
                (Some(24), Some(48), Some(24)),
            ),
            (
                (None, Some(RotatingToken), Some(48)),
                (Some(24), Some(48), Some(24)),
            ),
            // Nothing renews it: a year, and ten hours.
            ((Some(8760), None, None), (None, None, Some(8760 - 168))),
            ((Some(10), None, None), (None, None, Some(5))),
        ] {
            assert_eq!(
                upkeep(life.0, life.1, life.2),
                expected(planned.0, planned.1, planned.2),
                "{life:?}"
            );
        }
    }

    #[test]
    fn what_is_born_dead_is_renewed_after_a_second() {
        let dead = upkeep(Some(-1), Some(RefreshStrategy::AppSigned), None);
        assert_eq!(dead.next_refresh_at, Some(hour(0) + SHORTEST_WAIT));
    }
}

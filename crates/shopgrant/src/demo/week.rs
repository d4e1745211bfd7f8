//! A week of a grant's life in a few seconds.

use std::time::Duration;

use broker::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::demo::report::{Seen, StepError};
use crate::demo::stage::Stage;

const WEEK: Duration = Duration::from_hours(7 * 24);

/// How far the clock goes at once. Tokens live for whole hours, and no half of such a life is a multiple of
/// this: after each step a renewal is clearly due or clearly not. Were it due at about that moment, the next
/// step could come while it is under way, and its signature would arrive an hour old.
const STEP: Duration = Duration::from_mins(55);

/// How long one renewal may take; far longer than it does.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a renewal that is due.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Stage {
    /// The clock goes ahead step by step, and each token is renewed before it ends. Nothing of it is told,
    /// since nothing changes for the institution.
    pub(super) async fn live_for_a_week(&self, store_id: &str) -> Result<Seen, StepError> {
        let mut known_end = self.end_of(store_id).await?;
        let life = known_end - self.clock.now();
        let mut renewals = 0;
        for _ in 0..WEEK.as_secs().div_ceil(STEP.as_secs()) {
            self.advance(STEP);
            let end = self.renewed(store_id, life / 2).await?;
            renewals += u32::from(end != known_end);
            known_end = end;
        }
        let seen = self.ours.look_at(store_id).await?;
        if seen.sequence != 1 || seen.told.auth_status != "SUCCESS" {
            let (status, sequence) = (seen.told.auth_status, seen.sequence);
            return Err(format!("a week later it is {status} with sequence {sequence}").into());
        }
        Ok(Seen::Remark(format!(
            "{renewals} renewals in 7 days, and nothing to tell"
        )))
    }

    /// When the store's token ends.
    pub(super) async fn end_of(&self, store_id: &str) -> Result<DateTime<Utc>, StepError> {
        let data = self.ours.snapshot(store_id).await?;
        let end = data["expires_at"].as_str().and_then(|end| end.parse().ok());
        end.ok_or_else(|| {
            let status = data["auth_status"].as_str().unwrap_or_default();
            format!("the store is {status} and has no token that ends").into()
        })
    }

    /// The end of the store's token, as soon as more than `left` of its life is left.
    async fn renewed(&self, store_id: &str, left: TimeDelta) -> Result<DateTime<Utc>, StepError> {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let end = self.end_of(store_id).await?;
            if end - self.clock.now() > left {
                return Ok(end);
            }
            if timeout_at(deadline, looks.tick()).await.is_err() {
                return Err("a renewal that was due did not come".to_owned().into());
            }
        }
    }
}

//! Whether two clocks agree.

use std::time::Instant;

use broker::{Clock, SystemClock};
use chrono::TimeDelta;
use storage::diagnosis::{self, Product};
use storage::{Storage, StorageError};

use super::Finding;

const CHECK: &str = "clock";

/// Between processes on several machines, links and leases would already end at different times.
const SUSPICIOUS: TimeDelta = TimeDelta::seconds(5);

/// How far `created` of a signature may be off.
const USELESS: TimeDelta = TimeDelta::seconds(300);

/// Compares this machine's clock with that of the database's.
pub(super) async fn examine(storage: &Storage) -> Finding {
    match skew(storage).await {
        Ok(None) => Finding::ok(CHECK, "SQLite has the clock of this machine"),
        Ok(Some(skew)) => judge(skew),
        Err(error) => Finding::of_error(CHECK, &error),
    }
}

async fn skew(storage: &Storage) -> Result<Option<TimeDelta>, StorageError> {
    if diagnosis::server(storage).await?.product == Product::Sqlite {
        return Ok(None);
    }
    let began = Instant::now();
    let theirs = diagnosis::database_time(storage).await?;
    let ours = SystemClock.now();
    // The question and the answer took about the same time.
    let half = TimeDelta::from_std(began.elapsed() / 2).unwrap_or_default();
    Ok(Some(ours - half - theirs))
}

fn judge(skew: TimeDelta) -> Finding {
    let distance = skew.abs();
    let millis = distance.num_milliseconds();
    let direction = if skew < TimeDelta::zero() {
        "behind"
    } else {
        "ahead of"
    };
    let found = format!("this machine is {millis} ms {direction} the database's");
    if distance > USELESS {
        return Finding::fail(
            CHECK,
            found,
            "signatures are refused as expired and certificates as invalid; set the clock that is \
             wrong, and have both follow a time server",
        );
    }
    if distance > SUSPICIOUS {
        return Finding::warn(
            CHECK,
            found,
            "deadlines and signatures are judged by this clock; have both machines follow a time server",
        );
    }
    Finding::ok(CHECK, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn clocks_are_judged_in_both_directions() {
        for (millis, verdict) in [
            (0, Verdict::Ok),
            (5_000, Verdict::Ok),
            (-5_001, Verdict::Warn),
            (300_000, Verdict::Warn),
            (300_001, Verdict::Fail),
            (-300_001, Verdict::Fail),
        ] {
            let finding = judge(TimeDelta::milliseconds(millis));
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
    }
}

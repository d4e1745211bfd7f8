//! How much a reading call gives at once, and how long it may wait.

use std::time::Duration;

const DEFAULT_LIMIT: u64 = 100;

/// A page's size, whose range was checked.
pub(super) fn read_limit(limit: Option<i64>) -> u64 {
    limit
        .and_then(|limit| u64::try_from(limit).ok())
        .unwrap_or(DEFAULT_LIMIT)
}

/// The seconds to wait, whose range was checked.
pub(super) fn read_wait(wait_seconds: Option<i64>) -> Duration {
    Duration::from_secs(
        wait_seconds
            .and_then(|secs| u64::try_from(secs).ok())
            .unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_has_a_default() {
        assert_eq!((read_limit(None), read_limit(Some(1))), (100, 1));
        assert_eq!(read_wait(None), Duration::ZERO);
        assert_eq!(read_wait(Some(30)), Duration::from_secs(30));
    }
}

//! Instants as whole milliseconds since 1970.

use std::fmt::Display;

use chrono::{DateTime, Utc};

use crate::error::StorageError;

pub(crate) fn to_millis(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_millis()
}

pub(crate) fn from_millis(
    millis: i64,
    table: &'static str,
    id: impl Display + Copy,
) -> Result<DateTime<Utc>, StorageError> {
    DateTime::from_timestamp_millis(millis)
        .ok_or_else(|| StorageError::corrupt(table, id, "an instant is out of range"))
}

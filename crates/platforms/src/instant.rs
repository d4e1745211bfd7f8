//! Points in time as platforms write them.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;

/// Epochs from here on are milliseconds: as seconds they would be in the year 5138.
const SMALLEST_MILLIS: i64 = 100_000_000_000;

/// An epoch in seconds or milliseconds, told apart by size: platforms send the one where their pages
/// promise the other.
pub(crate) fn read_epoch(text: &str) -> Option<DateTime<Utc>> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    from_epoch(text.parse().ok()?)
}

/// An instant in any form that was seen in an answer: RFC 3339 with `Z` or an offset, the same without
/// the colon or without a zone (which then is UTC), and epochs as number or text.
pub(crate) fn read_instant(value: &Value) -> Option<DateTime<Utc>> {
    read_instant_in(value, TimeDelta::zero())
}

/// Like [`read_instant`], but without a zone it is Korea's time, which is nine hours ahead all year.
pub(crate) fn read_korean_instant(value: &Value) -> Option<DateTime<Utc>> {
    read_instant_in(value, TimeDelta::hours(9))
}

fn read_instant_in(value: &Value, ahead: TimeDelta) -> Option<DateTime<Utc>> {
    match value {
        Value::Number(number) => from_epoch(number.as_i64()?),
        Value::String(text) => {
            let text = text.trim();
            read_epoch(text).or_else(|| read_calendar(text, ahead))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn from_epoch(number: i64) -> Option<DateTime<Utc>> {
    match number {
        ..=0 => None,
        SMALLEST_MILLIS.. => DateTime::from_timestamp_millis(number),
        _ => DateTime::from_timestamp(number, 0),
    }
}

fn read_calendar(text: &str, ahead: TimeDelta) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    if let Ok(instant) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Some(instant.to_utc());
    }
    let instant = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    instant.and_utc().checked_sub_signed(ahead)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_that_was_seen_is_read() {
        let second = DateTime::from_timestamp(1_699_634_268, 0);
        let milli = DateTime::from_timestamp_millis(1_699_634_268_178);
        for (value, instant) in [
            (json!("2023-11-10T16:37:48.178+00:00"), milli),
            (json!("2023-11-10T16:37:48.178Z"), milli),
            (json!("2023-11-10T16:37:48.178+0000"), milli),
            (json!("2023-11-10T16:37:48.178"), milli),
            (json!("2023-11-10T17:37:48+01:00"), second),
            (json!("2023-11-10T16:37:48Z"), second),
            (json!(1_699_634_268), second),
            (json!("1699634268"), second),
            (json!(1_699_634_268_178_i64), milli),
            (json!("1699634268178"), milli),
            (json!("tomorrow"), None),
            (json!(""), None),
            (json!(0), None),
            (json!(-5), None),
            (json!(1.5), None),
            (json!(null), None),
            (json!({}), None),
        ] {
            assert_eq!(read_instant(&value), instant, "{value}");
        }
    }

    #[test]
    fn only_a_time_without_a_zone_is_korean() {
        for (text, seen) in [
            ("2021-03-01T14:00:00.000", "2021-03-01T05:00:00Z"),
            ("2021-03-01T04:00:00", "2021-02-28T19:00:00Z"),
            ("2021-03-01T14:00:00.000+09:00", "2021-03-01T05:00:00Z"),
            ("2021-03-01T14:00:00Z", "2021-03-01T14:00:00Z"),
            ("1614574800", "2021-03-01T05:00:00Z"),
        ] {
            let expected = seen.parse().ok();
            assert_eq!(read_korean_instant(&json!(text)), expected, "{text}");
        }
    }

    #[test]
    fn an_epoch_is_digits_and_nothing_else() {
        for text in ["", "21c335b3a", "+1700000000", "-1700000000", "1e9", " 1"] {
            assert_eq!(read_epoch(text), None, "{text}");
        }
        assert_eq!(
            read_epoch("1700000000"),
            read_epoch("1700000000000"),
            "seconds and milliseconds"
        );
    }
}

//! The arithmetic of the figures.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The middle of the values, or the mean of the two in the middle; `None` without any.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper))
}

/// A count as a number to calculate with; exact up to 2^53, which nothing here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts here are below 2^53")]
pub(super) const fn real(count: u64) -> f64 {
    count as f64
}

pub(super) fn per_second(count: u64, span: Duration) -> f64 {
    real(count) / span.as_secs_f64()
}

/// Microseconds for each operation.
pub(super) fn micros_each(spent: Duration, operations: u64) -> f64 {
    spent.as_secs_f64() * 1e6 / real(operations.max(1))
}

/// Latencies from a microsecond to a minute, to three digits.
pub(super) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order")
}

pub(super) fn note(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(
        u64::try_from(latency.as_micros())
            .unwrap_or(u64::MAX)
            .max(1),
    );
}

/// Milliseconds below which this share of the latencies lies.
pub(super) fn quantile_ms(histogram: &Histogram<u64>, share: f64) -> f64 {
    real(histogram.value_at_quantile(share)) / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn rates_and_costs_are_what_they_say() {
        assert!((per_second(500, Duration::from_millis(250)) - 2000.0).abs() < 1e-9);
        assert!((micros_each(Duration::from_millis(250), 1000) - 250.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_in_milliseconds() {
        let mut histogram = new_histogram();
        for ms in 1..=100 {
            note(&mut histogram, Duration::from_millis(ms));
        }
        for (share, expected) in [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0)] {
            assert!((quantile_ms(&histogram, share) - expected).abs() < 0.1);
        }
    }
}

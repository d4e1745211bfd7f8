//! What is counted about calls that go out.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::client::{EgressError, Response};

/// Why a call goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An event, to an institution.
    Webhook,
    /// A code, a key or a question, to a store platform.
    Platform,
}

impl Purpose {
    const fn code(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Platform => "platform",
        }
    }
}

/// The limits of the buckets, in seconds: from a neighbour to an endpoint that takes all its time.
const BUCKETS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];

/// Labels are `'static`, so that nothing that somebody sends can become one.
type Labels<const N: usize> = [(&'static str, &'static str); N];

#[derive(Debug, Clone)]
pub(crate) struct Measures {
    calls: Family<Labels<2>, Counter>,
    durations: Family<Labels<1>, Histogram>,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        }
    }
}

impl Measures {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "egress_requests",
            "Calls to addresses that users choose, by purpose and by what came of them",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "egress_request_duration",
            "How long these calls took, with name resolution, connection and answer",
            Unit::Seconds,
            self.durations.clone(),
        );
    }

    pub(crate) fn called(
        &self,
        purpose: Purpose,
        outcome: &Result<Response, EgressError>,
        duration: Duration,
    ) {
        let purpose = ("purpose", purpose.code());
        self.calls
            .get_or_create(&[purpose, ("result", result(outcome))])
            .inc();
        self.durations
            .get_or_create(&[purpose])
            .observe(duration.as_secs_f64());
    }
}

fn result(outcome: &Result<Response, EgressError>) -> &'static str {
    match outcome {
        Ok(response) => match response.status.as_u16() {
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500..600 => "5xx",
            _ => "other",
        },
        Err(EgressError::Refused(_)) => "refused",
        Err(EgressError::ConnectFailed) => "connect_failed",
        Err(EgressError::TimedOut) => "timed_out",
        Err(EgressError::TooLarge) => "too_large",
        Err(EgressError::Interrupted) => "interrupted",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use prometheus_client::encoding::text;

    use super::*;
    use crate::policy::UrlRefused;

    fn answer(status: u16) -> Response {
        Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn every_outcome_has_a_word_of_its_own() {
        for (outcome, expected) in [
            (Ok(answer(204)), "2xx"),
            (Ok(answer(302)), "3xx"),
            (Ok(answer(410)), "4xx"),
            (Ok(answer(503)), "5xx"),
            (Ok(answer(999)), "other"),
            (Err(UrlRefused::Address.into()), "refused"),
            (Err(EgressError::ConnectFailed), "connect_failed"),
            (Err(EgressError::TimedOut), "timed_out"),
            (Err(EgressError::TooLarge), "too_large"),
            (Err(EgressError::Interrupted), "interrupted"),
        ] {
            assert_eq!(result(&outcome), expected);
        }
    }

    #[test]
    fn calls_are_counted_by_what_they_are_for() {
        let (measures, mut registry) = (Measures::default(), Registry::default());
        measures.register(&mut registry);
        let second = Duration::from_secs(1);
        measures.called(Purpose::Webhook, &Ok(answer(200)), second);
        measures.called(Purpose::Webhook, &Ok(answer(200)), second);
        measures.called(Purpose::Platform, &Err(EgressError::TimedOut), second);
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        for line in [
            "egress_requests_total{purpose=\"webhook\",result=\"2xx\"} 2",
            "egress_requests_total{purpose=\"platform\",result=\"timed_out\"} 1",
            "egress_request_duration_seconds_sum{purpose=\"webhook\"} 2.0",
            "egress_request_duration_seconds_bucket{le=\"0.5\",purpose=\"webhook\"} 0",
            "egress_request_duration_seconds_bucket{le=\"1.0\",purpose=\"webhook\"} 2",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}: {page}");
        }
    }
}

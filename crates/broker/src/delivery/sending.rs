//! One HTTP try of a delivery.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::DeliveryId;
use domain::delivery::{AttemptError, Verdict};
use egress::{EgressError, Oversize, Purpose, Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use storage::attempts::Attempt;
use storage::deliveries::DueDelivery;
use storage::sealing::Place;
use url::Url;

use crate::Broker;
use crate::internal::Internal;
use crate::webhook_signature::sign_webhook;

/// How much of an answer is kept for operators.
const EXCERPT_BYTES: usize = 1024;

impl Broker {
    pub(super) async fn send(&self, due: &DueDelivery) -> Result<Sent, Internal> {
        let place = Place::EndpointSecret(due.endpoint.id);
        let secret = self.keyring().open(place, &due.secret)?;
        let started_at = self.now();
        let timestamp = started_at.timestamp();
        let event_id = due.event.to_string();
        let signature = sign_webhook(&secret, &event_id, timestamp, &due.payload)
            .ok_or_else(|| Internal::new("the secret of an endpoint is not of its form"))?;
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        for (name, value) in [
            ("webhook-id", event_id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature.clone()),
        ] {
            let value = HeaderValue::try_from(value).map_err(Internal::new)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let request = Request {
            purpose: Purpose::Webhook,
            method: Method::POST,
            url: Url::parse(&due.endpoint.url).map_err(Internal::new)?,
            headers,
            body: due.payload.clone(),
            timeout: self.options().webhook_timeout,
            max_response_bytes: EXCERPT_BYTES,
            oversize: Oversize::Cut,
        };
        let clock = Instant::now();
        let answer = self.egress().send(request).await;
        Ok(Sent {
            started_at,
            duration: clock.elapsed(),
            timestamp,
            signature,
            answer,
        })
    }
}

/// What was sent, and what came back.
pub(super) struct Sent {
    started_at: DateTime<Utc>,
    duration: Duration,
    timestamp: i64,
    signature: String,
    answer: Result<Response, EgressError>,
}

impl Sent {
    pub(super) fn verdict(&self, now: DateTime<Utc>) -> Verdict {
        match &self.answer {
            Ok(answer) => Verdict::of_status(answer.status.as_u16(), retry_after(answer, now)),
            Err(_) => Verdict::Retry { not_before: None },
        }
    }

    pub(super) fn attempt(&self, id: uuid::Uuid, delivery: DeliveryId) -> Attempt {
        let (status_code, error, answer_excerpt) = match &self.answer {
            Ok(answer) => {
                let failed = !answer.status.is_success();
                let error = failed.then_some(AttemptError::Status);
                (
                    Some(answer.status.as_u16()),
                    error,
                    Some(answer.body.to_vec()),
                )
            }
            Err(error) => (None, Some(class(*error)), None),
        };
        Attempt {
            id,
            delivery,
            started_at: self.started_at,
            duration: self.duration,
            status_code,
            error,
            webhook_timestamp: self.timestamp,
            signature: self.signature.clone(),
            answer_excerpt,
        }
    }
}

fn class(error: EgressError) -> AttemptError {
    match error {
        EgressError::Refused(_) => AttemptError::Refused,
        EgressError::ConnectFailed => AttemptError::ConnectFailed,
        EgressError::TimedOut => AttemptError::TimedOut,
        EgressError::TooLarge | EgressError::Interrupted => AttemptError::Interrupted,
    }
}

/// `Retry-After` in either of its forms (RFC 9110, section 10.2.3).
fn retry_after(answer: &Response, now: DateTime<Utc>) -> Option<Duration> {
    let text = answer
        .headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc);
    (at - now).to_std().ok()
}

//! What was received: methods, paths and outcomes, never a query, body or header.

use std::collections::VecDeque;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::Sandbox;

/// A request that reached one of the dialects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    pub at: DateTime<Utc>,
    pub method: String,
    /// The whole path, dialect and shop included, without the query.
    pub path: String,
    /// Absent as long as the call has not been answered.
    pub status: Option<u16>,
    /// What the platform made of it, in words for whoever reads a test's failure.
    pub outcome: &'static str,
}

/// The latest calls; older ones are forgotten, so that a benchmark does not fill the memory.
#[derive(Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Call>,
    forgotten: u64,
}

impl CallLog {
    const KEPT: usize = 10_000;

    fn begin(&mut self, call: Call) -> u64 {
        if self.calls.len() == Self::KEPT {
            self.calls.pop_front();
            self.forgotten += 1;
        }
        self.calls.push_back(call);
        self.forgotten + self.calls.len() as u64 - 1
    }

    fn finish(&mut self, number: u64, status: u16, outcome: &'static str) {
        let index = number.checked_sub(self.forgotten).map(usize::try_from);
        let Some(Ok(index)) = index else {
            return;
        };
        if let Some(call) = self.calls.get_mut(index) {
            call.status = Some(status);
            call.outcome = outcome;
        }
    }

    pub(crate) fn list(&self) -> Vec<Call> {
        self.calls.iter().cloned().collect()
    }
}

/// Says in the log what became of a call.
struct Outcome(&'static str);

pub(crate) fn noted(mut response: HttpResponse, outcome: &'static str) -> HttpResponse {
    response.extensions_mut().insert(Outcome(outcome));
    response
}

/// Notes a call when it arrives, and again when it is answered, so that a call
/// that hangs can be seen too.
pub(crate) async fn record(
    sandbox: web::Data<Sandbox>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let call = Call {
        at: sandbox.now(),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        status: None,
        outcome: "not answered",
    };
    let number = sandbox.state().calls.begin(call);
    let response = next.call(request).await?;
    let outcome = response
        .response()
        .extensions()
        .get::<Outcome>()
        .map_or("not a call of this platform", |outcome| outcome.0);
    let status = response.status().as_u16();
    sandbox.state().calls.finish(number, status, outcome);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_forgotten_meanwhile_can_still_finish() {
        let call = |path: &str| Call {
            at: DateTime::UNIX_EPOCH,
            method: "GET".to_owned(),
            path: path.to_owned(),
            status: None,
            outcome: "not answered",
        };
        let mut log = CallLog::default();
        let first = log.begin(call("/first"));
        let second = log.begin(call("/second"));
        for _ in 1..CallLog::KEPT {
            log.begin(call("/more"));
        }
        log.finish(first, 500, "late");
        log.finish(second, 200, "done");
        let calls = log.list();
        assert_eq!(calls.len(), CallLog::KEPT);
        assert_eq!(
            (calls[0].path.as_str(), calls[0].status, calls[0].outcome),
            ("/second", Some(200), "done")
        );
        assert!(calls[1..].iter().all(|call| call.status.is_none()));
    }
}

//! One line in the log for each request, and its part in what is measured.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use domain::AppId;
use tracing::Instrument;

use crate::machine::Machine;
use crate::request_id::RequestId;

/// Writes who called what, and how it went. What else is logged on the way carries the request's id. The
/// path stands as the route's pattern, since a link can be as secret as a query string.
pub(super) async fn write<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let id = request.extensions().get::<RequestId>().cloned();
    let (id, callers_id) = match &id {
        Some(id) => (id.id.as_str(), id.callers.as_deref()),
        None => ("", None),
    };
    let method = request.method().clone();
    let span = tracing::info_span!("request", request.id = id);

    let response = next.call(request).instrument(span).await?;

    let duration = started.elapsed();
    let request = response.request();
    let route = request.match_pattern();
    if let Some(machine) = request.app_data::<web::Data<Machine>>() {
        machine
            .measures()
            .answered(&method, route.clone(), response.response(), duration);
    }
    let extensions = request.extensions();
    let app_id = extensions.get::<AppId>();
    tracing::info!(
        %method,
        route = route.as_deref(),
        status = response.status().as_u16(),
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        institution.app_id = app_id.map(AppId::as_str),
        request.id = id,
        request.callers_id = callers_id,
        "answered"
    );
    drop(extensions);
    Ok(response)
}

//! What a supervisor, a load balancer or a monitor asks.

use actix_web::http::header::{
    CONTENT_TYPE, ContentType, FORWARDED, HeaderMap, VIA, X_FORWARDED_FOR,
};
use actix_web::{HttpRequest, HttpResponse, get, web};

use crate::api_error::ApiError;
use crate::code::Code;
use crate::convert::system_error;
use crate::machine::Machine;

/// <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md#text-format>
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the process is alive
#[utoipa::path(
    tag = "machine",
    operation_id = "healthz",
    responses((status = 200, description = "It is", content_type = "text/plain", body = String, example = "ok")),
)]
#[get("/healthz")]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .body("ok")
}

/// Whether the process can do its work
///
/// What it lacks is told in plain words, one line each behind the first.
#[utoipa::path(
    tag = "machine",
    operation_id = "readyz",
    responses(
        (status = 200, description = "It can", content_type = "text/plain", body = String, example = "ok"),
        (status = 503, description = "It can't", content_type = "text/plain", body = String, example = "not ready\nthe database does not answer"),
    ),
)]
#[get("/readyz")]
pub(crate) async fn readyz(machine: web::Data<Machine>) -> HttpResponse {
    let readiness = machine.readiness().await;
    let mut response = if readiness.is_ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response
        .content_type(ContentType::plaintext())
        .body(readiness.text)
}

/// What is measured
///
/// For a monitor that asks the process itself: what came through a proxy is answered 404.
#[utoipa::path(
    tag = "machine",
    operation_id = "metrics",
    responses(
        (status = 200, description = "The metrics in the text format of OpenMetrics", content_type = "application/openmetrics-text", body = String),
        (status = 404, description = "Asked through a proxy"),
    ),
)]
#[get("/metrics")]
pub(crate) async fn metrics(
    machine: web::Data<Machine>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    if is_proxied(request.headers()) {
        return Err(ApiError::new(Code::NotFound));
    }
    let page = machine
        .metrics()
        .await
        .map_err(|error| system_error(&error))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, OPENMETRICS))
        .body(page))
}

/// Whoever puts the API behind a proxy puts every path behind it, and must not publish this one by that.
fn is_proxied(headers: &HeaderMap) -> bool {
    [X_FORWARDED_FOR, FORWARDED, VIA]
        .iter()
        .any(|trace| headers.contains_key(trace))
}

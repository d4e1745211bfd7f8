//! What a supervisor or a load balancer asks.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, get, web};

use crate::convert::system_error;
use crate::extract::Gateway;

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
#[utoipa::path(
    tag = "machine",
    operation_id = "readyz",
    responses(
        (status = 200, description = "It can", content_type = "text/plain", body = String, example = "ok"),
        (status = 503, description = "It can't", content_type = "text/plain", body = String, example = "not ready"),
    ),
)]
#[get("/readyz")]
pub(crate) async fn readyz(gateway: web::Data<Gateway>) -> HttpResponse {
    match gateway.broker().check_alive().await {
        Ok(()) => HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .body("ok"),
        Err(internal) => {
            system_error(&internal);
            HttpResponse::ServiceUnavailable()
                .content_type(ContentType::plaintext())
                .body("not ready")
        }
    }
}

//! What no route takes.

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use crate::api_error::ApiError;
use crate::code::Code;

/// 404 for a path that is not there, and 405 for one that is there for another method.
pub(super) async fn refuse(request: HttpRequest) -> HttpResponse {
    // The pattern is found by the path alone, so what has one and came here has the wrong method.
    let Some(pattern) = request.match_pattern() else {
        return ApiError::new(Code::NotFound).error_response();
    };
    let mut response = ApiError::new(Code::MethodNotAllowed).error_response();
    let allowed = HeaderValue::from_static(method_of(&pattern));
    response.headers_mut().insert(ALLOW, allowed);
    response
}

/// Calls are POST; what a browser or a machine looks at is GET, and nothing is both.
fn method_of(pattern: &str) -> &'static str {
    if pattern.starts_with("/v1/") && !pattern.starts_with("/v1/auth/") {
        "POST"
    } else {
        "GET"
    }
}

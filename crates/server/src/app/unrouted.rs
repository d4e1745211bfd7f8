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

/// Calls, forms and platforms' events are POST; what a browser or a machine looks at is GET, and nothing is
/// both.
fn method_of(pattern: &str) -> &'static str {
    let ends_in = |ends: &[&str]| ends.iter().any(|end| pattern.ends_with(end));
    let is_sent = ends_in(&["/launch/confirm", "/events", "/keys"]);
    let is_answer = ends_in(&["/continue", "/decline", "/key"]);
    if pattern.starts_with("/go/") && is_answer {
        return "POST";
    }
    if pattern.starts_with("/v1/") && (is_sent || !pattern.starts_with("/v1/auth/")) {
        "POST"
    } else {
        "GET"
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, web};

    use super::*;
    use crate::app::routes;
    use crate::openapi::openapi;

    #[actix_web::test]
    async fn a_path_that_is_there_names_its_method() {
        let app = init_service(
            App::new()
                .configure(routes::serve)
                .default_service(web::to(refuse)),
        )
        .await;
        for (path, item) in openapi().paths.paths {
            let documented = if item.post.is_some() { "POST" } else { "GET" };
            for method in [Method::GET, Method::POST, Method::HEAD, Method::DELETE] {
                if method == documented {
                    continue;
                }
                let request = TestRequest::with_uri(&path).method(method).to_request();
                let response = call_service(&app, request).await;
                assert_eq!(response.status(), 405, "{path}");
                assert_eq!(response.headers().get(ALLOW).unwrap(), documented, "{path}");
            }
        }
        for path in [
            "/",
            "/v1",
            "/v1/store/create/",
            "/v1/mid-open-api/merchant/store/list",
        ] {
            let request = TestRequest::post().uri(path).to_request();
            assert_eq!(call_service(&app, request).await.status(), 404, "{path}");
        }
    }
}

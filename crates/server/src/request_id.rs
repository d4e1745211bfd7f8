//! The id that every answer carries and every log line of the request repeats.

use std::future::{Ready, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};

use crate::api_error::ApiError;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_CALLERS_CHARS: usize = 128;

/// What a request is called, for handlers to take as an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId {
    /// Ours, as the answer carries it.
    pub id: String,
    /// What the caller called it. Good for a log line that helps them; anybody can send anything.
    pub callers: Option<String>,
}

/// Gives the request a fresh id and puts it on its answer, whatever that is. To be wrapped outermost.
pub(crate) async fn attach<B: MessageBody + 'static>(
    id: String,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let value = HeaderValue::from_str(&id).map_err(|_| ApiError::system_error())?;
    let callers = callers_id(request.headers());
    request.extensions_mut().insert(RequestId { id, callers });
    match next.call(request).await {
        Ok(mut response) => {
            response.headers_mut().insert(X_REQUEST_ID, value);
            Ok(response)
        }
        // An error of a middleware becomes an answer only further out, where the id is no longer known.
        Err(error) => {
            let mut response = error.error_response();
            response.headers_mut().insert(X_REQUEST_ID, value);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

fn callers_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let is_id = !id.is_empty()
        && id.len() <= MAX_CALLERS_CHARS
        && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then(|| id.to_owned())
}

impl FromRequest for RequestId {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// Fails only in an application that does not wrap [`attach`].
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.extensions().get::<Self>().cloned();
        ready(id.ok_or(ApiError::system_error()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_and_read_body, init_service, try_call_service};
    use actix_web::{App, web};

    use super::*;

    async fn refuse<B>(_: ServiceRequest, _: Next<B>) -> Result<ServiceResponse<B>, Error> {
        Err(ApiError::invalid_token().into())
    }

    #[actix_web::test]
    async fn every_answer_has_an_id_of_its_own() {
        let count = Arc::new(AtomicU32::new(0));
        let app = init_service(
            App::new()
                .service(
                    web::resource("/id")
                        .to(|id: RequestId| async move { format!("{} {:?}", id.id, id.callers) }),
                )
                .service(
                    web::scope("/refused")
                        .wrap(from_fn(refuse))
                        .default_service(web::to(async || "")),
                )
                .wrap(from_fn(move |request, next| {
                    let id = format!("req_{}", count.fetch_add(1, Ordering::Relaxed));
                    async move { attach(id, request, next).await }
                })),
        )
        .await;

        let request = TestRequest::get().uri("/id").to_request();
        assert_eq!(call_and_read_body(&app, request).await, "req_0 None");
        let request = TestRequest::get()
            .uri("/id")
            .insert_header((X_REQUEST_ID, "theirs"))
            .to_request();
        assert_eq!(
            call_and_read_body(&app, request).await,
            r#"req_1 Some("theirs")"#
        );

        let request = TestRequest::get().uri("/nowhere").to_request();
        let response = try_call_service(&app, request).await.unwrap();
        assert_eq!(response.headers().get(X_REQUEST_ID).unwrap(), "req_2");

        let request = TestRequest::get().uri("/refused/x").to_request();
        let error = try_call_service(&app, request).await.unwrap_err();
        let response = error.error_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers().get(X_REQUEST_ID).unwrap(), "req_3");
    }

    #[test]
    fn a_callers_id_is_kept_only_where_it_can_be_logged() {
        for (sent, kept) in [
            ("a-1", Some("a-1")),
            ("", None),
            ("a b", None),
            ("é", None),
            ("\t", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                X_REQUEST_ID,
                HeaderValue::from_bytes(sent.as_bytes()).unwrap(),
            );
            assert_eq!(callers_id(&headers).as_deref(), kept, "{sent:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, "x".repeat(129).parse().unwrap());
        assert_eq!(callers_id(&headers), None);
    }
}

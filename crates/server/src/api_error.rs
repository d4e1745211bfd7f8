//! The envelope of every answer: `{"code":…,"message":…,"data":…}`.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde::Serialize;

use crate::code::Code;

/// A refused or failed call, in the words that the institution reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {message}", code.number())]
pub struct ApiError {
    pub code: Code,
    /// What to fix. Names fields, never repeats their values, and never tells what would have been right.
    pub message: Cow<'static, str>,
    /// When the same call can succeed, told as `Retry-After` in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// An answer with the code's standard message.
    pub const fn new(code: Code) -> Self {
        Self::with_message(code, Cow::Borrowed(code.message()))
    }

    /// An answer with a message of its own.
    pub const fn with_message(code: Code, message: Cow<'static, str>) -> Self {
        Self {
            code,
            message,
            retry_after: None,
        }
    }

    /// 900002 with a message that names the field.
    pub fn illegal_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::with_message(Code::IllegalParam, message.into())
    }

    /// 401 for an unknown app or a wrong secret; one answer for both.
    pub const fn invalid_client() -> Self {
        Self::with_message(Code::Unauthorized, Cow::Borrowed("invalid client"))
    }

    /// 401 for a token that is missing, unknown or expired; one answer for all.
    pub const fn invalid_token() -> Self {
        Self::with_message(Code::Unauthorized, Cow::Borrowed("invalid token"))
    }

    /// 401 `invalid signature: …`. The reason says what is missing, never what was expected.
    pub fn invalid_signature(reason: &str) -> Self {
        let message = format!("invalid signature: {reason}");
        Self::with_message(Code::Unauthorized, message.into())
    }

    /// 401 for a signature made outside the clock window, on either side.
    pub const fn signature_expired() -> Self {
        Self::with_message(Code::Unauthorized, Cow::Borrowed("signature expired"))
    }

    /// 401 for a second call with the nonce of a first.
    pub const fn nonce_already_used() -> Self {
        Self::with_message(Code::Unauthorized, Cow::Borrowed("nonce already used"))
    }

    /// 429 that names the time after which the call can succeed.
    pub fn too_many_requests(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(Code::TooManyRequests)
        }
    }

    /// 900000. The cause belongs into the log, beside the request's id; the answer carries none of it.
    pub const fn system_error() -> Self {
        Self::new(Code::SystemError)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let body = Body {
            code: self.code.number(),
            message: &self.message,
            data: (),
        };
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.retry_after {
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((RETRY_AFTER, secs));
        }
        let mut response = response.json(body);
        response.extensions_mut().insert(self.code);
        response
    }
}

/// A call that did what it says. `Envelope(())` has `"data":null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope<T>(pub T);

impl<T: Serialize> Envelope<T> {
    /// The answer's body, byte for byte, for who has to keep it.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Body {
            code: Code::Success.number(),
            message: Code::Success.message(),
            data: &self.0,
        })
    }
}

impl<T: Serialize> Responder for Envelope<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        match self.to_json() {
            Ok(json) => {
                let mut response = HttpResponse::Ok()
                    .content_type(ContentType::json())
                    .body(json);
                response.extensions_mut().insert(Code::Success);
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                ApiError::system_error().error_response()
            }
        }
    }
}

#[derive(Serialize)]
struct Body<'a, T> {
    code: u32,
    message: &'a str,
    data: T,
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::TestRequest;

    use super::*;

    async fn told(response: HttpResponse) -> (u16, Option<String>, String) {
        assert_eq!(
            response.headers().get(CONTENT_TYPE).unwrap(),
            "application/json"
        );
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .map(|value| value.to_str().unwrap().to_owned());
        let body = to_bytes(response.into_body()).await.unwrap();
        (
            status,
            retry_after,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    #[actix_web::test]
    async fn failures_are_enveloped_without_data() {
        let business = ApiError::illegal_param("store_id can't be empty");
        assert_eq!(
            told(business.error_response()).await,
            (
                200,
                None,
                r#"{"code":900002,"message":"store_id can't be empty","data":null}"#.to_owned()
            )
        );
        let gateway = ApiError::invalid_signature("the Signature header is missing");
        assert_eq!(
            told(gateway.error_response()).await,
            (
                401,
                None,
                r#"{"code":401,"message":"invalid signature: the Signature header is missing","data":null}"#
                    .to_owned()
            )
        );
        assert_eq!(
            gateway.to_string(),
            "401 invalid signature: the Signature header is missing"
        );
    }

    #[actix_web::test]
    async fn the_wait_is_told_in_whole_seconds_rounded_up() {
        for (wait, told_secs) in [
            (Duration::from_millis(1), "1"),
            (Duration::from_secs(2), "2"),
            (Duration::from_millis(2001), "3"),
        ] {
            let (status, retry_after, body) =
                told(ApiError::too_many_requests(wait).error_response()).await;
            assert_eq!((status, retry_after.as_deref()), (429, Some(told_secs)));
            assert_eq!(
                body,
                r#"{"code":429,"message":"Too Many Requests","data":null}"#
            );
        }
    }

    #[actix_web::test]
    async fn success_carries_its_data_or_null() {
        let request = TestRequest::default().to_http_request();
        let data = serde_json::json!({"store_id": "st_1"});
        assert_eq!(
            told(Envelope(data).respond_to(&request)).await,
            (
                200,
                None,
                r#"{"code":200,"message":"SUCCESS","data":{"store_id":"st_1"}}"#.to_owned()
            )
        );
        assert_eq!(
            told(Envelope(()).respond_to(&request)).await.2,
            r#"{"code":200,"message":"SUCCESS","data":null}"#
        );
    }
}

//! `/v1/credential`

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, post, web};
use broker::{GetCredential, HandedOut};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::Scopes;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::api_error::{ApiError, Envelope};
use crate::extract::{Changing, Gateway};
use crate::request_id::RequestId;
use crate::schema::{self, Answer};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetCredentialRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
}

impl From<GetCredentialRequest> for GetCredential {
    fn from(request: GetCredentialRequest) -> Self {
        Self {
            client_id: request.client_id,
            store_id: request.store_id,
        }
    }
}

// Without `Debug`, since it holds a token.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialResponse {
    /// For calls to the platform, as its documents say. Keep it in memory and ask again when it has ended.
    #[schema(format = "password")]
    access_token: String,
    /// When the token ends; absent where the platform gives it no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        format = "date-time",
        example = "2026-11-22T04:00:00.000Z"
    )]
    expires_at: Option<String>,
    /// What the token may do, as in the snapshot.
    #[schema(value_type = Vec<schema::Scope>)]
    scopes: Scopes,
}

impl From<HandedOut> for CredentialResponse {
    fn from(token: HandedOut) -> Self {
        Self {
            access_token: token.access_token.expose_secret().to_owned(),
            expires_at: token.expires_at.map(rfc3339),
            scopes: token.scopes,
        }
    }
}

/// Get an access token
///
/// For institutions that the operator permits it, and every call is written down. A token that has ended, or
/// ends within minutes, is renewed first.
#[utoipa::path(
    tag = "credential",
    operation_id = "credential_get",
    request_body = GetCredentialRequest,
    responses(
        (status = 200, description = "The token, or why not", body = Answer<CredentialResponse>),
        (status = 403, description = "The institution may not have credentials", body = schema::Failure),
    ),
)]
#[post("/credential/get")]
pub(crate) async fn get(
    gateway: web::Data<Gateway>,
    call: Changing<GetCredentialRequest, GetCredential>,
    id: RequestId,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = gateway
        .broker()
        .get_credential(&call.caller, call.command, &id.id)
        .await?;
    Ok(not_stored(CredentialResponse::from(token), &request))
}

/// An answer that nothing on its way may keep.
pub(crate) fn not_stored<T: Serialize>(data: T, request: &HttpRequest) -> HttpResponse {
    let mut response = Envelope(data).respond_to(request);
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A time of the API.
pub(crate) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::handlers::contract;

    #[test]
    fn the_fields_are_as_documented() {
        contract::check::<GetCredentialRequest>();
    }

    #[actix_web::test]
    async fn an_end_that_is_not_there_is_left_out_and_nobody_stores_the_answer() {
        for (end, expected) in [
            (None, r#"{"access_token":"t0k","scopes":[]}"#),
            (
                DateTime::from_timestamp(1_795_284_000, 0),
                r#"{"access_token":"t0k","expires_at":"2026-11-21T18:00:00.000Z","scopes":[]}"#,
            ),
        ] {
            let token = HandedOut {
                access_token: "t0k".into(),
                expires_at: end,
                scopes: Scopes::default(),
            };
            let request = TestRequest::default().to_http_request();
            let response = not_stored(CredentialResponse::from(token), &request);
            assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
            let body = to_bytes(response.into_body()).await.unwrap();
            let body = std::str::from_utf8(&body).unwrap();
            let envelope = format!(r#"{{"code":200,"message":"SUCCESS","data":{expected}}}"#);
            assert_eq!(body, envelope);
        }
    }
}

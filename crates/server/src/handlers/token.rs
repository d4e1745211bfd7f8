//! `/v1/token`

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, post, web};
use broker::IssuedToken;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use crate::api_error::ApiError;
use crate::extract::{Gateway, Unsigned};
use crate::schema::TokenAnswer;

/// Who wants a token.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "app_3f6b0d6c2a914e587d20c1b4")]
    app_id: String,
    #[validate(length(max = 255))]
    #[schema(
        max_length = 255,
        format = "password",
        example = "Q2hhbmdlLW1lLWl0LWlzLW9ubHktYW4tZXhhbXBsZSE"
    )]
    app_secret: String,
    #[validate(custom(function = "is_client_credentials"))]
    #[schema(pattern = "^client_credentials$", example = "client_credentials")]
    grant_type: String,
}

fn is_client_credentials(grant_type: &str) -> Result<(), ValidationError> {
    if grant_type == "client_credentials" {
        return Ok(());
    }
    Err(ValidationError::new("grant_type").with_message("must be client_credentials".into()))
}

/// A token and how long it lives; flat, without the envelope of the other answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenResponse<'a> {
    /// For the `Authorization` header, alone or after `Bearer`.
    #[schema(example = "kWz0Yh3vJcQ1mX5tB8nR2sD7fG9pL4aE6uT0iO1yKwM")]
    access_token: &'a str,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[schema(example = "all")]
    scope: &'static str,
    /// In seconds.
    #[schema(example = 7200)]
    expires_in: u64,
}

/// Get an access token
///
/// Several may live at once. Limited per client address; failures come in the envelope.
#[utoipa::path(
    tag = "token",
    operation_id = "token_get",
    request_body = TokenRequest,
    responses((status = 200, description = "The token, or 900002 in the envelope", body = TokenAnswer<'_>)),
)]
#[post("/token/get")]
pub(crate) async fn get(
    gateway: web::Data<Gateway>,
    call: Unsigned<TokenRequest>,
) -> Result<HttpResponse, ApiError> {
    let TokenRequest {
        app_id, app_secret, ..
    } = call.body;
    let app_secret = SecretString::from(app_secret);
    let token = gateway.broker().issue_token(&app_id, &app_secret).await?;
    Ok(respond(&token))
}

/// RFC 6749 section 5.1 (<https://www.rfc-editor.org/rfc/rfc6749#section-5.1>) forbids to store it.
fn respond(token: &IssuedToken) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(TokenResponse {
            access_token: token.access_token.expose_secret(),
            token_type: "Bearer",
            scope: "all",
            expires_in: token.expires_in.as_secs(),
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::body::to_bytes;

    use super::*;
    use crate::body::read_body;
    use crate::handlers::contract;

    #[test]
    fn the_fields_are_as_documented() {
        contract::check::<TokenRequest>();
    }

    #[test]
    fn no_other_grant_is_given() {
        let body = br#"{"app_id":"a","app_secret":"s","grant_type":"password"}"#;
        let error = read_body::<TokenRequest>(Some("application/json"), body).err();
        let expected = ApiError::illegal_param("grant_type must be client_credentials");
        assert_eq!(error, Some(expected));
    }

    #[actix_web::test]
    async fn the_answer_is_flat() {
        let response = respond(&IssuedToken {
            access_token: "t0k".into(),
            expires_in: Duration::from_hours(2),
        });
        assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
        let body = to_bytes(response.into_body()).await.unwrap();
        assert_eq!(
            body,
            r#"{"access_token":"t0k","token_type":"Bearer","scope":"all","expires_in":7200}"#
        );
    }
}

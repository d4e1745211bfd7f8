//! `/v1/store/session`

use actix_web::{HttpRequest, HttpResponse, post, web};
use broker::{OnlineAccess, SessionAccess, SessionStarted, StartSession};
use domain::{AuthStatus, FailReason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::api_error::ApiError;
use crate::extract::{Changing, Gateway};
use crate::handlers::credential::{CredentialResponse, not_stored};
use crate::request_id::RequestId;
use crate::schema::{self, Answer};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartSessionRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
    /// As the platform gave it to the app's page in the browser.
    #[validate(length(max = 2048))]
    #[schema(
        max_length = 2048,
        format = "password",
        example = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJjaWRfMSJ9.c2lnbmF0dXJl"
    )]
    session_token: String,
    #[schema(schema_with = schema::session_access, required = false)]
    access: Option<String>,
}

impl TryFrom<StartSessionRequest> for StartSession {
    type Error = ApiError;

    fn try_from(request: StartSessionRequest) -> Result<Self, ApiError> {
        let access = match request.access.as_deref() {
            None | Some("offline") => SessionAccess::Offline,
            Some("online") => SessionAccess::Online,
            Some(_) => return Err(ApiError::illegal_param("access must be online or offline")),
        };
        Ok(Self {
            client_id: request.client_id,
            store_id: request.store_id,
            session_token: request.session_token.into(),
            access,
        })
    }
}

// Without `Debug`, since one of them holds a token.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum StartSessionResponse {
    Offline(OfflineResponse),
    Online(OnlineResponse),
}

/// How the store's authorization ended; no token is told.
#[derive(Serialize, ToSchema)]
pub(crate) struct OfflineResponse {
    #[schema(schema_with = schema::auth_status)]
    auth_status: String,
    #[schema(schema_with = schema::fail_reason_or_empty)]
    auth_fail_reason: String,
}

/// A token of the user's own.
#[derive(Serialize, ToSchema)]
pub(crate) struct OnlineResponse {
    #[serde(flatten)]
    credential: CredentialResponse,
    associated_user: AssociatedUser,
}

/// Whose session it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct AssociatedUser {
    /// The platform's own id of the user.
    #[schema(example = "1818181818")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "email", example = "user@example.com")]
    email: Option<String>,
}

impl StartSessionResponse {
    fn offline(status: AuthStatus, reason: Option<FailReason>) -> Self {
        Self::Offline(OfflineResponse {
            auth_status: status.code().to_owned(),
            auth_fail_reason: reason.map_or("", FailReason::code).to_owned(),
        })
    }

    fn online(access: OnlineAccess) -> Self {
        Self::Online(OnlineResponse {
            credential: access.token.into(),
            associated_user: AssociatedUser {
                id: access.user.id,
                email: access.user.email,
            },
        })
    }
}

/// Exchange a session token
///
/// For apps that the platform shows inside of its own pages. With `offline` the store is authorized as by a
/// link, and no token is answered. With `online` a token of the user's own is answered, to institutions that
/// the operator permits it; it stands beside the store's authorization and dies with the session.
#[utoipa::path(
    tag = "store",
    operation_id = "store_session",
    request_body = StartSessionRequest,
    responses(
        (status = 200, description = "How the authorization ended, or the token, or why not", body = Answer<StartSessionResponse>),
        (status = 403, description = "The institution may not have credentials", body = schema::Failure),
    ),
)]
#[post("/store/session")]
pub(crate) async fn start(
    gateway: web::Data<Gateway>,
    call: Changing<StartSessionRequest, StartSession>,
    id: RequestId,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let started = gateway
        .broker()
        .start_session(&call.caller, call.command, &id.id)
        .await?;
    let response = match started {
        SessionStarted::Offline {
            auth_status,
            fail_reason,
        } => StartSessionResponse::offline(auth_status, fail_reason),
        SessionStarted::Online(access) => StartSessionResponse::online(access),
    };
    Ok(not_stored(response, &request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::read_body;
    use crate::handlers::contract;

    #[test]
    fn the_fields_are_as_documented() {
        contract::check::<StartSessionRequest>();
    }

    #[test]
    fn a_session_is_offline_unless_it_is_said() {
        for (access, expected) in [
            ("", Ok(SessionAccess::Offline)),
            (r#","access":"offline""#, Ok(SessionAccess::Offline)),
            (r#","access":"online""#, Ok(SessionAccess::Online)),
            (
                r#","access":"ONLINE""#,
                Err("access must be online or offline".to_owned()),
            ),
        ] {
            let body = format!(r#"{{"client_id":"c","store_id":"s","session_token":"t"{access}}}"#);
            let read = read_body::<StartSessionRequest>(Some("application/json"), body.as_bytes());
            let command = StartSession::try_from(read.ok().unwrap());
            let read = command
                .map(|command| command.access)
                .map_err(|error| error.message.into_owned());
            assert_eq!(read, expected, "{access}");
        }
    }
}

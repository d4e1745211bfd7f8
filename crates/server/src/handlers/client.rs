//! `/v1/client`

use actix_web::{post, web};
use broker::RegisterClient;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::api_error::{ApiError, Envelope};
use crate::extract::{Changing, Gateway};
use crate::schema::Answer;

/// A seller, as the institution knows them.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterClientRequest {
    /// Your own id of the seller.
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "seller-1024")]
    partner_user_id: String,
    #[validate(length(max = 128), email(message = "must be an email address"))]
    #[schema(max_length = 128, format = "email", example = "owner@shop.example")]
    email: Option<String>,
    #[validate(length(max = 255))]
    #[schema(max_length = 255, example = "Demo Trading")]
    name: Option<String>,
}

impl From<RegisterClientRequest> for RegisterClient {
    fn from(request: RegisterClientRequest) -> Self {
        Self {
            partner_user_id: request.partner_user_id,
            email: request.email,
            name: request.name,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ClientIdResponse {
    #[schema(example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
}

/// Register a client
///
/// The same details give the same `client_id` again; other details for a known `partner_user_id` are
/// 910000.
#[utoipa::path(
    tag = "client",
    operation_id = "client_register",
    request_body = RegisterClientRequest,
    responses((status = 200, description = "The client, or why not", body = Answer<ClientIdResponse>)),
)]
#[post("/client/register")]
pub(crate) async fn register(
    gateway: web::Data<Gateway>,
    call: Changing<RegisterClientRequest, RegisterClient>,
) -> Result<Envelope<ClientIdResponse>, ApiError> {
    let client_id = gateway
        .broker()
        .register_client(&call.caller, call.command)
        .await?;
    Ok(Envelope(ClientIdResponse {
        client_id: client_id.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::read_body;
    use crate::handlers::contract;

    #[test]
    fn the_fields_are_as_documented() {
        contract::check::<RegisterClientRequest>();
    }

    #[test]
    fn an_email_looks_like_one() {
        let body = br#"{"partner_user_id":"p","email":"owner"}"#;
        let error = read_body::<RegisterClientRequest>(Some("application/json"), body).err();
        let expected = ApiError::illegal_param("email must be an email address");
        assert_eq!(error, Some(expected));
    }
}

//! What the store calls take. Lengths are those of PingPong's pages
//! (<https://open.pingpongx.com/docs/developer/api/store/create_store/> and its neighbours).

use broker::{
    CreateStore, ListStores, Means, QueryStore, ReadStoreScopes, StartAuthorization, UnbindStore,
    UpdateStore,
};
use domain::{AuthStatus, AuthType, Credential, Platform};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use crate::api_error::ApiError;
use crate::handlers::reading::{read_limit, read_wait};
use crate::schema;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateStoreRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[schema(schema_with = schema::platform)]
    platform: String,
    /// On some platforms the shop's own address there; see `platform/list`.
    #[validate(length(max = 255))]
    #[schema(
        max_length = 255,
        format = "uri",
        example = "https://demo.myshopline.com"
    )]
    store_url: String,
    #[validate(length(max = 255))]
    #[schema(max_length = 255, example = "Demo Shop")]
    name: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "General Categories")]
    category: String,
    /// Anything else, as JSON text.
    #[validate(length(max = 2048), custom(function = "is_json_text"))]
    #[schema(max_length = 2048, example = "{\"warehouse\":\"north\"}")]
    extra_info: Option<String>,
}

impl TryFrom<CreateStoreRequest> for CreateStore {
    type Error = ApiError;

    fn try_from(request: CreateStoreRequest) -> Result<Self, ApiError> {
        Ok(Self {
            client_id: request.client_id,
            platform: read_platform(&request.platform)?,
            store_url: request.store_url,
            name: request.name,
            category: request.category,
            extra_info: request.extra_info,
        })
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateStoreRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
    #[validate(length(max = 256))]
    #[schema(
        max_length = 256,
        format = "uri",
        example = "https://demo.myshopline.com"
    )]
    store_url: Option<String>,
    #[validate(length(max = 256))]
    #[schema(max_length = 256, example = "Demo Shop")]
    name: Option<String>,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "General Categories")]
    category: Option<String>,
    /// Anything else, as JSON text.
    #[validate(length(max = 2048), custom(function = "is_json_text"))]
    #[schema(max_length = 2048, example = "{\"warehouse\":\"north\"}")]
    extra_info: Option<String>,
}

impl From<UpdateStoreRequest> for UpdateStore {
    fn from(request: UpdateStoreRequest) -> Self {
        Self {
            client_id: request.client_id,
            store_id: request.store_id,
            store_url: request.store_url,
            name: request.name,
            category: request.category,
            extra_info: request.extra_info,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartAuthorizationRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
    /// The platform's own label of the shop; mandatory where `platform/list` says so.
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "demo")]
    seller_id: Option<String>,
    #[schema(schema_with = schema::auth_type)]
    auth_type: String,
    /// The seller's developer credentials; with KEY only. An institution whose links are hosted may leave it
    /// away, and have the seller hand them in on the page behind the `auth_url`.
    #[validate(nested)]
    #[schema(inline)]
    auth_info: Option<AuthInfo>,
    /// Where the seller's browser goes afterwards. Its origin must be registered for the institution. With
    /// KEY it is checked and otherwise not used.
    #[validate(length(max = 255))]
    #[schema(
        max_length = 255,
        format = "uri",
        example = "https://pay.example/authorized"
    )]
    redirect_url: Option<String>,
}

/// Either `token`, or `api_key` and `api_secret`: whichever the platform takes.
// Without `Debug`, since all of it is secret.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthInfo {
    #[validate(length(max = 2048))]
    #[schema(max_length = 2048, format = "password")]
    token: Option<String>,
    #[validate(length(max = 2048))]
    #[schema(max_length = 2048, format = "password")]
    api_key: Option<String>,
    #[validate(length(max = 2048))]
    #[schema(max_length = 2048, format = "password")]
    api_secret: Option<String>,
}

impl TryFrom<StartAuthorizationRequest> for StartAuthorization {
    type Error = ApiError;

    fn try_from(request: StartAuthorizationRequest) -> Result<Self, ApiError> {
        let Some(auth_type) = AuthType::from_code(&request.auth_type) else {
            return Err(ApiError::illegal_param("auth_type must be URL or KEY"));
        };
        Ok(Self {
            client_id: request.client_id,
            store_id: request.store_id,
            seller_id: request.seller_id,
            means: read_means(auth_type, request.auth_info)?,
            redirect_url: request.redirect_url,
        })
    }
}

fn read_means(auth_type: AuthType, auth_info: Option<AuthInfo>) -> Result<Means, ApiError> {
    let parts = auth_info.map(|info| (info.token, info.api_key, info.api_secret));
    let problem = match (auth_type, parts) {
        (AuthType::Url, None | Some((None, None, None))) => return Ok(Means::Url),
        (AuthType::Url, Some(_)) => "auth_info must be empty when auth_type is URL",
        (AuthType::Key, Some((Some(token), None, None))) => {
            return Ok(Means::Key(Credential::Token {
                token: token.into(),
            }));
        }
        (AuthType::Key, Some((None, Some(api_key), Some(api_secret)))) => {
            return Ok(Means::Key(Credential::KeyPair {
                api_key: api_key.into(),
                api_secret: api_secret.into(),
            }));
        }
        (AuthType::Key, None | Some((None, None, None))) => return Ok(Means::KeyByLink),
        (AuthType::Key, Some(_)) => "auth_info takes either token, or api_key and api_secret",
    };
    Err(ApiError::illegal_param(problem))
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryStoreRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
    /// How long to wait for a change; 0 by default.
    #[validate(range(min = 0, max = 30))]
    #[schema(minimum = 0, maximum = 30, example = 25)]
    wait_seconds: Option<i64>,
    /// What you have seen already.
    #[validate(range(min = 0))]
    #[schema(minimum = 0, example = 7)]
    after_sequence: Option<i64>,
}

impl From<QueryStoreRequest> for QueryStore {
    fn from(request: QueryStoreRequest) -> Self {
        Self {
            client_id: request.client_id,
            store_id: request.store_id,
            wait: read_wait(request.wait_seconds),
            after_sequence: request.after_sequence,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListStoresRequest {
    /// The stores of this client only.
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: Option<String>,
    #[schema(schema_with = schema::platform)]
    platform: Option<String>,
    #[schema(schema_with = schema::auth_status)]
    auth_status: Option<String>,
    /// The `next_cursor` of the page before.
    #[validate(length(max = 255))]
    #[schema(max_length = 255)]
    cursor: Option<String>,
    /// How many stores a page has; 100 by default.
    #[validate(range(min = 1, max = 100))]
    #[schema(minimum = 1, maximum = 100, example = 50)]
    limit: Option<i64>,
}

impl TryFrom<ListStoresRequest> for ListStores {
    type Error = ApiError;

    fn try_from(request: ListStoresRequest) -> Result<Self, ApiError> {
        Ok(Self {
            client_id: request.client_id,
            platform: request.platform.as_deref().map(read_platform).transpose()?,
            auth_status: request
                .auth_status
                .as_deref()
                .map(read_auth_status)
                .transpose()?,
            cursor: request.cursor,
            limit: read_limit(request.limit),
        })
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnbindStoreRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
}

impl From<UnbindStoreRequest> for UnbindStore {
    fn from(request: UnbindStoreRequest) -> Self {
        Self {
            client_id: request.client_id,
            store_id: request.store_id,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadStoreScopesRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
}

impl From<ReadStoreScopesRequest> for ReadStoreScopes {
    fn from(request: ReadStoreScopesRequest) -> Self {
        Self {
            client_id: request.client_id,
            store_id: request.store_id,
        }
    }
}

fn read_platform(code: &str) -> Result<Platform, ApiError> {
    code.parse()
        .map_err(|_| ApiError::illegal_param("platform is not supported"))
}

fn read_auth_status(code: &str) -> Result<AuthStatus, ApiError> {
    AuthStatus::from_code(code).ok_or_else(|| {
        let codes = AuthStatus::ALL.map(AuthStatus::code).join(", ");
        ApiError::illegal_param(format!("auth_status must be one of {codes}"))
    })
}

fn is_json_text(text: &str) -> Result<(), ValidationError> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(ValidationError::new("json").with_message("must be JSON text".into())),
    }
}

#[cfg(test)]
mod tests;

//! `/v1/platform`

use actix_web::{post, web};
use broker::PlatformListing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::api_error::{ApiError, Envelope};
use crate::extract::{Gateway, Reading};
use crate::schema::{self, Answer};

/// Nothing.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPlatformsRequest {}

#[derive(Serialize, ToSchema)]
pub(crate) struct ListPlatformsResponse {
    #[schema(value_type = Vec<schema::PlatformListing>)]
    platforms: Vec<PlatformListing>,
}

/// List platforms
///
/// What each platform takes: the ways to authorize, the form of `seller_id` and `store_url`, the shape of
/// a key, its scopes and lifetimes.
#[utoipa::path(
    tag = "platform",
    operation_id = "platform_list",
    request_body = ListPlatformsRequest,
    responses((status = 200, description = "The platforms", body = Answer<ListPlatformsResponse>)),
)]
#[post("/platform/list")]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    _call: Reading<ListPlatformsRequest>,
) -> Result<Envelope<ListPlatformsResponse>, ApiError> {
    let platforms = gateway.broker().list_platforms();
    Ok(Envelope(ListPlatformsResponse { platforms }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::contract;

    #[test]
    fn the_fields_are_as_documented() {
        contract::check::<ListPlatformsRequest>();
    }
}

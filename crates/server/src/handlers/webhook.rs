//! `/v1/webhook`

use actix_web::{post, web};
use broker::{CreateEndpoint, CreatedEndpoint};
use chrono::SecondsFormat;
use domain::EventType;
use domain::endpoint::Endpoint;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::api_error::{ApiError, Envelope};
use crate::extract::{Changing, Gateway, Reading, Repeatable};
use crate::schema::{self, Answer, IdempotencyKey, Null};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateEndpointRequest {
    /// Where events are posted to; https, on a public address.
    #[validate(length(max = 2048))]
    #[schema(
        max_length = 2048,
        format = "uri",
        example = "https://pay.example/hooks/shopgrant"
    )]
    url: String,
    #[schema(schema_with = schema::event_types)]
    event_types: Option<Vec<String>>,
    #[validate(length(max = 255))]
    #[schema(max_length = 255, example = "production")]
    description: Option<String>,
}

impl TryFrom<CreateEndpointRequest> for CreateEndpoint {
    type Error = ApiError;

    fn try_from(request: CreateEndpointRequest) -> Result<Self, ApiError> {
        let event_types = request.event_types.unwrap_or_default();
        let event_types = event_types.iter().enumerate().map(|(index, code)| {
            EventType::from_code(code).ok_or_else(|| {
                ApiError::illegal_param(format!("event_types[{index}] is not an event type"))
            })
        });
        Ok(Self {
            url: request.url,
            event_types: event_types.collect::<Result<_, _>>()?,
            description: request.description,
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreateEndpointResponse {
    #[schema(example = "ep_0192f0c1000070008000000000000003")]
    endpoint_id: String,
    /// For verifying the webhooks' signatures. Shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw1c5Wb0mYh2A=")]
    secret: String,
    #[schema(schema_with = schema::endpoint_status)]
    status: &'static str,
}

impl From<CreatedEndpoint> for CreateEndpointResponse {
    fn from(created: CreatedEndpoint) -> Self {
        Self {
            endpoint_id: created.id.to_string(),
            secret: created.secret.expose_secret().to_owned(),
            status: created.status.code(),
        }
    }
}

/// Nothing.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListEndpointsRequest {}

#[derive(Serialize, ToSchema)]
pub(crate) struct ListEndpointsResponse {
    endpoints: Vec<EndpointResponse>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(crate) struct EndpointResponse {
    #[schema(example = "ep_0192f0c1000070008000000000000003")]
    endpoint_id: String,
    #[schema(format = "uri", example = "https://pay.example/hooks/shopgrant")]
    url: String,
    #[schema(schema_with = schema::event_types)]
    event_types: Vec<EventType>,
    #[schema(required, example = "production")]
    description: Option<String>,
    #[schema(schema_with = schema::endpoint_status)]
    status: &'static str,
    #[schema(format = "date-time", example = "2026-11-21T18:00:00.000Z")]
    created_at: String,
}

impl From<Endpoint> for EndpointResponse {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint_id: endpoint.id.to_string(),
            url: endpoint.url,
            event_types: endpoint.event_types,
            description: endpoint.description,
            status: endpoint.status.code(),
            created_at: endpoint
                .created_at
                .to_rfc3339_opts(SecondsFormat::Millis, true),
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointRequest {
    #[validate(length(max = 64))]
    #[schema(max_length = 64, example = "ep_0192f0c1000070008000000000000003")]
    endpoint_id: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EventIdResponse {
    #[schema(example = "evt_0192f0c1000070008000000000000004")]
    event_id: String,
}

/// Create a webhook endpoint
///
/// It is sent an `endpoint.test` event and is UNVERIFIED until it has answered one with 2xx.
#[utoipa::path(
    tag = "webhook",
    operation_id = "webhook_create",
    params(IdempotencyKey),
    request_body = CreateEndpointRequest,
    responses((status = 200, description = "The endpoint, or why not", body = Answer<CreateEndpointResponse>)),
)]
#[post("/webhook/create")]
pub(crate) async fn create(
    gateway: web::Data<Gateway>,
    call: Repeatable<CreateEndpointRequest, CreateEndpoint>,
) -> Result<Envelope<CreateEndpointResponse>, ApiError> {
    let created = gateway
        .broker()
        .create_endpoint(&call.caller, call.command)
        .await?;
    Ok(Envelope(created.into()))
}

/// List webhook endpoints
#[utoipa::path(
    tag = "webhook",
    operation_id = "webhook_list",
    request_body = ListEndpointsRequest,
    responses((status = 200, description = "The endpoints, without their secrets", body = Answer<ListEndpointsResponse>)),
)]
#[post("/webhook/list")]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    call: Reading<ListEndpointsRequest>,
) -> Result<Envelope<ListEndpointsResponse>, ApiError> {
    let endpoints = gateway.broker().list_endpoints(&call.institution).await?;
    let endpoints = endpoints.into_iter().map(EndpointResponse::from).collect();
    Ok(Envelope(ListEndpointsResponse { endpoints }))
}

/// Delete a webhook endpoint
///
/// What was not delivered to it is not sent any more; the event feed still has it.
#[utoipa::path(
    tag = "webhook",
    operation_id = "webhook_delete",
    request_body = EndpointRequest,
    responses((status = 200, description = "Done, or why not", body = Answer<Null>)),
)]
#[post("/webhook/delete")]
pub(crate) async fn delete(
    gateway: web::Data<Gateway>,
    call: Changing<EndpointRequest>,
) -> Result<Envelope<()>, ApiError> {
    gateway
        .broker()
        .delete_endpoint(&call.caller, &call.command.endpoint_id)
        .await?;
    Ok(Envelope(()))
}

/// Send a test event to a webhook endpoint
#[utoipa::path(
    tag = "webhook",
    operation_id = "webhook_test",
    request_body = EndpointRequest,
    responses((status = 200, description = "The event under way, or why not", body = Answer<EventIdResponse>)),
)]
#[post("/webhook/test")]
pub(crate) async fn test(
    gateway: web::Data<Gateway>,
    call: Changing<EndpointRequest>,
) -> Result<Envelope<EventIdResponse>, ApiError> {
    let event_id = gateway
        .broker()
        .test_endpoint(&call.caller, &call.command.endpoint_id)
        .await?;
    Ok(Envelope(EventIdResponse {
        event_id: event_id.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::endpoint::EndpointStatus;
    use serde_json::json;

    use super::*;
    use crate::handlers::contract;

    #[test]
    fn the_fields_are_as_documented() {
        contract::check::<CreateEndpointRequest>();
        contract::check::<ListEndpointsRequest>();
        contract::check::<EndpointRequest>();
    }

    fn create(event_types: Option<&[&str]>) -> Result<CreateEndpoint, ApiError> {
        let event_types = event_types.map(|codes| codes.iter().map(ToString::to_string).collect());
        let url = "https://pay.example/hooks".to_owned();
        CreateEndpointRequest {
            url,
            event_types,
            description: None,
        }
        .try_into()
    }

    #[test]
    fn event_types_are_known_ones_or_all() {
        for absent in [None, Some(&[][..])] {
            assert_eq!(create(absent).unwrap().event_types, []);
        }
        let two = create(Some(&["store.unbound", "store.auth.failed"])).unwrap();
        assert_eq!(
            two.event_types,
            [EventType::StoreUnbound, EventType::StoreAuthFailed]
        );
        let unknown = create(Some(&["store.unbound", "store.sold"])).err();
        let expected = ApiError::illegal_param("event_types[1] is not an event type");
        assert_eq!(unknown, Some(expected));
    }

    #[test]
    fn an_endpoint_is_listed_without_its_secret() {
        let endpoint = Endpoint {
            id: "ep_00000000000000000000000000000001".parse().unwrap(),
            institution: "inst_00000000000000000000000000000002".parse().unwrap(),
            url: "https://pay.example/hooks".to_owned(),
            event_types: vec![EventType::StoreUnbound],
            description: None,
            status: EndpointStatus::Unverified,
            created_at: DateTime::from_timestamp_millis(1_795_284_000_001).unwrap(),
        };
        assert_eq!(
            serde_json::to_value(EndpointResponse::from(endpoint)).unwrap(),
            json!({
                "endpoint_id": "ep_00000000000000000000000000000001",
                "url": "https://pay.example/hooks",
                "event_types": ["store.unbound"],
                "description": null,
                "status": "UNVERIFIED",
                "created_at": "2026-11-21T18:00:00.001Z",
            })
        );
    }
}

//! `/v1/event`

use actix_web::{post, web};
use broker::{EventPage, ListEvents};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use validator::Validate;

use super::reading::{read_limit, read_wait};
use crate::api_error::{ApiError, Envelope};
use crate::convert::system_error;
use crate::extract::{Gateway, Reading};
use crate::schema::{self, Answer};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListEventsRequest {
    /// The `next_cursor` of the page before; absent for the oldest event that is kept.
    #[validate(length(max = 255))]
    #[schema(max_length = 255)]
    after: Option<String>,
    /// How many events a page has; 100 by default.
    #[validate(range(min = 1, max = 100))]
    #[schema(minimum = 1, maximum = 100, example = 50)]
    limit: Option<i64>,
    /// How long to wait for an event when there is none; 0 by default.
    #[validate(range(min = 0, max = 30))]
    #[schema(minimum = 0, maximum = 30, example = 25)]
    wait_seconds: Option<i64>,
}

impl From<ListEventsRequest> for ListEvents {
    fn from(request: ListEventsRequest) -> Self {
        Self {
            after: request.after,
            limit: read_limit(request.limit),
            wait: read_wait(request.wait_seconds),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ListEventsResponse {
    /// Byte for byte as the webhooks carry them.
    #[schema(value_type = Vec<schema::Event>)]
    events: Vec<Box<RawValue>>,
    /// Where the next page begins, also when this one is empty.
    next_cursor: String,
}

impl TryFrom<EventPage> for ListEventsResponse {
    type Error = serde_json::Error;

    fn try_from(page: EventPage) -> Result<Self, serde_json::Error> {
        let events = page
            .events
            .iter()
            .map(|event| serde_json::from_slice(event));
        Ok(Self {
            events: events.collect::<Result<_, _>>()?,
            next_cursor: page.next_cursor,
        })
    }
}

/// List events
///
/// Everything that was told or is still to be told by webhook, in the order of its commits. Nothing ever
/// appears behind a cursor that you hold.
#[utoipa::path(
    tag = "event",
    operation_id = "event_list",
    request_body = ListEventsRequest,
    responses((status = 200, description = "A page of events, or why not", body = Answer<ListEventsResponse>)),
)]
#[post("/event/list")]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    call: Reading<ListEventsRequest, ListEvents>,
) -> Result<Envelope<ListEventsResponse>, ApiError> {
    let page = gateway
        .broker()
        .list_events(&call.institution, call.command)
        .await?;
    let response = page
        .try_into()
        .map_err(|error: serde_json::Error| system_error(&error))?;
    Ok(Envelope(response))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::contract;

    #[test]
    fn the_fields_are_as_documented() {
        contract::check::<ListEventsRequest>();
    }

    #[test]
    fn events_keep_their_bytes() {
        let odd = br#"{"b":1.0, "a":"\u00e9/","a":1e2}"#;
        let page = EventPage {
            events: vec![odd.to_vec(), b"{}".to_vec()],
            next_cursor: "c2".to_owned(),
        };
        let response = ListEventsResponse::try_from(page).unwrap();
        let body = String::from_utf8(Envelope(response).to_json().unwrap()).unwrap();
        assert_eq!(
            body,
            concat!(
                r#"{"code":200,"message":"SUCCESS","data":{"events":["#,
                r#"{"b":1.0, "a":"\u00e9/","a":1e2},{}"#,
                r#"],"next_cursor":"c2"}}"#
            )
        );
    }

    #[test]
    fn what_is_no_json_is_not_passed_on() {
        let page = EventPage {
            events: vec![b"{".to_vec()],
            next_cursor: String::new(),
        };
        assert!(ListEventsResponse::try_from(page).is_err());
    }
}

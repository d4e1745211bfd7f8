//! The bytes of an event, fixed in the transaction of the change that it tells.

use domain::endpoint::Endpoint;
use domain::{Actor, EventId, EventType, FailReason, Institution, Store};
use serde::Serialize;
use storage::outbox::{Event, EventStore};
use storage::{Tx, outbox};

use crate::Broker;
use crate::internal::Internal;
use crate::snapshot::{Snapshot, rfc3339_text};

#[derive(Serialize)]
struct Wire<D> {
    id: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    timestamp: String,
    data: D,
}

#[derive(Serialize)]
struct StoreChanged {
    #[serde(flatten)]
    snapshot: Snapshot,
    fail: Option<Fail>,
    /// Only the event has it: the page behind it is found by its hash alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    reauthorize_url: Option<String>,
    /// Milliseconds since 1970, as PingPong has it.
    finished: i64,
}

#[derive(Serialize)]
struct Fail {
    reason: FailReason,
    who: Actor,
    retryable: bool,
}

#[derive(Serialize)]
struct EndpointTold<'a> {
    endpoint_id: String,
    url: &'a str,
    status: &'static str,
}

/// Who else hears of something that happened to an endpoint.
#[derive(Clone, Copy)]
pub(crate) enum Audience {
    ThisEndpoint,
    TheOthers,
}

impl Broker {
    /// Tells the institution what became of a store; `store` is as it is written in the same transaction.
    pub(crate) async fn tell_store(
        &self,
        tx: &Tx,
        institution: &Institution,
        event_type: EventType,
        store: &Store,
    ) -> Result<EventId, Internal> {
        self.tell_store_with(tx, institution, event_type, store, None)
            .await
    }

    /// Like [`Broker::tell_store`], with a link by which the seller can authorize the shop again.
    pub(crate) async fn tell_store_with(
        &self,
        tx: &Tx,
        institution: &Institution,
        event_type: EventType,
        store: &Store,
        reauthorize_url: Option<String>,
    ) -> Result<EventId, Internal> {
        let now = self.now();
        let fail = store.fail_reason().map(|reason| Fail {
            reason,
            who: reason.who(),
            retryable: reason.is_retryable(),
        });
        let wire = Wire {
            id: EventId::new(self.next_id()),
            event_type,
            timestamp: rfc3339_text(now),
            data: StoreChanged {
                snapshot: Snapshot::of(store),
                fail,
                reauthorize_url,
                finished: now.timestamp_millis(),
            },
        };
        let event = Event {
            id: wire.id,
            institution: institution.id,
            app_id: institution.app_id.clone(),
            event_type,
            store: Some(EventStore {
                id: store.id,
                platform: store.platform,
                sequence: store.sequence,
            }),
            endpoint: None,
            payload: serde_json::to_vec(&wire).map_err(Internal::new)?,
        };
        outbox::append(tx, &event, now).await?;
        Ok(event.id)
    }

    /// Tells the institution something about one of its endpoints.
    pub(crate) async fn tell_endpoint(
        &self,
        tx: &Tx,
        institution: &Institution,
        event_type: EventType,
        endpoint: &Endpoint,
        audience: Audience,
    ) -> Result<EventId, Internal> {
        let now = self.now();
        let wire = Wire {
            id: EventId::new(self.next_id()),
            event_type,
            timestamp: rfc3339_text(now),
            data: EndpointTold {
                endpoint_id: endpoint.id.to_string(),
                url: &endpoint.url,
                status: endpoint.status.code(),
            },
        };
        let event = Event {
            id: wire.id,
            institution: institution.id,
            app_id: institution.app_id.clone(),
            event_type,
            store: None,
            endpoint: match audience {
                Audience::ThisEndpoint => Some(endpoint.id),
                Audience::TheOthers => None,
            },
            payload: serde_json::to_vec(&wire).map_err(Internal::new)?,
        };
        outbox::append(tx, &event, now).await?;
        Ok(wire.id)
    }
}

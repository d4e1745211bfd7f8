//! `webhook/create`, `list`, `delete`, `test`: where an institution wants its events.

use domain::endpoint::{Endpoint, EndpointStatus};
use domain::{EndpointId, EventId, EventType, Institution};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use storage::sealing::Place;
use storage::{Tx, deliveries, endpoints};

use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::change::Answer;
use crate::event::Audience;
use crate::field::FieldError;
use crate::internal::Internal;

pub struct CreateEndpoint {
    pub url: String,
    /// Empty means every type.
    pub event_types: Vec<EventType>,
    pub description: Option<String>,
}

/// A new endpoint, with the secret that is shown once.
#[derive(Debug)]
pub struct CreatedEndpoint {
    pub id: EndpointId,
    pub secret: SecretString,
    pub status: EndpointStatus,
}

/// The answer as it is kept, sealed, under an `Idempotency-Key`.
// Without `Debug`, since it holds the secret in clear.
#[derive(Serialize, Deserialize)]
struct KeptEndpoint {
    id: EndpointId,
    secret: String,
}

impl Answer for KeptEndpoint {}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateEndpointError {
    #[error(transparent)]
    Field(#[from] FieldError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("endpoint_id is unknown")]
pub struct UnknownEndpoint;

impl Broker {
    /// A new endpoint. It gets a test event at once, and is unverified until it answers 2xx.
    pub async fn create_endpoint(
        &self,
        caller: &Caller,
        command: CreateEndpoint,
    ) -> Result<CreatedEndpoint, CallError<CreateEndpointError>> {
        let secret = self.random_webhook_secret();
        let checked = self.egress().check_url(&command.url);
        let endpoint = Endpoint {
            id: EndpointId::new(self.next_id()),
            institution: caller.institution.id,
            url: command.url,
            event_types: command.event_types,
            description: command.description,
            status: EndpointStatus::Unverified,
            created_at: self.now(),
        };
        let kept = self
            .change_once(caller, "webhook/create", async |tx: &Tx| {
                if let Err(refused) = checked {
                    let problem = FieldError::new("url", format!("is refused: {refused}"));
                    return Ok(Err(CreateEndpointError::Field(problem)));
                }
                let place = Place::EndpointSecret(endpoint.id);
                let sealed = self.keyring().seal(place, &secret, self.seal_nonce());
                endpoints::insert(tx, &endpoint, sealed).await?;
                self.tell_test(tx, &caller.institution, &endpoint).await?;
                let secret = secret.expose_secret().to_owned();
                Ok(Ok(KeptEndpoint {
                    id: endpoint.id,
                    secret,
                }))
            })
            .await?;
        Ok(CreatedEndpoint {
            id: kept.id,
            secret: kept.secret.into(),
            status: EndpointStatus::Unverified,
        })
    }

    pub async fn list_endpoints(
        &self,
        institution: &Institution,
    ) -> Result<Vec<Endpoint>, Internal> {
        Ok(endpoints::list(self.storage(), institution.id).await?)
    }

    /// Deletes an endpoint; what was still to be delivered there is abandoned.
    pub async fn delete_endpoint(
        &self,
        caller: &Caller,
        endpoint_id: &str,
    ) -> Result<(), CallError<UnknownEndpoint>> {
        let institution = caller.institution.id;
        self.change(caller, async |tx: &Tx| {
            let Ok(id) = endpoint_id.parse() else {
                return Ok(Err(UnknownEndpoint));
            };
            if !endpoints::delete(tx, institution, id, self.now()).await? {
                return Ok(Err(UnknownEndpoint));
            }
            deliveries::abandon(tx, institution, id, self.now()).await?;
            Ok(Ok(()))
        })
        .await
    }

    /// Sends `endpoint.test` to the endpoint alone.
    pub async fn test_endpoint(
        &self,
        caller: &Caller,
        endpoint_id: &str,
    ) -> Result<EventId, CallError<UnknownEndpoint>> {
        let institution = &caller.institution;
        self.change_at_once(caller, async |tx: &Tx| {
            let found = match endpoint_id.parse() {
                Ok(id) => endpoints::find(tx, institution.id, id).await?,
                Err(_) => None,
            };
            let Some(endpoint) = found else {
                return Ok(Err(UnknownEndpoint));
            };
            Ok(Ok(self.tell_test(tx, institution, &endpoint).await?))
        })
        .await
    }

    async fn tell_test(
        &self,
        tx: &Tx,
        institution: &Institution,
        endpoint: &Endpoint,
    ) -> Result<EventId, Internal> {
        let audience = Audience::ThisEndpoint;
        self.tell_endpoint(tx, institution, EventType::EndpointTest, endpoint, audience)
            .await
    }
}

//! An institution that integrates: it calls the API, receives webhooks and reads the event feed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, Clock, CreateInstitution, Operator};
use domain::Brand;
use domain::institution::{BusAccess, CredentialAccess, Links};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use url::Url;

use crate::api_client::{Answer, ApiClient};
use crate::command::Failure;
use crate::demo::channels::{Channels, Snapshot, Told, Verdict};
use crate::demo::mailbox::{Mailbox, StoreEvent};
use crate::demo::report::{Seen, StepError};
use crate::webhook::{Webhook, WebhookKey};

/// How long a result may take on its way; far longer than it does.
const PATIENCE: Duration = Duration::from_secs(20);

/// An institution with one client and one webhook endpoint.
pub(super) struct Institution {
    pub(super) app_id: String,
    pub(super) app_secret: SecretString,
    pub(super) client_id: String,
    api: ApiClient,
    clock: Arc<dyn Clock>,
    endpoint_id: String,
    webhook_key: WebhookKey,
    mailbox: Mailbox,
    feed: Feed,
    /// Where the event that was confirmed last sends the seller.
    ready_link: Option<String>,
}

/// What an institution needs to begin.
pub(super) struct Beginning<'a> {
    pub(super) name: &'a str,
    /// The institution's own id of its seller.
    pub(super) seller: &'a str,
    pub(super) brand: Brand,
    pub(super) redirect_origin: String,
    pub(super) webhook_url: String,
    pub(super) webhooks: UnboundedReceiver<Webhook>,
    pub(super) clock: Arc<dyn Clock>,
}

/// A store that the institution created.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) id: String,
    pub(super) platform: &'static str,
}

/// What the institution asks for in `store/auth`.
pub(super) enum AuthRequest<'a> {
    Url {
        seller_id: &'a str,
        redirect_url: &'a str,
    },
    Key {
        seller_id: Option<&'a str>,
        auth_info: &'a Value,
    },
}

/// What `store/auth` answered.
pub(super) enum AuthAnswer {
    Started { auth_url: Option<String> },
    Refused { code: u32, message: String },
}

impl AuthAnswer {
    pub(super) fn link(self) -> Result<String, StepError> {
        match self {
            Self::Started {
                auth_url: Some(link),
            } => Ok(link),
            Self::Started { auth_url: None } => {
                Err("store/auth answered no auth_url".to_owned().into())
            }
            Self::Refused { code, message } => Err(refused("store/auth", code, message)),
        }
    }

    /// Expects that a credential was taken, whose result comes later.
    pub(super) fn taken(self) -> Result<(), StepError> {
        match self {
            Self::Started { auth_url: None } => Ok(()),
            Self::Started { auth_url: Some(_) } => {
                Err("store/auth answered an auth_url to a key".to_owned().into())
            }
            Self::Refused { code, message } => Err(refused("store/auth", code, message)),
        }
    }

    pub(super) fn refusal(self, expected: u32) -> Result<Seen, StepError> {
        match self {
            Self::Refused { code, message } if code == expected => {
                Ok(Seen::Refusal { code, message })
            }
            Self::Refused { code, message } => Err(refused("store/auth", code, message)),
            Self::Started { .. } => {
                Err(format!("store/auth was not refused with {expected}").into())
            }
        }
    }
}

/// The event feed as far as it was read.
#[derive(Default)]
struct Feed {
    after: Option<String>,
    /// The bytes of each event, by its id.
    events: HashMap<String, String>,
}

impl Institution {
    /// The operator makes the institution; the rest it does by itself over the API.
    pub(super) async fn begin(
        operated: &Broker,
        http: reqwest::Client,
        broker_url: Url,
        beginning: Beginning<'_>,
    ) -> Result<Self, Failure> {
        let command = CreateInstitution {
            name: beginning.name.to_owned(),
            redirect_origins: vec![beginning.redirect_origin],
            bus_access: BusAccess::None,
            credential_access: CredentialAccess::Granted,
            links: Links::Direct,
            brand: beginning.brand,
        };
        let created = operated.create_institution(&Operator, command).await?;
        let app_id = created.institution.app_id.to_string();
        let api = ApiClient::new(
            http,
            broker_url,
            &*app_id,
            created.app_secret.clone(),
            Arc::clone(&beginning.clock),
        );

        let fields = json!({"partner_user_id": beginning.seller, "name": "Demo Seller"});
        let client = expect(&api, "client/register", &fields).await?;
        let fields = json!({"url": beginning.webhook_url, "description": "demo"});
        let endpoint = expect(&api, "webhook/create", &fields).await?;
        let secret = SecretString::from(text(&endpoint, "secret")?);
        Ok(Self {
            app_id,
            app_secret: created.app_secret,
            client_id: text(&client, "client_id")?,
            endpoint_id: text(&endpoint, "endpoint_id")?,
            webhook_key: WebhookKey::parse(&secret)?,
            api,
            clock: beginning.clock,
            mailbox: Mailbox::new(beginning.webhooks),
            feed: Feed::default(),
            ready_link: None,
        })
    }

    pub(super) async fn create_store(
        &self,
        platform: &'static str,
        store_url: &str,
    ) -> Result<Store, StepError> {
        let fields = json!({
            "client_id": self.client_id,
            "platform": platform,
            "store_url": store_url,
            "name": "Demo Shop",
            "category": "General Categories",
        });
        let data = expect(&self.api, "store/create", &fields).await?;
        Ok(Store {
            id: text(&data, "store_id")?,
            platform,
        })
    }

    pub(super) async fn authorize(
        &self,
        store: &Store,
        request: AuthRequest<'_>,
    ) -> Result<AuthAnswer, StepError> {
        let mut fields = json!({"client_id": self.client_id, "store_id": store.id});
        match request {
            AuthRequest::Url {
                seller_id,
                redirect_url,
            } => {
                fields["auth_type"] = json!("URL");
                fields["seller_id"] = json!(seller_id);
                fields["redirect_url"] = json!(redirect_url);
            }
            AuthRequest::Key {
                seller_id,
                auth_info,
            } => {
                fields["auth_type"] = json!("KEY");
                fields["seller_id"] = json!(seller_id);
                fields["auth_info"] = auth_info.clone();
            }
        }
        let reply = call(&self.api, "store/auth", &fields).await?;
        if reply.code != 200 {
            let Reply { code, message, .. } = reply;
            return Ok(AuthAnswer::Refused { code, message });
        }
        let auth_url = reply.data["auth_url"].as_str().map(str::to_owned);
        Ok(AuthAnswer::Started { auth_url })
    }

    /// The store as soon as its sequence is above `after`, or as it is when patience ends.
    pub(super) async fn query(&self, store: &Store, after: i64) -> Result<Snapshot, StepError> {
        let fields = json!({
            "client_id": self.client_id,
            "store_id": store.id,
            "wait_seconds": PATIENCE.as_secs(),
            "after_sequence": after,
        });
        self.read_snapshot(&fields).await
    }

    /// The store as it is.
    pub(super) async fn look_at(&self, store_id: &str) -> Result<Snapshot, StepError> {
        let fields = json!({"client_id": self.client_id, "store_id": store_id});
        self.read_snapshot(&fields).await
    }

    /// The whole of what `store/query` says.
    pub(super) async fn snapshot(&self, store_id: &str) -> Result<Value, StepError> {
        let fields = json!({"client_id": self.client_id, "store_id": store_id});
        expect(&self.api, "store/query", &fields).await
    }

    /// What a call about a store answers that must succeed.
    pub(super) async fn ask(
        &self,
        call: &'static str,
        store: &Store,
        mut fields: Value,
    ) -> Result<Value, StepError> {
        fields["client_id"] = self.client_id.clone().into();
        fields["store_id"] = store.id.clone().into();
        expect(&self.api, call, &fields).await
    }

    async fn read_snapshot(&self, fields: &Value) -> Result<Snapshot, StepError> {
        let data = expect(&self.api, "store/query", fields).await?;
        serde_json::from_value(data)
            .map_err(|error| format!("store/query is not understood: {error}").into())
    }

    /// Waits for the result with this sequence on every channel, and compares what they say.
    pub(super) async fn confirm(
        &mut self,
        store: &Store,
        redirect: Option<Told>,
        sequence: i64,
        expected: Verdict,
    ) -> Result<Seen, StepError> {
        let query = self.query(store, sequence - 1).await?;
        if query.sequence < sequence {
            return Err(format!(
                "no result came: store/query says {} with sequence {}",
                query.told.auth_status, query.sequence
            )
            .into());
        }
        let (webhook, event) = self
            .mailbox
            .take(&store.id, sequence, PATIENCE)
            .await
            .ok_or_else(|| format!("no webhook with sequence {sequence} came"))?;
        self.verify(&webhook)?;
        self.compare_with_feed(&webhook).await?;
        self.ready_link.clone_from(&event.data.reauthorize_url);
        let channels = Channels {
            redirect,
            webhook: event.data.snapshot,
            query,
        };
        channels.compare(expected, sequence)?;
        Ok(Seen::Result(Box::new(channels)))
    }

    /// The link in the event that was confirmed last.
    pub(super) fn ready_link(&self) -> Option<&str> {
        self.ready_link.as_deref()
    }

    /// Unbinds a store: webhook and feed tell it alike, and the query knows no such store any more.
    pub(super) async fn unbind(&mut self, store: &Store) -> Result<(), StepError> {
        let fields = json!({"client_id": self.client_id, "store_id": store.id});
        let sequence = self.look_at(&store.id).await?.sequence + 1;
        expect(&self.api, "store/unbind", &fields).await?;
        let (webhook, event) = self
            .mailbox
            .take(&store.id, sequence, PATIENCE)
            .await
            .ok_or_else(|| format!("no webhook with sequence {sequence} came"))?;
        self.verify(&webhook)?;
        self.compare_with_feed(&webhook).await?;
        if event.event_type != "store.unbound" {
            return Err(format!("the last event is {}", event.event_type).into());
        }
        let reply = call(&self.api, "store/query", &fields).await?;
        if reply.code != 940_002 {
            return Err(format!("store/query answers {} after all", reply.code).into());
        }
        Ok(())
    }

    /// The next webhook about a store, verified.
    pub(super) async fn next_event(&mut self) -> Option<Result<StoreEvent, StepError>> {
        loop {
            let webhook = self.mailbox.next().await?;
            if let Ok(event) = serde_json::from_slice(&webhook.body) {
                return Some(self.verify(&webhook).map(|()| event));
            }
        }
    }

    /// Deletes the endpoint, so that no later run goes on sending to it.
    pub(super) async fn leave(&self) -> Result<(), StepError> {
        let fields = json!({"endpoint_id": self.endpoint_id});
        expect(&self.api, "webhook/delete", &fields).await?;
        Ok(())
    }

    fn verify(&self, webhook: &Webhook) -> Result<(), StepError> {
        self.webhook_key
            .verify(webhook, self.clock.now())
            .map_err(|refused| format!("webhook {}: {refused}", webhook.id).into())
    }

    /// The feed must hold the very bytes that were pushed.
    async fn compare_with_feed(&mut self, webhook: &Webhook) -> Result<(), StepError> {
        if !self.feed.events.contains_key(&webhook.id) {
            self.read_feed().await?;
        }
        let Some(event) = self.feed.events.get(&webhook.id) else {
            return Err(format!("event/list lacks {}", webhook.id).into());
        };
        if event.as_bytes() != webhook.body {
            return Err(format!("event/list has other bytes for {}", webhook.id).into());
        }
        Ok(())
    }

    /// Reads the feed to its present end.
    async fn read_feed(&mut self) -> Result<(), StepError> {
        #[derive(Deserialize)]
        struct Entry {
            id: String,
        }
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            data: PageData<'a>,
        }
        #[derive(Deserialize)]
        struct PageData<'a> {
            #[serde(borrow)]
            events: Vec<&'a RawValue>,
            next_cursor: String,
        }

        let unreadable = |error: serde_json::Error| {
            StepError::from(format!("event/list is not understood: {error}"))
        };
        loop {
            let mut fields = json!({"limit": 100});
            if let Some(after) = &self.feed.after {
                fields["after"] = json!(after);
            }
            let answer = self.api.call("event/list", body(&fields)).await?;
            if !answer.is_success() {
                return Err(read(&answer)?.refused("event/list"));
            }
            let page: Page<'_> = serde_json::from_slice(&answer.body).map_err(unreadable)?;
            let is_last = page.data.events.is_empty();
            for event in page.data.events {
                let entry: Entry = serde_json::from_str(event.get()).map_err(unreadable)?;
                self.feed.events.insert(entry.id, event.get().to_owned());
            }
            self.feed.after = Some(page.data.next_cursor);
            if is_last {
                return Ok(());
            }
        }
    }
}

/// An enveloped answer.
#[derive(Deserialize)]
struct Reply {
    code: u32,
    message: String,
    #[serde(default)]
    data: Value,
}

impl Reply {
    fn refused(self, call: &'static str) -> StepError {
        refused(call, self.code, self.message)
    }
}

async fn call(api: &ApiClient, call: &'static str, fields: &Value) -> Result<Reply, StepError> {
    read(&api.call(call, body(fields)).await?)
}

/// What a call answers that must succeed.
async fn expect(api: &ApiClient, name: &'static str, fields: &Value) -> Result<Value, StepError> {
    let reply = call(api, name, fields).await?;
    if reply.code != 200 {
        return Err(reply.refused(name));
    }
    Ok(reply.data)
}

fn body(fields: &Value) -> Vec<u8> {
    fields.to_string().into_bytes()
}

fn read(answer: &Answer) -> Result<Reply, StepError> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| format!("an answer is no envelope: {error}").into())
}

fn text(data: &Value, field: &str) -> Result<String, StepError> {
    data[field]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("an answer lacks {field}").into())
}

fn refused(call: &'static str, code: u32, message: String) -> StepError {
    StepError::Refused {
        call,
        code,
        message,
    }
}

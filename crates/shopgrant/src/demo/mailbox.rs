//! The webhooks that reached one institution, to be asked for by what they are about.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::demo::channels::Snapshot;
use crate::webhook::Webhook;

/// Where an institution's webhooks are kept until somebody asks for them.
pub(super) struct Mailbox {
    arriving: UnboundedReceiver<Webhook>,
    kept: Vec<Webhook>,
}

/// An event of a store, as far as the demo reads it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoreEvent {
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) data: StoreEventData,
}

/// The snapshot, and what only events have.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoreEventData {
    #[serde(flatten)]
    pub(super) snapshot: Snapshot,
    pub(super) reauthorize_url: Option<String>,
}

impl Mailbox {
    pub(super) fn new(arriving: UnboundedReceiver<Webhook>) -> Self {
        Self {
            arriving,
            kept: Vec::new(),
        }
    }

    /// The next webhook, whatever it is about.
    pub(super) async fn next(&mut self) -> Option<Webhook> {
        self.arriving.recv().await
    }

    /// The webhook of a store's event, when it is there within `limit`.
    pub(super) async fn take(
        &mut self,
        store_id: &str,
        sequence: i64,
        limit: Duration,
    ) -> Option<(Webhook, StoreEvent)> {
        let is_wanted = |webhook: &Webhook| {
            let event: StoreEvent = serde_json::from_slice(&webhook.body).ok()?;
            let data = &event.data.snapshot;
            (data.told.store_id == store_id && data.sequence == sequence).then_some(event)
        };
        let mut there = self.kept.iter().enumerate();
        let found = there.find_map(|(index, webhook)| Some((index, is_wanted(webhook)?)));
        if let Some((index, event)) = found {
            return Some((self.kept.swap_remove(index), event));
        }
        let arriving = async {
            loop {
                let webhook = self.arriving.recv().await?;
                match is_wanted(&webhook) {
                    Some(event) => return Some((webhook, event)),
                    None => self.kept.push(webhook),
                }
            }
        };
        tokio::time::timeout(limit, arriving).await.ok().flatten()
    }
}

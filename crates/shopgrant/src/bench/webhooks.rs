//! The receiver of webhooks, as a measurement sees it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, interval};

use crate::bench::caller::{Institution, text};
use crate::bench::peer::{Counts, Endpoint};
use crate::bench::rig::Rig;
use crate::command::Failure;

/// How long nothing may arrive before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether all have arrived.
const LOOK: Duration = Duration::from_millis(20);

impl Rig {
    /// An endpoint for every event of an institution, which the receiver verifies under this number;
    /// returns its id. Its first event, a test, is on its way.
    pub(super) async fn hook(
        &self,
        broker: SocketAddr,
        institution: &Institution,
        number: u32,
    ) -> Result<String, Failure> {
        let url = format!("http://{}/hook/{number}", self.peer.address);
        let fields = json!({"url": url, "description": "bench"});
        let endpoint = institution
            .call(broker, "/v1/webhook/create", &fields)
            .await?;
        let secret = text(&endpoint, "secret")?;
        let known = serde_json::to_value(Endpoint { number, secret })?;
        self.tell_peer("/control/endpoint", &known).await?;
        text(&endpoint, "endpoint_id")
    }

    /// Returns when so many events were received, or when nothing has come for long: what is then missing
    /// is for the checks to tell.
    pub(super) async fn wait_for_webhooks(&self, events: u64) -> Result<(), Failure> {
        let mut looks = interval(LOOK);
        let mut seen = 0;
        let mut last_change = Instant::now();
        loop {
            looks.tick().await;
            let counts: Counts = self.ask_peer("/control/counts").await?;
            let arrived = counts.events + counts.early;
            if arrived >= events {
                return Ok(());
            }
            if arrived != seen {
                seen = arrived;
                last_change = Instant::now();
            }
            if last_change.elapsed() > PATIENCE {
                return Ok(());
            }
        }
    }
}

//! `shopgrant listen`

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::http::StatusCode;
use broker::{Clock, SystemClock};
use chrono::{DateTime, Utc};
use clap::Args;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::mpsc;
use tracing_subscriber::filter::LevelFilter;

use crate::command::{Failure, log_as_text};
use crate::receiver::{self, Arrival};
use crate::signal::EndSignals;
use crate::webhook::{Webhook, WebhookKey};
use crate::{output, secret_file};

/// Receive webhooks on this machine, verify them and print a line for each
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  shopgrant listen --port 9200 --secret-file webhook.secret

The broker must be allowed to call this machine: SHOPGRANT__EGRESS__ALLOW=127.0.0.0/8")]
pub(crate) struct Listen {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9200)]
    port: u16,
    #[command(flatten)]
    secret: SecretOption,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SecretOption {
    /// The file with the secret that webhook/create answered
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The secret itself; other users of this machine may see it
    #[arg(long, value_name = "WHSEC")]
    secret: Option<SecretString>,
}

impl SecretOption {
    fn key(&self) -> Result<WebhookKey, Failure> {
        let secret = match (&self.secret_file, &self.secret) {
            (Some(path), _) => secret_file::read(path)?,
            (None, Some(secret)) => secret.clone(),
            (None, None) => return Err("a secret is needed".into()),
        };
        Ok(WebhookKey::parse(&secret)?)
    }
}

impl Listen {
    pub(crate) async fn run(self) -> Result<ExitCode, Failure> {
        log_as_text(LevelFilter::WARN)?;
        let key = self.secret.key()?;
        let mut signals = EndSignals::catch()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .map_err(|error| format!("port {} cannot be bound: {error}", self.port))?;
        let (lines, mut printed) = mpsc::unbounded_channel();
        let (address, server) = receiver::start(
            listener,
            Arc::new(move |arrival| {
                let (status, line) = judge(&key, &arrival, SystemClock.now());
                // The printer ends only together with the server.
                lines.send(line).ok();
                status
            }),
        )?;
        output::line(format_args!(
            "Listening on http://{address}; every path is taken."
        ))?;
        let handle = server.handle();
        let printing = async {
            while let Some(line) = printed.recv().await {
                output::line(line)?;
            }
            Ok::<(), Failure>(())
        };
        tokio::select! {
            ended = server => ended?,
            ended = printing => ended?,
            () = signals.recv() => handle.stop(false).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What is answered, and what is told about it.
fn judge(key: &WebhookKey, arrival: &Arrival, now: DateTime<Utc>) -> (StatusCode, String) {
    match arrival {
        Arrival::Browser { path, .. } => (StatusCode::NOT_FOUND, format!("GET {path}: no webhook")),
        Arrival::Webhook { webhook, .. } => match key.verify(webhook, now) {
            Ok(()) => (StatusCode::NO_CONTENT, describe(webhook)),
            Err(error) => (
                StatusCode::UNAUTHORIZED,
                format!("REFUSED  {}  {error}", webhook.id),
            ),
        },
    }
}

/// The fields of an event that a person looks for.
#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Option<EventData>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventData {
    store_id: String,
    auth_status: String,
    auth_fail_reason: String,
    sequence: Option<i64>,
}

fn describe(webhook: &Webhook) -> String {
    let Ok(event) = serde_json::from_slice::<Event>(&webhook.body) else {
        return format!("verified  {}  (no event that is known here)", webhook.id);
    };
    let data = event.data.unwrap_or_default();
    let mut line = format!("verified  {}  {}", event.id, event.kind);
    for part in [&data.store_id, &data.auth_status, &data.auth_fail_reason] {
        if !part.is_empty() {
            line.push_str("  ");
            line.push_str(part);
        }
    }
    if let Some(sequence) = data.sequence {
        line.push_str("  sequence ");
        line.push_str(&sequence.to_string());
    }
    line
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn arrival(body: &'static [u8]) -> Arrival {
        Arrival::Webhook {
            path: "/".to_owned(),
            webhook: Webhook {
                id: "evt_1".to_owned(),
                timestamp: "1763740800".to_owned(),
                // Computed with Python's hmac over `evt_1.1763740800.BODY`, for the body of the first test.
                signature: "v1,xXk2ezd1KRv9Mc3FJW0PQbQYAAyL43fuQp+gWcsfGR4=".to_owned(),
                body: Bytes::from_static(body),
            },
        }
    }

    fn judged(arrival: &Arrival) -> (u16, String) {
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX".into();
        let key = WebhookKey::parse(&secret).unwrap();
        let now = DateTime::from_timestamp(1_763_740_800, 0).unwrap();
        let (status, line) = judge(&key, arrival, now);
        (status.as_u16(), line)
    }

    #[test]
    fn a_verified_event_is_told_in_one_line() {
        let body = br#"{"id":"evt_1","type":"store.auth.failed","data":{"store_id":"st_1","auth_status":"FAILED","auth_fail_reason":"USER_DENIED","sequence":2}}"#;
        let line = "verified  evt_1  store.auth.failed  st_1  FAILED  USER_DENIED  sequence 2";
        assert_eq!(judged(&arrival(body)), (204, line.to_owned()));
    }

    #[test]
    fn a_wrong_signature_is_refused_and_said_so() {
        let (status, line) = judged(&arrival(b"{}"));
        assert_eq!(status, 401);
        assert!(
            line.starts_with("REFUSED  evt_1  webhook-signature is wrong"),
            "{line}"
        );
    }
}

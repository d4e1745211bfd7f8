//! What machines ask of a process, whatever its role.

use std::fmt;

use broker::{Broker, Hindrance};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::measure::{self, Measures};

/// What a process does for institutions and sellers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duties {
    /// It answers their calls.
    Api,
    /// It finishes what those begin.
    Worker,
    Both,
}

/// The broker, seen by a supervisor and a monitor.
pub(crate) struct Machine {
    broker: Broker,
    duties: Duties,
    measures: Measures,
    registry: Registry,
}

/// Whether a process can do its work, and what a supervisor reads about it.
pub(crate) struct Readiness {
    pub(crate) is_ready: bool,
    pub(crate) text: String,
}

impl Machine {
    pub(crate) fn new(broker: Broker, duties: Duties, measures: Measures) -> Self {
        let mut registry = Registry::with_prefix("shopgrant");
        broker.register_metrics(&mut registry);
        measures.register(&mut registry);
        measure::register_process(&mut registry, broker.now());
        Self {
            broker,
            duties,
            measures,
            registry,
        }
    }

    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    pub(crate) fn measures(&self) -> &Measures {
        &self.measures
    }

    /// Everything that is measured, in the text format that Prometheus reads.
    pub(crate) async fn metrics(&self) -> Result<String, fmt::Error> {
        self.broker.read_backlogs().await;
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    /// An address that answers calls is not taken out of rotation because of its workers: what they do is
    /// late then, and nothing that a caller could be sent elsewhere for. They are told all the same.
    pub(crate) async fn readiness(&self) -> Readiness {
        let mut lines = self.broker.api_hindrances().await;
        let blocking = match self.duties {
            Duties::Api => lines.len(),
            Duties::Both => {
                let blocking = lines.len();
                lines.extend(self.broker.worker_hindrances());
                blocking
            }
            Duties::Worker => {
                lines.extend(self.broker.worker_hindrances());
                lines.len()
            }
        };
        let is_ready = blocking == 0;
        let head = if is_ready { "ok" } else { "not ready" };
        let lines = lines.iter().map(Hindrance::to_string);
        let text = std::iter::once(head.to_owned()).chain(lines);
        Readiness {
            is_ready,
            text: text.collect::<Vec<_>>().join("\n"),
        }
    }
}

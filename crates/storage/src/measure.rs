//! What is counted about the database's connections.

use std::fmt;
use std::time::Duration;

use crate::database::{Storage, Writer};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The limits of the buckets, in seconds, up to the time after which nobody waits for a connection any more.
const BUCKETS: [f64; 11] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0,
];

#[derive(Clone, Debug)]
pub(crate) struct Measures {
    begins: Histogram,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            begins: Histogram::new(BUCKETS),
        }
    }
}

impl Measures {
    /// A transaction has begun, or could not, after this time.
    pub(crate) fn began(&self, waited: Duration) {
        self.begins.observe(waited.as_secs_f64());
    }
}

impl Storage {
    /// Adds what is counted about the connections of this storage and of its clones.
    pub fn register_metrics(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "database_transaction_wait",
            "How long transactions waited for a connection, the statement that begins them included",
            Unit::Seconds,
            self.measures.begins.clone(),
        );
        registry.register_collector(Box::new(Pools(self.clone())));
    }
}

/// The connections as they are at the moment of the question.
#[derive(Debug)]
struct Pools(Storage);

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut connections = encoder.encode_descriptor(
            "database_connections",
            "Open connections to the database",
            None,
            MetricType::Gauge,
        )?;
        for (pool, size, idle) in pools(&self.0) {
            let idle = i64::try_from(idle).unwrap_or(i64::MAX);
            let in_use = (i64::from(size) - idle).max(0);
            for (state, count) in [("in_use", in_use), ("idle", idle)] {
                let labels = [("pool", pool), ("state", state)];
                ConstGauge::new(count).encode(connections.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// The name of each pool, how many connections are open in it, and how many of them nobody uses.
fn pools(storage: &Storage) -> Vec<(&'static str, u32, usize)> {
    match &storage.writer {
        Writer::Sqlite(writer) => {
            let readers = storage.reader.get_sqlite_connection_pool();
            let (open, idle) = writer.connections();
            vec![
                ("readers", readers.size(), readers.num_idle()),
                ("writer", open, idle),
            ]
        }
        Writer::Postgres(connection) => {
            let pool = connection.get_postgres_connection_pool();
            vec![("all", pool.size(), pool.num_idle())]
        }
    }
}

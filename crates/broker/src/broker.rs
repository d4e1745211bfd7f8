//! What every use case works with.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};
use messaging::EventBus;
use storage::Storage;
use storage::sealing::{Keyring, SealNonce};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::{Builder, Uuid};

use crate::clock::Clock;
use crate::delivery::Slots;
use crate::directory::Directory;
use crate::entropy::Entropy;
use crate::measure::Measures;
use crate::options::Options;
use crate::pulse::Pulse;
use crate::readiness::Readings;

/// The use cases and workers of one process. Clones are the same broker.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

/// What a broker is made of.
pub struct Parts {
    pub storage: Storage,
    pub keyring: Keyring,
    pub egress: egress::Client,
    pub bus: Arc<dyn EventBus>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub options: Options,
}

struct Inner {
    parts: Parts,
    /// The last id that was handed out.
    last_id: Mutex<Uuid>,
    /// Exchanges under way, which outlive the request that began them.
    tasks: TaskTracker,
    /// Where they run. The threads of a server have runtimes of their own, which end with the server and
    /// would take an exchange along whose browser is gone.
    runtime: Handle,
    directory: Directory,
    /// Webhooks that this process is sending.
    slots: Arc<Slots>,
    /// Cancelled when nobody is to be kept waiting any more.
    hurry: CancellationToken,
    measures: Measures,
    pulse: Pulse,
    readings: Readings,
}

impl Broker {
    /// To be called inside of the Tokio runtime that lives as long as the process.
    pub fn new(parts: Parts) -> Self {
        let inner = Inner {
            directory: Directory::new(&parts.storage),
            parts,
            last_id: Mutex::new(Uuid::nil()),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            slots: Arc::default(),
            hurry: CancellationToken::new(),
            measures: Measures::default(),
            pulse: Pulse::default(),
            readings: Readings::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The time, to the millisecond, which is as fine as it is stored.
    pub fn now(&self) -> DateTime<Utc> {
        self.inner.parts.clock.now().trunc_subsecs(3)
    }

    /// Answers every call that waits for something to change, now and from now on, with what there is: the
    /// process is about to end.
    pub fn stop_waiting(&self) {
        self.inner.hurry.cancel();
    }

    /// Ends when the exchanges under way have ended; new ones can still begin, so stop the server first.
    pub async fn shut_down(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.inner.parts.storage
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.inner.parts.keyring
    }

    pub(crate) fn egress(&self) -> &egress::Client {
        &self.inner.parts.egress
    }

    pub(crate) fn bus(&self) -> &dyn EventBus {
        &*self.inner.parts.bus
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.parts.options
    }

    /// Runs `task` to its end, whatever becomes of whoever waits for it. What it logs carries the id of the
    /// request that began it.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let task = task.in_current_span();
        self.inner.tasks.spawn_on(task, &self.inner.runtime)
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    pub(crate) fn slots(&self) -> &Arc<Slots> {
        &self.inner.slots
    }

    pub(crate) fn hurry(&self) -> &CancellationToken {
        &self.inner.hurry
    }

    pub(crate) fn measures(&self) -> &Measures {
        &self.inner.measures
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.inner.pulse
    }

    pub(crate) fn readings(&self) -> &Readings {
        &self.inner.readings
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.inner.parts.entropy.fill(&mut bytes);
        bytes
    }

    pub(crate) fn seal_nonce(&self) -> SealNonce {
        self.random()
    }

    /// A number in 0.0..1.0, for jitter.
    pub(crate) fn chance(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.random())) / (f64::from(u32::MAX) + 1.0)
    }

    /// A new `UUIDv7`, larger than every one before it in this process: two events of one store that are
    /// made in one millisecond keep their order.
    pub(crate) fn next_id(&self) -> Uuid {
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or_default();
        let drawn = Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid();
        let mut last = self
            .inner
            .last_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = drawn.max(Uuid::from_u128(last.as_u128().wrapping_add(1)));
        *last
    }
}

//! A closed loop of calls: so many connections, each with one call under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::bench::connection::{Connection, ConnectionError, Reply};
use crate::bench::statistics::{new_histogram, note};
use crate::command::Failure;

/// When a loop ends.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Count(u64),
    Span(Duration),
}

/// The calls of a loop: what is sent as the one with this number, and whether its answer is right.
pub(super) trait Calls: Send + Sync + 'static {
    fn request(&self, number: u64) -> Vec<u8>;
    fn check(&self, number: u64, reply: &Reply<'_>) -> Result<(), String>;
}

/// What came of a loop.
pub(super) struct Load {
    pub(super) latencies: Histogram<u64>,
    pub(super) right: u64,
    pub(super) wrong: u64,
    /// Of the first wrong answer.
    pub(super) first_problem: Option<String>,
    pub(super) elapsed: Duration,
}

/// Calls `address` over so many connections, which are opened before the clock starts.
pub(super) async fn drive(
    address: SocketAddr,
    connections: u32,
    until: Until,
    calls: &Arc<impl Calls>,
) -> Result<Load, Failure> {
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut loops = JoinSet::new();
    for connection in opened {
        let (next, calls) = (Arc::clone(&next), Arc::clone(calls));
        loops.spawn(call_on(connection, next, until, began, calls));
    }
    let mut load = Load::new();
    while let Some(ended) = loops.join_next().await {
        load.add(ended??);
    }
    load.elapsed = began.elapsed();
    Ok(load)
}

async fn call_on(
    mut connection: Connection,
    next: Arc<AtomicU64>,
    until: Until,
    began: Instant,
    calls: Arc<impl Calls>,
) -> Result<Load, ConnectionError> {
    let mut load = Load::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let is_over = match until {
            Until::Count(count) => number >= count,
            Until::Span(span) => began.elapsed() >= span,
        };
        if is_over {
            return Ok(load);
        }
        let request = calls.request(number);
        let sent = Instant::now();
        let reply = connection.send(&request).await?;
        note(&mut load.latencies, sent.elapsed());
        load.count(calls.check(number, &reply));
    }
}

impl Load {
    pub(super) fn new() -> Self {
        Self {
            latencies: new_histogram(),
            right: 0,
            wrong: 0,
            first_problem: None,
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn count(&mut self, checked: Result<(), String>) {
        match checked {
            Ok(()) => self.right += 1,
            Err(problem) => {
                self.wrong += 1;
                self.first_problem.get_or_insert(problem);
            }
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.first_problem = self.first_problem.take().or(other.first_problem);
        self.latencies
            .add(other.latencies)
            .expect("all have the same bounds");
    }
}

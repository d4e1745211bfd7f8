//! `bench deliver`: from a committed event to the webhook that was received, verified and counted.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker::{Clock, SystemClock};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

use crate::bench::caller::{Institution, read};
use crate::bench::child::Child;
use crate::bench::connection::{Connection, ConnectionError, Reply};
use crate::bench::load::{Calls, Load, Until, drive};
use crate::bench::machine::flush_ms;
use crate::bench::options::BenchOptions;
use crate::bench::peer::{Counts, Receipt};
use crate::bench::progress::Progress;
use crate::bench::report::{Report, Subject, Target};
use crate::bench::rig::Rig;
use crate::bench::statistics::{micros_each, new_histogram, note, per_second, quantile_ms};
use crate::bench::usage;
use crate::command::Failure;
use crate::settings::Role;

/// Endpoints, each of an institution of its own: so many that neither the eight attempts that one endpoint
/// may have under way nor the list of an institution's endpoints is what is measured.
const ENDPOINTS: u32 = 48;
/// Connections over which the calls of the fixed rate are made.
const CALLERS: u32 = 10;
/// How long after the connections are open the first call of the fixed rate is made.
const LEAD: Duration = Duration::from_millis(20);
/// What the latencies leave out at the beginning, while the process opens its connections.
const WARM_UP: Duration = Duration::from_secs(1);
/// What svix-server does in a second on two cores.
const REFERENCE: f64 = 900.0;

/// Webhooks per second, and how long an event takes to its webhook
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant bench deliver
  shopgrant bench deliver --processes 2 --database-url postgres://127.0.0.1/postgres --amqp-url amqp://127.0.0.1")]
pub(crate) struct DeliverOptions {
    #[command(flatten)]
    pub(crate) common: BenchOptions,
    /// Worker processes to compare with one
    #[arg(long, value_name = "COUNT", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=16))]
    processes: u32,
    /// Events per second while latency is measured
    #[arg(long, value_name = "COUNT", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(10..=100_000))]
    rate: u32,
}

struct Bench {
    rig: Rig,
    targets: Vec<TestTarget>,
    subject: Subject,
}

/// An institution and its endpoint.
struct TestTarget {
    institution: Institution,
    body: Vec<u8>,
}

/// An event that the API has told of, and when it was asked for.
struct Told {
    event: String,
    asked_at_us: i64,
}

pub(crate) async fn run(options: &DeliverOptions) -> Result<Report, Failure> {
    let common = &options.common;
    let mut bench = Bench::set_up(common).await?;
    let events = common.operations(20_000, 500);
    let mut fleets = vec![1];
    if options.processes > 1 {
        fleets.push(options.processes);
    }
    let progress = Progress::of(common.runs() * (fleets.len() as u64 + 1));
    for run in 1..=common.runs() {
        let flush = flush_ms(bench.rig.directory.path())?;
        bench
            .subject
            .add("flush of a page to the disk", "ms", flush);
        let mut rates = Vec::new();
        for fleet in &fleets {
            progress.begin(&format!("backlog, run {run}, {fleet} worker processes"));
            rates.push(bench.drain(events, *fleet, common).await?);
        }
        if let [one, more] = rates[..] {
            let name = "webhooks, more processes over one";
            bench.subject.add(name, "", more / one);
        }
        progress.begin(&format!("latency, run {run}"));
        bench.trickle(options).await?;
    }
    let mut report = Report::new("deliver", common);
    report.subjects.push(bench.finish(options, events).await?);
    Ok(report)
}

impl Bench {
    /// Endpoints that have answered their first test, so that nothing but what is measured is on its way.
    async fn set_up(options: &BenchOptions) -> Result<Self, Failure> {
        let rig = Rig::build(options.database_url.as_ref(), options).await?;
        let broker = rig.serve(Role::All).await?;
        let mut targets = Vec::new();
        for number in 0..ENDPOINTS {
            let (_, institution) = rig.institution(broker.address).await?;
            let endpoint = rig.hook(broker.address, &institution, number).await?;
            let fields = json!({"endpoint_id": endpoint});
            targets.push(TestTarget {
                institution,
                body: fields.to_string().into_bytes(),
            });
        }
        let subject = rig.subject();
        let bench = Self {
            rig,
            targets,
            subject,
        };
        bench.rig.wait_for_webhooks(u64::from(ENDPOINTS)).await?;
        bench.rig.tell_peer("/control/reset", &json!({})).await?;
        broker.stop().await?;
        Ok(bench)
    }

    /// Fills a backlog while no worker runs, and returns how many webhooks per second the workers then make
    /// of it, from the first to the last.
    async fn drain(
        &mut self,
        events: u64,
        processes: u32,
        options: &BenchOptions,
    ) -> Result<f64, Failure> {
        let api = self.rig.serve(Role::Api).await?;
        let calls = Arc::new(Tests::of(std::mem::take(&mut self.targets)));
        let connections = options.connections.get();
        let filled = drive(api.address, connections, Until::Count(events), &calls).await?;
        let told = self.take_back(calls)?;
        self.check_calls(&filled, events);

        let database = self.rig.database_cpu();
        let mut workers = Vec::new();
        for _ in 0..processes {
            workers.push(self.rig.serve(Role::Worker).await?);
        }
        self.rig.wait_for_webhooks(events).await?;
        let cpu = cpu_of_all(&workers);
        let database = self.rig.database_cpu().zip(database);
        let receipts = self.settle(&told).await?;
        for worker in workers {
            worker.stop().await?;
        }
        api.stop().await?;

        let first = receipts.iter().map(|receipt| receipt.first_at_us).min();
        let last = receipts.iter().map(|receipt| receipt.first_at_us).max();
        let micros = last.zip(first).map_or(0, |(last, first)| last - first);
        let span = Duration::from_micros(u64::try_from(micros.max(1))?);
        let rate = per_second(events.saturating_sub(1), span);
        let names = if processes == 1 {
            [
                "webhooks of a backlog",
                "CPU of the worker",
                "CPU of the database",
            ]
        } else {
            [
                "webhooks of a backlog, more processes",
                "CPU of all workers, more processes",
                "CPU of the database, more processes",
            ]
        };
        self.subject.add(names[0], "per s", rate);
        let each = |spent: Duration| micros_each(spent, events);
        self.subject
            .add_if_known(names[1], "us each", cpu.map(each));
        let database = database.map(|(after, before)| after.saturating_sub(before));
        self.subject
            .add_if_known(names[2], "us each", database.map(each));
        Ok(rate)
    }

    /// Events at a fixed rate, whatever becomes of them, on one process with every role.
    async fn trickle(&mut self, options: &DeliverOptions) -> Result<(), Failure> {
        let span = options.common.span() + WARM_UP;
        let each =
            u32::try_from(u64::from(options.rate) * u64::try_from(span.as_millis())? / 1000)?
                .max(CALLERS)
                / CALLERS;
        let broker = self.rig.serve(Role::All).await?;
        let calls = Arc::new(Tests::of(std::mem::take(&mut self.targets)));
        let mut callers = JoinSet::new();
        let pause = Duration::from_secs(1) * CALLERS / options.rate;
        for caller in 0..CALLERS {
            let connection = Connection::open(broker.address).await?;
            let first = Instant::now() + pause * caller / CALLERS + LEAD;
            let calls = Arc::clone(&calls);
            callers.spawn(call_steadily(connection, calls, first, pause, caller, each));
        }
        let mut made = Load::new();
        while let Some(ended) = callers.join_next().await {
            made.add(ended??);
        }
        let count = u64::from(each * CALLERS);
        self.check_calls(&made, count);
        let told = self.take_back(calls)?;
        self.rig.wait_for_webhooks(count).await?;
        let receipts = self.settle(&told).await?;
        broker.stop().await?;

        let asked_at: HashMap<&str, i64> = told
            .iter()
            .map(|told| (told.event.as_str(), told.asked_at_us))
            .collect();
        let first_call = asked_at.values().min().copied().unwrap_or_default();
        let warm_at = first_call + i64::try_from(WARM_UP.as_micros())?;
        let (mut from_event, mut from_call) = (new_histogram(), new_histogram());
        for receipt in &receipts {
            // One that nobody asked for is counted above.
            let Some(asked_at) = asked_at.get(&*receipt.event).filter(|at| **at >= warm_at) else {
                continue;
            };
            let since = |at: i64| {
                Duration::from_micros(u64::try_from(receipt.first_at_us - at).unwrap_or(0))
            };
            note(&mut from_event, since(receipt.event_at_us));
            note(&mut from_call, since(*asked_at));
        }
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let figure = |from: &str| format!("{from} to webhook, {name}");
            let event = quantile_ms(&from_event, share);
            let call = quantile_ms(&from_call, share);
            self.subject.add(&figure("event"), "ms", event);
            self.subject.add(&figure("call"), "ms", call);
        }
        Ok(())
    }

    fn take_back(&mut self, calls: Arc<Tests>) -> Result<Vec<Told>, Failure> {
        let calls = Arc::into_inner(calls).ok_or("a caller has not ended")?;
        self.targets = calls.targets;
        Ok(calls
            .told
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner))
    }

    fn check_calls(&mut self, load: &Load, count: u64) {
        let problem = load.first_problem.as_deref().unwrap_or("");
        let what = format!("{} of {count} events were taken {problem}", load.right);
        self.subject.check(what, load.right == count);
    }

    /// Compares what was received with what the API told, and takes the counts back to zero.
    async fn settle(&mut self, told: &[Told]) -> Result<Vec<Receipt>, Failure> {
        let counts: Counts = self.rig.ask_peer("/control/counts").await?;
        let receipts: Vec<Receipt> = self.rig.ask_peer("/control/receipts").await?;
        self.rig.tell_peer("/control/reset", &json!({})).await?;
        let expected: HashSet<&str> = told.iter().map(|told| told.event.as_str()).collect();
        let received: HashSet<&str> = receipts.iter().map(|receipt| &*receipt.event).collect();
        let lost = expected.difference(&received).count();
        let unknown = received.difference(&expected).count();
        self.subject.check(
            format!("{lost} of {} events were lost", expected.len()),
            lost == 0 && expected.len() == told.len(),
        );
        self.subject.check(
            format!("{unknown} events came that nobody asked for"),
            unknown == 0,
        );
        // At-least-once allows a second time where a process failed, and none did.
        let doubled = counts.doubled;
        self.subject.check(
            format!("{doubled} events came more than once"),
            doubled == 0,
        );
        let refused = counts.refused + counts.early;
        self.subject
            .check(format!("{refused} signatures were wrong"), refused == 0);
        Ok(receipts)
    }

    async fn finish(mut self, options: &DeliverOptions, events: u64) -> Result<Subject, Failure> {
        let subject = &mut self.subject;
        let over_rabbitmq = options.common.amqp_url.is_some();
        let (half, most) = if over_rabbitmq {
            (4.0, 10.0)
        } else {
            (2.0, 5.0)
        };
        subject.aim("webhooks of a backlog", Target::AtLeast(5.0 * REFERENCE));
        subject.aim("CPU of the worker", Target::AtMost(250.0));
        subject.aim("event to webhook, p50", Target::AtMost(half));
        subject.aim("event to webhook, p99", Target::AtMost(most));
        subject.aim("webhooks, more processes over one", Target::AtLeast(1.6));
        subject.method.push(format!(
            "{events} events each run to {ENDPOINTS} endpoints of as many institutions, at most 8 attempts under way at each"
        ));
        if options.processes > 1 {
            subject
                .method
                .push(format!("more processes: {}", options.processes));
        }
        subject.method.push(format!(
            "latency at {} events per second, from the event's own timestamp (whole milliseconds, taken before the commit) and from the call that made it",
            options.rate
        ));
        self.rig.remove().await?;
        Ok(self.subject)
    }
}

/// Calls of `webhook/test`, each of which makes one event for one endpoint.
struct Tests {
    targets: Vec<TestTarget>,
    told: Mutex<Vec<Told>>,
}

impl Tests {
    fn of(targets: Vec<TestTarget>) -> Self {
        Self {
            targets,
            told: Mutex::default(),
        }
    }

    fn note(&self, reply: &Reply<'_>, asked_at_us: i64) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Tested {
            event_id: String,
        }
        let Tested { event_id: event } = read(reply)?;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(Told { event, asked_at_us });
        Ok(())
    }
}

impl Calls for Tests {
    fn request(&self, number: u64) -> Vec<u8> {
        let index = usize::try_from(number).unwrap_or_default() % self.targets.len();
        let target = &self.targets[index];
        target.institution.request("/v1/webhook/test", &target.body)
    }

    fn check(&self, _: u64, reply: &Reply<'_>) -> Result<(), String> {
        self.note(reply, 0)
    }
}

/// A call at every tick, even if the one before was answered late.
async fn call_steadily(
    mut connection: Connection,
    calls: Arc<Tests>,
    first: Instant,
    pause: Duration,
    caller: u32,
    count: u32,
) -> Result<Load, ConnectionError> {
    let mut ticks = interval_at(first, pause);
    let mut load = Load::new();
    for number in 0..count {
        ticks.tick().await;
        let request = calls.request(u64::from(number * CALLERS + caller));
        let asked_at_us = SystemClock.now().timestamp_micros();
        let reply = connection.send(&request).await?;
        load.count(calls.note(&reply, asked_at_us));
    }
    Ok(load)
}

fn cpu_of_all(processes: &[Child]) -> Option<Duration> {
    processes
        .iter()
        .map(|process| usage::cpu_of(process.pid))
        .sum()
}

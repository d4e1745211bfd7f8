//! `bench flow`: whole authorizations by URL, from the call that starts one to the webhook that tells of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker::{Clock, SystemClock};
use domain::{AuthStatus, EventType};
use serde_json::json;
use storage::limits;
use tokio::task::JoinSet;
use url::{Position, Url};

use crate::bench::child::Child;
use crate::bench::connection::{Connection, ConnectionError};
use crate::bench::load::Load;
use crate::bench::machine::flush_ms;
use crate::bench::options::BenchOptions;
use crate::bench::peer::{Counts, Receipt};
use crate::bench::progress::Progress;
use crate::bench::report::{Report, Subject, Target};
use crate::bench::rig::{NewStore, ORIGIN, Rig, Seller};
use crate::bench::start::{read_link, start_request};
use crate::bench::statistics::{micros_each, new_histogram, note, per_second, quantile_ms};
use crate::bench::usage;
use crate::command::Failure;
use crate::settings::Role;

/// Institutions, each with an endpoint of its own: so many that the eight attempts that one endpoint may
/// have under way are not what is measured.
const SELLERS: u32 = 16;
/// Whole flows per second of npm's `grant` on two cores, which does 900 to 950 of them.
const REFERENCE: f64 = 950.0;

struct Bench {
    rig: Rig,
    broker: Child,
    sellers: Vec<Arc<Seller>>,
    subject: Subject,
    /// All flows so far.
    made: u64,
}

/// A store that is to be authorized, and whose it is.
struct Visit {
    seller: Arc<Seller>,
    store: NewStore,
}

/// Flows as the sellers' browsers saw them.
struct Browsed {
    load: Load,
    /// When `store/auth` was called for a store, in microseconds since 1970.
    asked_at_us: HashMap<String, i64>,
}

/// CPU used so far, of each process that takes part.
struct Cpu([(&'static str, Option<Duration>); 4]);

pub(crate) async fn run(options: &BenchOptions) -> Result<Report, Failure> {
    let mut bench = Bench::set_up(options).await?;
    let operations = options.operations(5_000, 200);
    let progress = Progress::of(options.runs());
    bench.flows(operations / 10 + 1, options).await?;
    for run in 1..=options.runs() {
        progress.begin(&format!("flow, run {run}"));
        bench.run(operations, options).await?;
    }
    let mut report = Report::new("flow", options);
    report.subjects.push(bench.finish(operations).await?);
    Ok(report)
}

impl Bench {
    async fn set_up(options: &BenchOptions) -> Result<Self, Failure> {
        let rig = Rig::build(options.database_url.as_ref(), options).await?;
        let broker = rig.serve(Role::All).await?;
        let mut sellers = Vec::new();
        for number in 0..SELLERS {
            let seller = rig.seller(broker.address).await?;
            rig.hook(broker.address, &seller.institution, number)
                .await?;
            sellers.push(Arc::new(seller));
        }
        // Each endpoint answers a test first.
        rig.wait_for_webhooks(u64::from(SELLERS)).await?;
        rig.tell_peer("/control/reset", &json!({})).await?;
        let subject = rig.subject();
        Ok(Self {
            rig,
            broker,
            sellers,
            subject,
            made: 0,
        })
    }

    async fn run(&mut self, operations: u64, options: &BenchOptions) -> Result<(), Failure> {
        let flush = flush_ms(self.rig.directory.path())?;
        let before = self.cpu();
        let (browsed, receipts) = self.flows(operations, options).await?;
        let after = self.cpu();

        let first = browsed.asked_at_us.values().min();
        let last = receipts.iter().map(|receipt| receipt.first_at_us).max();
        let micros = last
            .zip(first)
            .map_or(1, |(last, first)| (last - first).max(1));
        let span = Duration::from_micros(u64::try_from(micros)?);
        let subject = &mut self.subject;
        subject.add("whole flows", "per s", per_second(operations, span));
        let mut latencies = new_histogram();
        for receipt in &receipts {
            let asked_at_us = receipt
                .store
                .as_ref()
                .and_then(|id| browsed.asked_at_us.get(id));
            if let Some(asked_at_us) = asked_at_us {
                let micros = u64::try_from(receipt.first_at_us - asked_at_us).unwrap_or(0);
                note(&mut latencies, Duration::from_micros(micros));
            }
        }
        for (name, share) in [
            ("call to webhook, p50", 0.5),
            ("call to webhook, p90", 0.9),
            ("call to webhook, p99", 0.99),
        ] {
            subject.add(name, "ms", quantile_ms(&latencies, share));
        }
        for ((name, now), (_, then)) in after.0.into_iter().zip(before.0) {
            let spent = now.zip(then).map(|(now, then)| now.saturating_sub(then));
            let each = spent.map(|spent| micros_each(spent, operations));
            subject.add_if_known(name, "us each", each);
        }
        subject.add("flush of a page to the disk", "ms", flush);
        Ok(())
    }

    fn cpu(&self) -> Cpu {
        Cpu([
            ("CPU of the broker", usage::cpu_of(self.broker.pid)),
            ("CPU of the peer", usage::cpu_of(self.rig.peer.pid)),
            ("CPU of the generator", usage::cpu_of(process::id())),
            ("CPU of the database", self.rig.database_cpu()),
        ])
    }

    /// So many flows on new stores, each of which must end with one webhook of its success.
    async fn flows(
        &mut self,
        count: u64,
        options: &BenchOptions,
    ) -> Result<(Browsed, Vec<Receipt>), Failure> {
        let visits = self.new_visits(count).await?;
        let browsed = browse_all(
            self.broker.address,
            self.rig.platforms,
            options.connections.get(),
            visits,
        )
        .await?;
        self.made += count;
        let load = &browsed.load;
        let problem = load.first_problem.as_deref().unwrap_or("");
        let what = format!("{} of {count} sellers were sent back {problem}", load.right);
        self.subject.check(what, load.right == count);
        self.rig.wait_for_webhooks(count).await?;
        let receipts = self.settle(&browsed).await?;
        Ok((browsed, receipts))
    }

    /// Stores of all institutions by turns.
    async fn new_visits(&mut self, count: u64) -> Result<Vec<Visit>, Failure> {
        let institutions = u64::from(SELLERS);
        let mut columns = Vec::new();
        for (seller, number) in self.sellers.iter().zip(0..) {
            let own = count / institutions + u64::from(number < count % institutions);
            let stores = self.rig.new_stores(seller, own).await?;
            columns.push((seller, stores.into_iter()));
        }
        let mut visits = Vec::new();
        loop {
            let before = visits.len();
            for (seller, stores) in &mut columns {
                let seller = Arc::clone(seller);
                visits.extend(stores.next().map(|store| Visit { seller, store }));
            }
            if visits.len() == before {
                return Ok(visits);
            }
        }
    }

    /// Compares what was received with what was asked for, and takes the counts back to zero.
    async fn settle(&mut self, browsed: &Browsed) -> Result<Vec<Receipt>, Failure> {
        let counts: Counts = self.rig.ask_peer("/control/counts").await?;
        let receipts: Vec<Receipt> = self.rig.ask_peer("/control/receipts").await?;
        self.rig.tell_peer("/control/reset", &json!({})).await?;
        let mut told: HashMap<&str, u32> = HashMap::new();
        let mut other = 0;
        for receipt in &receipts {
            match success(receipt) {
                Some(store) if browsed.asked_at_us.contains_key(store) => {
                    *told.entry(store).or_default() += receipt.times;
                }
                _ => other += 1,
            }
        }
        let asked = browsed.asked_at_us.len();
        let once = told.values().filter(|times| **times == 1).count();
        self.subject.check(
            format!("{once} of {asked} stores had one webhook, of their success"),
            once == asked,
        );
        self.subject.check(
            format!("{other} webhooks told of anything else"),
            other == 0,
        );
        let refused = counts.refused + counts.early;
        self.subject
            .check(format!("{refused} signatures were wrong"), refused == 0);
        Ok(receipts)
    }

    async fn finish(mut self, operations: u64) -> Result<Subject, Failure> {
        let mut kept = 0;
        for seller in &self.sellers {
            let (id, status) = (seller.id, AuthStatus::Success);
            kept += limits::count_stores_for_measuring(&self.rig.storage, id, status).await?;
        }
        let made = self.made;
        self.subject.check(
            format!("{kept} of {made} stores are SUCCESS in the database"),
            kept == made,
        );
        // A process that ends has nothing on its way any more.
        self.broker.stop().await?;
        let late: Counts = self.rig.ask_peer("/control/counts").await?;
        let late = late.events + late.early + late.refused;
        self.subject
            .check(format!("{late} webhooks came after their run"), late == 0);
        self.subject
            .aim("whole flows", Target::AtLeast(2.0 * REFERENCE));
        self.subject.method.push(format!(
            "{operations} flows each run on SHOPLINE, each on a new store; {SELLERS} institutions with an endpoint each; one process with every role"
        ));
        self.subject
            .method
            .push("P2: ≥ 2 × 900–950 per s (grant)".to_owned());
        self.rig.remove().await?;
        Ok(self.subject)
    }
}

/// The store that this tells the success of.
fn success(receipt: &Receipt) -> Option<&str> {
    let is_success = receipt.event_type == EventType::StoreAuthSucceeded.code()
        && receipt.status.as_deref() == Some(AuthStatus::Success.code());
    is_success.then_some(receipt.store.as_deref()?)
}

/// Plays all sellers, so many at a time.
async fn browse_all(
    broker: SocketAddr,
    platforms: SocketAddr,
    browsers: u32,
    visits: Vec<Visit>,
) -> Result<Browsed, Failure> {
    let mut opened = Vec::new();
    for _ in 0..browsers {
        opened.push(Browser {
            broker: Connection::open(broker).await?,
            platforms: Connection::open(platforms).await?,
        });
    }
    let (visits, next) = (Arc::new(visits), Arc::new(AtomicU64::new(0)));
    let mut loops = JoinSet::new();
    for browser in opened {
        loops.spawn(browser.follow(Arc::clone(&visits), Arc::clone(&next)));
    }
    let mut all = Browsed::new();
    while let Some(ended) = loops.join_next().await {
        let Browsed { load, asked_at_us } = ended??;
        all.load.add(load);
        all.asked_at_us.extend(asked_at_us);
    }
    Ok(all)
}

impl Browsed {
    fn new() -> Self {
        Self {
            load: Load::new(),
            asked_at_us: HashMap::new(),
        }
    }
}

/// A seller's browser and the institution's server behind it.
struct Browser {
    broker: Connection,
    platforms: Connection,
}

impl Browser {
    async fn follow(
        mut self,
        visits: Arc<Vec<Visit>>,
        next: Arc<AtomicU64>,
    ) -> Result<Browsed, ConnectionError> {
        let mut browsed = Browsed::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(visit) = usize::try_from(number).ok().and_then(|n| visits.get(n)) else {
                return Ok(browsed);
            };
            let asked_at_us = SystemClock.now().timestamp_micros();
            browsed
                .asked_at_us
                .insert(visit.store.id.to_string(), asked_at_us);
            let seen = self.authorize(visit).await?;
            browsed.load.count(seen);
        }
    }

    /// From `store/auth` to where the seller's browser is sent in the end.
    async fn authorize(&mut self, visit: &Visit) -> Result<Result<(), String>, ConnectionError> {
        let Visit { seller, store } = visit;
        let client = seller.client.to_string();
        let start = start_request(&seller.institution, &client, store);
        let link = match read_link(store, &self.broker.send(&start).await?) {
            Ok(link) => link,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(consent) = sandbox::consent_url(&link).as_deref().and_then(target) else {
            return Ok(Err("no platform has a page at the link".to_owned()));
        };
        let page = self.platforms.send(&get(&consent)).await?;
        if page.status != 200 {
            return Ok(Err(format!("the page of consent answered {}", page.status)));
        }
        let decided = self.platforms.send(&approve(&consent)).await?;
        let Some(callback) = decided.location().and_then(target) else {
            return Ok(Err(format!("the consent answered {}", decided.status)));
        };
        let returned = self.broker.send(&get(&callback)).await?;
        let is_back = match returned.status {
            200 => true,
            303 => returned
                .location()
                .is_some_and(|place| place.starts_with(ORIGIN)),
            _ => false,
        };
        if is_back {
            Ok(Ok(()))
        } else {
            Ok(Err(format!("the callback answered {}", returned.status)))
        }
    }
}

/// The path and query of a URL; whose it is follows from the step at which it is opened.
fn target(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(url[Position::BeforePath..Position::AfterQuery].to_owned())
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

fn approve(target: &str) -> Vec<u8> {
    let form = "decision=approve";
    format!(
        "POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\
         content-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{form}",
        form.len()
    )
    .into_bytes()
}

//! `bench start`: `store/auth` by URL, signed and durable, each on a store of its own.

use std::process;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use domain::AuthStatus;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use storage::limits::{self, Commit};

use crate::bench::caller::{Institution, read};
use crate::bench::child::Child;
use crate::bench::connection::Reply;
use crate::bench::load::{Calls, Load, Until, drive};
use crate::bench::machine::flush_ms;
use crate::bench::options::BenchOptions;
use crate::bench::progress::Progress;
use crate::bench::report::{Report, Subject, Target};
use crate::bench::rig::{NewStore, ORIGIN, Rig, Seller};
use crate::bench::statistics::{micros_each, per_second, quantile_ms, real};
use crate::bench::usage;
use crate::command::Failure;
use crate::settings::Role;

/// The start of a flow in npm's `grant`, which keeps nothing on disk, on two cores.
const REFERENCE: f64 = 2800.0;

/// Starts of authorizations per second, signed and durable
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant bench start
  shopgrant bench start --both --database-url postgres://127.0.0.1/postgres --json")]
pub(crate) struct StartOptions {
    #[command(flatten)]
    pub(crate) common: BenchOptions,
    /// A new SQLite file too, run by run in turn with the PostgreSQL server
    #[arg(long, requires = "database_url")]
    both: bool,
}

/// One database with a broker on it.
struct Bench {
    rig: Rig,
    broker: Child,
    seller: Seller,
    subject: Subject,
    started: u64,
    /// Starts per second of each run, to compare databases by.
    rates: Vec<f64>,
}

/// CPU used so far.
struct Cpu {
    broker: Option<Duration>,
    generator: Option<Duration>,
    database: Option<Duration>,
}

pub(crate) async fn run(options: &StartOptions) -> Result<Report, Failure> {
    let common = &options.common;
    let mut benches = vec![Bench::set_up(common.database_url.as_ref(), common).await?];
    if options.both {
        benches.push(Bench::set_up(None, common).await?);
    }
    let operations = common.operations(20_000, 500);
    let progress = Progress::of(common.runs() * benches.len() as u64);
    for bench in &mut benches {
        bench.start(operations / 10 + 1, common).await?;
    }
    for run in 1..=common.runs() {
        for bench in &mut benches {
            progress.begin(&format!("start, run {run}, {}", bench.rig.facts.version));
            bench.run(operations, common).await?;
        }
    }
    if let [postgres, sqlite] = &mut benches[..] {
        for (own, other) in sqlite.rates.iter().zip(&postgres.rates) {
            sqlite
                .subject
                .add("starts, of those on PostgreSQL", "", own / other);
        }
        sqlite
            .subject
            .aim("starts, of those on PostgreSQL", Target::AtLeast(1.0));
    }
    let mut report = Report::new("start", common);
    for bench in benches {
        report.subjects.push(bench.finish(operations).await?);
    }
    Ok(report)
}

impl Bench {
    async fn set_up(
        database_url: Option<&SecretString>,
        options: &BenchOptions,
    ) -> Result<Self, Failure> {
        let rig = Rig::build(database_url, options).await?;
        let broker = rig.serve(Role::All).await?;
        let seller = rig.seller(broker.address).await?;
        let subject = rig.subject();
        Ok(Self {
            rig,
            broker,
            seller,
            subject,
            started: 0,
            rates: Vec::new(),
        })
    }

    /// The machine's limits, and the starts.
    async fn run(&mut self, operations: u64, options: &BenchOptions) -> Result<(), Failure> {
        let (span, clients) = (options.span(), options.connections.get());
        let flush = flush_ms(self.rig.directory.path())?;
        let raw = &self.rig.raw;
        let one = raw
            .commits_per_second(Commit::OneRow, clients, span)
            .await?;
        let two = raw
            .commits_per_second(Commit::TwoInserts, clients, span)
            .await?;
        let hundred = match self.rig.facts.backend_pid {
            Some(_) => None,
            None => Some(
                raw.commits_per_second(Commit::Rows(100), clients, span)
                    .await?,
            ),
        };
        let bare = Arc::new(Bare {
            institution: Arc::clone(&self.seller.institution),
        });
        let bare = drive(self.rig.peer.address, clients, Until::Span(span), &bare).await?;
        let bare_rate = per_second(bare.right, bare.elapsed);

        let before = self.cpu();
        let load = self.start(operations, options).await?;
        let after = self.cpu();
        let rate = per_second(load.right, load.elapsed);
        self.rates.push(rate);

        let subject = &mut self.subject;
        subject.add("starts", "per s", rate);
        for (name, share) in [
            ("starts, p50", 0.5),
            ("starts, p90", 0.9),
            ("starts, p99", 0.99),
        ] {
            subject.add(name, "ms", quantile_ms(&load.latencies, share));
        }
        for (name, now, then) in [
            ("CPU of the broker", after.broker, before.broker),
            ("CPU of the generator", after.generator, before.generator),
            ("CPU of the database", after.database, before.database),
        ] {
            let spent = now.zip(then).map(|(now, then)| now.saturating_sub(then));
            let each = spent.map(|spent| micros_each(spent, load.right));
            subject.add_if_known(name, "us each", each);
        }
        subject.add("raw commits of one row", "per s", one);
        subject.add("raw commits of two inserts", "per s", two);
        if let Some(commits) = hundred {
            subject.add("raw rows, 100 per commit", "per s", 100.0 * commits);
        }
        subject.add("bare JSON endpoint, same generator", "per s", bare_rate);
        subject.add("flush of a page to the disk", "ms", flush);
        subject.add("starts, of raw two-insert commits", "", rate / two);
        subject.add(
            "starts, of the reference's 2,800 per s",
            "",
            rate / REFERENCE,
        );
        subject.add("starts, of the bare endpoint", "", rate / bare_rate);
        let memory = usage::memory_of(self.broker.pid);
        let megabytes = memory.map(|memory| real(memory.resident) / 1e6);
        subject.add_if_known("memory of the broker", "MB", megabytes);
        Ok(())
    }

    fn cpu(&self) -> Cpu {
        Cpu {
            broker: usage::cpu_of(self.broker.pid),
            generator: usage::cpu_of(process::id()),
            database: self.rig.database_cpu(),
        }
    }

    /// So many starts on new stores, each of which must be answered with a link to its own shop.
    async fn start(&mut self, count: u64, options: &BenchOptions) -> Result<Load, Failure> {
        let stores = self.rig.new_stores(&self.seller, count).await?;
        let load = start_all(&self.broker, &self.seller, stores, options).await?;
        self.started += count;
        let problem = load.first_problem.as_deref().unwrap_or("");
        let what = format!(
            "{} of {count} starts answered with a link {problem}",
            load.right
        );
        self.subject
            .check(what, load.right == count && load.wrong == 0);
        Ok(load)
    }

    async fn finish(mut self, operations: u64) -> Result<Subject, Failure> {
        let processing = AuthStatus::Processing;
        let kept =
            limits::count_stores_for_measuring(&self.rig.storage, self.seller.id, processing)
                .await?;
        let started = self.started;
        let what = format!("{kept} of {started} started stores are PROCESSING in the database");
        self.subject.check(what, kept == started);
        self.subject
            .aim("starts, of raw two-insert commits", Target::AtLeast(0.6));
        self.subject.aim(
            "starts, of the reference's 2,800 per s",
            Target::AtLeast(3.0),
        );
        self.subject.method.push(format!(
            "{operations} starts each run, each on a new store; one process with every role"
        ));
        self.broker.stop().await?;
        self.rig.remove().await?;
        Ok(self.subject)
    }
}

/// Asks for an authorization by URL of each of the stores.
pub(super) async fn start_all(
    broker: &Child,
    seller: &Seller,
    stores: Vec<NewStore>,
    options: &BenchOptions,
) -> Result<Load, Failure> {
    let count = Until::Count(stores.len() as u64);
    let calls = Arc::new(Starts {
        institution: Arc::clone(&seller.institution),
        client: seller.client.to_string(),
        stores,
    });
    drive(broker.address, options.connections.get(), count, &calls).await
}

/// `store/auth` by URL of one store.
pub(super) fn start_request(institution: &Institution, client: &str, store: &NewStore) -> Vec<u8> {
    let body = json!({
        "client_id": client,
        "store_id": store.id.to_string(),
        "auth_type": "URL",
        "seller_id": store.shop,
        "redirect_url": format!("{ORIGIN}/return"),
    });
    institution.request("/v1/store/auth", body.to_string().as_bytes())
}

/// The link that was answered, which must lead to the store's own shop.
pub(super) fn read_link(store: &NewStore, reply: &Reply<'_>) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Started {
        auth_url: String,
    }
    let started: Started = read(reply)?;
    if started
        .auth_url
        .contains(&format!("/shopline/{}/", store.shop))
    {
        Ok(started.auth_url)
    } else {
        Err("the link leads to another shop".to_owned())
    }
}

struct Starts {
    institution: Arc<Institution>,
    client: String,
    stores: Vec<NewStore>,
}

impl Starts {
    fn store(&self, number: u64) -> &NewStore {
        &self.stores[usize::try_from(number).unwrap_or(usize::MAX)]
    }
}

impl Calls for Starts {
    fn request(&self, number: u64) -> Vec<u8> {
        start_request(&self.institution, &self.client, self.store(number))
    }

    fn check(&self, number: u64, reply: &Reply<'_>) -> Result<(), String> {
        read_link(self.store(number), reply).map(drop)
    }
}

/// The same kind of call to an endpoint that does nothing, which shows what the generator can do.
struct Bare {
    institution: Arc<Institution>,
}

impl Calls for Bare {
    fn request(&self, number: u64) -> Vec<u8> {
        let body = json!({
            "client_id": "cl_00000000000000000000000000000000",
            "store_id": format!("st_{number:032}"),
            "auth_type": "URL",
            "seller_id": "bench-00000000-1",
            "redirect_url": format!("{ORIGIN}/return"),
        });
        let body = body.to_string();
        self.institution.request("/bare", body.as_bytes())
    }

    fn check(&self, _: u64, reply: &Reply<'_>) -> Result<(), String> {
        read::<serde_json::Value>(reply).map(drop)
    }
}

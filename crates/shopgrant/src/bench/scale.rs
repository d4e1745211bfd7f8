//! `bench scale`: whether it matters how many stores there are, and how many events wait.

use std::sync::Arc;
use std::time::Duration;

use broker::{Clock, Entropy, SystemClock, SystemEntropy};
use clap::Args;
use domain::{AppId, AuthStatus, EventId, EventType, InstitutionId, Platform};
use serde::Deserialize;
use serde_json::json;
use storage::outbox::{self, Event, EventStore};
use storage::{StorageError, Tx, limits};
use tokio::time::{Instant, interval};
use uuid::Builder;

use crate::bench::caller::{Institution, read};
use crate::bench::child::Child;
use crate::bench::connection::Reply;
use crate::bench::load::{Calls, Load, Until, drive};
use crate::bench::options::BenchOptions;
use crate::bench::progress::Progress;
use crate::bench::query::{self, query_all};
use crate::bench::report::{Report, Subject, Target};
use crate::bench::rig::{NewStore, Rig, Seller};
use crate::bench::start::start_all;
use crate::bench::statistics::{median, per_second};
use crate::command::Failure;
use crate::settings::Role;

/// The size to compare with, and how many stores are asked for by turns at either size.
const FEW: u64 = 1000;
/// Stores between two words on how far the filling is.
const STORES_STEP: u64 = 20_000;
/// Events of one transaction of the filling.
const EVENTS_STEP: u64 = 5000;
/// Stores of one page of the list.
const PAGE: u64 = 100;
/// In how many parts of the drain its rate is told.
const PARTS: usize = 10;
/// How long the drain may stand still before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked how far the drain is.
const LOOK: Duration = Duration::from_millis(250);

/// Rates with few and with many stores, and of a long outbox from beginning to end
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant bench scale
  shopgrant bench scale --stores 100000 --events 1000000 --database-url postgres://127.0.0.1/postgres")]
pub(crate) struct ScaleOptions {
    #[command(flatten)]
    pub(crate) common: BenchOptions,
    /// Stores of the larger size [default: 1000000, or 2000 with --quick]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(2 * FEW..))]
    stores: Option<u64>,
    /// Events that wait in the outbox [default: 100000, or 2000 with --quick]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(10..))]
    events: Option<u64>,
}

impl ScaleOptions {
    fn stores(&self) -> u64 {
        let usual = if self.common.quick { 2000 } else { 1_000_000 };
        self.stores.unwrap_or(usual)
    }

    fn events(&self) -> u64 {
        let usual = if self.common.quick { 2000 } else { 100_000 };
        self.events.unwrap_or(usual)
    }
}

struct Bench {
    rig: Rig,
    broker: Child,
    seller: Seller,
    subject: Subject,
    started: u64,
}

/// Medians at one size, in the order of [`RATES`].
type Rates = [f64; 3];

const RATES: [&str; 3] = ["queries", "pages of the list", "starts"];

pub(crate) async fn run(options: &ScaleOptions) -> Result<Report, Failure> {
    let common = &options.common;
    let (stores, events) = (options.stores(), options.events());
    let mut bench = Bench::set_up(common).await?;
    let filling = (stores - FEW).div_ceil(STORES_STEP);
    let appending = events.div_ceil(EVENTS_STEP);
    let progress = Progress::of(2 * common.runs() + filling + appending + 1);

    let sample = Arc::new(bench.rig.new_stores(&bench.seller, FEW).await?);
    let few = bench.measure(FEW, &sample, common, &progress).await?;
    let sample = Arc::new(bench.fill(stores, &progress).await?);
    let many = bench.measure(stores, &sample, common, &progress).await?;
    for (name, (many, few)) in RATES.iter().zip(many.into_iter().zip(few)) {
        let name = format!("{name}, many stores over few");
        bench.subject.add(&name, "", many / few);
        bench.subject.aim(&name, Target::AtLeast(0.8));
    }
    let subject = bench.drain(events, &progress).await?;
    let mut report = Report::new("scale", common);
    report.subjects.push(subject);
    Ok(report)
}

impl Bench {
    async fn set_up(options: &BenchOptions) -> Result<Self, Failure> {
        let rig = Rig::build(options.database_url.as_ref(), options).await?;
        let broker = rig.serve(Role::All).await?;
        let seller = rig.seller(broker.address).await?;
        let subject = rig.subject();
        Ok(Self {
            rig,
            broker,
            seller,
            subject,
            started: 0,
        })
    }

    /// The rates with so many stores. The starts come last, because each takes a store of its own.
    async fn measure(
        &mut self,
        size: u64,
        sample: &Arc<Vec<NewStore>>,
        options: &BenchOptions,
        progress: &Progress,
    ) -> Result<Rates, Failure> {
        let operations = options.operations(2000, 100);
        let mut values: [Vec<f64>; 3] = Default::default();
        for run in 1..=options.runs() {
            progress.begin(&format!("{size} stores, run {run}"));
            let queries = query_all(&self.broker, &self.seller, sample, options).await?;
            query::check(&mut self.subject, &queries);
            let pages = list_all(&self.broker, &self.seller, sample, options).await?;
            query::check(&mut self.subject, &pages);
            let stores = self.rig.new_stores(&self.seller, operations).await?;
            let starts = start_all(&self.broker, &self.seller, stores, options).await?;
            self.started += operations;
            let problem = starts.first_problem.as_deref().unwrap_or("");
            let right = starts.right;
            let what = format!("{right} of {operations} starts answered {problem}");
            self.subject.check(what, right == operations);
            for ((values, name), load) in values.iter_mut().zip(RATES).zip([queries, pages, starts])
            {
                let rate = per_second(load.right, load.elapsed);
                self.subject
                    .add(&format!("{name}, {size} stores"), "per s", rate);
                values.push(rate);
            }
        }
        Ok(values.map(|values| median(&values).unwrap_or_default()))
    }

    /// Adds stores until there are so many that wait; returns some of them, from beginning to end.
    async fn fill(&mut self, size: u64, progress: &Progress) -> Result<Vec<NewStore>, Failure> {
        let (mut filled, mut sample) = (FEW, Vec::new());
        let every = usize::try_from((size - FEW).div_ceil(FEW))?;
        while filled < size {
            let count = STORES_STEP.min(size - filled);
            let stores = self.rig.new_stores(&self.seller, count).await?;
            sample.extend(stores.into_iter().step_by(every));
            filled += count;
            progress.begin(&format!("{filled} of {size} stores written"));
        }
        let status = AuthStatus::Unauthorized;
        let kept =
            limits::count_stores_for_measuring(&self.rig.storage, self.seller.id, status).await?;
        self.subject.check(
            format!("{kept} of {size} stores wait in the database"),
            kept == size,
        );
        Ok(sample)
    }

    /// Writes so many events while no process runs, and has one worker tell them all to nobody: their
    /// institution has no endpoint, so that no webhook is part of it.
    async fn drain(mut self, events: u64, progress: &Progress) -> Result<Subject, Failure> {
        let (id, institution) = self.rig.institution(self.broker.address).await?;
        let processing = limits::count_stores_for_measuring(
            &self.rig.storage,
            self.seller.id,
            AuthStatus::Processing,
        )
        .await?;
        let started = self.started;
        self.subject.check(
            format!("{processing} of {started} started stores are PROCESSING in the database"),
            processing == started,
        );
        self.broker.stop().await?;

        let before = outbox::newest_position(&self.rig.storage).await?;
        append(&self.rig, id, &institution.app_id, events, progress).await?;
        progress.begin(&format!("drain of {events} events"));
        let worker = self.rig.serve(Role::Worker).await?;
        wait_until_told(&self.rig, id).await?;
        worker.stop().await?;

        let placed = outbox::newest_position(&self.rig.storage).await? - before;
        let effects = limits::list_effects_for_measuring(&self.rig.storage, id).await?;
        let subject = &mut self.subject;
        subject.check(
            format!("the feed has grown by {placed} of {events} places"),
            u64::try_from(placed) == Ok(events),
        );
        let told = effects.len() as u64;
        subject.check(
            format!("{told} of {events} events were placed and taken note of"),
            told == events,
        );
        tell_parts(subject, &effects);
        subject.method.push(format!(
            "the starts are on new stores, so that each size grows by {} while it is measured; list by pages of {PAGE} from places all over the first half",
            started / 2
        ));
        subject.method.push(format!(
            "{events} events of an institution without endpoints, drained once by one worker process: relay, bus and fan-out, no webhooks"
        ));
        self.rig.remove().await?;
        Ok(self.subject)
    }
}

/// The rate of each part of the drain, by when its events were taken note of.
fn tell_parts(subject: &mut Subject, effects: &[i64]) {
    let mut rates = Vec::new();
    let Some(&began) = effects.first() else {
        return;
    };
    let mut previous = (0, began);
    for part in 1..=PARTS {
        let end = effects.len() * part / PARTS;
        let at = effects[end.max(1) - 1];
        let span = Duration::from_millis(u64::try_from(at - previous.1).unwrap_or(0).max(1));
        let rate = per_second((end - previous.0) as u64, span);
        subject.add(&format!("events told, tenth {part}"), "per s", rate);
        rates.push(rate);
        previous = (end, at);
    }
    if let [first, .., last] = rates[..] {
        let name = "events told, last tenth over first";
        subject.add(name, "", last / first);
        subject.aim(name, Target::AtLeast(0.8));
    }
}

/// Appends events as a change of a store does, many in one transaction.
async fn append(
    rig: &Rig,
    institution: InstitutionId,
    app_id: &str,
    events: u64,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut random = [0; 10];
    SystemEntropy.fill(&mut random);
    let mut written: u64 = 0;
    while written < events {
        let count = EVENTS_STEP.min(events - written);
        let now = SystemClock.now();
        let millis = u64::try_from(now.timestamp_millis())?;
        let mut batch = Vec::new();
        for number in written..written + count {
            random[2..].copy_from_slice(&number.to_be_bytes());
            // The first two bits of these eight are the UUID's variant; no number reaches them.
            let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
            let (id, store) = (EventId::new(id), domain::StoreId::new(id));
            let payload = json!({
                "id": id,
                "type": EventType::StoreAuthSucceeded,
                "timestamp": now,
                "data": {
                    "store_id": store,
                    "platform": Platform::Shopline.code(),
                    "name": "Bench Shop",
                    "store_url": "https://bench.myshopline.com",
                    "auth_status": AuthStatus::Success.code(),
                    "sequence": 1,
                },
            });
            batch.push(Event {
                id,
                institution,
                app_id: AppId::new(app_id),
                event_type: EventType::StoreAuthSucceeded,
                store: Some(EventStore {
                    id: store,
                    platform: Platform::Shopline,
                    sequence: 1,
                }),
                endpoint: None,
                payload: payload.to_string().into_bytes(),
            });
        }
        rig.storage
            .write(async |tx: &Tx| {
                for event in &batch {
                    outbox::append(tx, event, now).await?;
                }
                Ok::<_, StorageError>(())
            })
            .await?;
        written += count;
        progress.begin(&format!("{written} of {events} events written"));
    }
    Ok(())
}

/// Returns when nobody has to be told anything more, or when nothing has moved for long. Counting costs
/// more the more events wait, so the place in the feed is what is looked at until it stands still.
async fn wait_until_told(rig: &Rig, institution: InstitutionId) -> Result<(), Failure> {
    let mut looks = interval(LOOK);
    let mut seen = (0, u64::MAX);
    let mut last_change = Instant::now();
    loop {
        looks.tick().await;
        let placed = outbox::newest_position(&rig.storage).await?;
        if placed != seen.0 {
            seen.0 = placed;
            last_change = Instant::now();
            continue;
        }
        let untold = limits::count_untold_events_for_measuring(&rig.storage, institution).await?;
        if untold == 0 {
            return Ok(());
        }
        if untold != seen.1 {
            seen.1 = untold;
            last_change = Instant::now();
        }
        if last_change.elapsed() > PATIENCE {
            // What is missing is told by the checks.
            return Ok(());
        }
    }
}

/// Asks for pages of the list, each behind one of the stores.
async fn list_all(
    broker: &Child,
    seller: &Seller,
    sample: &Arc<Vec<NewStore>>,
    options: &BenchOptions,
) -> Result<Load, Failure> {
    let calls = Arc::new(Lists {
        institution: Arc::clone(&seller.institution),
        client: seller.client.to_string(),
        sample: Arc::clone(sample),
    });
    let span = Until::Span(options.span());
    drive(broker.address, options.connections.get(), span, &calls).await
}

struct Lists {
    institution: Arc<Institution>,
    client: String,
    sample: Arc<Vec<NewStore>>,
}

impl Lists {
    /// Only the first half has a whole page behind each store at the smaller size too.
    fn cursor(&self, number: u64) -> String {
        let half = self.sample.len().div_ceil(2);
        let index = usize::try_from(number).unwrap_or_default() % half;
        self.sample[index].id.to_string()
    }
}

impl Calls for Lists {
    fn request(&self, number: u64) -> Vec<u8> {
        let cursor = self.cursor(number);
        let body = json!({"client_id": self.client, "cursor": cursor, "limit": PAGE});
        let body = body.to_string();
        self.institution.request("/v1/store/list", body.as_bytes())
    }

    fn check(&self, number: u64, reply: &Reply<'_>) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Page {
            stores: Vec<Listed>,
        }
        #[derive(Deserialize)]
        struct Listed {
            store_id: String,
        }
        let page: Page = read(reply)?;
        let cursor = self.cursor(number);
        if page.stores.len() as u64 != PAGE {
            return Err(format!("a page has {} stores", page.stores.len()));
        }
        if page.stores.iter().any(|store| store.store_id <= cursor) {
            return Err("a page begins before its cursor".to_owned());
        }
        Ok(())
    }
}

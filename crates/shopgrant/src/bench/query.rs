//! `bench query`: signed `store/query` beside an endpoint that does nothing but verify the signature.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use crate::bench::caller::{Institution, read};
use crate::bench::child::Child;
use crate::bench::connection::Reply;
use crate::bench::load::{Calls, Load, Until, drive};
use crate::bench::options::BenchOptions;
use crate::bench::peer::Signer;
use crate::bench::progress::Progress;
use crate::bench::report::{Report, Subject, Target};
use crate::bench::rig::{NewStore, Rig, Seller};
use crate::bench::statistics::{micros_each, per_second, quantile_ms};
use crate::bench::usage;
use crate::command::Failure;
use crate::settings::Role;

/// Stores that are asked for by turns.
const STORES: u64 = 1000;

pub(crate) async fn run(options: &BenchOptions) -> Result<Report, Failure> {
    let mut rig = Rig::build(options.database_url.as_ref(), options).await?;
    let broker = rig.serve(Role::All).await?;
    let seller = rig.seller(broker.address).await?;
    let stores = Arc::new(rig.new_stores(&seller, STORES).await?);
    let signer = Signer {
        app_id: seller.institution.app_id.clone(),
        app_secret: seller.institution.app_secret.expose_secret().to_owned(),
    };
    rig.tell_peer("/control/signer", &serde_json::to_value(signer)?)
        .await?;
    let queries = Arc::new(Queries::of(&seller, &stores, "/v1/store/query"));
    let bare_calls = Arc::new(Queries::of(&seller, &stores, "/signed"));
    let (connections, span) = (options.connections.get(), Until::Span(options.span()));
    let mut subject = rig.subject();
    let progress = Progress::of(options.runs());
    let warm_up = Until::Count(STORES);
    check(
        &mut subject,
        &drive(broker.address, connections, warm_up, &queries).await?,
    );
    for run in 1..=options.runs() {
        progress.begin(&format!("query, run {run}"));
        let bare = drive(rig.peer.address, connections, span, &bare_calls).await?;
        check(&mut subject, &bare);
        let before = usage::cpu_of(broker.pid);
        let load = query_all(&broker, &seller, &stores, options).await?;
        let spent = usage::cpu_of(broker.pid).zip(before);
        check(&mut subject, &load);
        let rate = per_second(load.right, load.elapsed);
        let bare = per_second(bare.right, bare.elapsed);
        subject.add("queries", "per s", rate);
        for (name, share) in [("queries, p50", 0.5), ("queries, p99", 0.99)] {
            subject.add(name, "ms", quantile_ms(&load.latencies, share));
        }
        let each =
            spent.map(|(after, before)| micros_each(after.saturating_sub(before), load.right));
        subject.add_if_known("CPU of the broker", "us each", each);
        subject.add("bare signed endpoint", "per s", bare);
        subject.add("queries, of the bare signed endpoint", "", rate / bare);
    }
    subject.aim("queries, of the bare signed endpoint", Target::AtLeast(0.5));
    subject
        .method
        .push(format!("{STORES} stores, asked for by turns"));
    broker.stop().await?;
    rig.remove().await?;
    let mut report = Report::new("query", options);
    report.subjects.push(subject);
    Ok(report)
}

pub(super) fn check(subject: &mut Subject, load: &Load) {
    let problem = load.first_problem.as_deref().unwrap_or("");
    let (right, wrong) = (load.right, load.wrong);
    let what = format!("{right} answers were right, {wrong} were wrong {problem}");
    subject.check(what, wrong == 0 && right > 0);
}

/// Asks for the stores by turns.
pub(super) async fn query_all(
    broker: &Child,
    seller: &Seller,
    stores: &Arc<Vec<NewStore>>,
    options: &BenchOptions,
) -> Result<Load, Failure> {
    let calls = Arc::new(Queries::of(seller, stores, "/v1/store/query"));
    let span = Until::Span(options.span());
    drive(broker.address, options.connections.get(), span, &calls).await
}

struct Queries {
    institution: Arc<Institution>,
    client: String,
    stores: Arc<Vec<NewStore>>,
    path: &'static str,
}

impl Queries {
    fn of(seller: &Seller, stores: &Arc<Vec<NewStore>>, path: &'static str) -> Self {
        Self {
            institution: Arc::clone(&seller.institution),
            client: seller.client.to_string(),
            stores: Arc::clone(stores),
            path,
        }
    }

    fn store(&self, number: u64) -> String {
        let index = usize::try_from(number).unwrap_or_default() % self.stores.len();
        self.stores[index].id.to_string()
    }
}

impl Calls for Queries {
    fn request(&self, number: u64) -> Vec<u8> {
        let body = json!({"client_id": self.client, "store_id": self.store(number)});
        let body = body.to_string();
        self.institution.request(self.path, body.as_bytes())
    }

    fn check(&self, number: u64, reply: &Reply<'_>) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Answered {
            store_id: String,
        }
        let answered: Answered = read(reply)?;
        if answered.store_id == self.store(number) {
            Ok(())
        } else {
            Err("the answer is about another store".to_owned())
        }
    }
}

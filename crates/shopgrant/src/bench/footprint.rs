//! `bench footprint`: memory at rest and under load, and the time until the program is ready.

use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::bench::options::BenchOptions;
use crate::bench::progress::Progress;
use crate::bench::report::{Report, Target};
use crate::bench::rig::Rig;
use crate::bench::start::start_all;
use crate::bench::statistics::real;
use crate::bench::usage;
use crate::command::Failure;
use crate::settings::Role;

/// How long a process is left alone before its memory is read.
const REST: Duration = Duration::from_secs(10);
const SHORT_REST: Duration = Duration::from_secs(1);

pub(crate) async fn run(options: &BenchOptions) -> Result<Report, Failure> {
    let mut rig = Rig::build(options.database_url.as_ref(), options).await?;
    let mut subject = rig.subject();
    let rest = if options.quick { SHORT_REST } else { REST };
    let operations = options.operations(20_000, 500);
    let progress = Progress::of(options.runs());
    // The first one makes what an existing database has.
    let first = rig.serve(Role::All).await?;
    let seller = rig.seller(first.address).await?;
    first.stop().await?;
    for run in 1..=options.runs() {
        progress.begin(&format!("footprint, run {run}"));
        let broker = rig.serve(Role::All).await?;
        let ready_ms = broker.ready_after.as_secs_f64() * 1e3;
        subject.add("from start to ready, existing database", "ms", ready_ms);
        interval_at(Instant::now() + rest, rest).tick().await;
        let idle = usage::memory_of(broker.pid);
        let idle = idle.map(|memory| real(memory.resident) / 1e6);
        subject.add_if_known("memory at rest", "MB", idle);
        let stores = rig.new_stores(&seller, operations).await?;
        let load = start_all(&broker, &seller, stores, options).await?;
        let peak = usage::memory_of(broker.pid).map(|memory| real(memory.peak) / 1e6);
        subject.add_if_known("highest memory, under load", "MB", peak);
        let problem = load.first_problem.as_deref().unwrap_or("");
        let what = format!("{} of {operations} starts answered {problem}", load.right);
        subject.check(what, load.right == operations);
        broker.stop().await?;
    }
    subject.aim(
        "from start to ready, existing database",
        Target::AtMost(100.0),
    );
    subject.aim("memory at rest", Target::AtMost(30.0));
    subject.aim("highest memory, under load", Target::AtMost(150.0));
    subject.method.push(format!(
        "at rest {} s after it was ready, with every role; the load is {operations} starts",
        rest.as_secs()
    ));
    rig.remove().await?;
    let mut report = Report::new("footprint", options);
    report.subjects.push(subject);
    Ok(report)
}

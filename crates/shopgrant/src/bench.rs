//! What the program takes and gives on this machine, measured over real sockets, beside what the machine
//! itself can do.
//!
//! Three kinds of processes take part, so that the CPU of each is counted apart: the broker as `serve`
//! runs it, a peer with the platforms and the receiver of webhooks, and this one, which makes the calls.

mod caller;
mod child;
mod connection;
mod deliver;
mod flow;
mod footprint;
mod load;
mod machine;
mod options;
mod peer;
mod progress;
mod query;
mod report;
mod rig;
mod scale;
mod start;
mod statistics;
mod usage;
mod webhooks;

pub(crate) use deliver::DeliverOptions;
pub(crate) use options::BenchOptions;
pub(crate) use peer::run as run_peer;
pub(crate) use scale::ScaleOptions;
pub(crate) use start::StartOptions;

pub(crate) use deliver::run as deliver;
pub(crate) use flow::run as flow;
pub(crate) use footprint::run as footprint;
pub(crate) use query::run as query;
pub(crate) use scale::run as scale;
pub(crate) use start::run as start;

use std::future::Future;
use std::process::ExitCode;

use crate::command::Failure;
use crate::signal::EndSignals;

use self::report::Report;

/// Runs a measurement and prints its report. An interrupt ends it with nothing left behind: what it
/// started ends when it is dropped.
pub(crate) async fn conclude(
    options: &BenchOptions,
    measured: impl Future<Output = Result<Report, Failure>>,
) -> Result<ExitCode, Failure> {
    let mut signals = EndSignals::catch()?;
    let report = tokio::select! {
        report = measured => report?,
        () = signals.recv() => return Err("interrupted; nothing is left running".into()),
    };
    report.print(options.json)?;
    Ok(if report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

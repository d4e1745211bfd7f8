//! `shopgrant doctor`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::command::{Failure, log_as_text};
use crate::doctor::{self, Finding, Verdict};
use crate::output;

/// Check settings, database, bus, clock, outgoing calls and platform apps
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  shopgrant doctor --config /etc/shopgrant.toml

One line for each check: ok, warn or fail, what was found, and what to do about it. It exits with 1 if
something fails. It leaves nothing behind in the database: to measure a commit, it writes a row and deletes
it again in the same transaction. RabbitMQ is given its exchanges and queues, as by every start.")]
pub(crate) struct Doctor {
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) async fn run(self, config: Option<&Path>) -> Result<ExitCode, Failure> {
        // What goes wrong is a finding, and need not stand in a log as well.
        log_as_text(LevelFilter::OFF)?;
        let findings = doctor::examine(config).await;
        let is_well = findings
            .iter()
            .all(|finding| finding.verdict != Verdict::Fail);
        if self.json {
            let checks: Value = findings.iter().map(as_json).collect();
            output::line(json!({"ok": is_well, "checks": checks}))?;
        } else {
            for finding in &findings {
                output::line(as_line(finding))?;
            }
        }
        Ok(if is_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
    }
}

fn as_line(finding: &Finding) -> String {
    let Finding {
        check,
        verdict,
        found,
        advice,
    } = finding;
    let verdict = word(*verdict);
    match advice {
        None => format!("{verdict:<5} {check:<14} {found}"),
        Some(advice) => format!("{verdict:<5} {check:<14} {found}: {advice}"),
    }
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "check": finding.check,
        "verdict": word(finding.verdict),
        "found": finding.found,
        "advice": finding.advice,
    })
}

//! `shopgrant serve`

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use server::Duties;
use tracing_subscriber::filter::LevelFilter;

use crate::command::Failure;
use crate::process::{Http, Process};
use crate::settings::{LogFormat, Role, Settings};
use crate::signal::EndSignals;
use crate::{output, telemetry, wiring};

/// Run the broker until SIGTERM or SIGINT
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant serve --config /etc/shopgrant.toml --role all")]
pub(crate) struct Serve {
    /// What this process does; the setting `role` if absent
    #[arg(long, value_enum)]
    role: Option<Role>,
}

impl Serve {
    pub(crate) async fn run(self, config: Option<&Path>) -> Result<ExitCode, Failure> {
        let settings = Settings::load_as(self.role, config)?;
        let traces = telemetry::start_with_traces(&settings, LevelFilter::INFO)?;
        let mut signals = EndSignals::catch()?;

        // Whoever starts the same address twice should learn so before the database is touched.
        let listener = listen(&settings)?;
        let bound = listener.local_addr()?;
        let public_url = settings.public_url(bound);
        let (broker, storage) = wiring::serving_broker(&settings, public_url.clone()).await?;

        let mut process = Process::start(broker, storage);
        if settings.role.runs_workers() {
            process.work();
        }
        let mut options = wiring::server_options(&settings, public_url);
        match settings.role {
            Role::All => {
                options.duties = Duties::Both;
                process.serve(Http { listener, options })?;
            }
            Role::Api => process.serve(Http { listener, options })?,
            Role::Worker => {
                process.serve_machines(listener)?;
                tracing::info!("working; HTTP is for supervisors and monitors alone");
            }
        }
        announce(&settings, &format!("listening on http://{bound}"));

        let ended = tokio::select! {
            () = signals.recv() => {
                tracing::info!("draining");
                Ok(ExitCode::SUCCESS)
            }
            () = process.broken() => {
                Err("a part of the process ended by itself; the log says why".into())
            }
        };
        process.drain().await;
        traces.flush().await;
        ended
    }
}

fn listen(settings: &Settings) -> Result<TcpListener, Failure> {
    let address = settings.listen;
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("setting `listen`: {address} cannot be bound: {error}"))?;
    Ok(listener)
}

/// One line when everything is there, for people and for scripts that wait for it. Whatever the log's
/// level is, it is said; only among JSON it is JSON.
fn announce(settings: &Settings, what: &str) {
    match settings.log.format {
        LogFormat::Text => output::remark(what),
        LogFormat::Json => tracing::info!("{what}"),
    }
}

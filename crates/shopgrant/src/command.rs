//! The command line: one module per command.

mod authorization;
mod bench;
mod call;
mod doctor;
mod institution;
mod listen;
mod migrate;
mod openapi;
mod platform;
mod sandbox;
mod serve;

pub(crate) use sandbox::simulated_platforms;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime;
use tracing_subscriber::filter::LevelFilter;

use crate::output::{self, OutputError};
use crate::settings::{LogFormat, Settings};
use crate::{demo, telemetry};

/// Why a command failed; said on one line, with its causes.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What a process that a closed pipe ended answers in a shell: 128 and SIGPIPE.
const CLOSED_PIPE: u8 = 141;

/// Store authorization for payment institutions.
#[derive(Debug, Parser)]
#[command(
    name = "shopgrant",
    version,
    after_help = "Try it without preparing anything:\n  shopgrant demo"
)]
struct CommandLine {
    /// Settings file, laid over the defaults; `shopgrant.toml` if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    Demo(demo::Demo),
    Sandbox(sandbox::RunSandbox),
    #[command(subcommand)]
    Institution(institution::InstitutionCommand),
    #[command(subcommand)]
    Platform(platform::PlatformCommand),
    #[command(subcommand)]
    Authorization(authorization::AuthorizationCommand),
    Call(call::Call),
    #[command(subcommand)]
    Bench(bench::Bench),
    #[command(hide = true)]
    BenchPeer(bench::BenchPeer),
    Doctor(doctor::Doctor),
    Listen(listen::Listen),
    Openapi(openapi::PrintOpenapi),
}

/// Runs the command that this process was started with.
pub(crate) fn run() -> ExitCode {
    // A wrong command line ends here, with exit code 2.
    let line = CommandLine::parse();
    let outcome = match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(line.execute()),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            let output = failure.downcast_ref::<OutputError>();
            if output.is_some_and(OutputError::is_closed_pipe) {
                return ExitCode::from(CLOSED_PIPE);
            }
            output::remark(in_one_line(&*failure));
            ExitCode::FAILURE
        }
    }
}

impl CommandLine {
    async fn execute(self) -> Result<ExitCode, Failure> {
        let config = self.config.as_deref();
        match self.command {
            Command::Serve(command) => command.run(config).await,
            Command::Migrate(_) => migrate::run(config).await,
            Command::Demo(command) => command.run().await,
            Command::Sandbox(command) => command.run().await,
            Command::Institution(command) => command.run(config).await,
            Command::Platform(command) => command.run(config).await,
            Command::Authorization(command) => command.run(config).await,
            Command::Call(command) => command.run(config).await,
            // Its future is large, and the stack of the first thread is not ours to size.
            Command::Bench(command) => Box::pin(command.run()).await,
            Command::BenchPeer(_) => bench::run_peer().await,
            Command::Doctor(command) => command.run(config).await,
            Command::Listen(command) => command.run().await,
            Command::Openapi(_) => openapi::run(),
        }
    }
}

/// The settings of a command that does one thing and ends; it logs only what is wrong.
fn settings_of_short_command(config: Option<&Path>) -> Result<Settings, Failure> {
    let settings = Settings::load(config)?;
    telemetry::start(settings.log.format, LevelFilter::WARN)?;
    Ok(settings)
}

/// Logs of a command that reads no settings.
pub(crate) fn log_as_text(level: LevelFilter) -> Result<(), Failure> {
    telemetry::start(LogFormat::Text, level)?;
    Ok(())
}

/// An error and its causes. A cause that the text before it already repeats is left out.
pub(crate) fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn check(command: &clap::Command, name: &str) {
            let subcommands: Vec<_> = command.get_subcommands().collect();
            for subcommand in &subcommands {
                check(subcommand, &format!("{name} {}", subcommand.get_name()));
            }
            if subcommands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string);
                let help = help.unwrap_or_default();
                assert!(help.contains(&format!("  {name}")), "{name}: {help}");
            }
        }
        check(&CommandLine::command(), "shopgrant");
    }

    #[test]
    fn commands_are_read_with_their_options() {
        for (line, is_right) in [
            ("serve", true),
            ("serve --role worker --config a.toml", true),
            ("serve --role boss", false),
            (
                "institution create --name N --redirect-origin https://a.example --redirect-origin https://b.example --json",
                true,
            ),
            ("institution create", false),
            ("institution rotate-secret app_1 --overlap 90m", true),
            ("institution rotate-secret app_1 --overlap soon", false),
            (
                "platform configure SHOPLINE --client-id i --client-secret-file f --scopes a,b",
                true,
            ),
            ("platform configure NOWHERE --client-id i", false),
            ("institution create --name N --colour #0a5 --logo f", true),
            ("institution create --name N --colour green", false),
            ("institution set app_1 --colour #00aa55", true),
            ("institution set app_1 --no-colour --no-logo", true),
            ("institution set app_1 --colour #0a5 --no-colour", false),
            ("institution set app_1 --logo f --no-logo", false),
            ("authorization show 0595-9440-0153", true),
            ("authorization show 059594400153 --json", true),
            (
                "authorization show auth_0192f0c1000070008000000000000001",
                true,
            ),
            ("authorization show 0595-9440", false),
            ("authorization show req_0192f0c10000700080000000", false),
            ("authorization show", false),
            ("call store/query {} --app-id a --secret-file f", true),
            ("call store/query --app-id a --secret-file f", true),
            ("call ../query {} --app-id a --secret-file f", false),
            ("listen --secret whsec_AAAA", true),
            ("listen --secret whsec_AAAA --secret-file f", false),
            ("listen", false),
            ("doctor --json --config a.toml", true),
            ("bench start --quick --operations 10", true),
            ("bench start --runs 4", false),
            ("bench", false),
            ("demo --auto --database-url sqlite://x", true),
            ("sandbox --listen 127.0.0.1:0", true),
        ] {
            let words = std::iter::once("shopgrant").chain(line.split(' '));
            assert_eq!(
                CommandLine::try_parse_from(words).is_ok(),
                is_right,
                "{line}"
            );
        }
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the disk is full")]
        struct Full;
        #[derive(Debug, thiserror::Error)]
        #[error("it cannot be saved: {0}")]
        struct Unsaved(#[source] Full);
        #[derive(Debug, thiserror::Error)]
        #[error("the call failed")]
        struct Failed(#[source] Unsaved);
        assert_eq!(
            in_one_line(&Failed(Unsaved(Full))),
            "the call failed: it cannot be saved: the disk is full"
        );
    }
}

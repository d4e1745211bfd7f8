//! The shopgrant program: settings, wiring, command line, demo.
#![warn(clippy::future_not_send)]

mod api_client;
mod bench;
mod command;
mod demo;
mod doctor;
mod output;
mod process;
mod receiver;
mod secret_file;
mod settings;
mod signal;
mod signing;
mod telemetry;
mod webhook;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}

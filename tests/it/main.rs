//! The whole system through its public surface.
//!
//! Every test of behaviour runs on SQLite and on PostgreSQL, with the sandbox at the far end, a clock that
//! moves when it is told to, and the workers stepped by hand. PostgreSQL is the server behind
//! `SHOPGRANT_TEST_DATABASE_URL`; `tests/run` sees to it, or `eval "$(tests/services up)"`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
mod harness;

mod bad_input;
mod callbacks;
mod cli;
mod crash;
mod failures;
mod feed;
mod gateway;
mod house;
mod idempotency;
mod isolation;
mod key_flow;
mod log_scan;
mod main_job;
mod pingpong;
mod process;
mod races;
mod records;
mod referees;
mod shutdown;
mod signatures;
mod status;
mod waiting;
mod webhooks;

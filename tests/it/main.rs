//! The whole system through its public surface.
//!
//! Every test of behaviour runs twice, with all in one process on SQLite and on PostgreSQL with RabbitMQ, with
//! the sandbox at the far end, a clock that moves when it is told to, and the workers stepped by hand. The
//! servers are those of `SHOPGRANT_TEST_DATABASE_URL` and `SHOPGRANT_TEST_AMQP_URL`; `tests/run` sees to
//! them, or `eval "$(tests/services up)"`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
mod harness;

mod bad_input;
mod brands;
mod browser;
mod cafe24;
mod cafe24_events;
mod cafe24_launch;
mod callbacks;
mod cli;
mod crash;
mod credentials;
mod dialects;
mod failures;
mod feed;
mod gateway;
mod hosted;
mod house;
mod idempotency;
mod isolation;
mod key_crash;
mod key_flow;
mod key_links;
mod key_push;
mod kills;
mod languages;
mod launches;
mod log_lines;
mod log_scan;
mod main_job;
mod metrics;
mod multivende;
mod outages;
mod pingpong;
mod platform_events;
mod process;
mod pushed_codes;
mod rabbitmq;
mod races;
mod readiness;
mod reauthorization;
mod records;
mod referees;
mod refresh;
mod revocation;
mod scopes;
mod seller_links;
mod sessions;
mod shutdown;
mod signatures;
mod status;
mod waiting;
mod webhooks;
mod workers;

//! Rows, queries, outbox and inbox, leases, sealing of secrets at rest.
//!
//! Functions, not repositories: `stores::find(&storage, institution, id)`. Domain types go in and come
//! out. Every function that works for an institution takes it; the others are named `…_for_worker`.
//! Time comes from the caller.
#![warn(clippy::future_not_send)]

pub mod access_tokens;
pub mod attempts;
pub mod authorizations;
pub mod backlog;
pub mod claims;
pub mod clients;
pub mod credential_requests;
pub mod database;
pub mod deliveries;
pub mod diagnosis;
mod due;
pub mod endpoints;
mod error;
mod executor;
pub mod grants;
mod group_commit;
pub mod held_keys;
pub mod hosted_links;
pub mod idempotency;
mod instant;
pub mod institution_brands;
pub mod institutions;
pub mod launches;
pub mod limits;
mod literal;
mod lock_order;
mod measure;
mod news;
pub mod nonces;
pub mod online_exchanges;
pub mod online_tokens;
mod open_error;
pub mod outbox;
pub mod platform_apps;
pub mod platform_events;
pub mod pushed_codes;
pub mod refreshes;
pub mod retention;
pub mod revocations;
mod row;
pub mod scope_readings;
pub mod sealing;
mod shape;
pub mod shop_grants;
mod still;
pub mod stores;
mod wakeup;

pub use database::{OpenError, Storage};
pub use error::StorageError;
pub use executor::{Executor, Tx};
pub use news::News;

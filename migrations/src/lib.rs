//! The schema, step by step, for SQLite and PostgreSQL alike.
//!
//! Each step is one SQL text for both databases: see [`dialect`] for the few words that differ.
//! Instants are whole milliseconds since 1970 (UTC) in columns named `…_at`; ids are `UUIDv7`.
#![warn(clippy::future_not_send)]

mod dialect;
mod m0001_main_job;

use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait, async_trait};

/// Every step in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_main_job::Migration)]
    }
}

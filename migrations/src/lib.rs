//! The schema, step by step, for SQLite and PostgreSQL alike.
//!
//! Each step is one SQL text for both databases: see [`dialect`] for the few words that differ.
//! Instants are whole milliseconds since 1970 (UTC) in columns named `…_at`; ids are `UUIDv7`.
#![warn(clippy::future_not_send)]

mod dialect;
mod m0001_main_job;
mod m0002_bus_access;
mod m0003_refresh;
mod m0004_platform_initiated;
mod m0005_hosted_links;
mod m0006_reauthorization;
mod m0007_credentials;
mod m0008_launch_operators;
mod m0009_platform_event_kinds;
mod m0010_key_links;
mod m0011_institution_brand;
mod m0012_one_asks;
mod recorded;

use sea_orm_migration::prelude::{
    ConnectionTrait, DbErr, MigrationTrait, MigratorTrait, async_trait,
};
use sea_orm_migration::{Migration, seaql_migrations};

/// Every step in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_main_job::Migration),
            Box::new(m0002_bus_access::Migration),
            Box::new(m0003_refresh::Migration),
            Box::new(m0004_platform_initiated::Migration),
            Box::new(m0005_hosted_links::Migration),
            Box::new(m0006_reauthorization::Migration),
            Box::new(m0007_credentials::Migration),
            Box::new(m0008_launch_operators::Migration),
            Box::new(m0009_platform_event_kinds::Migration),
            Box::new(m0010_key_links::Migration),
            Box::new(m0011_institution_brand::Migration),
            Box::new(m0012_one_asks::Migration),
        ]
    }

    /// Only what this version knows of: see [`recorded`].
    async fn get_migration_models<C>(db: &C) -> Result<Vec<seaql_migrations::Model>, DbErr>
    where
        C: ConnectionTrait,
    {
        Self::install(db).await?;
        recorded::known(db).await
    }

    async fn get_pending_migrations_read_only<C>(db: &C) -> Result<Vec<Migration>, DbErr>
    where
        C: ConnectionTrait,
    {
        let recorded = recorded::known(db).await?;
        let mut steps = Self::get_migration_files();
        steps.retain(|step| recorded.iter().all(|known| known.version != step.name()));
        Ok(steps)
    }
}

/// The names of the steps that a newer version than this one has taken; empty on every other database.
pub async fn unknown_steps<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    recorded::unknown(db).await
}

//! Which institutions may read their events from RabbitMQ.

use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait,
};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait is declared without the lifetime"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }
}

/// The default is for the version before, which knows nothing of the column and goes on inserting.
const UP: &str = r"
ALTER TABLE institutions ADD COLUMN bus_access TEXT NOT NULL DEFAULT 'NONE'
    CONSTRAINT institutions_bus_access_check CHECK (bus_access IN ('NONE', 'GRANTED', 'REVOKED'))
";

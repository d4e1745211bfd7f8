//! Keys that sellers hand in themselves.

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

/// An attempt by KEY that is PENDING without a credential waits for the seller to hand one in. What came of it is
/// a grant whose credential no institution may have.
const UP: &str = r"
ALTER TABLE grants ADD COLUMN disclosure TEXT NOT NULL DEFAULT 'INSTITUTION'
    CONSTRAINT grants_disclosure_check CHECK (disclosure IN ('INSTITUTION', 'NOBODY'))
";

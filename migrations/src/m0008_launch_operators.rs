//! Who opened our app, where the platform says so, and what an app is registered with for that.

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

/// A launch keeps what its operator is and may, and not who: name and id are shown on a page and forgotten.
///
/// The index finds the numbered shops of a mall, `mall/2` below `mall/`. Both databases have `rtrim`, and
/// neither would look up a `LIKE` in an index under every collation.
const UP: &str = r"
ALTER TABLE launches ADD COLUMN operator_role TEXT
    CONSTRAINT launches_operator_role_check CHECK (
        operator_role IN ('CHIEF', 'SUB_OPERATOR', 'SUPPLIER', 'OTHER'))

ALTER TABLE launches ADD COLUMN operator_permissions TEXT
    CONSTRAINT launches_operator_permissions_check CHECK (
        operator_permissions IS NULL OR operator_role IS NOT NULL)

ALTER TABLE platform_apps ADD COLUMN event_key {bytes}

ALTER TABLE platform_apps ADD COLUMN operator_scopes TEXT

CREATE INDEX grants_numbered_idx ON grants (rtrim(shop_label, '0123456789')) WHERE platform = 'CAFE24'
";

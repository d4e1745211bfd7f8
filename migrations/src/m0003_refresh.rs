//! How grants are kept alive, and what is told of one that cannot be.

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

/// The version before knows nothing of these columns: it inserts without them, and ends a grant without
/// erasing them, so that no constraint ties them to its columns. `health` has all words that it may get,
/// since SQLite cannot change the constraint later.
///
/// Grants of the platforms whose tokens are renewed by the app's signature alone need nothing that they do
/// not have already, so they take part from the start.
const UP: &str = r"
ALTER TABLE stores ADD COLUMN health TEXT
    CONSTRAINT stores_health_check CHECK (
        health IN ('HEALTHY', 'EXPIRING', 'SCOPES_MISSING', 'REFRESH_FAILING', 'UNCERTAIN'))

ALTER TABLE stores ADD COLUMN reauthorize_by {int}

ALTER TABLE grants ADD COLUMN generation {int} NOT NULL DEFAULT 1
    CONSTRAINT grants_generation_check CHECK (generation >= 1)

ALTER TABLE grants ADD COLUMN refresh_token {bytes}

ALTER TABLE grants ADD COLUMN previous_refresh_token {bytes}

ALTER TABLE grants ADD COLUMN refresh_ends_at {int}

ALTER TABLE grants ADD COLUMN next_refresh_at {int}

ALTER TABLE grants ADD COLUMN notice_at {int}

ALTER TABLE grants ADD COLUMN refresh_fence {int} NOT NULL DEFAULT 0

ALTER TABLE grants ADD COLUMN refresh_lease_id {uuid}
    CONSTRAINT grants_refresh_lease_check CHECK (refresh_lease_id IS NULL OR refresh_fence > 0)

ALTER TABLE grants ADD COLUMN refresh_lease_until {int} NOT NULL DEFAULT 0

ALTER TABLE grants ADD COLUMN refresh_intent_at {int}
    CONSTRAINT grants_refresh_intent_check CHECK (refresh_intent_at IS NULL OR refresh_token IS NOT NULL)

ALTER TABLE grants ADD COLUMN refresh_failures {int} NOT NULL DEFAULT 0

ALTER TABLE grants ADD COLUMN refresh_failing_since {int}
    CONSTRAINT grants_refresh_failing_check CHECK ((refresh_failing_since IS NULL) = (refresh_failures = 0))

ALTER TABLE grants ADD COLUMN refresh_failure TEXT
    CONSTRAINT grants_refresh_failure_check CHECK (
        (refresh_failure IS NULL) = (refresh_failures = 0) AND refresh_failure IN ('TRANSIENT', 'OPERATOR'))

UPDATE grants SET next_refresh_at = created_at + (expires_at - created_at) / 2
WHERE status = 'LIVE' AND expires_at IS NOT NULL AND platform IN ('SHOPLINE', 'SHOPLINE_EU')

CREATE INDEX grants_refresh_due_idx ON grants (next_refresh_at) WHERE status = 'LIVE' AND next_refresh_at IS NOT NULL

CREATE INDEX grants_refresh_end_idx ON grants (refresh_ends_at) WHERE status = 'LIVE' AND refresh_ends_at IS NOT NULL

CREATE INDEX grants_notice_idx ON grants (notice_at) WHERE status = 'LIVE' AND notice_at IS NOT NULL
";

//! What happens to a working grant besides its renewal: attempts beside it, scopes that are read again, and
//! credentials that are given up.

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

/// The version before knows nothing of these columns, so that no constraint ties them to its own. It inserts
/// grants without them, whose scopes are due at once then. `stores.health` keeps its words of before: what
/// scopes make of them stands in a column of its own, which the version before need not understand.
///
/// A revocation is there for as long as it is to be done; its row goes with its credential.
const UP: &str = r"
ALTER TABLE stores ADD COLUMN scope_coverage TEXT NOT NULL DEFAULT 'COMPLETE'
    CONSTRAINT stores_scope_coverage_check CHECK (scope_coverage IN ('COMPLETE', 'MISSING'))

ALTER TABLE stores ADD COLUMN reauthorization_id {uuid}

ALTER TABLE stores ADD COLUMN reauthorization_status TEXT
    CONSTRAINT stores_reauthorization_check CHECK (
        (reauthorization_status IS NULL AND reauthorization_id IS NULL)
        OR (COALESCE(reauthorization_status, '') IN ('OFFERED', 'PROCESSING') AND reauthorization_id IS NOT NULL)
        OR (reauthorization_status = 'FAILED' AND reauthorization_id IS NULL))

ALTER TABLE stores ADD COLUMN reauthorization_fail_reason TEXT
    CONSTRAINT stores_reauthorization_reason_check CHECK (
        (reauthorization_fail_reason IS NOT NULL) = (COALESCE(reauthorization_status, '') = 'FAILED'))

ALTER TABLE authorizations ADD COLUMN beside_grant_id {uuid}

ALTER TABLE grants ADD COLUMN scopes_due_at {int} NOT NULL DEFAULT 0

ALTER TABLE grants ADD COLUMN scopes_fence {int} NOT NULL DEFAULT 0

CREATE INDEX grants_scopes_due_idx ON grants (platform, scopes_due_at) WHERE status = 'LIVE'

CREATE TABLE revocations (
    id {uuid} NOT NULL CONSTRAINT revocations_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL,
    store_id {uuid} NOT NULL CONSTRAINT revocations_store_fkey REFERENCES stores (id),
    platform TEXT NOT NULL,
    platform_app_id {uuid} NOT NULL CONSTRAINT revocations_platform_app_fkey REFERENCES platform_apps (id),
    shop_identity TEXT NOT NULL,
    shop_label TEXT,
    origin TEXT NOT NULL,
    credential {bytes} NOT NULL,
    attempts {int} NOT NULL,
    next_attempt_at {int} NOT NULL,
    revoked_at {int},
    lease_id {uuid},
    lease_until {int} NOT NULL,
    created_at {int} NOT NULL
) {strict}

CREATE INDEX revocations_due_idx ON revocations (next_attempt_at)

CREATE INDEX revocations_store_idx ON revocations (store_id)
";

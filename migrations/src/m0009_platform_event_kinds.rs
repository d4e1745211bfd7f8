//! More kinds of what platforms tell, and more that may come of it.

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

/// SQLite cannot change a constraint, so the table is made anew. The first statement keeps every process of
/// the version before from adding an event that the copy would miss. `PostgreSQL` names the indexes of keys
/// in the schema and not in the table, so the old table goes before the new one comes.
const UP: &str = r"
ALTER TABLE platform_events RENAME TO platform_events_before

CREATE TABLE platform_events_kept AS SELECT * FROM platform_events_before

DROP TABLE platform_events_before

CREATE TABLE platform_events (
    id {uuid} NOT NULL CONSTRAINT platform_events_pkey PRIMARY KEY,
    same_key {bytes} NOT NULL CONSTRAINT platform_events_same_key UNIQUE,
    platform TEXT NOT NULL,
    platform_app_id {uuid} NOT NULL CONSTRAINT platform_events_platform_app_fkey REFERENCES platform_apps (id),
    topic TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT platform_events_kind_check CHECK (
        kind IN ('UNINSTALLED', 'EXPIRED', 'SCOPES_UPDATED', 'CODE_GRANTED', 'CUSTOMER_DATA_REQUEST',
            'CUSTOMER_REDACTION', 'SHOP_REDACTION', 'OTHER')
    ),
    shop_label TEXT,
    shop_identity TEXT,
    status TEXT NOT NULL,
    outcome TEXT CONSTRAINT platform_events_outcome_check CHECK (
        outcome IN ('GRANT_ENDED', 'GRANT_ALIVE', 'NO_GRANT', 'HINT_TAKEN',
            'CODE_TAKEN', 'CODE_PARKED', 'NOTHING_HELD', 'SHOP_FORGOTTEN', 'IGNORED', 'UNANSWERED')
    ),
    attempts {int} NOT NULL,
    next_attempt_at {int} NOT NULL,
    lease_id {uuid},
    lease_until {int} NOT NULL,
    created_at {int} NOT NULL,
    finished_at {int},
    CONSTRAINT platform_events_status_check CHECK (
        (status = 'RECEIVED' AND outcome IS NULL AND finished_at IS NULL)
        OR (status = 'HANDLED' AND outcome IS NOT NULL AND finished_at IS NOT NULL)
    ),
    CONSTRAINT platform_events_shop_check CHECK (shop_label IS NULL OR shop_identity IS NULL)
) {strict}

INSERT INTO platform_events (id, same_key, platform, platform_app_id, topic, kind, shop_label, shop_identity,
    status, outcome, attempts, next_attempt_at, lease_id, lease_until, created_at, finished_at)
SELECT id, same_key, platform, platform_app_id, topic, kind, shop_label, shop_identity,
    status, outcome, attempts, next_attempt_at, lease_id, lease_until, created_at, finished_at
FROM platform_events_kept

DROP TABLE platform_events_kept

CREATE INDEX platform_events_due_idx ON platform_events (next_attempt_at) WHERE status = 'RECEIVED'

CREATE INDEX platform_events_finished_idx ON platform_events (finished_at) WHERE finished_at IS NOT NULL
";

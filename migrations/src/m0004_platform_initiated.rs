//! What platforms begin: launches of our app, and events.

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

/// A launch is kept by the hash of its signature, so that it is used once; one that offers an attempt is
/// bound to a browser. An event is kept without its body, which may speak of a shop's customers.
const UP: &str = r"
CREATE TABLE launches (
    id {uuid} NOT NULL CONSTRAINT launches_pkey PRIMARY KEY,
    signature_hash {bytes} NOT NULL CONSTRAINT launches_signature_key UNIQUE,
    platform TEXT NOT NULL,
    platform_app_id {uuid} NOT NULL CONSTRAINT launches_platform_app_fkey REFERENCES platform_apps (id),
    shop_label TEXT NOT NULL,
    shop_identity TEXT,
    language TEXT,
    status TEXT NOT NULL,
    institution_id {uuid},
    authorization_id {uuid},
    cookie_hash {bytes},
    token_hash {bytes},
    offered_until {int},
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    CONSTRAINT launches_status_check CHECK (
        (status = 'UNANSWERED' AND institution_id IS NULL AND authorization_id IS NULL AND cookie_hash IS NULL
            AND token_hash IS NULL AND offered_until IS NULL)
        OR (status IN ('OFFERED', 'CONFIRMED') AND institution_id IS NOT NULL AND authorization_id IS NOT NULL
            AND cookie_hash IS NOT NULL AND token_hash IS NOT NULL AND offered_until IS NOT NULL)
    )
) {strict}

CREATE INDEX launches_expiry_idx ON launches (expires_at)

CREATE TABLE platform_events (
    id {uuid} NOT NULL CONSTRAINT platform_events_pkey PRIMARY KEY,
    same_key {bytes} NOT NULL CONSTRAINT platform_events_same_key UNIQUE,
    platform TEXT NOT NULL,
    platform_app_id {uuid} NOT NULL CONSTRAINT platform_events_platform_app_fkey REFERENCES platform_apps (id),
    topic TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT platform_events_kind_check CHECK (
        kind IN ('UNINSTALLED', 'CUSTOMER_DATA_REQUEST', 'CUSTOMER_REDACTION', 'SHOP_REDACTION', 'OTHER')
    ),
    shop_label TEXT,
    shop_identity TEXT,
    status TEXT NOT NULL,
    outcome TEXT CONSTRAINT platform_events_outcome_check CHECK (
        outcome IN ('GRANT_ENDED', 'GRANT_ALIVE', 'NO_GRANT', 'NOTHING_HELD', 'SHOP_FORGOTTEN', 'IGNORED', 'UNANSWERED')
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

CREATE INDEX platform_events_due_idx ON platform_events (next_attempt_at) WHERE status = 'RECEIVED'

CREATE INDEX platform_events_finished_idx ON platform_events (finished_at) WHERE finished_at IS NOT NULL

CREATE INDEX authorizations_waiting_idx ON authorizations (platform_app_id, expected_shop) WHERE status = 'PENDING'

CREATE INDEX grants_label_idx ON grants (shop_label)

CREATE INDEX grants_identity_idx ON grants (shop_identity)
";

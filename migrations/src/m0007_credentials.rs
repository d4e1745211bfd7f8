//! Credentials that are handed out, tokens of users' sessions, and codes that a platform pushed.

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

/// What was asked for outlives the store that it was asked about, and is asked by whoever made an id up: no
/// foreign key ties it to a store. A pushed code has the id of the event that brought it, which may be
/// forgotten first.
const UP: &str = r"
ALTER TABLE institutions ADD COLUMN credential_access TEXT NOT NULL DEFAULT 'DENIED'
    CONSTRAINT institutions_credential_access_check CHECK (credential_access IN ('DENIED', 'GRANTED'))

CREATE TABLE credential_requests (
    id {uuid} NOT NULL CONSTRAINT credential_requests_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT credential_requests_institution_fkey REFERENCES institutions (id),
    store_id {uuid},
    call TEXT NOT NULL CONSTRAINT credential_requests_call_check CHECK (call IN ('credential/get', 'store/session')),
    outcome TEXT NOT NULL CONSTRAINT credential_requests_outcome_check CHECK (
        outcome IN ('HANDED_OUT', 'FORBIDDEN', 'UNKNOWN_STORE', 'NOT_AUTHORIZED', 'NO_ACCESS_TOKEN', 'UNAVAILABLE',
            'SESSION_REFUSED', 'FAILED')
    ),
    request_id TEXT NOT NULL,
    created_at {int} NOT NULL
) {strict}

CREATE INDEX credential_requests_institution_idx ON credential_requests (institution_id, created_at)

CREATE INDEX credential_requests_created_idx ON credential_requests (created_at)

CREATE TABLE online_tokens (
    id {uuid} NOT NULL CONSTRAINT online_tokens_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT online_tokens_institution_fkey REFERENCES institutions (id),
    store_id {uuid} NOT NULL CONSTRAINT online_tokens_store_fkey REFERENCES stores (id),
    grant_id {uuid} NOT NULL,
    user_id TEXT NOT NULL,
    session_hash {bytes} NOT NULL,
    token {bytes} NOT NULL,
    scopes TEXT NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    CONSTRAINT online_tokens_user_key UNIQUE (store_id, user_id)
) {strict}

CREATE INDEX online_tokens_grant_idx ON online_tokens (grant_id)

CREATE INDEX online_tokens_expiry_idx ON online_tokens (expires_at)

CREATE INDEX launches_shop_idx ON launches (platform_app_id, shop_label)

CREATE TABLE pushed_codes (
    id {uuid} NOT NULL CONSTRAINT pushed_codes_pkey PRIMARY KEY,
    platform TEXT NOT NULL,
    platform_app_id {uuid} NOT NULL CONSTRAINT pushed_codes_platform_app_fkey REFERENCES platform_apps (id),
    shop_label TEXT NOT NULL,
    shop_identity TEXT NOT NULL,
    code {bytes} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL
) {strict}

CREATE INDEX pushed_codes_shop_idx ON pushed_codes (platform_app_id, shop_label)

CREATE INDEX pushed_codes_expiry_idx ON pushed_codes (expires_at)
";

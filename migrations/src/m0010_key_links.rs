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
/// a grant whose credential no institution may have. A key that a shop sends is held until the browser that clicked
/// is back.
const UP: &str = r"
ALTER TABLE grants ADD COLUMN disclosure TEXT NOT NULL DEFAULT 'INSTITUTION'
    CONSTRAINT grants_disclosure_check CHECK (disclosure IN ('INSTITUTION', 'NOBODY'))

CREATE TABLE held_keys (
    click_id {uuid} NOT NULL CONSTRAINT held_keys_pkey PRIMARY KEY
        CONSTRAINT held_keys_click_fkey REFERENCES link_clicks (id) ON DELETE CASCADE,
    authorization_id {uuid} NOT NULL,
    institution_id {uuid} NOT NULL,
    credential {bytes} NOT NULL,
    fingerprint {bytes} NOT NULL,
    fingerprint_key_id TEXT NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    CONSTRAINT held_keys_expiry_check CHECK (expires_at > created_at)
) {strict}

CREATE INDEX held_keys_authorization_idx ON held_keys (authorization_id)

CREATE INDEX held_keys_expiry_idx ON held_keys (expires_at)
";

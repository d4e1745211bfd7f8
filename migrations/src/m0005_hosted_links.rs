//! Links to a page of our own, and the clicks on it.

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

/// A link and its clicks are known by hashes alone, and go with the attempt that they lead to. What a platform
/// told of the scopes it granted is kept beside what we make of it.
const UP: &str = r"
ALTER TABLE institutions ADD COLUMN links TEXT NOT NULL DEFAULT 'DIRECT'
    CONSTRAINT institutions_links_check CHECK (links IN ('DIRECT', 'HOSTED'))

CREATE TABLE hosted_links (
    authorization_id {uuid} NOT NULL CONSTRAINT hosted_links_pkey PRIMARY KEY
        CONSTRAINT hosted_links_authorization_fkey REFERENCES authorizations (id) ON DELETE CASCADE,
    institution_id {uuid} NOT NULL,
    token_hash {bytes} NOT NULL CONSTRAINT hosted_links_token_key UNIQUE,
    code_hash {bytes},
    created_at {int} NOT NULL
) {strict}

CREATE INDEX hosted_links_code_idx ON hosted_links (code_hash) WHERE code_hash IS NOT NULL

CREATE TABLE link_clicks (
    id {uuid} NOT NULL CONSTRAINT link_clicks_pkey PRIMARY KEY,
    authorization_id {uuid} NOT NULL
        CONSTRAINT link_clicks_link_fkey REFERENCES hosted_links (authorization_id) ON DELETE CASCADE,
    institution_id {uuid} NOT NULL,
    state_hash {bytes} NOT NULL CONSTRAINT link_clicks_state_key UNIQUE,
    cookie_hash {bytes} NOT NULL CONSTRAINT link_clicks_cookie_key UNIQUE,
    deadline_at {int} NOT NULL,
    created_at {int} NOT NULL
) {strict}

CREATE INDEX link_clicks_link_idx ON link_clicks (authorization_id, id)

ALTER TABLE grants ADD COLUMN scopes_told TEXT
";

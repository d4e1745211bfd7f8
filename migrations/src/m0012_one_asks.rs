//! What several callers want of a platform at once and one of them asks for: a grant's scopes, and a token of
//! a user's own.

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

/// The version before reads scopes without these columns: a call of this one may ask beside it then, and the
/// fencing number lets the later reading count alone. It also raises that number without an end of its lease:
/// so a lease names the number that it is of, and holds for no other.
///
/// No foreign key ties an exchange to its store: it is over within seconds, and dies by time alone.
const UP: &str = r"
ALTER TABLE grants ADD COLUMN scopes_lease_until {int} NOT NULL DEFAULT 0

ALTER TABLE grants ADD COLUMN scopes_lease_fence {int} NOT NULL DEFAULT 0

ALTER TABLE grants ADD COLUMN scopes_outcome TEXT
    CONSTRAINT grants_scopes_outcome_check CHECK (scopes_outcome IN ('READ', 'NOT_TOLD', 'UNANSWERED'))

CREATE TABLE online_exchanges (
    store_id {uuid} NOT NULL,
    session_hash {bytes} NOT NULL,
    institution_id {uuid} NOT NULL,
    lease_id {uuid} NOT NULL,
    lease_until {int} NOT NULL,
    fail_reason TEXT CONSTRAINT online_exchanges_fail_reason_check CHECK (
        fail_reason IN ('PLATFORM_UNREACHABLE', 'PLATFORM_REJECTED', 'AUTH_INFO_INVALID', 'SCOPES_INSUFFICIENT',
            'SELLER_MISMATCH', 'PLATFORM_APP_MISCONFIGURED', 'AUTH_REVOKED')
    ),
    expires_at {int} NOT NULL,
    CONSTRAINT online_exchanges_pkey PRIMARY KEY (store_id, session_hash),
    CONSTRAINT online_exchanges_lease_check CHECK (fail_reason IS NULL OR lease_until = 0)
) {strict}

CREATE INDEX online_exchanges_expiry_idx ON online_exchanges (expires_at)
";

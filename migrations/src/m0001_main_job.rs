//! Institutions, stores, authorizations, grants, claims, and the way results are told.

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

const UP: &str = r"
CREATE TABLE institutions (
    id {uuid} NOT NULL CONSTRAINT institutions_pkey PRIMARY KEY,
    app_id TEXT NOT NULL CONSTRAINT institutions_app_id_key UNIQUE,
    name TEXT NOT NULL,
    redirect_origins TEXT NOT NULL,
    created_at {int} NOT NULL
) {strict}

CREATE TABLE institution_keys (
    id {uuid} NOT NULL CONSTRAINT institution_keys_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT institution_keys_institution_fkey REFERENCES institutions (id),
    secret {bytes} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int}
) {strict}

CREATE INDEX institution_keys_institution_idx ON institution_keys (institution_id)

CREATE TABLE access_tokens (
    token_hash {bytes} NOT NULL CONSTRAINT access_tokens_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT access_tokens_institution_fkey REFERENCES institutions (id),
    expires_at {int} NOT NULL
) {strict}

CREATE INDEX access_tokens_expiry_idx ON access_tokens (expires_at)

CREATE TABLE nonces (
    institution_id {uuid} NOT NULL,
    nonce_hash {bytes} NOT NULL,
    expires_at {int} NOT NULL,
    CONSTRAINT nonces_pkey PRIMARY KEY (institution_id, nonce_hash)
) {strict}

CREATE INDEX nonces_expiry_idx ON nonces (expires_at)

CREATE TABLE idempotency_keys (
    institution_id {uuid} NOT NULL,
    call TEXT NOT NULL,
    key_hash {bytes} NOT NULL,
    body_hash {bytes} NOT NULL,
    answer {bytes},
    authorization_id {uuid},
    expires_at {int} NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (institution_id, call, key_hash)
) {strict}

CREATE INDEX idempotency_keys_expiry_idx ON idempotency_keys (expires_at)

CREATE TABLE clients (
    id {uuid} NOT NULL CONSTRAINT clients_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT clients_institution_fkey REFERENCES institutions (id),
    partner_user_id TEXT NOT NULL,
    email TEXT,
    name TEXT,
    created_at {int} NOT NULL,
    CONSTRAINT clients_partner_user_key UNIQUE (institution_id, partner_user_id)
) {strict}

CREATE TABLE platform_apps (
    id {uuid} NOT NULL CONSTRAINT platform_apps_pkey PRIMARY KEY,
    platform TEXT NOT NULL,
    institution_id {uuid} CONSTRAINT platform_apps_institution_fkey REFERENCES institutions (id),
    client_id TEXT NOT NULL,
    secret {bytes},
    scopes TEXT NOT NULL,
    host TEXT,
    created_at {int} NOT NULL
) {strict}

CREATE UNIQUE INDEX platform_apps_shared_key ON platform_apps (platform) WHERE institution_id IS NULL

CREATE UNIQUE INDEX platform_apps_institution_key ON platform_apps (platform, institution_id) WHERE institution_id IS NOT NULL

CREATE TABLE stores (
    id {uuid} NOT NULL CONSTRAINT stores_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT stores_institution_fkey REFERENCES institutions (id),
    client_id {uuid} NOT NULL CONSTRAINT stores_client_fkey REFERENCES clients (id),
    platform TEXT NOT NULL,
    store_url TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    extra_info TEXT,
    seller_id TEXT,
    auth_type TEXT,
    auth_status TEXT NOT NULL,
    auth_fail_reason TEXT,
    authorization_id {uuid},
    grant_id {uuid},
    shop_identity TEXT,
    scopes TEXT,
    authorized_at {int},
    expires_at {int},
    sequence {int} NOT NULL,
    revision {int} NOT NULL,
    created_at {int} NOT NULL,
    unbound_at {int},
    CONSTRAINT stores_auth_type_check CHECK (auth_type IN ('URL', 'KEY')),
    CONSTRAINT stores_auth_status_check CHECK (
        (auth_status = 'UNAUTHORIZED' AND auth_fail_reason IS NULL AND grant_id IS NULL AND authorization_id IS NULL)
        OR (auth_status = 'PROCESSING' AND auth_fail_reason IS NULL AND grant_id IS NULL AND authorization_id IS NOT NULL)
        OR (auth_status = 'SUCCESS' AND auth_fail_reason IS NULL AND grant_id IS NOT NULL AND authorization_id IS NULL
            AND shop_identity IS NOT NULL AND scopes IS NOT NULL AND authorized_at IS NOT NULL)
        OR (auth_status = 'FAILED' AND auth_fail_reason IS NOT NULL AND grant_id IS NULL AND authorization_id IS NULL)
    ),
    CONSTRAINT stores_unbound_check CHECK (unbound_at IS NULL OR auth_status = 'UNAUTHORIZED')
) {strict}

CREATE INDEX stores_institution_idx ON stores (institution_id, id)

CREATE INDEX stores_unbound_idx ON stores (unbound_at) WHERE unbound_at IS NOT NULL

CREATE TABLE authorizations (
    id {uuid} NOT NULL CONSTRAINT authorizations_pkey PRIMARY KEY,
    store_id {uuid} NOT NULL CONSTRAINT authorizations_store_fkey REFERENCES stores (id),
    institution_id {uuid} NOT NULL,
    platform TEXT NOT NULL,
    platform_app_id {uuid} CONSTRAINT authorizations_platform_app_fkey REFERENCES platform_apps (id),
    auth_type TEXT NOT NULL CONSTRAINT authorizations_auth_type_check CHECK (auth_type IN ('URL', 'KEY')),
    status TEXT NOT NULL,
    fail_reason TEXT,
    expected_shop TEXT,
    seller_id TEXT,
    redirect_url TEXT,
    state_hash {bytes} CONSTRAINT authorizations_state_hash_key UNIQUE,
    credential {bytes},
    fingerprint {bytes},
    fingerprint_key_id TEXT,
    attempts {int} NOT NULL DEFAULT 0,
    next_attempt_at {int},
    lease_id {uuid},
    lease_until {int} NOT NULL DEFAULT 0,
    deadline_at {int} NOT NULL,
    created_at {int} NOT NULL,
    finished_at {int},
    CONSTRAINT authorizations_status_check CHECK (
        (status IN ('PENDING', 'EXCHANGING') AND finished_at IS NULL AND fail_reason IS NULL)
        OR (status IN ('SUCCEEDED', 'SUPERSEDED') AND finished_at IS NOT NULL AND fail_reason IS NULL AND credential IS NULL)
        OR (status = 'FAILED' AND finished_at IS NOT NULL AND fail_reason IS NOT NULL AND credential IS NULL)
    ),
    CONSTRAINT authorizations_lease_check CHECK (status <> 'EXCHANGING' OR lease_id IS NOT NULL)
) {strict}

CREATE INDEX authorizations_store_idx ON authorizations (store_id)

CREATE INDEX authorizations_finished_idx ON authorizations (finished_at) WHERE finished_at IS NOT NULL

CREATE INDEX authorizations_key_due_idx ON authorizations (next_attempt_at) WHERE status = 'PENDING' AND auth_type = 'KEY'

CREATE INDEX authorizations_deadline_idx ON authorizations (deadline_at) WHERE status = 'PENDING'

CREATE INDEX authorizations_exchanging_idx ON authorizations (lease_until) WHERE status = 'EXCHANGING'

CREATE TABLE grants (
    id {uuid} NOT NULL CONSTRAINT grants_pkey PRIMARY KEY,
    store_id {uuid} NOT NULL CONSTRAINT grants_store_fkey REFERENCES stores (id),
    institution_id {uuid} NOT NULL,
    authorization_id {uuid} NOT NULL CONSTRAINT grants_authorization_fkey REFERENCES authorizations (id),
    platform TEXT NOT NULL,
    status TEXT NOT NULL,
    shop_identity TEXT NOT NULL,
    shop_label TEXT,
    origin TEXT NOT NULL,
    credential {bytes},
    scopes TEXT NOT NULL,
    expires_at {int},
    created_at {int} NOT NULL,
    ended_at {int},
    CONSTRAINT grants_status_check CHECK (
        (status = 'LIVE' AND credential IS NOT NULL AND ended_at IS NULL)
        OR (status = 'ENDED' AND credential IS NULL AND ended_at IS NOT NULL)
    )
) {strict}

CREATE UNIQUE INDEX grants_live_store_key ON grants (store_id) WHERE status = 'LIVE'

CREATE INDEX grants_authorization_idx ON grants (authorization_id)

CREATE INDEX grants_ended_idx ON grants (ended_at) WHERE ended_at IS NOT NULL

CREATE INDEX grants_expiry_idx ON grants (expires_at) WHERE status = 'LIVE'

CREATE TABLE claims (
    scope TEXT NOT NULL,
    realm TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT claims_kind_check CHECK (kind IN ('SHOP', 'CREDENTIAL')),
    value TEXT NOT NULL,
    key_id TEXT,
    label TEXT,
    institution_id {uuid} NOT NULL,
    store_id {uuid} NOT NULL CONSTRAINT claims_store_fkey REFERENCES stores (id),
    CONSTRAINT claims_owner_key PRIMARY KEY (scope, realm, kind, value),
    CONSTRAINT claims_key_id_check CHECK ((kind = 'CREDENTIAL') = (key_id IS NOT NULL))
) {strict}

CREATE INDEX claims_store_idx ON claims (store_id)

CREATE INDEX claims_label_idx ON claims (institution_id, realm, label) WHERE label IS NOT NULL

CREATE TABLE counters (
    name TEXT NOT NULL CONSTRAINT counters_pkey PRIMARY KEY,
    value {int} NOT NULL
) {strict}

INSERT INTO counters (name, value) VALUES ('event_position', 0)

CREATE TABLE outbox (
    id {uuid} NOT NULL CONSTRAINT outbox_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT outbox_institution_fkey REFERENCES institutions (id),
    app_id TEXT NOT NULL,
    store_id {uuid},
    platform TEXT,
    sequence {int},
    event_type TEXT NOT NULL,
    endpoint_id {uuid},
    payload {bytes} NOT NULL,
    position {int},
    lease_id {uuid},
    lease_until {int} NOT NULL DEFAULT 0,
    published_at {int},
    effect_at {int},
    created_at {int} NOT NULL,
    CONSTRAINT outbox_sequence_key UNIQUE (store_id, sequence),
    CONSTRAINT outbox_position_key UNIQUE (position)
) {strict}

CREATE INDEX outbox_due_idx ON outbox (lease_until) WHERE effect_at IS NULL

CREATE INDEX outbox_unplaced_idx ON outbox (id) WHERE position IS NULL

CREATE INDEX outbox_feed_idx ON outbox (institution_id, position)

CREATE INDEX outbox_retention_idx ON outbox (created_at)

CREATE TABLE endpoints (
    id {uuid} NOT NULL CONSTRAINT endpoints_pkey PRIMARY KEY,
    institution_id {uuid} NOT NULL CONSTRAINT endpoints_institution_fkey REFERENCES institutions (id),
    url TEXT NOT NULL,
    event_types TEXT NOT NULL,
    description TEXT,
    secret {bytes} NOT NULL,
    status TEXT NOT NULL CONSTRAINT endpoints_status_check CHECK (status IN ('UNVERIFIED', 'ACTIVE', 'DISABLED')),
    created_at {int} NOT NULL,
    deleted_at {int}
) {strict}

CREATE INDEX endpoints_institution_idx ON endpoints (institution_id)

CREATE TABLE deliveries (
    id {uuid} NOT NULL CONSTRAINT deliveries_pkey PRIMARY KEY,
    event_id {uuid} NOT NULL CONSTRAINT deliveries_event_fkey REFERENCES outbox (id) ON DELETE CASCADE,
    endpoint_id {uuid} NOT NULL CONSTRAINT deliveries_endpoint_fkey REFERENCES endpoints (id),
    institution_id {uuid} NOT NULL,
    status TEXT NOT NULL,
    attempts {int} NOT NULL DEFAULT 0,
    next_attempt_at {int} NOT NULL,
    lease_id {uuid},
    lease_until {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    finished_at {int},
    CONSTRAINT deliveries_event_endpoint_key UNIQUE (event_id, endpoint_id),
    CONSTRAINT deliveries_status_check CHECK (
        (status = 'PENDING' AND finished_at IS NULL)
        OR (status IN ('DELIVERED', 'EXHAUSTED', 'ABANDONED') AND finished_at IS NOT NULL)
    )
) {strict}

CREATE INDEX deliveries_due_idx ON deliveries (next_attempt_at) WHERE status = 'PENDING'

CREATE INDEX deliveries_endpoint_idx ON deliveries (endpoint_id)

CREATE TABLE attempts (
    id {uuid} NOT NULL CONSTRAINT attempts_pkey PRIMARY KEY,
    delivery_id {uuid} NOT NULL CONSTRAINT attempts_delivery_fkey REFERENCES deliveries (id) ON DELETE CASCADE,
    started_at {int} NOT NULL,
    duration_ms {int} NOT NULL,
    status_code {int},
    error_class TEXT CONSTRAINT attempts_error_class_check CHECK (error_class IN ('REFUSED', 'CONNECT_FAILED', 'TIMED_OUT', 'INTERRUPTED', 'STATUS')),
    webhook_timestamp {int} NOT NULL,
    signature TEXT NOT NULL,
    answer_excerpt {bytes}
) {strict}

CREATE INDEX attempts_delivery_idx ON attempts (delivery_id)
";

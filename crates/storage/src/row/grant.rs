use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grants")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub store_id: Uuid,
    pub institution_id: Uuid,
    pub authorization_id: Uuid,
    pub platform: String,
    pub status: String,
    pub shop_identity: String,
    pub shop_label: Option<String>,
    pub origin: String,
    pub credential: Option<Vec<u8>>,
    pub disclosure: String,
    pub scopes: String,
    pub scopes_told: Option<String>,
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
    pub generation: i64,
    pub refresh_token: Option<Vec<u8>>,
    pub previous_refresh_token: Option<Vec<u8>>,
    pub refresh_ends_at: Option<i64>,
    pub next_refresh_at: Option<i64>,
    pub notice_at: Option<i64>,
    pub refresh_fence: i64,
    pub refresh_lease_id: Option<Uuid>,
    pub refresh_lease_until: i64,
    pub refresh_intent_at: Option<i64>,
    pub refresh_failures: i64,
    pub refresh_failing_since: Option<i64>,
    pub refresh_failure: Option<String>,
    pub scopes_due_at: i64,
    pub scopes_fence: i64,
    pub scopes_lease_until: i64,
    pub scopes_lease_fence: i64,
    pub scopes_outcome: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorizations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub store_id: Uuid,
    pub institution_id: Uuid,
    pub platform: String,
    pub platform_app_id: Option<Uuid>,
    pub auth_type: String,
    pub status: String,
    pub fail_reason: Option<String>,
    pub expected_shop: Option<String>,
    pub seller_id: Option<String>,
    pub redirect_url: Option<String>,
    pub state_hash: Option<Vec<u8>>,
    pub credential: Option<Vec<u8>>,
    pub fingerprint: Option<Vec<u8>>,
    pub fingerprint_key_id: Option<String>,
    pub attempts: i64,
    pub next_attempt_at: Option<i64>,
    pub lease_id: Option<Uuid>,
    pub lease_until: i64,
    pub deadline_at: i64,
    pub created_at: i64,
    pub finished_at: Option<i64>,
    pub beside_grant_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

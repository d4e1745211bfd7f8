use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub institution_id: Uuid,
    pub store_id: Uuid,
    pub platform: String,
    pub platform_app_id: Uuid,
    pub shop_identity: String,
    pub shop_label: Option<String>,
    pub origin: String,
    pub credential: Vec<u8>,
    pub attempts: i64,
    pub next_attempt_at: i64,
    pub revoked_at: Option<i64>,
    pub lease_id: Option<Uuid>,
    pub lease_until: i64,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

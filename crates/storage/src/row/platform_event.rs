use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "platform_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub same_key: Vec<u8>,
    pub platform: String,
    pub platform_app_id: Uuid,
    pub topic: String,
    pub kind: String,
    pub shop_label: Option<String>,
    pub shop_identity: Option<String>,
    pub status: String,
    pub outcome: Option<String>,
    pub attempts: i64,
    pub next_attempt_at: i64,
    pub lease_id: Option<Uuid>,
    pub lease_until: i64,
    pub created_at: i64,
    pub finished_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

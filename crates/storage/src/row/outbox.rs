use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub institution_id: Uuid,
    pub app_id: String,
    pub store_id: Option<Uuid>,
    pub platform: Option<String>,
    pub sequence: Option<i64>,
    pub event_type: String,
    pub endpoint_id: Option<Uuid>,
    pub payload: Vec<u8>,
    pub position: Option<i64>,
    pub lease_id: Option<Uuid>,
    pub lease_until: i64,
    pub published_at: Option<i64>,
    pub effect_at: Option<i64>,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

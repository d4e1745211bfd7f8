use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "platform_apps")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub platform: String,
    pub institution_id: Option<Uuid>,
    pub client_id: String,
    pub secret: Option<Vec<u8>>,
    pub scopes: String,
    pub host: Option<String>,
    pub event_key: Option<Vec<u8>>,
    pub operator_scopes: Option<String>,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

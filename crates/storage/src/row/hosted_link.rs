use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hosted_links")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub authorization_id: Uuid,
    pub institution_id: Uuid,
    pub token_hash: Vec<u8>,
    pub code_hash: Option<Vec<u8>>,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

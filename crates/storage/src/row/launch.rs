use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "launches")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub signature_hash: Vec<u8>,
    pub platform: String,
    pub platform_app_id: Uuid,
    pub shop_label: String,
    pub shop_identity: Option<String>,
    pub language: Option<String>,
    pub operator_role: Option<String>,
    pub operator_permissions: Option<String>,
    pub status: String,
    pub institution_id: Option<Uuid>,
    pub authorization_id: Option<Uuid>,
    pub cookie_hash: Option<Vec<u8>>,
    pub token_hash: Option<Vec<u8>>,
    pub offered_until: Option<i64>,
    pub created_at: i64,
    pub expires_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stores")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub institution_id: Uuid,
    pub client_id: Uuid,
    pub platform: String,
    pub store_url: String,
    pub name: String,
    pub category: String,
    pub extra_info: Option<String>,
    pub seller_id: Option<String>,
    pub auth_type: Option<String>,
    pub auth_status: String,
    pub auth_fail_reason: Option<String>,
    pub authorization_id: Option<Uuid>,
    pub grant_id: Option<Uuid>,
    pub shop_identity: Option<String>,
    pub scopes: Option<String>,
    pub authorized_at: Option<i64>,
    pub expires_at: Option<i64>,
    pub sequence: i64,
    pub revision: i64,
    pub created_at: i64,
    pub unbound_at: Option<i64>,
    pub health: Option<String>,
    pub reauthorize_by: Option<i64>,
    pub scope_coverage: String,
    pub reauthorization_id: Option<Uuid>,
    pub reauthorization_status: Option<String>,
    pub reauthorization_fail_reason: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

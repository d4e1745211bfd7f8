//! `/v1/store`, of which five calls are `/v1/mid-open-api/merchant/store` too.

mod request;

use actix_web::{post, web};
use broker::{
    CreateStore, ListStores, QueryStore, ReadStoreScopes, Snapshot, StartAuthorization,
    UnbindStore, UpdateStore,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api_error::{ApiError, Envelope};
use crate::extract::{Changing, Gateway, Reading, Repeatable};
use crate::schema::{self, Answer, IdempotencyKey, Null};
use request::{
    CreateStoreRequest, ListStoresRequest, QueryStoreRequest, ReadStoreScopesRequest,
    StartAuthorizationRequest, UnbindStoreRequest, UpdateStoreRequest,
};

#[derive(Serialize, ToSchema)]
pub(crate) struct StoreIdResponse {
    #[schema(example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct StartAuthorizationResponse {
    /// Where to send the seller's browser; absent for a KEY that came with the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        format = "uri",
        example = "https://demo.myshopline.com/admin/oauth-web/#/oauth/authorize?appKey=…"
    )]
    auth_url: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ListStoresResponse {
    #[schema(value_type = Vec<schema::Snapshot>)]
    stores: Vec<Snapshot>,
    /// For the next page; `null` on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Create a store
///
/// A store has to be there before it can be authorized.
#[utoipa::path(
    tag = "store",
    operation_id = "store_create",
    params(IdempotencyKey),
    request_body = CreateStoreRequest,
    responses((status = 200, description = "The store, or why not", body = Answer<StoreIdResponse>)),
)]
#[post("/store/create")]
pub(crate) async fn create(
    gateway: web::Data<Gateway>,
    call: Repeatable<CreateStoreRequest, CreateStore>,
) -> Result<Envelope<StoreIdResponse>, ApiError> {
    let store_id = gateway
        .broker()
        .create_store(&call.caller, call.command)
        .await?;
    Ok(Envelope(StoreIdResponse {
        store_id: store_id.to_string(),
    }))
}

/// Update a store
///
/// What is absent stays as it is. Another host in `store_url` is refused while the store is PROCESSING or
/// SUCCESS, and on WooCommerce another scheme, port or path while a key is waited for or proven.
#[utoipa::path(
    tag = "store",
    operation_id = "store_update",
    request_body = UpdateStoreRequest,
    responses((status = 200, description = "The store, or why not", body = Answer<StoreIdResponse>)),
)]
#[post("/store/update")]
pub(crate) async fn update(
    gateway: web::Data<Gateway>,
    call: Changing<UpdateStoreRequest, UpdateStore>,
) -> Result<Envelope<StoreIdResponse>, ApiError> {
    let store_id = gateway
        .broker()
        .update_store(&call.caller, call.command)
        .await?;
    Ok(Envelope(StoreIdResponse {
        store_id: store_id.to_string(),
    }))
}

/// Ask for a store's authorization
///
/// The answer has the link for the seller; with a KEY in the call it has none. The result comes later: by the
/// seller's redirect, by webhook, in the event feed and in `store/query`. A call while the store is
/// PROCESSING replaces the attempt under way, whose link is dead then.
#[utoipa::path(
    tag = "store",
    operation_id = "store_auth",
    params(IdempotencyKey),
    request_body = StartAuthorizationRequest,
    responses((status = 200, description = "The link, or why not", body = Answer<StartAuthorizationResponse>)),
)]
#[post("/store/auth")]
pub(crate) async fn auth(
    gateway: web::Data<Gateway>,
    call: Repeatable<StartAuthorizationRequest, StartAuthorization>,
) -> Result<Envelope<StartAuthorizationResponse>, ApiError> {
    let started = gateway
        .broker()
        .start_authorization(&call.caller, call.command)
        .await?;
    Ok(Envelope(StartAuthorizationResponse {
        auth_url: started.auth_url,
    }))
}

/// Query a store
///
/// With `wait_seconds` the answer comes as soon as the store's `sequence` is above `after_sequence` (by
/// default the one at the call), or with the present state when the time is up.
#[utoipa::path(
    tag = "store",
    operation_id = "store_query",
    request_body = QueryStoreRequest,
    responses((status = 200, description = "The store, or why not", body = Answer<schema::Snapshot>)),
)]
#[post("/store/query")]
pub(crate) async fn query(
    gateway: web::Data<Gateway>,
    call: Reading<QueryStoreRequest, QueryStore>,
) -> Result<Envelope<Snapshot>, ApiError> {
    let snapshot = gateway
        .broker()
        .query_store(&call.institution, call.command)
        .await?;
    Ok(Envelope(snapshot))
}

/// Read a store's scopes again
///
/// The platform is asked now what the store's grant may do, once for all who ask at the same time, and the
/// store is answered as it is afterwards. Where that differs, the event goes out as well. It is for platforms
/// that can be asked.
#[utoipa::path(
    tag = "store",
    operation_id = "store_scopes",
    request_body = ReadStoreScopesRequest,
    responses((status = 200, description = "The store, or why its scopes are not read", body = Answer<schema::Snapshot>)),
)]
#[post("/store/scopes")]
pub(crate) async fn scopes(
    gateway: web::Data<Gateway>,
    call: Changing<ReadStoreScopesRequest, ReadStoreScopes>,
) -> Result<Envelope<Snapshot>, ApiError> {
    let snapshot = gateway
        .broker()
        .read_store_scopes(&call.caller, call.command)
        .await?;
    Ok(Envelope(snapshot))
}

/// List stores
#[utoipa::path(
    tag = "store",
    operation_id = "store_list",
    request_body = ListStoresRequest,
    responses((status = 200, description = "A page of stores, or why not", body = Answer<ListStoresResponse>)),
)]
#[post("/store/list")]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    call: Reading<ListStoresRequest, ListStores>,
) -> Result<Envelope<ListStoresResponse>, ApiError> {
    let page = gateway
        .broker()
        .list_stores(&call.institution, call.command)
        .await?;
    Ok(Envelope(ListStoresResponse {
        stores: page.stores,
        next_cursor: page.next_cursor,
    }))
}

/// Unbind a store
///
/// Final: the store is gone, and its shop and credential can be authorized for another.
#[utoipa::path(
    tag = "store",
    operation_id = "store_unbind",
    params(IdempotencyKey),
    request_body = UnbindStoreRequest,
    responses((status = 200, description = "Done, or why not", body = Answer<Null>)),
)]
#[post("/store/unbind")]
pub(crate) async fn unbind(
    gateway: web::Data<Gateway>,
    call: Repeatable<UnbindStoreRequest, UnbindStore>,
) -> Result<Envelope<()>, ApiError> {
    gateway
        .broker()
        .unbind_store(&call.caller, call.command)
        .await?;
    Ok(Envelope(()))
}

//! `/v1/auth/cafe24/operator-scopes`, where Cafe24 learns what a mall can let its operators use.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, get, web};

use crate::api_error::ApiError;
use crate::code::Code;
use crate::extract::{Gateway, Visitor};

/// What a Cafe24 mall can let its operators use
///
/// The tree of our app's menus and functions, as the setting `cafe24.operator_scopes_file` has it.
#[utoipa::path(
    tag = "page",
    operation_id = "cafe24_operator_scopes",
    responses(
        (status = 200, description = "`MENU_LIST` and `FUNCTION_LIST`: names, each with its `code` and, below `sub`, more of the same", content_type = "application/json", body = Object),
        (status = 404, description = "The operator has set none"),
    ),
)]
#[get("/auth/cafe24/operator-scopes")]
pub(crate) async fn told(
    gateway: web::Data<Gateway>,
    _visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(scopes) = gateway.operator_scopes() else {
        return Err(ApiError::new(Code::NotFound));
    };
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(scopes.as_json().to_owned()))
}

//! `/v1/auth/{platform}/…/operator-scopes`, where a platform learns what a shop can let its operators use.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, get, web};
use domain::{Platform, PlatformAppId};

use crate::api_error::ApiError;
use crate::code::Code;
use crate::extract::{Gateway, Visitor};

/// What a shop can let its operators use
///
/// The tree of our app's menus and functions, as `platform configure --operator-scopes-file` took it. Cafe24
/// fetches it.
#[utoipa::path(
    tag = "page",
    operation_id = "operator_scopes",
    params(("platform" = String, Path, description = "A platform's code in lower case", example = "cafe24")),
    responses(
        (status = 200, description = "`MENU_LIST` and `FUNCTION_LIST`: names, each with its `code` and, below `sub`, more of the same", content_type = "application/json", body = Object),
        (status = 404, description = "The app has none"),
    ),
)]
#[get("/auth/{platform}/operator-scopes")]
pub(crate) async fn of_shared_app(
    gateway: web::Data<Gateway>,
    _visitor: Visitor,
    platform: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let platform = Platform::from_path_segment(&platform).ok_or(ApiError::new(Code::NotFound))?;
    tell(&gateway, platform, None).await
}

/// What a shop can let its operators use of an institution's own app
#[utoipa::path(
    tag = "page",
    operation_id = "operator_scopes_of_own_app",
    params(
        ("platform" = String, Path, description = "A platform's code in lower case", example = "cafe24"),
        ("platform_app" = String, Path, description = "The app's id", example = "papp_0192f0c1000070008000000000000005"),
    ),
    responses(
        (status = 200, description = "`MENU_LIST` and `FUNCTION_LIST`: names, each with its `code` and, below `sub`, more of the same", content_type = "application/json", body = Object),
        (status = 404, description = "The app has none"),
    ),
)]
#[get("/auth/{platform}/{platform_app}/operator-scopes")]
pub(crate) async fn of_own_app(
    gateway: web::Data<Gateway>,
    _visitor: Visitor,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (platform, app) = path.into_inner();
    let (Some(platform), Ok(app)) = (Platform::from_path_segment(&platform), app.parse()) else {
        return Err(ApiError::new(Code::NotFound));
    };
    tell(&gateway, platform, Some(app)).await
}

async fn tell(
    gateway: &Gateway,
    platform: Platform,
    app: Option<PlatformAppId>,
) -> Result<HttpResponse, ApiError> {
    match gateway.broker().find_operator_scopes(platform, app).await {
        Ok(Some(tree)) => Ok(HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(tree)),
        Ok(None) => Err(ApiError::new(Code::NotFound)),
        Err(internal) => Err(internal.into()),
    }
}

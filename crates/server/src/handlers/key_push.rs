//! `/v1/auth/{platform}/keys`, where a seller's shop sends a key that it made, and `/v1/auth/{platform}/return`,
//! where it sends the seller's browser back to.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use broker::{CallbackRefused, KeyPushRefused, ShopReturn};
use domain::Platform;

use super::callback::{respond, unbound_page};
use super::hosted_link::cookies_of;
use crate::convert::system_error;
use crate::extract::{Gateway, Told, Visitor};
use crate::page;

/// A seller's shop sends a key
///
/// For shops alone, and not signed: the state says which click of a seller's browser the key answers. It is on disk
/// when this is answered 200, and is proven, at the shop that the institution named, when that browser is back. The
/// same key again is answered the same.
#[utoipa::path(
    tag = "platform event",
    operation_id = "pushed_key",
    params(("platform" = String, Path, description = "A platform's code in lower case", example = "woocommerce")),
    responses(
        (status = 200, description = "Kept, now or before"),
        (status = 401, description = "Nobody waits for this key"),
    ),
)]
#[post("/auth/{platform}/keys")]
pub(crate) async fn sent(
    gateway: web::Data<Gateway>,
    platform: web::Path<String>,
    told: Told,
) -> HttpResponse {
    let Some(platform) = Platform::from_path_segment(&platform) else {
        return HttpResponse::Unauthorized().finish();
    };
    let received = gateway.broker().receive_pushed_key(platform, &told.body);
    match received.await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(KeyPushRefused::NotTaken) => HttpResponse::Unauthorized().finish(),
        // The shop deletes the key, and tells the seller so.
        Err(KeyPushRefused::Internal(internal)) => {
            system_error(&internal);
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// The end of a seller's visit to the shop's own page
///
/// For browsers alone: the shop has sent the key before, or the seller refused. It counts in the browser that
/// went there from the page behind the hosted link; in another the key is thrown away.
#[utoipa::path(
    tag = "page",
    operation_id = "return_from_shop",
    params(("platform" = String, Path, description = "A platform's code in lower case", example = "woocommerce")),
    responses(
        (status = 200, description = "A page that tells the outcome", content_type = "text/html", body = String),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
    ),
)]
#[get("/auth/{platform}/return")]
pub(crate) async fn returned(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    platform: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let Some(platform) = Platform::from_path_segment(&platform) else {
        return page::unknown_link(&visitor.frame());
    };
    let returned = ShopReturn {
        platform,
        raw_query: request.uri().query().unwrap_or_default(),
        cookies: &cookies_of(&gateway, &request),
    };
    match gateway.broker().return_from_shop(returned).await {
        Ok(shown) => respond(visitor.frame(), &shown),
        Err(CallbackRefused::Unbound(unbound)) => unbound_page(visitor.frame(), &unbound),
        Err(CallbackRefused::Unknown | CallbackRefused::SeveralWait) => {
            page::unknown_link(&visitor.frame())
        }
        Err(CallbackRefused::Internal(internal)) => {
            system_error(&internal);
            page::failed(&visitor.frame())
        }
    }
}

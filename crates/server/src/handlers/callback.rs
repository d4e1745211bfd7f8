//! `/v1/auth/{platform}/…/callback`, where a platform sends the seller's browser back to.

use actix_web::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, get, web};
use broker::{Callback, CallbackRefused, Shown};
use domain::{Platform, PlatformAppId};

use super::hosted_link;
use crate::convert::{outcome, system_error};
use crate::extract::{Gateway, Visitor};
use crate::page;

/// The end of a seller's visit to a platform
///
/// For browsers alone: the platform's answer is in the query, and the seller is sent on to the
/// institution's `redirect_url` or shown a page.
#[utoipa::path(
    tag = "page",
    operation_id = "callback",
    params(("platform" = String, Path, description = "A platform's code in lower case", example = "shopline")),
    responses(
        (status = 200, description = "A page that tells the outcome", content_type = "text/html", body = String),
        (status = 303, description = "To the institution's `redirect_url`"),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
    ),
)]
#[get("/auth/{platform}/callback")]
pub(crate) async fn of_shared_app(
    gateway: web::Data<Gateway>,
    _visitor: Visitor,
    platform: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let Some(platform) = Platform::from_path_segment(&platform) else {
        return page::unknown_link();
    };
    complete(&gateway, platform, None, &request).await
}

/// The end of a seller's visit to a platform, by an institution's own app
#[utoipa::path(
    tag = "page",
    operation_id = "callback_of_own_app",
    params(
        ("platform" = String, Path, description = "A platform's code in lower case", example = "shopline"),
        ("platform_app" = String, Path, description = "The app's id", example = "papp_0192f0c1000070008000000000000005"),
    ),
    responses(
        (status = 200, description = "A page that tells the outcome", content_type = "text/html", body = String),
        (status = 303, description = "To the institution's `redirect_url`"),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
    ),
)]
#[get("/auth/{platform}/{platform_app}/callback")]
pub(crate) async fn of_own_app(
    gateway: web::Data<Gateway>,
    _visitor: Visitor,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> HttpResponse {
    let (platform, app) = path.into_inner();
    let (Some(platform), Ok(app)) = (Platform::from_path_segment(&platform), app.parse()) else {
        return page::unknown_link();
    };
    complete(&gateway, platform, Some(app), &request).await
}

async fn complete(
    gateway: &Gateway,
    platform: Platform,
    app: Option<PlatformAppId>,
    request: &HttpRequest,
) -> HttpResponse {
    // As it came: a platform signs the bytes, not what they mean.
    let raw_query = request.uri().query().unwrap_or_default();
    let callback = Callback {
        platform,
        app,
        raw_query,
        cookies: &hosted_link::cookies_of(gateway, request),
    };
    match gateway.broker().complete_callback(callback).await {
        Ok(shown) => respond(&shown),
        Err(CallbackRefused::Unknown) => page::unknown_link(),
        // Nothing is lost with the clicks: the next one stands alone, and its callback is understood.
        Err(CallbackRefused::SeveralWait) => {
            hosted_link::forget_clicks(gateway, request, page::several_links())
        }
        Err(CallbackRefused::Internal(internal)) => {
            system_error(&internal);
            page::failed()
        }
    }
}

pub(super) fn respond(shown: &Shown) -> HttpResponse {
    let Some(redirect_to) = &shown.redirect_to else {
        return page::result(&outcome(&shown.outcome));
    };
    // Where the seller goes next has no business with the code and the state in this address.
    HttpResponse::SeeOther()
        .insert_header((LOCATION, redirect_to.as_str()))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

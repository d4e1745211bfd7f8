//! `/v1/auth/{platform}/…/callback`, where a platform sends the seller's browser back to.

use actix_web::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, get, web};
use broker::{Callback, CallbackRefused, Next, Shown, Unbound, WhyUnbound};
use domain::{Platform, PlatformAppId};

use super::hosted_link;
use crate::convert::{about, outcome, system_error};
use crate::extract::{Gateway, Visitor};
use crate::page::{self, Frame};

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
    visitor: Visitor,
    platform: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let Some(platform) = Platform::from_path_segment(&platform) else {
        return page::unknown_link(&visitor.frame());
    };
    complete(&gateway, &visitor, platform, None, &request).await
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
    visitor: Visitor,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> HttpResponse {
    let (platform, app) = path.into_inner();
    let (Some(platform), Ok(app)) = (Platform::from_path_segment(&platform), app.parse()) else {
        return page::unknown_link(&visitor.frame());
    };
    complete(&gateway, &visitor, platform, Some(app), &request).await
}

async fn complete(
    gateway: &Gateway,
    visitor: &Visitor,
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
        Ok(shown) => respond(visitor.frame(), &shown),
        Err(CallbackRefused::Unknown) => page::unknown_link(&visitor.frame()),
        Err(CallbackRefused::Unbound(unbound)) => unbound_page(visitor.frame(), &unbound),
        // Nothing is lost with the clicks: the next one stands alone, and its callback is understood.
        Err(CallbackRefused::SeveralWait) => {
            hosted_link::forget_clicks(gateway, request, page::several_links(&visitor.frame()))
        }
        Err(CallbackRefused::Internal(internal)) => {
            system_error(&internal);
            page::failed(&visitor.frame())
        }
    }
}

/// Sends the browser where the institution wants the outcome read, or shows it.
pub(super) fn respond(frame: Frame<'_>, shown: &Shown) -> HttpResponse {
    match &shown.next {
        Next::Redirect(redirect_to) => redirect(redirect_to),
        Next::Page(institution) => {
            let reference = shown.outcome.reference.to_string();
            let frame = about(frame, institution, &reference);
            page::result(&frame, &outcome(&shown.outcome, institution))
        }
    }
}

/// Where the seller goes next has no business with what stands in this address.
pub(super) fn redirect(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// Nothing was spent: the seller may go on in the right browser, or anew in this one.
pub(super) fn unbound_page(frame: Frame<'_>, unbound: &Unbound) -> HttpResponse {
    let reference = unbound.reference.to_string();
    let frame = about(frame, &unbound.institution, &reference);
    let (platform, institution) = (unbound.platform_name, unbound.institution.name.as_str());
    match unbound.why {
        WhyUnbound::OtherBrowser => page::other_browser(&frame, platform, institution),
        WhyUnbound::Late => page::too_late(&frame, platform, institution),
    }
}

//! `/v1/auth/{platform}/…/launch`, where a platform sends a seller who opens our app, and the form there.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use broker::{ConfirmLaunch, Continued, LaunchOffer, LaunchVisit, LaunchVisitor, Next, Opened};
use domain::{LaunchId, Platform, PlatformAppId};
use secrecy::ExposeSecret;
use utoipa::ToSchema;

use super::callback;
use super::hosted_link::refuse;
use crate::api_error::ApiError;
use crate::convert::{about, system_error};
use crate::extract::{Gateway, SentForm, Visitor};
use crate::page;

/// A seller opens the app on a platform
///
/// For browsers alone: the platform's signature is in the query, which is used once. If exactly one store
/// waits for that shop, a page asks the seller to confirm; otherwise a page says that nothing is waiting, or that
/// the shop is connected already. Where
/// the platform says who of the shop it is, somebody who does not decide for all of it is told so alone.
#[utoipa::path(
    tag = "page",
    operation_id = "launch",
    params(("platform" = String, Path, description = "A platform's code in lower case", example = "shopline")),
    responses(
        (status = 200, description = "A page that asks, or that says that nothing is waiting or that the shop is connected already", content_type = "text/html", body = String),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
        (status = 410, description = "A page that says that it was used before or is too old, and to open the app again", content_type = "text/html", body = String),
    ),
)]
#[get("/auth/{platform}/launch")]
pub(crate) async fn of_shared_app(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    platform: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let Some(platform) = Platform::from_path_segment(&platform) else {
        return page::unknown_link(&visitor.frame());
    };
    open(&gateway, &visitor, platform, None, &request).await
}

/// A seller opens an institution's own app on a platform
#[utoipa::path(
    tag = "page",
    operation_id = "launch_of_own_app",
    params(
        ("platform" = String, Path, description = "A platform's code in lower case", example = "shopline"),
        ("platform_app" = String, Path, description = "The app's id", example = "papp_0192f0c1000070008000000000000005"),
    ),
    responses(
        (status = 200, description = "A page that asks, or that says that nothing is waiting or that the shop is connected already", content_type = "text/html", body = String),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
        (status = 410, description = "A page that says that it was used before or is too old, and to open the app again", content_type = "text/html", body = String),
    ),
)]
#[get("/auth/{platform}/{platform_app}/launch")]
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
    open(&gateway, &visitor, platform, Some(app), &request).await
}

/// What the page's form sends.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the form, which is read field by field"
)]
pub(crate) struct ConfirmForm {
    /// The launch's id.
    launch: String,
    /// The page's own secret.
    token: String,
}

/// The seller confirms what the app was opened for
///
/// The form of the page before, in the browser that was shown it.
#[utoipa::path(
    tag = "page",
    operation_id = "confirm_launch",
    params(("platform" = String, Path, description = "A platform's code in lower case", example = "shopline")),
    request_body(content = ConfirmForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To the platform's consent page; where the platform had pushed a code before, to the institution's `redirect_url` with the outcome, or to a page that tells it"),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
        (status = 410, description = "A page that says that it was used before or is too old, and to open the app again", content_type = "text/html", body = String),
    ),
)]
#[post("/auth/{platform}/launch/confirm")]
pub(crate) async fn confirm(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    platform: web::Path<String>,
    request: HttpRequest,
    form: Result<SentForm, ApiError>,
) -> HttpResponse {
    let (Some(platform), Ok(form)) = (Platform::from_path_segment(&platform), form) else {
        return page::unknown_link(&visitor.frame());
    };
    let (Some(launch), Some(token)) = (form.value("launch"), form.value("token")) else {
        return page::unknown_link(&visitor.frame());
    };
    let Ok(launch) = launch.parse::<LaunchId>() else {
        return page::unknown_link(&visitor.frame());
    };
    let Some(cookie) = request.cookie(&cookie_name(&gateway, launch)) else {
        return page::unknown_link(&visitor.frame());
    };
    let confirm = ConfirmLaunch {
        platform,
        launch,
        cookie: cookie.value().into(),
        token: token.into(),
    };
    match gateway.broker().confirm_launch(confirm).await {
        Ok(Continued::AtPlatform { auth_url, language }) => {
            let mut away = callback::redirect(auth_url.expose_secret());
            // The platform's callback does not say the language once more.
            if let Some(cookie) = visitor.platforms_choice(language.as_deref())
                && let Err(error) = away.add_cookie(&cookie)
            {
                system_error(&error);
            }
            away
        }
        // On a page of its own, which can be loaded again.
        Ok(Continued::Ended(shown)) => match &shown.next {
            Next::Redirect(redirect_to) => callback::redirect(redirect_to),
            Next::Page(_) => to_outcome(&gateway, platform, launch),
        },
        Ok(Continued::Confirmed) => to_outcome(&gateway, platform, launch),
        Ok(Continued::Over(who)) => page::launch_over(&frame(&visitor, &who), &shown(&who)),
        Err(refused) => refuse(&visitor, &refused),
    }
}

fn to_outcome(gateway: &Gateway, platform: Platform, launch: LaunchId) -> HttpResponse {
    callback::redirect(&format!(
        "{}/v1/auth/{}/launch/{launch}/outcome",
        gateway.base_path(),
        platform.path_segment()
    ))
}

/// What came of a confirmed launch
///
/// For the browser that confirmed it, which is sent here where the platform had pushed a code before.
#[utoipa::path(
    tag = "page",
    operation_id = "confirmed_launch",
    params(
        ("platform" = String, Path, description = "A platform's code in lower case", example = "shopline"),
        ("launch" = String, Path, description = "The launch's id", example = "lch_0192f0c1000070008000000000000005"),
    ),
    responses(
        (status = 200, description = "A page that tells the outcome", content_type = "text/html", body = String),
        (status = 303, description = "To the institution's `redirect_url` with the outcome"),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
    ),
)]
#[get("/auth/{platform}/launch/{launch}/outcome")]
pub(crate) async fn confirmed(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> HttpResponse {
    let (platform, launch) = path.into_inner();
    let (Some(platform), Ok(launch)) = (Platform::from_path_segment(&platform), launch.parse())
    else {
        return page::unknown_link(&visitor.frame());
    };
    let Some(cookie) = request.cookie(&cookie_name(&gateway, launch)) else {
        return page::unknown_link(&visitor.frame());
    };
    let cookie = cookie.value().into();
    let broker = gateway.broker();
    match broker
        .visit_confirmed_launch(platform, launch, &cookie)
        .await
    {
        Ok((outcome, language)) => {
            callback::respond(visitor.frame_from(language.as_deref()), &outcome)
        }
        Err(refused) => refuse(&visitor, &refused),
    }
}

async fn open(
    gateway: &Gateway,
    visitor: &Visitor,
    platform: Platform,
    app: Option<PlatformAppId>,
    request: &HttpRequest,
) -> HttpResponse {
    let visit = LaunchVisit {
        platform,
        app,
        // As it came: a platform signs the bytes, not what they mean.
        raw_query: request.uri().query().unwrap_or_default(),
    };
    match gateway.broker().open_launch(visit).await {
        Ok(Opened::Offered(offer)) => show(gateway, visitor, platform, &offer),
        Ok(Opened::NothingWaits(who)) => page::nothing_waits(&frame(visitor, &who), &shown(&who)),
        Ok(Opened::Connected(who)) => page::connected(&frame(visitor, &who), &shown(&who)),
        Ok(Opened::Over(who)) => page::launch_over(&frame(visitor, &who), &shown(&who)),
        Ok(Opened::NotTheirs(who)) => page::not_theirs(&frame(visitor, &who), &shown(&who)),
        Err(refused) => refuse(visitor, &refused),
    }
}

/// In the language of the platform's back office, unless the visitor has chosen another.
fn frame<'a>(visitor: &'a Visitor, who: &LaunchVisitor) -> page::Frame<'a> {
    visitor.frame_from(who.language.as_deref())
}

fn shown(visitor: &LaunchVisitor) -> page::Visitor<'_> {
    page::Visitor {
        platform: visitor.platform_name,
        shop: &visitor.shop,
        operator: visitor.operator.as_ref().map(|operator| page::Operator {
            id: operator.id.as_deref(),
            name: operator.name.as_deref(),
        }),
    }
}

fn show(
    gateway: &Gateway,
    visitor: &Visitor,
    platform: Platform,
    offer: &LaunchOffer,
) -> HttpResponse {
    let reference = offer.reference.to_string();
    let mut response = page::offer(
        &about(
            frame(visitor, &offer.visitor),
            &offer.institution,
            &reference,
        ),
        &page::Offer {
            visitor: shown(&offer.visitor),
            institution: &offer.institution.name,
            client: &offer.client,
            store: &offer.store,
            action: &format!(
                "{}/v1/auth/{}/launch/confirm",
                gateway.base_path(),
                platform.path_segment()
            ),
            launch: &offer.launch.to_string(),
            token: offer.token.expose_secret(),
        },
    );
    // One for each launch, so that two tabs do not take each other's.
    let cookie = Cookie::build(
        cookie_name(gateway, offer.launch),
        offer.cookie.expose_secret().to_owned(),
    )
    .path("/")
    .http_only(true)
    .same_site(SameSite::Strict)
    .secure(gateway.is_https())
    .max_age(CookieAge::seconds(
        i64::try_from(offer.open_for.as_secs()).unwrap_or(i64::MAX),
    ))
    .finish();
    match response.add_cookie(&cookie) {
        Ok(()) => response,
        Err(error) => {
            system_error(&error);
            page::failed(&visitor.frame())
        }
    }
}

/// With the prefix, a browser takes the cookie from this very host alone, and over https:
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>
fn cookie_name(gateway: &Gateway, launch: LaunchId) -> String {
    let prefix = if gateway.is_https() { "__Host-" } else { "" };
    format!("{prefix}{launch}")
}

//! `/go/{link}`, a page of our own, and its two forms.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{CACHE_CONTROL, HeaderName, LOCATION, ORIGIN, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, get, head, post, web};
use broker::{Declined, Departure, LinkRefused, LinkVisit, WentOn};
use domain::LinkClickId;
use secrecy::{ExposeSecret, SecretString};

use super::callback::{redirect, respond};
use super::hosted_key;
use crate::convert::{about, system_error};
use crate::extract::{Gateway, Visitor};
use crate::page;

/// Cookies go with every request, and proxies take only so much of them: of more clicks than these the browser
/// forgets the oldest.
const CLICKS_OF_A_BROWSER: usize = 32;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The page behind a hosted link
///
/// For browsers alone: it says who asks for what, and changes nothing, whoever looks at it.
#[utoipa::path(
    tag = "page",
    operation_id = "hosted_link",
    params(
        ("link" = String, Path, description = "What stands behind `/go/` in the `auth_url`"),
        ("lang" = Option<String>, Query, description = "A language's tag, which the browser then remembers", example = "zh-Hant"),
    ),
    responses(
        (status = 200, description = "A page that asks, or that tells the outcome", content_type = "text/html", body = String),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
        (status = 410, description = "A page that says that the link does not work any more, and whom to ask", content_type = "text/html", body = String),
    ),
)]
#[get("/go/{link}")]
pub(crate) async fn opened(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    link: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    look(&gateway, &visitor, &request, link.into_inner()).await
}

/// The same for programs that only want to know whether there is a page.
#[head("/go/{link}")]
pub(crate) async fn looked_for(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    link: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    look(&gateway, &visitor, &request, link.into_inner()).await
}

/// The seller goes on to the platform
///
/// The form of the page. Each time is a click of its own, which leaves a cookie in this browser, without which
/// the platform's callback counts nothing.
#[utoipa::path(
    tag = "page",
    operation_id = "follow_hosted_link",
    params(("link" = String, Path, description = "What stands behind `/go/` in the `auth_url`")),
    responses(
        (status = 303, description = "To the platform's consent page, or back to the link's page where it does not wait any more"),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
    ),
)]
#[post("/go/{link}/continue")]
pub(crate) async fn followed(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    link: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    if !is_from_our_page(&gateway, &request) {
        return page::unknown_link(&visitor.frame());
    }
    let link = link.into_inner();
    match gateway
        .broker()
        .follow_link(&SecretString::from(link.as_str()))
        .await
    {
        Ok(WentOn::Away(departure)) => depart(&gateway, &visitor, &request, &departure),
        Ok(WentOn::Nowhere) => to_the_page(&gateway, &link),
        Err(refused) => refuse(&visitor, &refused),
    }
}

/// The seller declines
///
/// The other form of the page: the attempt ends as `USER_DENIED`.
#[utoipa::path(
    tag = "page",
    operation_id = "decline_hosted_link",
    params(("link" = String, Path, description = "What stands behind `/go/` in the `auth_url`")),
    responses(
        (status = 303, description = "To the institution's `redirect_url`, or back to the link's page, which tells how it ended"),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
    ),
)]
#[post("/go/{link}/decline")]
pub(crate) async fn declined(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    link: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    if !is_from_our_page(&gateway, &request) {
        return page::unknown_link(&visitor.frame());
    }
    let link = link.into_inner();
    match gateway
        .broker()
        .decline_link(&SecretString::from(link.as_str()))
        .await
    {
        Ok(Declined::Redirect(redirect_to)) => redirect(&redirect_to),
        Ok(Declined::Here) => to_the_page(&gateway, &link),
        Err(refused) => refuse(&visitor, &refused),
    }
}

/// What else a browser may ask for below `/go/`: the addresses of forms, which stand in its history, and what became
/// of a link that was copied badly. Nothing is done by it.
#[get("/go/{rest:.*}")]
pub(crate) async fn strayed(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    request: HttpRequest,
) -> HttpResponse {
    back_from_astray(&gateway, &visitor, &request)
}

/// The same for programs that only want to know whether there is a page.
#[head("/go/{rest:.*}")]
pub(crate) async fn strayed_to_look(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    request: HttpRequest,
) -> HttpResponse {
    back_from_astray(&gateway, &visitor, &request)
}

/// What clicks left in this browser.
pub(crate) fn cookies_of(gateway: &Gateway, request: &HttpRequest) -> Vec<SecretString> {
    click_cookies(gateway, request)
        .iter()
        .map(|cookie| cookie.value().into())
        .collect()
}

/// Has the browser forget its clicks, so that the next one stands alone.
pub(crate) fn forget_clicks(
    gateway: &Gateway,
    request: &HttpRequest,
    mut response: HttpResponse,
) -> HttpResponse {
    for clicked in click_cookies(gateway, request) {
        forget(gateway, &clicked, &mut response);
    }
    response
}

fn forget(gateway: &Gateway, clicked: &Cookie<'_>, response: &mut HttpResponse) {
    let mut cookie = cookie(gateway, clicked.name().to_owned(), String::new());
    cookie.make_removal();
    if let Err(error) = response.add_cookie(&cookie) {
        system_error(&error);
    }
}

/// The oldest first: their names are ids, which grow.
fn click_cookies(gateway: &Gateway, request: &HttpRequest) -> Vec<Cookie<'static>> {
    let mut cookies = request
        .cookies()
        .map(|cookies| cookies.clone())
        .unwrap_or_default();
    let prefix = cookie_prefix(gateway);
    cookies.retain(|cookie| {
        let id = cookie.name().strip_prefix(prefix);
        id.is_some_and(|id| id.parse::<LinkClickId>().is_ok())
    });
    cookies.sort_unstable_by(|one, other| one.name().cmp(other.name()));
    cookies
}

/// A form that another site's page sends in the seller's browser would have the seller consent to what the
/// seller never saw. Every browser says where a form comes from; who says nothing is none.
pub(super) fn is_from_our_page(gateway: &Gateway, request: &HttpRequest) -> bool {
    let value = |name| request.headers().get(name);
    if let Some(site) = value(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    value(ORIGIN).is_none_or(|origin| origin == gateway.origin().as_str())
}

async fn look(
    gateway: &Gateway,
    visitor: &Visitor,
    request: &HttpRequest,
    link: String,
) -> HttpResponse {
    match gateway
        .broker()
        .visit_link(&SecretString::from(link.as_str()))
        .await
    {
        Ok(visit) => {
            let query = request.uri().query().unwrap_or_default();
            show(gateway, visitor, &visit, &link, query)
        }
        Err(refused) => refuse(visitor, &refused),
    }
}

fn show(
    gateway: &Gateway,
    visitor: &Visitor,
    visit: &LinkVisit,
    link: &str,
    query: &str,
) -> HttpResponse {
    let (base, frame) = (gateway.base_path(), visitor.frame());
    match visit {
        LinkVisit::Open(open) => page::hosted_link(
            &about(frame, &open.institution, &open.reference.to_string()),
            &page::HostedLink {
                platform: open.platform_name,
                institution: &open.institution.name,
                client: &open.client,
                store: &open.store,
                shop: open.shop.as_deref(),
                scopes: &open.scopes,
                open_until: open.open_until,
                open_for: open.open_for,
                continue_at: &format!("{base}/go/{link}/continue"),
                decline_at: &format!("{base}/go/{link}/decline"),
            },
        ),
        LinkVisit::KeyWanted(wanted) => hosted_key::ask(&frame, wanted, base, link, query),
        LinkVisit::KeyInHand(open) => hosted_key::wait(&frame, open, base, link),
        LinkVisit::Ended(shown) => respond(frame, shown),
        LinkVisit::Over {
            institution,
            reference,
        } => {
            let reference = reference.to_string();
            page::link_over(&about(frame, institution, &reference), &institution.name)
        }
    }
}

/// Where a form does not lead on: a page that can be loaded again, and gone back to, without sending the form
/// once more.
pub(super) fn to_the_page(gateway: &Gateway, link: &str) -> HttpResponse {
    redirect(&format!("{}/go/{link}", gateway.base_path()))
}

fn back_from_astray(gateway: &Gateway, visitor: &Visitor, request: &HttpRequest) -> HttpResponse {
    // As it came, so that it is fit to be an address again.
    let link = request.path().strip_prefix("/go/");
    match link.and_then(|rest| rest.split_once('/')) {
        Some((link, "" | "continue" | "decline" | "key")) if !link.is_empty() => {
            to_the_page(gateway, link)
        }
        _ => page::unknown_link(&visitor.frame()),
    }
}

/// The cookie is sent along when the platform sends the browser back, and with nothing that another site does.
fn depart(
    gateway: &Gateway,
    visitor: &Visitor,
    request: &HttpRequest,
    departure: &Departure,
) -> HttpResponse {
    let mut response = HttpResponse::SeeOther()
        .insert_header((LOCATION, departure.auth_url.expose_secret()))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish();
    let known = click_cookies(gateway, request);
    let too_many = (known.len() + 1).saturating_sub(CLICKS_OF_A_BROWSER);
    for clicked in known.iter().take(too_many) {
        forget(gateway, clicked, &mut response);
    }
    // One for each click, so that two tabs do not take each other's.
    let name = format!("{}{}", cookie_prefix(gateway), departure.click);
    let value = departure.cookie.expose_secret().to_owned();
    let mut cookie = cookie(gateway, name, value);
    let open_for = i64::try_from(departure.open_for.as_secs()).unwrap_or(i64::MAX);
    cookie.set_max_age(CookieAge::seconds(open_for));
    match response.add_cookie(&cookie) {
        Ok(()) => response,
        Err(error) => {
            system_error(&error);
            page::failed(&visitor.frame())
        }
    }
}

fn cookie(gateway: &Gateway, name: String, value: String) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(gateway.is_https())
        .finish()
}

/// With the prefix, a browser takes the cookie from this very host alone, and over https:
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>
fn cookie_prefix(gateway: &Gateway) -> &'static str {
    if gateway.is_https() { "__Host-" } else { "" }
}

pub(super) fn refuse(visitor: &Visitor, refused: &LinkRefused) -> HttpResponse {
    match refused {
        LinkRefused::Unknown => page::unknown_link(&visitor.frame()),
        LinkRefused::Internal(internal) => {
            system_error(internal);
            page::failed(&visitor.frame())
        }
    }
}

//! CAFE24: <https://developers.cafe24.com/docs-new/en/docs/guide/oauth2-authentication>.
//!
//! Statuses and words of refusals are those that integrators report; the pages
//! show few of them.

mod admin;
mod launch;
mod revoke;
#[cfg(test)]
mod tests;

pub(crate) use launch::MallLaunch;
pub use launch::MallOperator;

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::form_urlencoded;

use crate::call_log::noted;
use crate::consent::{self, ConsentWords};
use crate::launch::LaunchTarget;
use crate::registry::Token;
use crate::script::{Fault, Step, act_out};
use crate::{AppRegistration, Dialect, Sandbox, Shop};

const WORDS: ConsentWords = ConsentWords {
    dialect: Dialect::Cafe24,
    client_id: "client_id",
    redirect_uri: "redirect_uri",
    state: "state",
    grant: "response_type",
};

const ACCESS_LIFETIME: TimeDelta = TimeDelta::hours(2);
const REFRESH_LIFETIME: TimeDelta = TimeDelta::days(14);

/// What `mall.read_` and `mall.write_` may be followed by.
/// <https://developer.cafe24.com/guide/front/develop?guide_no=105>
const RESOURCES: [&str; 19] = [
    "application",
    "category",
    "product",
    "collection",
    "supply",
    "personal",
    "order",
    "community",
    "customer",
    "notification",
    "store",
    "promotion",
    "design",
    "salesreport",
    "privacy",
    "mileage",
    "shipping",
    "translation",
    "analytics",
];

const BAD_REDIRECT_URI: &str = "The redirect_uri added by Cafe24 Developers is invalid.";
const BAD_PARAMETERS: &str = "The request is invalid. check the request parameters.";

pub(crate) fn scope() -> Scope {
    web::scope("/cafe24/{shop}")
        .route("/api/v2/oauth/authorize", web::get().to(show_consent))
        .route("/api/v2/oauth/authorize", web::post().to(decide_consent))
        .route("/api/v2/oauth/token", web::post().to(token))
        .route("/api/v2/oauth/revoke", web::post().to(revoke::revoke))
        .route("/api/v2/admin/apps", web::get().to(admin::apps))
        .route("/sandbox/launch", web::get().to(launch))
}

async fn launch(
    sandbox: web::Data<Sandbox>,
    mall: web::Path<Shop>,
    target: web::Query<LaunchTarget>,
) -> HttpResponse {
    target.redirect(&sandbox, Dialect::Cafe24, &mall)
}

async fn show_consent(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let query = request.query_string();
    match refused_at_once(&sandbox, query) {
        Some(refusal) => refusal,
        None => consent::show(&sandbox, &WORDS, &shop, query),
    }
}

async fn decide_consent(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
    form: web::Bytes,
) -> HttpResponse {
    let query = request.query_string();
    match refused_at_once(&sandbox, query) {
        Some(refusal) => refusal,
        None => consent::decide(&sandbox, &WORDS, &shop, query, &form).await,
    }
}

/// What is refused in the platform's own way: a wrong address in the browser
/// itself, and scopes that do not exist by a redirect. A list that is joined by
/// spaces is one scope that does not exist.
fn refused_at_once(sandbox: &Sandbox, query: &str) -> Option<HttpResponse> {
    let asked: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let value = |name: &str| asked.get(name).map_or("", |value| value.as_ref());
    let app = sandbox
        .state()
        .registry
        .find_app(Dialect::Cafe24, value("client_id"))
        .cloned()?;
    if !app.allows(value("redirect_uri")) {
        return Some(failure(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            BAD_REDIRECT_URI,
            "refused: redirect URI",
        ));
    }
    if value("scope").split(',').all(is_known_scope) {
        return None;
    }
    let mut callback = url::Url::parse(value("redirect_uri")).ok()?;
    callback
        .query_pairs_mut()
        .append_pair("error", "invalid_scope")
        .append_pair("state", value("state"));
    let response = HttpResponse::SeeOther()
        .insert_header((LOCATION, callback.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish();
    Some(noted(response, "refused: scope"))
}

fn is_known_scope(scope: &str) -> bool {
    ["mall.read_", "mall.write_"].iter().any(|action| {
        let resource = scope.strip_prefix(action);
        resource.is_some_and(|resource| RESOURCES.contains(&resource))
    })
}

async fn token(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Cafe24, &shop, Step::Token);
    act_out(fault, |fault| {
        answer_token(&sandbox, &shop, &request, &body, fault)
    })
    .await
}

fn answer_token(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<&Fault>,
) -> HttpResponse {
    let kind = request.headers().get(CONTENT_TYPE);
    let is_form = kind.is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let form: HashMap<_, _> = form_urlencoded::parse(body).collect();
    // Id and secret belong into the header alone.
    if !is_form || form.contains_key("client_id") || form.contains_key("client_secret") {
        return refuse_call(BAD_PARAMETERS, "refused: body");
    }
    let Some(app) = authenticate(sandbox, request) else {
        return failure(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Invalid client_secret",
            "refused: client id or secret",
        );
    };
    match fault {
        Some(Fault::Deny) => return refuse_grant("scripted: deny"),
        Some(Fault::CodeAlreadyUsed) => return refuse_grant("scripted: code_already_used"),
        Some(Fault::OkWithError) => {
            return failure(
                StatusCode::OK,
                "server_error",
                "system error",
                "scripted: ok_with_error",
            );
        }
        _ => {}
    }
    let value = |name: &str| form.get(name).map_or("", |value| value.as_ref());
    let now = sandbox.now();
    match value("grant_type") {
        "authorization_code" => {
            if !app.allows(value("redirect_uri")) {
                return refuse_call(BAD_REDIRECT_URI, "refused: redirect URI");
            }
            let redeemed = sandbox.state().registry.redeem_code(
                Dialect::Cafe24,
                &app.client_id,
                shop,
                value("code"),
                now,
            );
            match redeemed {
                Ok((owner, scopes)) => grant(
                    sandbox,
                    &app,
                    Fault::answering(fault, &owner),
                    &Fault::narrow(fault, &scopes),
                    None,
                    fault,
                ),
                Err(refusal) => refuse_grant(refusal.outcome()),
            }
        }
        "refresh_token" => {
            let redeemed = sandbox.state().registry.redeem_refresh_token(
                Dialect::Cafe24,
                shop,
                &app.client_id,
                value("refresh_token"),
                now,
            );
            match redeemed {
                Some(scopes) => grant(
                    sandbox,
                    &app,
                    Fault::answering(fault, shop),
                    &Fault::narrow(fault, &scopes),
                    Some(value("refresh_token")),
                    fault,
                ),
                None => refuse_grant("refused: refresh token"),
            }
        }
        _ => failure(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            BAD_PARAMETERS,
            "refused: grant type",
        ),
    }
}

fn authenticate(sandbox: &Sandbox, request: &HttpRequest) -> Option<AppRegistration> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let pair = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (client_id, secret) = pair.split_once(':')?;
    let state = sandbox.state();
    let app = state.registry.find_app(Dialect::Cafe24, client_id)?;
    (app.client_secret.expose_secret() == secret).then(|| app.clone())
}

/// A new pair. The refresh token that was presented is dead from now on, unless
/// a rule keeps it; access tokens live to their end.
fn grant(
    sandbox: &Sandbox,
    app: &AppRegistration,
    mall: &Shop,
    scopes: &[String],
    presented: Option<&str>,
    fault: Option<&Fault>,
) -> HttpResponse {
    let access_token = sandbox.random_hex::<16>();
    let refresh_token = match (fault, presented) {
        (Some(Fault::SameRefreshToken | Fault::NoRefreshToken), Some(kept)) => kept.to_owned(),
        _ => sandbox.random_hex::<16>(),
    };
    let now = sandbox.now();
    let (access_end, refresh_end) = (now + ACCESS_LIFETIME, now + REFRESH_LIFETIME);
    let mut state = sandbox.state();
    let installation = state
        .registry
        .install(Dialect::Cafe24, mall, &app.client_id, now);
    scopes.clone_into(&mut installation.scopes);
    installation.minted_at = now;
    installation.tokens.push(Token {
        value: SecretString::from(access_token.as_str()),
        until: Some(access_end),
    });
    installation.refresh_token = Some(Token {
        value: SecretString::from(refresh_token.as_str()),
        until: Some(refresh_end),
    });
    let mut body = json!({
        "access_token": access_token,
        "expires_at": korean(access_end),
        "refresh_token": refresh_token,
        "refresh_token_expires_at": korean(refresh_end),
        "client_id": app.client_id,
        "mall_id": mall.label(),
        "user_id": mall.label(),
        "scopes": scopes,
        "issued_at": korean(now),
        "shop_no": "1",
        "token_type": "Bearer",
    });
    match fault {
        Some(Fault::NoExpiry) => {
            body["expires_at"].take();
            body["refresh_token_expires_at"].take();
        }
        Some(Fault::NoRefreshToken) => {
            body["refresh_token"].take();
            body["refresh_token_expires_at"].take();
        }
        _ => {}
    }
    noted(HttpResponse::Ok().json(body), "token granted")
}

/// The time in Korea, nine hours ahead all year, without a word about the zone.
fn korean(instant: DateTime<Utc>) -> String {
    let there = instant.naive_utc() + TimeDelta::hours(9);
    there.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

fn refuse_grant(outcome: &'static str) -> HttpResponse {
    failure(
        StatusCode::BAD_REQUEST,
        "invalid_grant",
        "The grant is invalid.",
        outcome,
    )
}

fn refuse_call(description: &str, outcome: &'static str) -> HttpResponse {
    failure(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        description,
        outcome,
    )
}

fn failure(
    status: StatusCode,
    error: &str,
    description: &str,
    outcome: &'static str,
) -> HttpResponse {
    let body = json!({"error": error, "error_description": description});
    noted(HttpResponse::build(status).json(body), outcome)
}

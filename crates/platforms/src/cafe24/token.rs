//! The one call that exchanges codes and refresh tokens, and its answers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use domain::{Credential, GrantedScopes, ShopLabel};
use http::{HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::HOST;
use crate::adapter::App;
use crate::call::{Call, parse_url, says_nothing, secret_header};
use crate::code_flow::ExchangeRequest;
use crate::failure::PlatformFailure;
use crate::instant::{read_instant, read_korean_instant};
use crate::jwt::unverified_claims;
use crate::proof::RefreshToken;
use crate::refresh::RefreshRequest;

const PATH: &str = "/api/v2/oauth/token";

/// Documented; for an answer without a legible end.
pub(super) const ACCESS_LIFE: Duration = Duration::from_hours(2);
const REFRESH_LIFE: Duration = Duration::from_hours(14 * 24);

/// What an answer grants.
pub(super) struct Tokens {
    pub(super) credential: Credential,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) refresh_token: Option<RefreshToken>,
    pub(super) scopes: Option<GrantedScopes>,
}

pub(super) fn exchange_call(request: &ExchangeRequest<'_>) -> Result<Call, PlatformFailure> {
    let app = request.app;
    let secret = app
        .secrets
        .first()
        .ok_or(PlatformFailure::AppMisconfigured)?;
    let base = app.base_url(HOST, request.named_shop()?.host_label());
    let form = [
        ("grant_type", "authorization_code"),
        ("code", request.code.expose_secret()),
        ("redirect_uri", request.redirect_uri),
    ];
    call(&base, app, secret, &form)
}

pub(super) fn refresh_call(request: &RefreshRequest<'_>) -> Result<Call, PlatformFailure> {
    let refresh_token = request.refresh_token.ok_or(PlatformFailure::Rejected)?;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose_secret()),
    ];
    call(request.origin, request.app, request.secret, &form)
}

/// Id and secret go into the header alone: with either in the body too, the platform was seen to answer
/// `invalid_request`, although one of its pages has them there.
fn call(
    base: &str,
    app: &App,
    secret: &SecretString,
    form: &[(&str, &str)],
) -> Result<Call, PlatformFailure> {
    let url = parse_url(&format!("{base}{PATH}"))?;
    let mut call = Call::post_form(url, form);
    call.headers
        .insert(header::AUTHORIZATION, basic(&app.client_id, secret)?);
    Ok(call)
}

pub(super) fn basic(
    client_id: &str,
    secret: &SecretString,
) -> Result<HeaderValue, PlatformFailure> {
    let pair = format!("{client_id}:{}", secret.expose_secret());
    let text = format!("Basic {}", STANDARD.encode(pair));
    secret_header(&text).ok_or(PlatformFailure::AppMisconfigured)
}

pub(super) fn read_exchange(
    status: StatusCode,
    answer: &Value,
    shop: &ShopLabel,
    now: DateTime<Utc>,
) -> Result<Tokens, PlatformFailure> {
    if is_grant(status, answer) {
        return read_tokens(answer, shop, now);
    }
    Err(match refusal(status, answer) {
        Refusal::OurApp => PlatformFailure::AppMisconfigured,
        Refusal::NotOne => PlatformFailure::Unreachable,
        Refusal::OfTheGrant | Refusal::OfTheCall => PlatformFailure::Rejected,
    })
}

/// Only what speaks of the refresh token ends a grant; a call that the platform found odd does not.
pub(super) fn read_refresh(
    status: StatusCode,
    answer: &Value,
    shop: &ShopLabel,
    now: DateTime<Utc>,
) -> Result<Tokens, PlatformFailure> {
    if is_grant(status, answer) {
        return read_tokens(answer, shop, now);
    }
    Err(match refusal(status, answer) {
        Refusal::OurApp => PlatformFailure::AppMisconfigured,
        Refusal::OfTheGrant => PlatformFailure::Rejected,
        Refusal::NotOne | Refusal::OfTheCall => PlatformFailure::Unreachable,
    })
}

fn is_grant(status: StatusCode, answer: &Value) -> bool {
    status.is_success() && answer["error"].is_null()
}

fn read_tokens(
    answer: &Value,
    shop: &ShopLabel,
    now: DateTime<Utc>,
) -> Result<Tokens, PlatformFailure> {
    let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty());
    let access_token = text("access_token").ok_or(PlatformFailure::Unreachable)?;
    let mall = text("mall_id").ok_or(PlatformFailure::Unreachable)?;
    if !mall.eq_ignore_ascii_case(shop.host_label()) {
        return Err(PlatformFailure::ShopMismatch);
    }
    let scopes = &answer["scopes"];
    let scopes = (!scopes.is_null()).then(|| GrantedScopes::read(scopes));
    let scopes = scopes
        .transpose()
        .map_err(|_| PlatformFailure::Unreachable)?;
    let refresh_token = text("refresh_token").map(|token| RefreshToken {
        token: token.into(),
        expires_at: Some(
            read_korean_instant(&answer["refresh_token_expires_at"])
                .unwrap_or_else(|| now + REFRESH_LIFE),
        ),
    });
    // A token that is a JWT says its end in no zone at all; the field beside it was misread more often.
    let claimed =
        unverified_claims(access_token).and_then(|claims| read_instant(claims.get("exp")?));
    let expires_at = claimed
        .or_else(|| read_korean_instant(&answer["expires_at"]))
        .unwrap_or_else(|| now + ACCESS_LIFE);
    Ok(Tokens {
        credential: Credential::AccessToken {
            access_token: access_token.into(),
        },
        expires_at,
        refresh_token,
        scopes,
    })
}

/// What an answer objects to that grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Our id, secret, redirect URI or scopes.
    OurApp,
    /// The code or the refresh token.
    OfTheGrant,
    /// The call as such.
    OfTheCall,
    /// It is none that can be understood.
    NotOne,
}

/// Refusals are `{"error":"…","error_description":"…"}` with a status that varies: a wrong secret was seen
/// as `invalid_client` and as `invalid_grant`, and only its description tells it from a spent token.
pub(super) fn refusal(status: StatusCode, answer: &Value) -> Refusal {
    let Some(error) = answer["error"].as_str() else {
        return Refusal::NotOne;
    };
    if says_nothing(status) {
        return Refusal::NotOne;
    }
    let description = answer["error_description"].as_str().unwrap_or_default();
    let description = description.to_ascii_lowercase();
    let names_our_app = ["client_secret", "client_id", "redirect_uri"]
        .iter()
        .any(|word| description.contains(word));
    match error {
        _ if names_our_app => Refusal::OurApp,
        "invalid_client" | "unauthorized_client" | "invalid_scope" => Refusal::OurApp,
        "invalid_grant" => Refusal::OfTheGrant,
        _ if description.contains("refresh_token") => Refusal::OfTheGrant,
        _ => Refusal::OfTheCall,
    }
}

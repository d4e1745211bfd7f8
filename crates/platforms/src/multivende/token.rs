//! The one call that exchanges codes and refresh tokens, and its answers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Credential, GrantedScopes, ShopLabel};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{FACTS, HOST};
use crate::adapter::App;
use crate::call::{Call, parse_url, says_nothing};
use crate::code_flow::ExchangeRequest;
use crate::failure::PlatformFailure;
use crate::instant::read_instant;
use crate::proof::RefreshToken;
use crate::refresh::{RefreshRequest, Refreshed};

const PATH: &str = "/oauth/access-token";

/// Both are read off the sample answer, and documented in no other way; for an answer without a legible end.
pub(super) const ACCESS_LIFE: Duration = Duration::from_hours(6);
const REFRESH_LIFE: Duration = Duration::from_hours(48);

/// What the answer to a code grants.
pub(super) struct Tokens {
    pub(super) merchant: ShopLabel,
    pub(super) scopes: GrantedScopes,
    pub(super) granted: Refreshed,
}

pub(super) fn exchange_call(request: &ExchangeRequest<'_>) -> Result<Call, PlatformFailure> {
    let app = request.app;
    let secret = app
        .secrets
        .first()
        .ok_or(PlatformFailure::AppMisconfigured)?;
    let grant = ("authorization_code", "code", request.code);
    call(&app.base_url(HOST, ""), app, secret, grant)
}

pub(super) fn refresh_call(request: &RefreshRequest<'_>) -> Result<Call, PlatformFailure> {
    let refresh_token = request.refresh_token.ok_or(PlatformFailure::Rejected)?;
    let grant = ("refresh_token", "refresh_token", refresh_token);
    call(request.origin, request.app, request.secret, grant)
}

/// The address of the callback is no part of it.
fn call(
    base: &str,
    app: &App,
    secret: &SecretString,
    (grant_type, field, grant): (&str, &str, &SecretString),
) -> Result<Call, PlatformFailure> {
    let url = parse_url(&format!("{base}{PATH}"))?;
    let body = json!({
        "client_id": app.client_id,
        "client_secret": secret.expose_secret(),
        "grant_type": grant_type,
        field: grant.expose_secret(),
    });
    Ok(Call::post_json(url, &body))
}

pub(super) fn read_exchange(
    status: StatusCode,
    answer: &Value,
    expected: Option<&ShopLabel>,
    now: DateTime<Utc>,
) -> Result<Tokens, PlatformFailure> {
    if is_grant(status, answer) {
        let (merchant, granted) = read_tokens(answer, expected, now)?;
        // Nobody is authorized by an answer that does not say who, or for what.
        let (Some(merchant), Some(scopes)) = (merchant, granted.scopes.clone()) else {
            return Err(PlatformFailure::Unreachable);
        };
        return Ok(Tokens {
            merchant,
            scopes,
            granted,
        });
    }
    Err(match refusal(status, answer) {
        Refusal::OurApp => PlatformFailure::AppMisconfigured,
        Refusal::NotOne => PlatformFailure::Unreachable,
        Refusal::OfTheGrant | Refusal::OfTheCall => PlatformFailure::Rejected,
    })
}

/// Only what speaks of the grant ends it; a call that the platform found odd does not. The token that was sent is
/// spent, so that a new one counts even in an answer that says less than the first did.
pub(super) fn read_refresh(
    status: StatusCode,
    answer: &Value,
    merchant: &ShopLabel,
    now: DateTime<Utc>,
) -> Result<Refreshed, PlatformFailure> {
    if is_grant(status, answer) {
        let (_, granted) = read_tokens(answer, Some(merchant), now)?;
        return Ok(granted);
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

/// The merchant first: what follows is worth nothing without knowing whose it is.
fn read_tokens(
    answer: &Value,
    expected: Option<&ShopLabel>,
    now: DateTime<Utc>,
) -> Result<(Option<ShopLabel>, Refreshed), PlatformFailure> {
    let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty());
    let merchant = text("MerchantId").map(|merchant| FACTS.parse_seller_id(merchant));
    let merchant = merchant
        .transpose()
        .map_err(|_| PlatformFailure::Unreachable)?;
    if let (Some(expected), Some(merchant)) = (expected, &merchant)
        && expected != merchant
    {
        return Err(PlatformFailure::ShopMismatch);
    }
    let token = text("token").ok_or(PlatformFailure::Unreachable)?;
    let scopes = match &answer["scopes"] {
        Value::Null => None,
        scopes @ Value::Object(_) => {
            Some(GrantedScopes::read(scopes).map_err(|_| PlatformFailure::Unreachable)?)
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(PlatformFailure::Unreachable);
        }
    };
    let end = |name: &str, life| read_instant(&answer[name]).unwrap_or_else(|| now + life);
    let granted = Refreshed {
        credential: Credential::AccessToken {
            access_token: token.into(),
        },
        expires_at: Some(end("expiresAt", ACCESS_LIFE)),
        refresh_token: text("refreshToken").map(|token| RefreshToken {
            token: token.into(),
            expires_at: Some(end("refreshTokenExpiresAt", REFRESH_LIFE)),
        }),
        scopes,
    };
    Ok((merchant, granted))
}

const GRANT_WORDS: [&str; 5] = [
    "invalid_grant",
    "invalid grant",
    "refresh_token",
    "refresh token",
    "refreshtoken",
];

/// What an answer objects to that grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Our id or secret, or the address that is registered for us.
    OurApp,
    /// The code or the refresh token.
    OfTheGrant,
    /// The call as such.
    OfTheCall,
    /// It is none that can be understood.
    NotOne,
}

/// Refusals are `{"error":"…"}` with a status of 400 to 405. Which texts there are is documented nowhere; the
/// words looked for are those of the call's fields, and RFC 6749's for a grant that is not honoured. A plain
/// `token` would not do: parsers of JSON complain of unexpected ones.
fn refusal(status: StatusCode, answer: &Value) -> Refusal {
    let Some(error) = answer["error"].as_str() else {
        return Refusal::NotOne;
    };
    if says_nothing(status) {
        return Refusal::NotOne;
    }
    let error = error.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| error.contains(word));
    if names(&["client", "redirect", "secret", "scope"]) {
        return Refusal::OurApp;
    }
    let is_about_a_grant = matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    if is_about_a_grant && names(&GRANT_WORDS) {
        return Refusal::OfTheGrant;
    }
    Refusal::OfTheCall
}

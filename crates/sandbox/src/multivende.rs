//! MULTIVENDE: <https://help.multivende.com/hc/es-419/articles/13698734687501>.
//!
//! One host for all merchants. The pages show no state, no refusal and no error
//! text: what stands here for them is RFC 6749's, and a rule drops the state.

mod consent;
mod scopes;
#[cfg(test)]
mod tests;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::call_log::noted;
use crate::registry::Token;
use crate::script::{Fault, Step, act_out};
use crate::shop::uuid_text;
use crate::{AppRegistration, Dialect, Sandbox, Shop};

/// Read off the sample answer; stated nowhere.
const ACCESS_LIFETIME: TimeDelta = TimeDelta::hours(6);
const REFRESH_LIFETIME: TimeDelta = TimeDelta::hours(48);

pub(crate) fn scope() -> Scope {
    web::scope("/multivende")
        .route("/apps/authorize", web::get().to(consent::show))
        .route("/apps/authorize", web::post().to(consent::decide))
        .route("/oauth/access-token", web::post().to(token))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenRequest {
    client_id: String,
    client_secret: String,
    grant_type: String,
    code: String,
    refresh_token: String,
}

async fn token(
    sandbox: web::Data<Sandbox>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let kind = request.headers().get(CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let Some(asked) = serde_json::from_slice::<TokenRequest>(&body)
        .ok()
        .filter(|_| is_json)
    else {
        return failure(StatusCode::BAD_REQUEST, "invalid_request", "refused: body");
    };
    let fault = match sandbox.whose(&asked) {
        Some(merchant) => sandbox.take_fault(Dialect::Multivende, &merchant, Step::Token),
        None => None,
    };
    act_out(fault, |fault| answer_token(&sandbox, &asked, fault)).await
}

impl Sandbox {
    /// The merchant whose code or refresh token a call presents.
    fn whose(&self, asked: &TokenRequest) -> Option<Shop> {
        let (dialect, state) = (Dialect::Multivende, self.state());
        let of_code = state.registry.shop_of_code(dialect, &asked.code);
        of_code.or_else(|| {
            state
                .registry
                .shop_of_refresh_token(dialect, &asked.refresh_token)
        })
    }
}

fn answer_token(sandbox: &Sandbox, asked: &TokenRequest, fault: Option<&Fault>) -> HttpResponse {
    let Some(app) = authenticate(sandbox, asked) else {
        let outcome = "refused: client id or secret";
        return failure(StatusCode::UNAUTHORIZED, "invalid_client", outcome);
    };
    match fault {
        Some(Fault::Deny) => return refuse_grant("scripted: deny"),
        Some(Fault::CodeAlreadyUsed) => return refuse_grant("scripted: code_already_used"),
        Some(Fault::OkWithError) => {
            return failure(StatusCode::OK, "server_error", "scripted: ok_with_error");
        }
        _ => {}
    }
    let now = sandbox.now();
    let Some(merchant) = sandbox.whose(asked) else {
        return refuse_grant("refused: unknown code or refresh token");
    };
    match asked.grant_type.as_str() {
        "authorization_code" => {
            let redeemed = sandbox.state().registry.redeem_code(
                Dialect::Multivende,
                &app.client_id,
                &merchant,
                &asked.code,
                now,
            );
            match redeemed {
                Ok((owner, scopes)) => {
                    let owner = Fault::answering(fault, &owner).clone();
                    grant(sandbox, &app, &owner, &scopes, None, fault)
                }
                Err(refusal) => refuse_grant(refusal.outcome()),
            }
        }
        "refresh_token" => {
            let redeemed = sandbox.state().registry.redeem_refresh_token(
                Dialect::Multivende,
                &merchant,
                &app.client_id,
                &asked.refresh_token,
                now,
            );
            match redeemed {
                Some(scopes) => {
                    let owner = Fault::answering(fault, &merchant).clone();
                    let presented = Some(asked.refresh_token.as_str());
                    grant(sandbox, &app, &owner, &scopes, presented, fault)
                }
                None => refuse_grant("refused: refresh token"),
            }
        }
        _ => failure(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "refused: grant type",
        ),
    }
}

fn authenticate(sandbox: &Sandbox, asked: &TokenRequest) -> Option<AppRegistration> {
    let state = sandbox.state();
    let app = state
        .registry
        .find_app(Dialect::Multivende, &asked.client_id)?;
    (app.client_secret.expose_secret() == asked.client_secret).then(|| app.clone())
}

/// A new pair. The refresh token that was presented is dead from now on, unless
/// a rule keeps it; access tokens live to their end.
fn grant(
    sandbox: &Sandbox,
    app: &AppRegistration,
    merchant: &Shop,
    scopes: &[String],
    presented: Option<&str>,
    fault: Option<&Fault>,
) -> HttpResponse {
    let random_uuid = || random_uuid(sandbox);
    let token = format!(
        "{}.{}.{}",
        sandbox.random_hex::<8>(),
        sandbox.random_hex::<16>(),
        sandbox.random_hex::<8>()
    );
    let refresh_token = match (fault, presented) {
        (Some(Fault::SameRefreshToken | Fault::NoRefreshToken), Some(kept)) => kept.to_owned(),
        _ => format!("rt-{}", random_uuid()),
    };
    let scopes = Fault::narrow(fault, scopes);
    let now = sandbox.now();
    let (access_end, refresh_end) = match fault {
        Some(Fault::Lives { access, refresh }) => (now + *access, now + *refresh),
        _ => (now + ACCESS_LIFETIME, now + REFRESH_LIFETIME),
    };
    let mut body = json!({
        "_id": random_uuid(),
        "status": "created",
        "OauthClientId": uuid_of(&app.client_id),
        "MerchantId": merchant.uuid(),
        "MerchantAppId": random_uuid(),
        "CreatedById": uuid_of(merchant.label()),
        "UpdatedById": uuid_of(merchant.label()),
        "OwnerId": uuid_of(merchant.label()),
        "scopes": scopes::object(merchant, &scopes),
        "expiresAt": written(access_end),
        "refreshToken": refresh_token,
        "refreshTokenExpiresAt": written(refresh_end),
        "updatedAt": written(now),
        "createdAt": written(now),
        "token": token,
    });
    match fault {
        Some(Fault::NoExpiry) => {
            body["expiresAt"].take();
            body["refreshTokenExpiresAt"].take();
        }
        Some(Fault::NoRefreshToken) => {
            body["refreshToken"].take();
            body["refreshTokenExpiresAt"].take();
        }
        _ => {}
    }
    let mut state = sandbox.state();
    let installation = state
        .registry
        .install(Dialect::Multivende, merchant, &app.client_id, now);
    installation.scopes = scopes;
    installation.minted_at = now;
    installation.tokens.push(Token {
        value: SecretString::from(token),
        until: Some(access_end),
    });
    installation.refresh_token = Some(Token {
        value: SecretString::from(refresh_token),
        until: Some(refresh_end),
    });
    noted(HttpResponse::Ok().json(body), "token granted")
}

fn written(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn random_uuid(sandbox: &Sandbox) -> String {
    uuid_text(&sandbox.random_hex::<16>())
}

/// Always the same one for the same text.
fn uuid_of(text: &str) -> String {
    uuid_text(&hex::encode(Sha256::digest(format!("id of {text}"))))
}

fn refuse_grant(outcome: &'static str) -> HttpResponse {
    failure(StatusCode::BAD_REQUEST, "invalid_grant", outcome)
}

fn failure(status: StatusCode, error: &str, outcome: &'static str) -> HttpResponse {
    let body: Value = json!({"error": error});
    noted(HttpResponse::build(status).json(body), outcome)
}

//! SHOPLINE, and SHOPLINE in Europe.
//!
//! <https://developer.shopline.com/docs/apps/api-instructions-for-use/app-authorization>,
//! <https://developer.shopline.com/docs/apps/api-instructions-for-use/generate-and-verify-signatures>
//! and the official SDK, <https://github.com/shoplineos/shopline-sdk-go>.

#[cfg(test)]
mod tests;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use chrono::{SecondsFormat, TimeDelta};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use crate::call_log::noted;
use crate::consent::{self, ConsentWords};
use crate::launch::LaunchTarget;
use crate::registry::Token;
use crate::script::{Fault, Step, act_out};
use crate::signature::{json_web_token, verify_body};
use crate::{AppRegistration, Dialect, Sandbox, Shop};

const WORDS: ConsentWords = ConsentWords {
    dialect: Dialect::Shopline,
    client_id: "appKey",
    redirect_uri: "redirectUri",
    state: "customField",
    grant: "responseType",
};

const TOKEN_LIFETIME: TimeDelta = TimeDelta::hours(10);

/// How long the old token still works after a refresh.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// How far a signed call's timestamp may be off, either way.
const WINDOW: TimeDelta = TimeDelta::minutes(10);

/// The documentation calls a refresh right after minting too frequent, and
/// does not say how long "right after" is.
const REFRESH_SPACING: TimeDelta = TimeDelta::seconds(1);

pub(crate) fn scope() -> Scope {
    web::scope("/shopline/{shop}")
        .route("/admin/oauth-web", web::get().to(hash_route))
        .route("/admin/oauth-web/", web::get().to(hash_route))
        .route("/admin/oauth-web/consent", web::get().to(show_consent))
        .route("/admin/oauth-web/consent", web::post().to(decide_consent))
        .route("/admin/oauth/token/create", web::post().to(create))
        .route("/admin/oauth/token/refresh", web::post().to(refresh))
        .route(
            "/admin/openapi/{version}/merchants/shop.json",
            web::get().to(shop_information),
        )
        .route("/sandbox/launch", web::get().to(launch))
}

async fn hash_route(_shop: web::Path<Shop>) -> HttpResponse {
    let response = HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(consent::hash_route().into_string());
    noted(response, "authorize page shown")
}

async fn show_consent(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    consent::show(&sandbox, &WORDS, &shop, request.query_string())
}

async fn decide_consent(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
    form: web::Bytes,
) -> HttpResponse {
    consent::decide(&sandbox, &WORDS, &shop, request.query_string(), &form).await
}

async fn launch(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    target: web::Query<LaunchTarget>,
) -> HttpResponse {
    target.redirect(&sandbox, Dialect::Shopline, &shop)
}

async fn create(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Shopline, &shop, Step::Token);
    act_out(fault, |fault| {
        answer_create(&sandbox, &shop, &request, &body, fault)
    })
    .await
}

fn answer_create(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<&Fault>,
) -> HttpResponse {
    #[derive(Deserialize)]
    struct CreateRequest {
        code: String,
    }

    let app = match authenticate(sandbox, request, body, fault) {
        Ok(app) => app,
        Err(refusal) => return refusal,
    };
    if fault == Some(&Fault::CodeAlreadyUsed) {
        return failure("OAUTH_CODE_INVALID", "scripted: code_already_used");
    }
    let Ok(CreateRequest { code }) = serde_json::from_slice(body) else {
        return failure("OAUTH_CODE_INVALID", "refused: the body names no code");
    };
    let now = sandbox.now();
    let redeemed =
        sandbox
            .state()
            .registry
            .redeem_code(Dialect::Shopline, &app.client_id, shop, &code, now);
    let (owner, scopes) = match redeemed {
        Ok(redeemed) => redeemed,
        Err(refusal) => return failure("OAUTH_CODE_INVALID", refusal.outcome()),
    };
    let owner = Fault::answering(fault, &owner);
    mint(
        sandbox,
        &app,
        owner,
        Fault::narrow(fault, &scopes),
        fault,
        "token created",
    )
}

async fn refresh(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Shopline, &shop, Step::Token);
    act_out(fault, |fault| {
        answer_refresh(&sandbox, &shop, &request, &body, fault)
    })
    .await
}

/// No token is presented: the app's signature and the shop are the whole credential.
fn answer_refresh(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<&Fault>,
) -> HttpResponse {
    let app = match authenticate(sandbox, request, body, fault) {
        Ok(app) => app,
        Err(refusal) => return refusal,
    };
    let now = sandbox.now();
    let scopes = {
        let mut state = sandbox.state();
        let Some(installation) =
            state
                .registry
                .find_installation(Dialect::Shopline, shop, &app.client_id)
        else {
            return failure("STORE_NOT_INSTALL_APP", "refused: not installed");
        };
        if now - installation.minted_at < REFRESH_SPACING {
            return failure("REQUEST_FREQUENTLY", "refused: refreshed too often");
        }
        for token in &mut installation.tokens {
            token.until = token.until.map(|until| until.min(now + OVERLAP));
        }
        installation.scopes.clone()
    };
    let owner = Fault::answering(fault, shop);
    mint(
        sandbox,
        &app,
        owner,
        Fault::narrow(fault, &scopes),
        fault,
        "token refreshed",
    )
}

/// The app that signed the call, unless a rule has the platform refuse it.
fn authenticate(
    sandbox: &Sandbox,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<&Fault>,
) -> Result<AppRegistration, HttpResponse> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    if header(CONTENT_TYPE.as_str()).is_none_or(|kind| !kind.starts_with("application/json")) {
        return Err(error("refused: the content type is not JSON"));
    }
    let app = header("appkey")
        .and_then(|key| {
            sandbox
                .state()
                .registry
                .find_app(Dialect::Shopline, key)
                .cloned()
        })
        .ok_or_else(|| error("refused: unknown app"))?;
    let timestamp = header("timestamp").unwrap_or_default();
    let sign = header("sign").unwrap_or_default();
    if !verify_body(app.client_secret.expose_secret(), body, timestamp, sign) {
        return Err(error("refused: wrong signature"));
    }
    let age = timestamp
        .parse()
        .map(|signed: i64| sandbox.now().timestamp_millis().abs_diff(signed));
    if age.is_err() || age.is_ok_and(|age| age > WINDOW.num_milliseconds().unsigned_abs()) {
        return Err(error("refused: stale timestamp"));
    }
    if fault == Some(&Fault::Deny) {
        return Err(failure("STORE_NOT_INSTALL_APP", "scripted: deny"));
    }
    if fault == Some(&Fault::AddressRefused) {
        return Err(failure(
            "REQUEST_NOT_IN_APP_IP_WHITELIST",
            "scripted: address_refused",
        ));
    }
    if fault == Some(&Fault::OkWithError) {
        let body = json!({"errors": "system error"});
        return Err(noted(
            HttpResponse::Ok().json(body),
            "scripted: ok_with_error",
        ));
    }
    Ok(app)
}

fn mint(
    sandbox: &Sandbox,
    app: &AppRegistration,
    shop: &Shop,
    scopes: Vec<String>,
    fault: Option<&Fault>,
    outcome: &'static str,
) -> HttpResponse {
    let now = sandbox.now();
    let until = now + TOKEN_LIFETIME;
    let domain = format!("https://{shop}.myshopline.com");
    // The claims are those of the token in SHOPLINE's API reference. The
    // random one keeps two tokens of one millisecond apart.
    let mut claims = json!({
        "appKey": app.client_id,
        "storeId": shop.id().to_string(),
        "version": "V2",
        "domain": domain,
        "timestamp": now.timestamp_millis(),
        "exp": until.timestamp(),
        "jti": sandbox.random_hex::<8>(),
    });
    let mut data = json!({
        "expireTime": until.to_rfc3339_opts(SecondsFormat::Millis, true),
        "scope": scopes.join(","),
    });
    if fault == Some(&Fault::NoExpiry) {
        claims["exp"].take();
        data["expireTime"].take();
    }
    let token = json_web_token(sandbox.token_key(), &claims);
    data["accessToken"] = token.as_str().into();
    let mut state = sandbox.state();
    let installation = state
        .registry
        .install(Dialect::Shopline, shop, &app.client_id, now);
    installation.scopes = scopes;
    installation.minted_at = now;
    installation
        .tokens
        .retain(|token| token.until.is_some_and(|until| now < until));
    installation.tokens.push(Token {
        value: token.into(),
        until: Some(until),
    });
    let body = json!({"code": 200, "i18nCode": "SUCCESS", "message": "ok", "data": data});
    noted(HttpResponse::Ok().json(body), outcome)
}

/// <https://developer.shopline.com/docs/admin-rest-api/store/query-store-information>
async fn shop_information(
    sandbox: web::Data<Sandbox>,
    path: web::Path<(Shop, String)>,
    request: HttpRequest,
) -> HttpResponse {
    let (shop, version) = path.into_inner();
    if version.strip_prefix('v').is_none_or(|date| date.len() != 8) {
        return noted(
            HttpResponse::NotFound().finish(),
            "refused: unknown API version",
        );
    }
    let fault = sandbox.take_fault(Dialect::Shopline, &shop, Step::Probe);
    act_out(fault, |fault| {
        answer_shop_information(&sandbox, &shop, &request, fault)
    })
    .await
}

fn answer_shop_information(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    fault: Option<&Fault>,
) -> HttpResponse {
    let token = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .filter(|_| fault != Some(&Fault::Deny))
        .unwrap_or_default();
    let now = sandbox.now();
    let state = sandbox.state();
    let Some(scopes) = state
        .registry
        .find_token_scopes(Dialect::Shopline, shop, token, now)
    else {
        let body = json!({"errors": "Unauthorized"});
        return noted(HttpResponse::Unauthorized().json(body), "refused: token");
    };
    let scopes = Fault::narrow(fault, scopes);
    if !scopes.iter().any(|scope| scope == "read_store_information") {
        let body = json!({"errors": "Forbidden"});
        return noted(HttpResponse::Forbidden().json(body), "refused: scope");
    }
    if fault == Some(&Fault::OkWithError) {
        let body = json!({"errors": "system error"});
        return noted(HttpResponse::Ok().json(body), "scripted: ok_with_error");
    }
    let shop = Fault::answering(fault, shop);
    let body = json!({"data": {
        "id": shop.id(),
        "name": shop.name(),
        "domain": format!("{shop}.myshopline.com"),
        "currency": "USD",
    }});
    noted(HttpResponse::Ok().json(body), "shop told")
}

/// Errors come with HTTP 200; what counts is that `code` is not 200.
fn failure(i18n_code: &str, outcome: &'static str) -> HttpResponse {
    let body = json!({"code": 500, "i18nCode": i18n_code, "message": i18n_code, "data": null});
    noted(HttpResponse::Ok().json(body), outcome)
}

/// The nameless error, in which the number is a string. No name is documented
/// for a wrong signature or an unknown app.
fn error(outcome: &'static str) -> HttpResponse {
    let body = json!({"code": "500", "i18nCode": "error", "message": "error"});
    noted(HttpResponse::Ok().json(body), outcome)
}

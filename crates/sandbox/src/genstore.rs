//! GENSTORE: <https://partners.genstore.ai/docs/api-rest/api-access-token>.

mod scopes;
mod session;
#[cfg(test)]
mod tests;

pub use self::session::ShopUser;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::call_log::noted;
use crate::consent::{self, ConsentWords};
use crate::launch::LaunchTarget;
use crate::registry::{Token, optional_secret, secret};
use crate::script::{Fault, Step, act_out};
use crate::{AppRegistration, Dialect, Sandbox, Shop};

const WORDS: ConsentWords = ConsentWords {
    dialect: Dialect::Genstore,
    client_id: "clientId",
    redirect_uri: "redirectUrl",
    state: "state",
    grant: "grantType",
};

pub(crate) fn scope() -> Scope {
    web::scope("/genstore/{shop}")
        .route("/admin/oauth2/authorize", web::get().to(show_consent))
        .route("/admin/oauth2/authorize", web::post().to(decide_consent))
        .route("/oauth2/token", web::post().to(token))
        .route(
            "/api/202412/oauth2/access_scopes",
            web::get().to(access_scopes),
        )
        .route("/api/202412/shops/info", web::get().to(shop_info))
        .route("/api/202412/oauth2/uninstall", web::delete().to(uninstall))
        .route("/sandbox/launch", web::get().to(launch))
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
    target.redirect(&sandbox, Dialect::Genstore, &shop)
}

async fn token(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Genstore, &shop, Step::Token);
    act_out(fault, |fault| {
        answer_token(&sandbox, &shop, &request, &body, fault)
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest {
    client_id: String,
    #[serde(deserialize_with = "secret")]
    client_secret: SecretString,
    grant_type: String,
    code: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    subject_token: Option<SecretString>,
    requested_token_type: Option<String>,
}

/// GENSTORE documents that a failure is not 2xx and carries `error`; the
/// statuses and words here are the plainest that fit.
fn answer_token(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<&Fault>,
) -> HttpResponse {
    let kind = request.headers().get(CONTENT_TYPE);
    if kind.is_none_or(|kind| !kind.as_bytes().starts_with(b"application/json")) {
        return failure(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported media type",
            "refused: content type",
        );
    }
    let Ok(asked) = serde_json::from_slice::<TokenRequest>(body) else {
        return failure(StatusCode::BAD_REQUEST, "invalid request", "refused: body");
    };
    let is_exchange = match (&*asked.grant_type, &asked.code, &asked.subject_token) {
        ("code", Some(_), None) => Some(false),
        ("token-exchange", None, Some(_)) => Some(true),
        _ => None,
    };
    let Some(is_exchange) = is_exchange else {
        return failure(
            StatusCode::BAD_REQUEST,
            "unsupported grantType",
            "refused: grant type",
        );
    };
    let app = sandbox
        .state()
        .registry
        .find_app(Dialect::Genstore, &asked.client_id)
        .cloned();
    let Some(app) =
        app.filter(|app| app.client_secret.expose_secret() == asked.client_secret.expose_secret())
    else {
        return failure(
            StatusCode::UNAUTHORIZED,
            "invalid client",
            "refused: client id or secret",
        );
    };
    match fault {
        Some(Fault::Deny) => {
            return failure(StatusCode::FORBIDDEN, "access denied", "scripted: deny");
        }
        Some(Fault::CodeAlreadyUsed) => {
            return failure(
                StatusCode::BAD_REQUEST,
                "invalid code",
                "scripted: code_already_used",
            );
        }
        Some(Fault::OkWithError) => {
            return failure(StatusCode::OK, "system error", "scripted: ok_with_error");
        }
        _ => {}
    }
    if is_exchange {
        let subject_token = asked.subject_token.as_ref();
        let exchange = session::Exchange {
            subject_token: subject_token.map_or("", |token| token.expose_secret()),
            wanted: asked.requested_token_type.as_deref(),
        };
        return session::exchange(sandbox, &app, shop, &exchange, fault);
    }
    let now = sandbox.now();
    let redeemed = sandbox.state().registry.redeem_code(
        Dialect::Genstore,
        &app.client_id,
        shop,
        asked.code.as_deref().unwrap_or_default(),
        now,
    );
    let (owner, scopes) = match redeemed {
        Ok(redeemed) => redeemed,
        Err(refusal) => {
            return failure(StatusCode::BAD_REQUEST, "invalid code", refusal.outcome());
        }
    };
    grant(
        sandbox,
        &app,
        Fault::answering(fault, &owner),
        Fault::narrow(fault, &scopes),
    )
}

/// The offline token of an app in a shop is one and the same until the app is
/// uninstalled, however often the seller authorizes it.
fn grant(
    sandbox: &Sandbox,
    app: &AppRegistration,
    shop: &Shop,
    scopes: Vec<String>,
) -> HttpResponse {
    let fresh = SecretString::from(sandbox.random_hex::<12>());
    let now = sandbox.now();
    let mut state = sandbox.state();
    let installation = state
        .registry
        .install(Dialect::Genstore, shop, &app.client_id, now);
    installation.scopes = scopes;
    if installation.tokens.is_empty() {
        installation.tokens.push(Token {
            value: fresh,
            until: None,
        });
    }
    let body = json!({
        "accessToken": installation.tokens[0].value.expose_secret(),
        "scope": installation.scopes.join(","),
        "shopId": shop.id(),
        "shopDomain": format!("{shop}.genmystore.com"),
    });
    noted(HttpResponse::Ok().json(body), "token granted")
}

/// <https://partners.genstore.ai/docs/api-rest/api-access-scope>
async fn access_scopes(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Genstore, &shop, Step::Probe);
    act_out(fault, |fault| {
        let needed = ["read_apps", "write_apps"];
        let scopes = match authenticate(&sandbox, &shop, &request, &needed, fault) {
            Ok(scopes) => scopes,
            Err(refusal) => return refusal,
        };
        // A string that looks like a list: that is the documented answer.
        let list = format!("[{}]", scopes.join(","));
        noted(
            HttpResponse::Ok().json(json!({"accessScopes": list})),
            "scopes told",
        )
    })
    .await
}

/// <https://partners.genstore.ai/docs/api-rest/28>
async fn shop_info(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Genstore, &shop, Step::Probe);
    act_out(fault, |fault| {
        let needed = ["read_shops", "write_shops"];
        if let Err(refusal) = authenticate(&sandbox, &shop, &request, &needed, fault) {
            return refusal;
        }
        // The domain that customers see, which is not the one of the back office.
        let told = json!({"shop": {
            "shopId": shop.id().to_string(),
            "shopName": shop.name(),
            "domain": format!("{shop}.example"),
            "country": "US",
            "currency": "USD",
        }});
        noted(HttpResponse::Ok().json(told), "shop told")
    })
    .await
}

async fn uninstall(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Genstore, &shop, Step::Revoke);
    act_out(fault, |fault| {
        if let Err(refusal) = authenticate(&sandbox, &shop, &request, &["write_apps"], fault) {
            return refusal;
        }
        let now = sandbox.now();
        sandbox.state().registry.uninstall_holder(
            Dialect::Genstore,
            &shop,
            presented_token(&request),
            now,
        );
        noted(HttpResponse::Ok().json(json!({})), "uninstalled")
    })
    .await
}

/// The scopes of the token that the call presents, one of which must be among those needed.
fn authenticate(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    needed: &[&str],
    fault: Option<&Fault>,
) -> Result<Vec<String>, HttpResponse> {
    // These calls name no shop: another shop in the place of this one shows
    // in that it does not know the token.
    let shop = Fault::answering(fault, shop);
    let now = sandbox.now();
    let state = sandbox.state();
    let scopes = state
        .registry
        .find_token_scopes(Dialect::Genstore, shop, presented_token(request), now)
        .filter(|_| fault != Some(&Fault::Deny))
        .ok_or_else(|| failure(StatusCode::UNAUTHORIZED, "unauthorized", "refused: token"))?;
    if !scopes.iter().any(|scope| needed.contains(&scope.as_str())) {
        return Err(failure(
            StatusCode::FORBIDDEN,
            "forbidden",
            "refused: scope",
        ));
    }
    if fault == Some(&Fault::OkWithError) {
        return Err(failure(
            StatusCode::OK,
            "system error",
            "scripted: ok_with_error",
        ));
    }
    Ok(Fault::narrow(fault, scopes))
}

fn presented_token(request: &HttpRequest) -> &str {
    let header = request.headers().get("X-Genstore-Access-Token");
    header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn failure(status: StatusCode, error: &str, outcome: &'static str) -> HttpResponse {
    noted(
        HttpResponse::build(status).json(json!({"error": error})),
        outcome,
    )
}

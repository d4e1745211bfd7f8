//! WOOCOMMERCE: a shop of its own, below `…/woocommerce/{shop}`.
//!
//! Statuses and codes as in `class-wc-rest-authentication.php` and the system
//! status controller of <https://github.com/woocommerce/woocommerce>, and
//! `rest_authorization_required_code` of `WordPress`: 401 if the call counted as
//! anonymous, 403 if its key was accepted. The shop behaves as one on https,
//! where Basic authentication is enough. How it makes a key for an app and
//! sends it there is in [`push`].

mod push;
#[cfg(test)]
mod tests;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call_log::noted;
use crate::registry::secret;
use crate::script::{Fault, Step, act_out};
use crate::{Dialect, KeyPermission, Sandbox, Shop};

pub(crate) fn scope() -> Scope {
    web::scope("/woocommerce/{shop}")
        .route("/wp-json/wc/v3/system_status", web::get().to(system_status))
        .route("/wp-json/wc/v3/orders", web::get().to(orders))
        .route("/wc-auth/v1/authorize", web::get().to(push::page))
        .route("/wc-auth/v1/authorize", web::post().to(push::decide))
        .default_service(web::to(no_route))
}

async fn system_status(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Woocommerce, &shop, Step::Probe);
    act_out(fault, |fault| {
        if let Err(refusal) = authorize(&sandbox, &shop, &request, fault) {
            return refusal;
        }
        let host = request.connection_info().host().to_owned();
        let shop = Fault::answering(fault, &shop);
        let url = format!("http://{host}/woocommerce/{shop}");
        let status = json!({
            "environment": {"home_url": url, "site_url": url, "version": "9.8.1"},
            "settings": {"currency": "USD"},
        });
        noted(
            HttpResponse::Ok().json(pick_fields(&request, status)),
            "status told",
        )
    })
    .await
}

async fn orders(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Woocommerce, &shop, Step::Probe);
    act_out(fault, |fault| {
        if let Err(refusal) = authorize(&sandbox, &shop, &request, fault) {
            return refusal;
        }
        let order = json!({"id": 1, "status": "completed"});
        let list = json!([pick_fields(&request, order)]);
        noted(HttpResponse::Ok().json(list), "orders told")
    })
    .await
}

/// A key as it came with the call.
#[derive(Deserialize)]
struct Presented {
    #[serde(rename = "consumer_key")]
    key: String,
    #[serde(rename = "consumer_secret", deserialize_with = "secret")]
    secret: SecretString,
}

fn authorize(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    fault: Option<&Fault>,
) -> Result<(), HttpResponse> {
    let state = sandbox.state();
    let stripped = state.shops_without_authorization.contains(shop);
    let basic = if stripped {
        None
    } else {
        basic_credentials(request)
    };
    let in_query = || {
        let presented = web::Query::<Presented>::from_query(request.query_string());
        presented.ok().map(web::Query::into_inner)
    };
    let Some(presented) = basic.or_else(in_query) else {
        return Err(failure(
            StatusCode::UNAUTHORIZED,
            "woocommerce_rest_cannot_view",
            "Sorry, you cannot list resources.",
            "refused: anonymous",
        ));
    };
    let known = state
        .registry
        .find_key(shop, &presented.key)
        .filter(|_| fault != Some(&Fault::Deny));
    let Some(known) = known else {
        return Err(not_authenticated(
            "Consumer key is invalid.",
            "refused: key",
        ));
    };
    if known.secret.expose_secret() != presented.secret.expose_secret() {
        return Err(not_authenticated(
            "Consumer secret is invalid.",
            "refused: secret",
        ));
    }
    if known.permission == KeyPermission::Write {
        return Err(not_authenticated(
            "The API key provided does not have read permissions.",
            "refused: the key may not read",
        ));
    }
    let is_weak = known.permission == KeyPermission::WeakUser;
    let status = match fault {
        Some(Fault::OkWithError) => StatusCode::OK,
        Some(Fault::FewerScopes(_)) => StatusCode::FORBIDDEN,
        _ if is_weak => StatusCode::FORBIDDEN,
        _ => return Ok(()),
    };
    Err(failure(
        status,
        "woocommerce_rest_cannot_view",
        "Sorry, you cannot list resources.",
        "refused: the user may not view",
    ))
}

/// What does not parse is no credential at all, as PHP has it.
fn basic_credentials(request: &HttpRequest) -> Option<Presented> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let decoded = BASE64_STANDARD
        .decode(header.strip_prefix("Basic ")?)
        .ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    let (key, secret) = pair.split_once(':')?;
    Some(Presented {
        key: key.to_owned(),
        secret: secret.into(),
    })
}

/// Leaves of an object what `_fields` names, and all of it if there is no `_fields`.
fn pick_fields(request: &HttpRequest, mut object: Value) -> Value {
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let wanted = query.into_iter().find(|(key, _)| key == "_fields");
    if let (Some((_, wanted)), Some(fields)) = (wanted, object.as_object_mut()) {
        fields.retain(|name, _| wanted.split(',').any(|field| field == name));
    }
    object
}

async fn no_route() -> HttpResponse {
    failure(
        StatusCode::NOT_FOUND,
        "rest_no_route",
        "No route was found matching the URL and request method.",
        "refused: no such route",
    )
}

fn not_authenticated(message: &str, outcome: &'static str) -> HttpResponse {
    let code = "woocommerce_rest_authentication_error";
    failure(StatusCode::UNAUTHORIZED, code, message, outcome)
}

fn failure(status: StatusCode, code: &str, message: &str, outcome: &'static str) -> HttpResponse {
    let body = json!({"code": code, "message": message, "data": {"status": status.as_u16()}});
    noted(HttpResponse::build(status).json(body), outcome)
}

//! Giving a token up, with the refresh token that came with it:
//! <https://developers.cafe24.com/docs-new/en/docs/guide/oauth2-authentication>.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;
use serde_json::json;
use url::form_urlencoded;

use super::{BAD_PARAMETERS, authenticate, failure, refuse_call};
use crate::call_log::noted;
use crate::script::{Fault, Step, act_out};
use crate::{Dialect, Sandbox, Shop};

pub(super) async fn revoke(
    sandbox: web::Data<Sandbox>,
    mall: web::Path<Shop>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Cafe24, &mall, Step::Revoke);
    act_out(fault, |fault| {
        answer(&sandbox, &mall, &request, &body, fault)
    })
    .await
}

fn answer(
    sandbox: &Sandbox,
    mall: &Shop,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<&Fault>,
) -> HttpResponse {
    let Some(app) = authenticate(sandbox, request) else {
        return failure(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Invalid client_secret",
            "refused: client id or secret",
        );
    };
    let form: HashMap<_, _> = form_urlencoded::parse(body).collect();
    let (Some(token), true) = (form.get("token"), form.contains_key("token_hint")) else {
        return refuse_call(BAD_PARAMETERS, "refused: body");
    };
    match fault {
        Some(Fault::Deny) => return refuse_call(BAD_PARAMETERS, "scripted: deny"),
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
    let mut state = sandbox.state();
    let installation = state
        .registry
        .find_installation(Dialect::Cafe24, mall, &app.client_id);
    let found = installation.and_then(|installation| {
        let tokens = &installation.tokens;
        let place = tokens
            .iter()
            .position(|known| known.value.expose_secret() == token.as_ref())?;
        Some((installation, place))
    });
    let Some((installation, place)) = found else {
        return noted(HttpResponse::Ok().json(json!({})), "nothing to revoke");
    };
    // The refresh token came with the newest access token.
    if place + 1 == installation.tokens.len() {
        installation.refresh_token = None;
    }
    installation.tokens.remove(place);
    noted(HttpResponse::Ok().json(json!({})), "token revoked")
}

//! The admin API, as far as somebody asks it whether a token works:
//! <https://developers.cafe24.com/docs/api/admin>.

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::call_log::noted;
use crate::script::{Fault, Step, act_out};
use crate::{Dialect, Sandbox, Shop};

pub(super) async fn apps(
    sandbox: web::Data<Sandbox>,
    mall: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Cafe24, &mall, Step::Probe);
    act_out(fault, |fault| answer(&sandbox, &mall, &request, fault)).await
}

fn answer(
    sandbox: &Sandbox,
    mall: &Shop,
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
    let registry = &state.registry;
    let Some(scopes) = registry.find_token_scopes(Dialect::Cafe24, mall, token, now) else {
        // The page has this sentence for every call after an app was removed.
        if !registry.has_installations(Dialect::Cafe24, mall) {
            let message = "This app has been deleted. Please accept the operator's consent again.";
            return refuse(StatusCode::FORBIDDEN, message, "refused: app deleted");
        }
        return refuse(
            StatusCode::UNAUTHORIZED,
            "Invalid access_token",
            "refused: token",
        );
    };
    let scopes = Fault::narrow(fault, scopes);
    if !scopes.iter().any(|scope| scope == "mall.read_application") {
        return refuse(
            StatusCode::FORBIDDEN,
            "Insufficient scope: mall.read_application",
            "refused: scope",
        );
    }
    noted(
        HttpResponse::Ok().json(json!({"apps": [{"app_name": "Shopgrant"}]})),
        "apps told",
    )
}

/// Another shape than that of the token call.
fn refuse(status: StatusCode, message: &str, outcome: &'static str) -> HttpResponse {
    let body = json!({"error": {"code": status.as_u16(), "message": message, "more_info": {}}});
    noted(HttpResponse::build(status).json(body), outcome)
}

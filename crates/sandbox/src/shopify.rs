//! SHOPIFY's Admin API, as a shop's own custom app sees it.
//!
//! <https://shopify.dev/docs/api/admin-rest/latest/resources/shop> and
//! <https://shopify.dev/docs/api/admin-graphql/latest/queries/shop>.

#[cfg(test)]
mod tests;

use actix_web::{HttpRequest, HttpResponse, Scope, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call_log::noted;
use crate::script::{Fault, Step, act_out};
use crate::{Dialect, Sandbox, Shop};

pub(crate) fn scope() -> Scope {
    web::scope("/shopify/{shop}")
        .route(
            "/admin/api/{version}/shop.json",
            web::get().to(shop_resource),
        )
        .route("/admin/api/{version}/graphql.json", web::post().to(graphql))
        .route(
            "/admin/oauth/access_scopes.json",
            web::get().to(access_scopes),
        )
}

async fn shop_resource(
    sandbox: web::Data<Sandbox>,
    path: web::Path<(Shop, String)>,
    request: HttpRequest,
) -> HttpResponse {
    let (shop, version) = path.into_inner();
    if !is_version(&version) {
        return unknown_version();
    }
    let fault = sandbox.take_fault(Dialect::Shopify, &shop, Step::Probe);
    act_out(fault, |fault| {
        if let Err(refusal) = authenticate(&sandbox, &shop, &request, fault) {
            return refusal;
        }
        if fault == Some(&Fault::OkWithError) {
            let body = json!({"errors": "Internal Server Error"});
            return noted(HttpResponse::Ok().json(body), "scripted: ok_with_error");
        }
        let shop = Fault::answering(fault, &shop);
        let domain = format!("{shop}.myshopify.com");
        let body = json!({"shop": {
            "id": shop.id(),
            "name": shop.name(),
            "domain": domain,
            "myshopify_domain": domain,
        }});
        noted(HttpResponse::Ok().json(body), "shop told")
    })
    .await
}

async fn graphql(
    sandbox: web::Data<Sandbox>,
    path: web::Path<(Shop, String)>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    #[derive(Deserialize)]
    struct GraphqlRequest {
        query: String,
    }

    let (shop, version) = path.into_inner();
    if !is_version(&version) {
        return unknown_version();
    }
    let fault = sandbox.take_fault(Dialect::Shopify, &shop, Step::Probe);
    act_out(fault, |fault| {
        if let Err(refusal) = authenticate(&sandbox, &shop, &request, fault) {
            return refusal;
        }
        if fault == Some(&Fault::OkWithError) {
            let body = json!({"errors": [{
                "message": "Access denied for shop field.",
                "extensions": {"code": "ACCESS_DENIED"},
            }]});
            return noted(HttpResponse::Ok().json(body), "scripted: ok_with_error");
        }
        let Ok(GraphqlRequest { query }) = serde_json::from_slice(&body) else {
            let body = json!({"errors": {"query": "Required parameter missing or invalid"}});
            return noted(HttpResponse::BadRequest().json(body), "refused: body");
        };
        match select(&query, Fault::answering(fault, &shop)) {
            Ok(fields) => noted(
                HttpResponse::Ok().json(json!({"data": {"shop": fields}})),
                "shop told",
            ),
            Err(message) => noted(
                HttpResponse::Ok().json(json!({"errors": [{"message": message}]})),
                "refused: query",
            ),
        }
    })
    .await
}

/// The fields that `{ shop { … } }` asks for, in that order; no other query is understood.
fn select(query: &str, shop: &Shop) -> Result<Map<String, Value>, String> {
    let spaced = query.replace('{', " { ").replace('}', " } ");
    let mut words = spaced.split_whitespace().peekable();
    if words.peek() == Some(&"query") {
        words.next();
        words.next_if(|word| *word != "{");
    }
    let words: Vec<&str> = words.collect();
    let ["{", "shop", "{", fields @ .., "}", "}"] = words.as_slice() else {
        return Err(String::from("syntax error"));
    };
    let mut selected = Map::new();
    for field in fields {
        let value = match *field {
            "id" => json!(format!("gid://shopify/Shop/{}", shop.id())),
            "name" => json!(shop.name()),
            "myshopifyDomain" => json!(format!("{shop}.myshopify.com")),
            unknown => return Err(format!("Field '{unknown}' doesn't exist on type 'Shop'")),
        };
        selected.insert((*field).to_owned(), value);
    }
    if selected.is_empty() {
        return Err(String::from("Field must have selections"));
    }
    Ok(selected)
}

async fn access_scopes(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = sandbox.take_fault(Dialect::Shopify, &shop, Step::Probe);
    act_out(fault, |fault| {
        let scopes = match authenticate(&sandbox, &shop, &request, fault) {
            Ok(scopes) => Fault::narrow(fault, &scopes),
            Err(refusal) => return refusal,
        };
        if fault == Some(&Fault::OkWithError) {
            let body = json!({"errors": "Internal Server Error"});
            return noted(HttpResponse::Ok().json(body), "scripted: ok_with_error");
        }
        let scopes: Vec<Value> = scopes
            .iter()
            .map(|scope| json!({"handle": scope}))
            .collect();
        noted(
            HttpResponse::Ok().json(json!({"access_scopes": scopes})),
            "scopes told",
        )
    })
    .await
}

fn authenticate(
    sandbox: &Sandbox,
    shop: &Shop,
    request: &HttpRequest,
    fault: Option<&Fault>,
) -> Result<Vec<String>, HttpResponse> {
    let token = request
        .headers()
        .get("X-Shopify-Access-Token")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let now = sandbox.now();
    let state = sandbox.state();
    state
        .registry
        .find_token_scopes(Dialect::Shopify, shop, token, now)
        .filter(|_| fault != Some(&Fault::Deny))
        .map(<[String]>::to_vec)
        .ok_or_else(|| {
            let body = json!({"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"});
            noted(HttpResponse::Unauthorized().json(body), "refused: token")
        })
}

/// Versions appear each quarter: <https://shopify.dev/docs/api/usage/versioning>.
fn is_version(version: &str) -> bool {
    match version.split_once('-') {
        Some((year, month)) => {
            year.len() == 4
                && year.bytes().all(|b| b.is_ascii_digit())
                && ["01", "04", "07", "10"].contains(&month)
        }
        None => version == "unstable",
    }
}

fn unknown_version() -> HttpResponse {
    let body = json!({"errors": "Not Found"});
    noted(
        HttpResponse::NotFound().json(body),
        "refused: unknown API version",
    )
}

//! The OpenAPI document.

use actix_web::App;
use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{IntoParams, OpenApi as _};
use utoipa_actix_web::AppExt;

use crate::app::routes;
use crate::code::{Code, table_markdown};
use crate::schema::SignedHeaders;

const TOKEN_CALL: &str = "/v1/token/get";

/// What begins so is for platforms and sellers' browsers, and no call of an institution.
const FOR_OTHERS: [&str; 2] = ["/v1/auth/", "/go/"];

/// The codes that any call can end with before it is understood.
const REFUSALS: [Code; 5] = [
    Code::Unauthorized,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
    Code::TooManyRequests,
    Code::SystemError,
];

const INTRODUCTION: &str = include_str!("openapi/introduction.md");

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Shopgrant"),
    tags(
        (name = "token", description = "Access tokens"),
        (name = "client", description = "The institution's sellers"),
        (name = "store", description = "The sellers' shops and their authorization"),
        (name = "credential", description = "Access tokens of the platforms, for who may have them"),
        (name = "platform", description = "What the store platforms take"),
        (name = "event", description = "What happened, as a feed"),
        (name = "webhook", description = "Where events are posted to"),
        (name = "page", description = "For a seller's browser"),
        (name = "platform event", description = "For the store platforms"),
        (name = "machine", description = "For supervisors and load balancers"),
    ),
)]
struct Frame;

/// The whole document, of which the server sends a copy as `/openapi.json`.
pub fn openapi() -> OpenApi {
    let mut frame = Frame::openapi();
    frame.info.description = Some(description());
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(frame)
        .configure(routes::describe)
        .split_for_parts();
    for (path, item) in &mut document.paths.paths {
        if let Some(call) = &mut item.post
            && !is_for_others(path)
        {
            complete(path, call);
        }
    }
    document
        .components
        .get_or_insert_with(Components::new)
        .add_security_scheme(
            "token",
            SecurityScheme::ApiKey(ApiKey::Header(token_header())),
        );
    document
}

fn is_for_others(path: &str) -> bool {
    FOR_OTHERS.iter().any(|others| path.starts_with(others))
}

fn description() -> String {
    format!("{INTRODUCTION}\n## Codes\n\n{}", table_markdown())
}

/// What is true of every call, and so written on none.
fn complete(path: &str, call: &mut Operation) {
    if let Some(id) = &mut call.operation_id
        && path.starts_with("/v1/mid-open-api/")
    {
        id.insert_str(0, "mid_open_api_");
    }
    for code in REFUSALS {
        call.responses
            .responses
            .insert(code.status().as_str().to_owned(), RefOr::T(refusal(code)));
    }
    if path == TOKEN_CALL {
        return;
    }
    call.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(
        "token",
        [],
    )]);
    let parameters = call.parameters.get_or_insert_default();
    let signed = SignedHeaders::into_params(|| Some(ParameterIn::Header));
    parameters.splice(0..0, signed.into_iter().map(RefOr::T));
}

fn refusal(code: Code) -> Response {
    let schema = Ref::from_schema_name("Failure");
    let content = ContentBuilder::new()
        .schema(Some(schema))
        .example(Some(json!({
            "code": code.number(),
            "message": code.message(),
            "data": null,
        })));
    let mut response = ResponseBuilder::new()
        .description(code.docs())
        .content("application/json", content.build());
    if code == Code::TooManyRequests {
        let seconds = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1));
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("Seconds until the call can succeed"));
        response = response.header("Retry-After", header.build());
    }
    response.build()
}

fn token_header() -> ApiKeyValue {
    ApiKeyValue::with_description(
        "Authorization",
        "The access token, alone or after `Bearer`. Covered by the signature as it is sent.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use actix_web::http::header::HeaderMap;
    use base64::prelude::{BASE64_STANDARD, Engine};
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;
    use url::Url;

    use super::*;
    use crate::signature::{self, SignedRequest};

    fn calls(document: &OpenApi) -> BTreeMap<&str, &Operation> {
        let items = document.paths.paths.iter();
        items
            .filter(|(path, _)| !is_for_others(path))
            .filter_map(|(path, item)| Some((path.as_str(), item.post.as_ref()?)))
            .collect()
    }

    #[test]
    fn the_committed_document_is_this_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let document = openapi().to_pretty_json().unwrap() + "\n";
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            fs::write(&path, &document).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == document,
            "the API has changed; see what with \
             UPDATE_OPENAPI=1 cargo test -p server openapi && git diff docs/openapi.json"
        );
    }

    #[test]
    fn the_calls_are_these() {
        let document = openapi();
        let paths: Vec<_> = calls(&document).into_keys().collect();
        assert_eq!(
            paths,
            [
                "/v1/client/register",
                "/v1/credential/get",
                "/v1/event/list",
                "/v1/mid-open-api/merchant/store/auth",
                "/v1/mid-open-api/merchant/store/create",
                "/v1/mid-open-api/merchant/store/query",
                "/v1/mid-open-api/merchant/store/unbind",
                "/v1/mid-open-api/merchant/store/update",
                "/v1/platform/list",
                "/v1/store/auth",
                "/v1/store/create",
                "/v1/store/list",
                "/v1/store/query",
                "/v1/store/scopes",
                "/v1/store/session",
                "/v1/store/unbind",
                "/v1/store/update",
                "/v1/token/get",
                "/v1/webhook/create",
                "/v1/webhook/delete",
                "/v1/webhook/list",
                "/v1/webhook/test",
            ]
        );
    }

    #[test]
    fn every_call_but_the_token_call_is_signed_and_has_a_name_of_its_own() {
        let document = openapi();
        let mut names = Vec::new();
        for (path, call) in calls(&document) {
            names.push(call.operation_id.as_deref().unwrap());
            let parameters = call.parameters.iter().flatten();
            let headers: Vec<_> = parameters
                .filter_map(|parameter| match parameter {
                    RefOr::T(parameter) => Some(parameter.name.as_str()),
                    RefOr::Ref(_) => None,
                })
                .filter(|name| *name != "Idempotency-Key")
                .collect();
            let expected: &[&str] = match path {
                TOKEN_CALL => &[],
                _ => &["Content-Digest", "Signature-Input", "Signature"],
            };
            assert_eq!(headers, expected, "{path}");
            assert_eq!(call.security.is_some(), path != TOKEN_CALL, "{path}");
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// The lines of the fenced block that starts with these words.
    fn block(start: &str) -> Vec<&'static str> {
        let blocks = INTRODUCTION.split("```").skip(1).step_by(2);
        let mut blocks = blocks
            .map(str::trim)
            .filter(|block| block.starts_with(start));
        let block = blocks.next().unwrap();
        assert_eq!(blocks.next(), None);
        block.lines().collect()
    }

    #[test]
    fn the_worked_example_can_be_checked() {
        let request = block("POST ");
        let mut headers = HeaderMap::new();
        for line in &request[1..request.len() - 2] {
            let (name, value) = line.split_once(": ").unwrap();
            headers.insert(name.parse().unwrap(), value.parse().unwrap());
        }
        let signed = SignedRequest {
            method: "POST",
            path: request[0].strip_prefix("POST ").unwrap(),
            query: None,
            public_url: &Url::parse("https://shopgrant.example/").unwrap(),
            headers: &headers,
            body: request.last().unwrap().as_bytes(),
        };
        let received = signature::parse(&signed, "app_3f6b0d6c2a914e587d20c1b4").unwrap();
        let (_, secret) = INTRODUCTION.split_once("`app_secret` is `").unwrap();
        let (secret, _) = secret.split_once('`').unwrap();
        assert!(signature::verify(&received, &[secret.into()]));

        // The base is written out too, and the parameters' examples are these headers.
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        let mac = mac.chain_update(block("\"@method\"").join("\n")).finalize();
        let mac = BASE64_STANDARD.encode(mac.into_bytes());
        assert_eq!(headers.get("Signature").unwrap(), &format!("sig=:{mac}:"));
        for parameter in SignedHeaders::into_params(|| Some(ParameterIn::Header)) {
            let sent = headers.get(&parameter.name).unwrap().to_str().unwrap();
            let example = &serde_json::to_value(&parameter).unwrap()["example"];
            assert_eq!(example, sent, "{}", parameter.name);
        }
    }

    /// Nothing refers to a schema that is not there.
    #[test]
    fn references_lead_somewhere() {
        let document = serde_json::to_value(openapi()).unwrap();
        let text = document.to_string();
        let mut targets: Vec<_> = text
            .split("\"$ref\":\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        targets.sort_unstable();
        targets.dedup();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(document.pointer(target).is_some(), "{target}");
        }
    }
}

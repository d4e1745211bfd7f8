//! The page of a hosted link on which the seller hands in a key, and its form.

use actix_web::{HttpRequest, HttpResponse, post, web};
use broker::{HandedIn, KeyPart, KeyProblem, OpenLink, PastedKey, WantedKey};
use secrecy::SecretString;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::callback::redirect;
use super::hosted_link::{is_from_our_page, refuse, to_the_page};
use crate::api_error::ApiError;
use crate::convert::about;
use crate::extract::{Gateway, SentForm, Visitor};
use crate::page::{self, Frame};

/// What names, in the address of the page, a text that was not taken, and why. The text itself is never sent
/// back.
const UNFIT: &str = "unfit";

/// What the form sends: the fields of `auth_info` that the platform's key has.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the form, which is read field by field"
)]
pub(crate) struct KeyForm {
    #[schema(max_length = 2048, format = "password", nullable = false)]
    token: Option<String>,
    #[schema(max_length = 2048, format = "password", nullable = false)]
    api_key: Option<String>,
    #[schema(max_length = 2048, format = "password", nullable = false)]
    api_secret: Option<String>,
}

/// The seller hands in a key
///
/// The form of the page behind a hosted link by KEY. A key that cannot be one is not taken, and the page says why;
/// any other goes the way of a key that came with the call, and the page shows what came of it.
#[utoipa::path(
    tag = "page",
    operation_id = "hand_in_key",
    params(("link" = String, Path, description = "What stands behind `/go/` in the `auth_url`")),
    request_body(content = KeyForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To the link's page"),
        (status = 400, description = "A page that says that the link does not work", content_type = "text/html", body = String),
    ),
)]
#[post("/go/{link}/key")]
pub(crate) async fn handed_in(
    gateway: web::Data<Gateway>,
    visitor: Visitor,
    link: web::Path<String>,
    request: HttpRequest,
    form: Result<SentForm, ApiError>,
) -> HttpResponse {
    let Ok(form) = form else {
        return page::unknown_link(&visitor.frame());
    };
    if !is_from_our_page(&gateway, &request) {
        return page::unknown_link(&visitor.frame());
    }
    let link = link.into_inner();
    match gateway
        .broker()
        .hand_in_key(&SecretString::from(link.as_str()), read_form(&form))
        .await
    {
        Ok(HandedIn::SeeLink) => to_the_page(&gateway, &link),
        Ok(HandedIn::Unfit(problems)) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (part, problem) in problems {
                query.append_pair(UNFIT, &code_of(part, problem));
            }
            let base = gateway.base_path();
            redirect(&format!("{base}/go/{link}?{}", query.finish()))
        }
        Err(refused) => refuse(&visitor, &refused),
    }
}

fn read_form(form: &SentForm) -> PastedKey {
    let value = |part: KeyPart| form.value(part.code()).map(SecretString::from);
    PastedKey {
        token: value(KeyPart::Token),
        api_key: value(KeyPart::ApiKey),
        api_secret: value(KeyPart::ApiSecret),
    }
}

fn code_of(part: KeyPart, problem: KeyProblem) -> String {
    format!("{}.{}", part.code(), problem.code())
}

/// Asks for the key; what was wrong with the one before stands in the query of the address.
pub(super) fn ask(
    frame: &Frame<'_>,
    wanted: &WantedKey,
    base: &str,
    link: &str,
    query: &str,
) -> HttpResponse {
    let open = &wanted.asked;
    let unfit: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == UNFIT)
        .map(|(_, code)| code)
        .collect();
    let problem_of = |part| {
        let mut all = KeyProblem::ALL.into_iter();
        all.find(|problem| unfit.iter().any(|code| *code == code_of(part, *problem)))
    };
    let fields = wanted.guide.fields.iter().map(|field| page::AskedText {
        id: field.part.code(),
        name: field.name,
        begins_with: field.begins_with,
        problem: problem_of(field.part),
    });
    let continue_at = format!("{base}/go/{link}/continue");
    // In another language the page says the same.
    let mut told = form_urlencoded::Serializer::new(String::new());
    for field in wanted.guide.fields {
        if let Some(problem) = problem_of(field.part) {
            told.append_pair(UNFIT, &code_of(field.part, problem));
        }
    }
    let told = told.finish();
    let switch_at = frame.switch_at.filter(|_| !told.is_empty());
    let switch_at = switch_at.map(|address| format!("{address}?{told}"));
    let frame = Frame {
        switch_at: switch_at.as_deref().or(frame.switch_at),
        ..*frame
    };
    page::key_form(
        &about(frame, &open.institution, &open.reference.to_string()),
        &page::KeyForm {
            asked: page::KeyAsked {
                platform: open.platform_name,
                institution: &open.institution.name,
                client: &open.client,
                store: &open.store,
                store_url: &open.store_url,
                shop: open.shop.as_deref(),
            },
            scopes: &open.scopes,
            open_until: open.open_until,
            open_for: open.open_for,
            place: wanted.guide.place,
            permission: wanted.guide.permission,
            fields: &fields.collect::<Vec<_>>(),
            connect_at: wanted.shop_sends.then_some(continue_at.as_str()),
            send_to: &format!("{base}/go/{link}/key"),
            decline_at: &format!("{base}/go/{link}/decline"),
        },
    )
}

/// Says that the key is being proven.
pub(super) fn wait(frame: &Frame<'_>, open: &OpenLink, base: &str, link: &str) -> HttpResponse {
    let reference = open.reference.to_string();
    page::key_in_hand(
        &about(*frame, &open.institution, &reference),
        open.platform_name,
        &format!("{base}/go/{link}"),
    )
}

//! A seller's browser, and the language it is answered in.

use std::future::{Ready, ready};

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use url::form_urlencoded;

use super::Gateway;
use crate::language::Language;
use crate::page::{self, Frame};
use crate::request_id::RequestId;

/// How long a browser remembers the language that its user chose: longer than any link is good for.
const CHOICE_IS_KEPT: CookieAge = CookieAge::days(30);

/// Pages below have a switch of languages. Elsewhere a query is a platform's, who signed it.
const OURS: &str = "/go/";

/// A seller's browser that does not come too often.
pub(crate) struct Visitor {
    /// By the switch, just now or on an earlier page.
    chosen: Option<Language>,
    accepted: Option<Language>,
    base_path: String,
    /// By which support finds this visit, where it is about no attempt.
    request_id: String,
    switch_at: Option<String>,
    /// What makes the browser remember what was chosen just now.
    cookie: Option<Cookie<'static>>,
    is_https: bool,
}

impl Visitor {
    /// What is around a page in the visitor's language.
    pub(crate) fn frame(&self) -> Frame<'_> {
        self.frame_from(None)
    }

    /// The same for a visitor whose platform named a language, which counts more than what the browser asks
    /// for with every page, and less than what the visitor has chosen here.
    pub(crate) fn frame_from(&self, platforms_language: Option<&str>) -> Frame<'_> {
        let named = || platforms_language.and_then(Language::of_tags);
        let language = self.chosen.or_else(named).or(self.accepted);
        Frame {
            language: language.unwrap_or(Language::English),
            base_path: &self.base_path,
            switch_at: self.switch_at.as_deref(),
            chosen: self.cookie.as_ref(),
            brand: None,
            reference: Some(&self.request_id),
        }
    }

    /// What makes the browser remember the language that a platform named, so that pages which the platform leads
    /// to without naming it are in it too; `None` where the visitor has chosen one.
    pub(crate) fn platforms_choice(&self, named: Option<&str>) -> Option<Cookie<'static>> {
        let language = named.and_then(Language::of_tags)?;
        let is_free = self.chosen.is_none();
        is_free.then(|| language_cookie(self.is_https, language))
    }

    fn of(gateway: &Gateway, request: &HttpRequest, request_id: String) -> Self {
        let is_ours = request.path().starts_with(OURS);
        let asked = request.uri().query().filter(|_| is_ours).and_then(|query| {
            form_urlencoded::parse(query.as_bytes())
                .find_map(|(name, value)| (name == "lang").then(|| Language::of_tags(&value))?)
        });
        let remembered = request.cookie(cookie_name(gateway.is_https()));
        let remembered = remembered.and_then(|cookie| Language::of_tags(cookie.value()));
        let cookie = asked.filter(|asked| remembered != Some(*asked));
        Self {
            chosen: asked.or(remembered),
            accepted: Language::accepted_by(request),
            base_path: gateway.base_path().to_owned(),
            request_id,
            switch_at: is_ours.then(|| switch_at(gateway, request)),
            cookie: cookie.map(|language| language_cookie(gateway.is_https(), language)),
            is_https: gateway.is_https(),
        }
    }
}

impl FromRequest for Visitor {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request_id = match RequestId::from_request(request, payload).into_inner() {
            Ok(request_id) => request_id.id,
            Err(error) => return ready(Err(error.into())),
        };
        let gateway = match Gateway::of(request) {
            Ok(gateway) => gateway,
            Err(error) => return ready(Err(error.into())),
        };
        let visitor = Self::of(&gateway, request, request_id);
        ready(match gateway.limit_address(request) {
            Ok(()) => Ok(visitor),
            Err(wait) => {
                let page = page::busy(&visitor.frame(), wait);
                Err(InternalError::from_response("too many requests", page).into())
            }
        })
    }
}

/// The page itself, or the one that its form was on: a form cannot be asked for by a link.
fn switch_at(gateway: &Gateway, request: &HttpRequest) -> String {
    let path = request.path();
    let is_looked_at = matches!(*request.method(), Method::GET | Method::HEAD);
    let end = path[OURS.len()..].find('/').filter(|_| !is_looked_at);
    let end = end.map_or(path.len(), |end| OURS.len() + end);
    format!("{}{}", gateway.base_path(), &path[..end])
}

fn language_cookie(is_https: bool, language: Language) -> Cookie<'static> {
    Cookie::build(cookie_name(is_https), language.tag())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_https)
        .max_age(CHOICE_IS_KEPT)
        .finish()
}

/// With the prefix, a browser takes the cookie from this very host alone, and over https.
const fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-lang" } else { "lang" }
}

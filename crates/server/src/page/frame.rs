//! What all pages have in common, around what each of them says.

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, ContentType, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use base64::prelude::{BASE64_STANDARD, Engine};
use domain::Colour;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::name::{clean, name};
use super::style::{SHEET_NAME, rule_of, source_of};
use crate::language::{Language, Message, Slot};

/// For a page that sends nothing.
const NO_FORM: &str = "; form-action 'none'";

/// For a page with a form. Browsers hold a form to `form-action` through every redirect that follows it, and
/// where a platform sends a seller to sign in, or an institution a seller who is back, is theirs to say: so it is
/// not named, and what keeps the form our own is that no text from outside gets onto the page unescaped.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/form-action>
const ANY_FORM: &str = "";

/// What is around a page.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub language: Language,
    /// What stands before our paths in the browser's eyes, without a slash at its end.
    pub base_path: &'a str,
    /// Where the page is found in another language, by a GET with `lang` in the query; `None` where it cannot be asked
    /// for once more.
    pub switch_at: Option<&'a str>,
    /// What the browser is to remember, because the seller has just chosen a language.
    pub chosen: Option<&'a Cookie<'static>>,
    /// Whose page it is, where that is known and may be shown.
    pub brand: Option<Brand<'a>>,
    /// By which support finds what the page is about.
    pub reference: Option<&'a str>,
}

/// How an institution shows itself to sellers, as its operator has set it.
#[derive(Clone, Copy)]
pub(crate) struct Brand<'a> {
    /// The institution's name.
    pub name: &'a str,
    pub colour: Option<Colour>,
    pub logo: Option<Logo<'a>>,
}

/// A picture that travels inside of the page, so it must be small.
#[derive(Clone, Copy)]
pub(crate) struct Logo<'a> {
    /// Such as `image/png`.
    pub media_type: &'a str,
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// A message in the page's language.
    pub(crate) fn say<const N: usize>(
        &self,
        message: Message,
        slots: [(&'static str, Slot<'_>); N],
    ) -> Markup {
        self.language.say(message, slots)
    }

    /// A page without a form.
    pub(crate) fn respond(
        &self,
        status: StatusCode,
        title: &Markup,
        content: &Markup,
    ) -> HttpResponse {
        self.answer(NO_FORM, status, title, content)
    }

    /// A page with a form that goes to us.
    pub(crate) fn respond_with_form(
        &self,
        status: StatusCode,
        title: &Markup,
        content: &Markup,
    ) -> HttpResponse {
        let mut page = self.answer(ANY_FORM, status, title, content);
        // Told nothing of where they come from, forms would not say that either, and could not be told from a
        // stranger's: https://fetch.spec.whatwg.org/#append-a-request-origin-header
        let headers = page.headers_mut();
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        page
    }

    fn answer(
        &self,
        form_action: &str,
        status: StatusCode,
        title: &Markup,
        content: &Markup,
    ) -> HttpResponse {
        let own_style = self.brand.and_then(|brand| brand.colour).map(rule_of);
        let mut styles = "'self'".to_owned();
        if let Some(style) = &own_style {
            styles.push(' ');
            styles.push_str(&source_of(style));
        }
        let policy = format!(
            "default-src 'none'; style-src {styles}; img-src data:; base-uri 'none'; \
             frame-ancestors 'none'{form_action}"
        );
        let page = self.page(own_style.as_deref(), title, content);
        let mut response = HttpResponse::build(status);
        if let Some(cookie) = self.chosen {
            response.cookie(cookie.clone());
        }
        response
            .content_type(ContentType::html())
            .insert_header((CONTENT_LANGUAGE, self.language.tag()))
            .insert_header((CONTENT_SECURITY_POLICY, policy))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((X_FRAME_OPTIONS, "DENY"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(page.into_string())
    }

    fn page(&self, own_style: Option<&str>, title: &Markup, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang=(self.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) }
                    // Nothing, so that no browser asks for one on its own account.
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href={ (self.base_path) "/assets/" (*SHEET_NAME) };
                    @if let Some(style) = own_style { style { (PreEscaped(style)) } }
                }
                body {
                    @if let Some(brand) = &self.brand { header { (mark(brand)) } }
                    main {
                        h1 { (title) }
                        (content)
                    }
                    (self.foot())
                }
            }
        }
    }

    fn foot(&self) -> Markup {
        html! {
            @if self.reference.is_some() || self.switch_at.is_some() {
                footer {
                    @if let Some(reference) = self.reference {
                        p {
                            (self.say(Message::Reference, [
                                ("reference", Slot::Element(html! { code { (clean(reference)) } })),
                            ]))
                        }
                    }
                    @if let Some(address) = self.switch_at { (self.switch(address)) }
                }
            }
        }
    }

    fn switch(&self, address: &str) -> Markup {
        let joint = if address.contains('?') { '&' } else { '?' };
        html! {
            nav aria-label=(self.say(Message::Languages, [])) {
                ul {
                    @for language in Language::ALL {
                        @let tag = language.tag();
                        li {
                            @if language == self.language {
                                span lang=(tag) aria-current="true" { (language.own_name()) }
                            } @else {
                                a href={ (address) (joint) "lang=" (tag) } lang=(tag) hreflang=(tag) { (language.own_name()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The name stands beside the picture, which therefore says nothing of its own.
fn mark(brand: &Brand<'_>) -> Markup {
    html! {
        @if let Some(logo) = brand.logo {
            img alt="" src={ "data:" (logo.media_type) ";base64," (BASE64_STANDARD.encode(logo.bytes)) };
        }
        (name(brand.name))
    }
}

//! The page on which a seller allows or refuses an app.

mod page;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use maud::Markup;
use url::form_urlencoded;

use crate::call_log::noted;
use crate::redirect::Redirect;
use crate::registry::Code;
use crate::script::{Fault, Step, act_out};
use crate::{AppRegistration, Dialect, Sandbox, Shop};

pub(crate) use page::{document, hash_route};

/// The URL that a browser ends up at when it opens an authorize URL.
///
/// SHOPLINE's authorize URL carries its query behind a `#`, which no browser
/// sends: the page there reads it with a script and goes on to
/// `…/admin/oauth-web/consent?…`. Whoever plays the seller without a browser
/// maps the URL with this function. Other dialects' URLs are what they are.
/// `None`: no platform would have a page there.
///
/// The seller's part is then a GET of this URL, and a POST of
/// `decision=approve` or `decision=deny` as a form to the same URL; the
/// answer's `Location` is the callback.
pub fn consent_url(auth_url: &str) -> Option<String> {
    if !auth_url.starts_with("http://") && !auth_url.starts_with("https://") {
        return None;
    }
    let Some((page, fragment)) = auth_url.split_once('#') else {
        return Some(auth_url.to_owned());
    };
    let page = page.strip_suffix('/').unwrap_or(page);
    if !page.ends_with("/admin/oauth-web") {
        return None;
    }
    let query = fragment.strip_prefix("/oauth/authorize?")?;
    Some(format!("{page}/consent?{query}"))
}

/// What the platform calls the parameters of its authorize URL.
pub(crate) struct ConsentWords {
    pub(crate) dialect: Dialect,
    pub(crate) client_id: &'static str,
    pub(crate) redirect_uri: &'static str,
    pub(crate) state: &'static str,
    /// The parameter that must say `code`.
    pub(crate) grant: &'static str,
}

/// Shows the page, or why there is none; it never redirects.
pub(crate) fn show(
    sandbox: &Sandbox,
    words: &ConsentWords,
    shop: &Shop,
    query: &str,
) -> HttpResponse {
    match ConsentRequest::read(sandbox, words, shop, query) {
        Ok(request) => html(
            HttpResponse::Ok(),
            &page::consent(&request),
            "consent page shown",
        ),
        Err(refusal) => refusal.page(),
    }
}

/// Takes the seller's decision and sends the browser back to the app.
pub(crate) async fn decide(
    sandbox: &Sandbox,
    words: &ConsentWords,
    shop: &Shop,
    query: &str,
    form: &[u8],
) -> HttpResponse {
    let request = match ConsentRequest::read(sandbox, words, shop, query) {
        Ok(request) => request,
        Err(refusal) => return refusal.page(),
    };
    let decision = form_urlencoded::parse(form).find(|(key, _)| key == "decision");
    let approved = match decision.as_ref().map(|(_, value)| value.as_ref()) {
        Some("approve") => true,
        Some("deny") => false,
        _ => return Refusal("The form must say decision=approve or decision=deny.").page(),
    };
    let fault = sandbox.take_fault(words.dialect, shop, Step::Consent);
    act_out(fault, |fault| request.settle(sandbox, approved, fault)).await
}

/// An authorize URL that the platform accepts.
struct ConsentRequest {
    app: AppRegistration,
    shop: Shop,
    scopes: Vec<String>,
    redirect_uri: String,
    state: Option<String>,
}

impl ConsentRequest {
    fn read(
        sandbox: &Sandbox,
        words: &ConsentWords,
        shop: &Shop,
        query: &str,
    ) -> Result<Self, Refusal> {
        let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let mut keys: Vec<_> = parameters.iter().map(|(key, _)| key).collect();
        keys.sort();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal("A parameter occurs twice."));
        }
        let find = |name: &str| {
            let (_, value) = parameters.iter().find(|(key, _)| key == name)?;
            Some(value.as_ref())
        };
        let app = find(words.client_id)
            .and_then(|id| {
                sandbox
                    .state()
                    .registry
                    .find_app(words.dialect, id)
                    .cloned()
            })
            .ok_or(Refusal("The app is unknown."))?;
        let redirect_uri = find(words.redirect_uri).unwrap_or_default();
        if !app.allows(redirect_uri) {
            return Err(Refusal(
                "REDIRECT_URI_NOT_WHITELISTED: the app may not send you there.",
            ));
        }
        if find(words.grant) != Some("code") {
            return Err(Refusal("The kind of grant is not supported."));
        }
        let scopes: Vec<_> = find("scope").unwrap_or_default().split(',').collect();
        if scopes.iter().any(|scope| !is_scope(scope)) {
            return Err(Refusal("The scopes must be names, separated by commas."));
        }
        Ok(ConsentRequest {
            app,
            shop: shop.clone(),
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            redirect_uri: redirect_uri.to_owned(),
            state: find(words.state).map(str::to_owned),
        })
    }

    fn settle(&self, sandbox: &Sandbox, approved: bool, fault: Option<&Fault>) -> HttpResponse {
        let approved = approved && fault != Some(&Fault::Deny);
        let now = sandbox.now();
        let code = approved.then(|| {
            let value = sandbox.random_hex::<16>();
            let code = Code {
                dialect: self.app.dialect,
                client_id: self.app.client_id.clone(),
                asked_at: self.shop.clone(),
                shop: Fault::answering(fault, &self.shop).clone(),
                scopes: Fault::narrow(fault, &self.scopes),
                issued_at: now,
                used: fault == Some(&Fault::CodeAlreadyUsed),
            };
            sandbox.state().registry.insert_code(value.clone(), code);
            value
        });
        let named = match fault {
            Some(Fault::WrongShop(other)) => other,
            _ => &self.shop,
        };
        let callback = Redirect {
            target: &self.redirect_uri,
            app: &self.app,
            shop: named,
            code: code.as_deref(),
            state: self.state.as_deref(),
            now,
        };
        let response = HttpResponse::SeeOther()
            .insert_header((LOCATION, callback.url(fault)))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish();
        noted(response, if approved { "approved" } else { "denied" })
    }
}

fn is_scope(scope: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.';
    !scope.is_empty() && scope.bytes().all(plain)
}

/// Why the platform shows an error page in place of the consent page.
pub(crate) struct Refusal(pub(crate) &'static str);

impl Refusal {
    pub(crate) fn page(&self) -> HttpResponse {
        let markup = page::refusal(self.0);
        html(
            HttpResponse::BadRequest(),
            &markup,
            "refused: consent request",
        )
    }
}

pub(crate) fn html(
    mut response: actix_web::HttpResponseBuilder,
    markup: &Markup,
    outcome: &'static str,
) -> HttpResponse {
    let response = response
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(markup.0.clone());
    noted(response, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hash_routed_urls_are_turned() {
        let base = "http://127.0.0.1:9100/shopline/demo/admin/oauth-web";
        for (auth_url, expected) in [
            (
                format!("{base}/#/oauth/authorize?appKey=a&redirectUri=https%3A%2F%2Fx"),
                Some(format!(
                    "{base}/consent?appKey=a&redirectUri=https%3A%2F%2Fx"
                )),
            ),
            (
                format!("{base}#/oauth/authorize?appKey=a"),
                Some(format!("{base}/consent?appKey=a")),
            ),
            (
                "https://demo.example/admin/oauth2/authorize?clientId=c".to_owned(),
                Some("https://demo.example/admin/oauth2/authorize?clientId=c".to_owned()),
            ),
            (format!("{base}/#/elsewhere?appKey=a"), None),
            (
                "https://demo.example/#/oauth/authorize?appKey=a".to_owned(),
                None,
            ),
            ("javascript:alert(1)".to_owned(), None),
        ] {
            assert_eq!(consent_url(&auth_url), expected, "{auth_url}");
        }
    }
}

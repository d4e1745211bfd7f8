//! The pages that a seller's browser ends on.

mod hosted_link;
mod launch;

use std::sync::LazyLock;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use base64::prelude::{BASE64_STANDARD, Engine};
use domain::FailReason;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

pub(crate) use hosted_link::{HostedLink, hosted_link, link_over, several_links};
pub(crate) use launch::{Offer, Operator, Visitor, not_theirs, nothing_waits, offer};

/// The only style there is; the policy names its hash, so that a page takes no other from anywhere.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;font:1.0625rem/1.5 system-ui,sans-serif}\
main{max-width:32rem;margin:0 auto;padding:3rem 1.25rem}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}\
p{margin:0 0 1rem;overflow-wrap:anywhere}\
button{font:inherit;padding:.6rem 1.25rem}";

/// What every page is written in.
const TEXT_LANGUAGE: &str = "en";

static POLICY: LazyLock<String> = LazyLock::new(|| policy("; form-action 'none'"));

/// For a page with a form. Browsers hold a form to `form-action` through every redirect that follows it, and
/// where a platform sends a seller to sign in, or an institution a seller who is back, is theirs to say: so it is
/// not named, and what keeps the form our own is that no text from outside gets onto the page unescaped.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/form-action>
static FORM_POLICY: LazyLock<String> = LazyLock::new(|| policy(""));

fn policy(form_action: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'{form_action}"
    )
}

/// How an authorization ended, for the seller who took part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome<'a> {
    /// The platform's name as its sellers know it.
    pub platform: &'a str,
    /// The shop's name or label, where it is known.
    pub shop: Option<&'a str>,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Authorized,
    /// It failed, and what was connected before still is.
    Kept {
        title: &'static str,
        advice: &'static str,
    },
    /// The platform has not answered yet.
    Pending,
    Failed {
        /// What happened.
        title: &'static str,
        /// Whose move it is.
        advice: &'static str,
    },
}

impl Verdict {
    /// Of an attempt beside a connection that goes on.
    pub(crate) const fn kept(reason: FailReason) -> Self {
        let (title, advice) = words(reason);
        Self::Kept { title, advice }
    }
}

impl From<FailReason> for Verdict {
    fn from(reason: FailReason) -> Self {
        let (title, advice) = words(reason);
        Self::Failed { title, advice }
    }
}

/// What happened, and whose move it is.
const fn words(reason: FailReason) -> (&'static str, &'static str) {
    match reason {
        FailReason::UserDenied => (
            "The connection was declined",
            "Nothing was shared. If that was not what you wanted, open the link again from the service that sent you here.",
        ),
        FailReason::LinkExpired => (
            "This link has expired",
            "Ask the service that sent you here for a new link, and finish on it soon after you open it.",
        ),
        FailReason::SellerMismatch => (
            "This is not the shop that was asked for",
            "Sign in to the right shop on the platform first, then open the link again from the service that sent you here.",
        ),
        FailReason::SellerAlreadyAuthorized => (
            "This shop is already connected",
            "It is connected under another store. The service that sent you here can tell you which, or connect another shop.",
        ),
        FailReason::AuthInfoInvalid => (
            "The platform did not accept the key",
            "Check the key in your shop's settings, and give it anew to the service that sent you here.",
        ),
        FailReason::ScopesInsufficient => (
            "A permission is missing",
            "Open the link again from the service that sent you here, and leave all permissions that are asked for switched on.",
        ),
        FailReason::PlatformRejected => (
            "The platform refused the connection",
            "Open the link again from the service that sent you here. If it is refused again, the platform's support can tell you why.",
        ),
        FailReason::PlatformUnreachable => (
            "The platform did not answer",
            "You did nothing wrong. Wait some minutes, then open the link again from the service that sent you here.",
        ),
        FailReason::PlatformAppMisconfigured => (
            "The connection is not set up correctly",
            "There is nothing that you can do about it. Please tell the service that sent you here, so that it gets repaired.",
        ),
        FailReason::Interrupted => (
            "The connection was interrupted",
            "You did nothing wrong. Ask the service that sent you here for a new link, and try once more.",
        ),
        FailReason::AuthExpired => (
            "The connection has expired",
            "To connect the shop again, ask the service that sent you here for a new link.",
        ),
        FailReason::AuthRevoked => (
            "The connection was withdrawn",
            "Access was taken back on the platform. To connect the shop again, ask the service that sent you here for a new link.",
        ),
        FailReason::AppUninstalled => (
            "The app was removed from the shop",
            "To connect the shop again, ask the service that sent you here for a new link.",
        ),
    }
}

/// The end of an authorization whose institution gave no address to return to.
pub(crate) fn result(outcome: &Outcome<'_>) -> HttpResponse {
    let (title, advice) = match outcome.verdict {
        Verdict::Authorized => (
            "The shop is connected",
            "You can close this page and go back to the service that sent you here.",
        ),
        Verdict::Pending => (
            "The platform has not answered yet",
            "Reload this page in a moment to see how it ended.",
        ),
        Verdict::Failed { title, advice } | Verdict::Kept { title, advice } => (title, advice),
    };
    let is_kept = matches!(outcome.verdict, Verdict::Kept { .. });
    let about = html! {
        p {
            (outcome.platform)
            @if let Some(shop) = outcome.shop { ": " strong { (shop) } }
        }
        p { (advice) }
        @if is_kept {
            p { "The shop stays connected as it was before." }
        }
    };
    respond(StatusCode::OK, title, &about)
}

/// For a link or a callback that is unknown, forged, expired or another browser's: one page for all of
/// them, so that it tells nobody which.
pub(crate) fn unknown_link() -> HttpResponse {
    let about = html! {
        p { "It may have expired, may have been replaced by a newer one, or may have been opened in another browser than the one it was started in." }
        p { "Ask the service that sent you here for a new link, and open it in the browser in which you are signed in to your shop." }
    };
    respond(StatusCode::BAD_REQUEST, "This link does not work", &about)
}

/// For a browser that comes too often, with the time after which it may come again.
pub(crate) fn busy(wait: Duration) -> HttpResponse {
    let about = html! {
        p { "There were too many visits from your network in a short time. Wait a moment, then reload this page." }
    };
    let mut page = respond(StatusCode::TOO_MANY_REQUESTS, "One moment, please", &about);
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    page.headers_mut().insert(RETRY_AFTER, secs.into());
    page
}

/// For a visit that fails by our fault. Nothing is spent by it that a reload would miss.
pub(crate) fn failed() -> HttpResponse {
    let about = html! {
        p { "You did nothing wrong. Wait some minutes, then reload this page, or ask the service that sent you here for a new link." }
    };
    respond(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong on our side",
        &about,
    )
}

/// A name that somebody outside chose: in another direction it turns nothing but itself.
fn name(text: &str) -> Markup {
    html! { strong { bdi { (text) } } }
}

fn respond(status: StatusCode, title: &str, about: &Markup) -> HttpResponse {
    respond_under(&POLICY, status, title, about)
}

fn respond_under(policy: &str, status: StatusCode, title: &str, about: &Markup) -> HttpResponse {
    respond_in(None, policy, status, title, about)
}

/// The page in the language that the seller's platform named. All text is English so far, and says so where
/// the page is in another language, so that it is read aloud as what it is.
fn respond_in(
    language: Option<&str>,
    policy: &str,
    status: StatusCode,
    title: &str,
    about: &Markup,
) -> HttpResponse {
    let language = language.unwrap_or(TEXT_LANGUAGE);
    let is_other = language.split('-').next() != Some(TEXT_LANGUAGE);
    let page = html! {
        (DOCTYPE)
        html lang=(language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title lang=[is_other.then_some(TEXT_LANGUAGE)] { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main lang=[is_other.then_some(TEXT_LANGUAGE)] {
                    h1 { (title) }
                    (about)
                }
            }
        }
    };
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page.into_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use actix_web::body::to_bytes;

    use super::*;

    pub(super) async fn read(response: HttpResponse) -> String {
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(response.headers().get(name).unwrap(), value);
        }
        let policy = response.headers().get("content-security-policy").unwrap();
        let policy = policy.to_str().unwrap().to_owned();
        let body = to_bytes(response.into_body()).await.unwrap();
        let page = String::from_utf8(body.to_vec()).unwrap();

        let (_, style) = page.split_once("<style>").unwrap();
        let (style, _) = style.split_once("</style>").unwrap();
        let hash = BASE64_STANDARD.encode(Sha256::digest(style));
        assert!(
            policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{hash}';")),
            "{policy}"
        );
        page
    }

    #[actix_web::test]
    async fn outside_text_is_escaped() {
        let response = result(&Outcome {
            platform: "Shopline & Co",
            shop: Some("<script>alert(\"1\")</script>"),
            verdict: Verdict::Authorized,
        });
        assert_eq!(response.status(), 200);
        let page = read(response).await;
        assert!(page.contains("<h1>The shop is connected</h1>"));
        assert!(page.contains(
            "<p>Shopline &amp; Co: <strong>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;</strong></p>"
        ));
    }

    #[actix_web::test]
    async fn each_reason_has_a_page_of_its_own() {
        let mut pages = HashSet::new();
        for reason in FailReason::ALL {
            let page = read(result(&Outcome {
                platform: "SHOPLINE",
                shop: None,
                verdict: reason.into(),
            }))
            .await;
            assert!(page.contains("<p>SHOPLINE</p>"));
            assert!(!page.contains(reason.code()), "codes are for institutions");
            pages.insert(page);
        }
        assert_eq!(pages.len(), FailReason::ALL.len());
    }

    #[actix_web::test]
    async fn our_own_troubles_have_pages_too() {
        let response = busy(Duration::from_millis(1001));
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "2");
        assert!(read(response).await.contains("<h1>One moment, please</h1>"));
        let response = failed();
        assert_eq!(response.status(), 500);
        assert!(
            read(response)
                .await
                .contains("<h1>Something went wrong on our side</h1>")
        );
    }

    #[actix_web::test]
    async fn an_unknown_link_is_a_bad_request() {
        let response = unknown_link();
        assert_eq!(response.status(), 400);
        assert!(
            read(response)
                .await
                .contains("<h1>This link does not work</h1>")
        );
    }
}

//! The page behind a hosted link, and what it says when the link does not wait any more.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, REFERRER_POLICY};
use maud::html;

use super::{FORM_POLICY, name, respond, respond_under};

/// What a seller is asked who opened a hosted link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostedLink<'a> {
    pub platform: &'a str,
    pub institution: &'a str,
    pub client: &'a str,
    pub store: &'a str,
    /// The shop that has to answer, where it is known.
    pub shop: Option<&'a str>,
    pub scopes: &'a [String],
    /// Where the forms go.
    pub continue_at: &'a str,
    pub decline_at: &'a str,
}

/// The seller's own decision: nothing goes on before a button is pressed.
pub(crate) fn hosted_link(link: &HostedLink<'_>) -> HttpResponse {
    let about = html! {
        p {
            (name(link.institution))
            " asks to connect "
            @match link.shop {
                Some(shop) => { "the " (link.platform) " shop " (name(shop)) },
                None => { "your " (link.platform) " shop" },
            }
            " for its customer " (name(link.client))
            ", as the store " (name(link.store)) "."
        }
        p { "These permissions are asked for:" }
        ul { @for scope in link.scopes { li { code { (scope) } } } }
        p { "Go on only if you know " (name(link.institution)) " and asked for this. On the next page you sign in to " (link.platform) ", which shows once more what would be shared." }
        form method="post" action=(link.continue_at) {
            button type="submit" { "Continue to " (link.platform) }
        }
        p { "You do not want this?" }
        form method="post" action=(link.decline_at) {
            button type="submit" { "Decline" }
        }
    };
    let mut page = respond_under(&FORM_POLICY, StatusCode::OK, "Connect your shop?", &about);
    // Told nothing of where they come from, forms would not say that either, and could not be told from a
    // stranger's: https://fetch.spec.whatwg.org/#append-a-request-origin-header
    let headers = page.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    page
}

/// For a link that was not followed in time, or that a newer one replaced.
pub(crate) fn link_over(institution: &str) -> HttpResponse {
    let about = html! {
        p { "It has expired, or was replaced by a newer one. Nothing was shared." }
        p { "If you still want to connect your shop, ask " (name(institution)) " for a new link." }
    };
    respond(StatusCode::GONE, "This link does not work any more", &about)
}

/// For a browser that came back from a platform, which did not say for which of several links.
pub(crate) fn several_links() -> HttpResponse {
    let about = html! {
        p { "More than one connection was begun in this browser, and the platform did not say which of them it answers. Nothing was connected." }
        p { "Close the other pages, open one of your links again, and go on to the end there before you open another." }
    };
    respond(
        StatusCode::BAD_REQUEST,
        "Please begin again with one link",
        &about,
    )
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn text(response: HttpResponse) -> String {
        let body = to_bytes(response.into_body()).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn link(shop: Option<&'static str>) -> HostedLink<'static> {
        HostedLink {
            platform: "Multivende",
            institution: "Alpha <b>Pay</b>",
            client: "seller-1",
            store: "Demo & Co",
            shop,
            scopes: &[],
            continue_at: "/go/t0ken/continue",
            decline_at: "/go/t0ken/decline",
        }
    }

    #[actix_web::test]
    async fn everybody_is_named_and_either_answer_is_a_button() {
        let scopes = ["read:stocks".to_owned(), "write:<stocks>".to_owned()];
        let response = hosted_link(&HostedLink {
            scopes: &scopes,
            ..link(Some("demo-shop"))
        });
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers.get("referrer-policy").unwrap(), "same-origin");
        assert_eq!(headers.get("cache-control").unwrap(), "no-store");
        let policy = headers.get("content-security-policy").unwrap();
        // The browser would hold the redirects to it, too.
        assert!(!policy.to_str().unwrap().contains("form-action"));
        let page = text(response).await;
        for named in [
            "<strong><bdi>Alpha &lt;b&gt;Pay&lt;/b&gt;</bdi></strong>",
            "the Multivende shop <strong><bdi>demo-shop</bdi></strong>",
            "<strong><bdi>seller-1</bdi></strong>",
            "<strong><bdi>Demo &amp; Co</bdi></strong>",
            "<code>read:stocks</code>",
            "<code>write:&lt;stocks&gt;</code>",
            "<form method=\"post\" action=\"/go/t0ken/continue\">",
            "<form method=\"post\" action=\"/go/t0ken/decline\">",
        ] {
            assert!(page.contains(named), "{named}: {page}");
        }
    }

    #[actix_web::test]
    async fn a_shop_that_nobody_named_is_the_seller_s_own() {
        let page = text(hosted_link(&link(None))).await;
        assert!(page.contains("asks to connect your Multivende shop for"));
    }

    #[actix_web::test]
    async fn a_link_that_is_over_says_whom_to_ask() {
        let response = link_over("Alpha & Pay");
        assert_eq!(response.status(), 410);
        let page = text(response).await;
        assert!(page.contains("ask <strong><bdi>Alpha &amp; Pay</bdi></strong> for a new link"));
        let response = several_links();
        assert_eq!(response.status(), 400);
        assert!(text(response).await.contains("Nothing was connected."));
    }
}

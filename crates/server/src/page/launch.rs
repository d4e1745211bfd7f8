//! The pages for whoever opened our app in a shop's back office.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use maud::{Markup, html};

use super::{FORM_POLICY, POLICY, name, respond_in};

/// Longer tags of languages than this are none.
const MAX_TAG_BYTES: usize = 35;

/// Who opened the app, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'a> {
    /// The platform's name as its sellers know it.
    pub platform: &'a str,
    pub shop: &'a str,
    /// The language's tag, or a list of tags; whatever it is, only a tag gets onto the page.
    pub language: Option<&'a str>,
    pub operator: Option<Operator<'a>>,
}

/// A person of the shop. Names come from outside.
#[derive(Clone, Copy)]
pub(crate) struct Operator<'a> {
    pub id: Option<&'a str>,
    pub name: Option<&'a str>,
}

/// Personal, so that it is for a page and for no log.
impl std::fmt::Debug for Operator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Operator(..)")
    }
}

/// What a seller is asked who opened our app while exactly one store waits for the shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub visitor: Visitor<'a>,
    pub institution: &'a str,
    pub client: &'a str,
    pub store: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    pub launch: &'a str,
    pub token: &'a str,
}

/// The seller's own decision: nothing goes on before the button is pressed.
pub(crate) fn offer(offer: &Offer<'_>) -> HttpResponse {
    let visitor = &offer.visitor;
    let about = html! {
        p {
            (name(offer.institution))
            " asks to connect the " (visitor.platform) " shop " (name(visitor.shop))
            " for its customer " (name(offer.client))
            ", as the store " (name(offer.store)) "."
        }
        (signed_in(visitor))
        p { "Go on only if you know " (name(offer.institution)) " and asked for this. On the next page the platform shows what would be shared." }
        form method="post" action=(offer.action) {
            input type="hidden" name="launch" value=(offer.launch);
            input type="hidden" name="token" value=(offer.token);
            button type="submit" { "Continue" }
        }
        p { "If not, close this page, and nothing happens." }
    };
    show(visitor, &FORM_POLICY, "Connect this shop?", &about)
}

/// For a seller who opened our app while nothing waits for the shop that could be told apart.
pub(crate) fn nothing_waits(visitor: &Visitor<'_>) -> HttpResponse {
    let about = html! {
        p { (visitor.platform) ": " (name(visitor.shop)) }
        (signed_in(visitor))
        p { "The app is installed, but there is no connection that could be continued from here." }
        p { "Ask the service that you want to connect your shop to for a link for exactly this shop. Open the link, or open the app here once more after that." }
    };
    show(visitor, &POLICY, "Nothing is waiting for this shop", &about)
}

/// For somebody of the shop who does not decide for all of it. Whether anything waits is not said.
pub(crate) fn not_theirs(visitor: &Visitor<'_>) -> HttpResponse {
    let about = html! {
        p { (visitor.platform) ": " (name(visitor.shop)) }
        (signed_in(visitor))
        p { "What would be shared belongs to the whole shop, so that only its chief operator can connect it. Nothing was changed." }
        p { "Ask the chief operator to open the app here." }
    };
    let title = "Only the chief operator can connect this shop";
    show(visitor, &POLICY, title, &about)
}

/// Set apart from the text around it, so that a name in another direction turns nothing but itself.
fn signed_in(visitor: &Visitor<'_>) -> Markup {
    let who = visitor.operator.and_then(|person| {
        let (first, second) = match (person.name, person.id) {
            (Some(name), Some(id)) if name != id => (name, Some(id)),
            (Some(only), _) | (None, Some(only)) => (only, None),
            (None, None) => return None,
        };
        Some((first, second))
    });
    html! {
        @if let Some((first, second)) = who {
            p {
                "You are signed in there as " (name(first))
                @if let Some(second) = second { " (" bdi { (second) } ")" }
                "."
            }
        }
    }
}

fn show(visitor: &Visitor<'_>, policy: &str, title: &str, about: &Markup) -> HttpResponse {
    respond_in(language(visitor), policy, StatusCode::OK, title, about)
}

/// The first of the languages that the platform named, if it is a tag.
fn language<'a>(visitor: &Visitor<'a>) -> Option<&'a str> {
    let tag = visitor.language?.split(',').next()?;
    let is_tag = (2..=MAX_TAG_BYTES).contains(&tag.len())
        && tag
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    is_tag.then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    fn visitor<'a>(language: Option<&'a str>, name: &'a str) -> Visitor<'a> {
        Visitor {
            platform: "Cafe24",
            shop: "demomall/2",
            language,
            operator: Some(Operator {
                id: Some("kim1"),
                name: Some(name),
            }),
        }
    }

    #[actix_web::test]
    async fn an_offer_names_everybody_and_posts_to_us_alone() {
        let response = offer(&Offer {
            visitor: Visitor {
                platform: "SHOPLINE",
                shop: "demo-shop",
                language: None,
                operator: None,
            },
            institution: "Alpha <b>Pay</b>",
            client: "seller-1",
            store: "Demo & Co",
            action: "/v1/auth/shopline/launch/confirm",
            launch: "lch_1",
            token: "t0ken",
        });
        assert_eq!(response.status(), 200);
        let policy = response.headers().get("content-security-policy").unwrap();
        let policy = policy.to_str().unwrap();
        // The browser would hold the redirects to it, too.
        assert!(!policy.contains("form-action"), "{policy}");
        let page = read(response).await;
        for named in [
            "<strong><bdi>Alpha &lt;b&gt;Pay&lt;/b&gt;</bdi></strong>",
            "<strong><bdi>demo-shop</bdi></strong>",
            "<strong><bdi>seller-1</bdi></strong>",
            "<strong><bdi>Demo &amp; Co</bdi></strong>",
            "<form method=\"post\" action=\"/v1/auth/shopline/launch/confirm\">",
            "<html lang=\"en\">",
        ] {
            assert!(page.contains(named), "{page}");
        }
        assert!(!page.contains("signed in there"), "{page}");
    }

    #[actix_web::test]
    async fn a_name_from_outside_is_escaped_and_set_apart() {
        let page = read(not_theirs(&visitor(None, "<i>김</i>"))).await;
        let named = "as <strong><bdi>&lt;i&gt;김&lt;/i&gt;</bdi></strong> (<bdi>kim1</bdi>).";
        assert!(page.contains(named), "{page}");
        let page = read(not_theirs(&visitor(None, "kim1"))).await;
        assert!(
            page.contains("as <strong><bdi>kim1</bdi></strong>."),
            "{page}"
        );
        let printed = format!("{:?}", visitor(None, "김"));
        assert!(!printed.contains('김'), "{printed}");
    }

    #[actix_web::test]
    async fn a_page_that_offers_nothing_has_no_form() {
        for page in [
            not_theirs(&visitor(None, "kim")),
            nothing_waits(&visitor(None, "kim")),
        ] {
            assert_eq!(page.status(), 200);
            let page = read(page).await;
            assert!(
                page.contains("<strong><bdi>demomall/2</bdi></strong>"),
                "{page}"
            );
            for offered in ["<form", "<a ", "<button"] {
                assert!(!page.contains(offered), "{page}");
            }
        }
    }

    #[actix_web::test]
    async fn the_page_is_in_the_language_of_the_launch_and_its_english_says_so() {
        for (language, html, main) in [
            (Some("ko-KR"), "<html lang=\"ko-KR\">", "<main lang=\"en\">"),
            (
                Some("zh-hant-tw,en"),
                "<html lang=\"zh-hant-tw\">",
                "<main lang=\"en\">",
            ),
            (Some("en-US"), "<html lang=\"en-US\">", "<main>"),
            (None, "<html lang=\"en\">", "<main>"),
            (Some("\"><script>"), "<html lang=\"en\">", "<main>"),
            (Some("ko--KR"), "<html lang=\"en\">", "<main>"),
            (Some(""), "<html lang=\"en\">", "<main>"),
        ] {
            let page = read(nothing_waits(&visitor(language, "kim"))).await;
            assert!(page.contains(html), "{language:?}: {page}");
            assert!(page.contains(main), "{language:?}: {page}");
        }
    }
}

//! The pages for whoever opened our app in a shop's back office.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use maud::{Markup, html};

use super::Frame;
use super::name::{clean, name};
use crate::language::{Message, Slot};

/// Who opened the app, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'a> {
    /// The platform's name as its sellers know it.
    pub platform: &'a str,
    pub shop: &'a str,
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
pub(crate) fn offer(frame: &Frame<'_>, offer: &Offer<'_>) -> HttpResponse {
    let visitor = &offer.visitor;
    let institution = || ("institution", Slot::Name(offer.institution));
    let platform = || ("platform", Slot::Text(visitor.platform));
    let content = html! {
        p { (frame.say(Message::AskShop, [institution(), platform(), ("shop", Slot::Name(visitor.shop))])) }
        dl {
            dt { (frame.say(Message::FactClient, [institution()])) }
            dd { (name(offer.client)) }
            dt { (frame.say(Message::FactStore, [institution()])) }
            dd { (name(offer.store)) }
        }
        (signed_in(frame, visitor))
        p class="note" { (frame.say(Message::OfferNext, [institution(), platform()])) }
        form method="post" action=(offer.action) {
            input type="hidden" name="launch" value=(offer.launch);
            input type="hidden" name="token" value=(offer.token);
            button class="primary" type="submit" { (frame.say(Message::OfferButton, [])) }
        }
        p class="aside" { (frame.say(Message::OfferIfNot, [])) }
    };
    let title = frame.say(Message::OfferTitle, []);
    frame.respond_with_form(StatusCode::OK, &title, &content)
}

/// For a seller who opened our app while nothing waits for the shop that could be told apart.
pub(crate) fn nothing_waits(frame: &Frame<'_>, visitor: &Visitor<'_>) -> HttpResponse {
    let content = html! {
        p { (visitor.platform) ": " (name(visitor.shop)) }
        (signed_in(frame, visitor))
        p { (frame.say(Message::NothingWhat, [])) }
        p class="note" { (frame.say(Message::NothingDo, [])) }
    };
    let title = frame.say(Message::NothingTitle, []);
    frame.respond(StatusCode::OK, &title, &content)
}

/// For a seller whose shop is connected already. By whom to whom is not said: the platform has told us which
/// shop it is, and not that whoever opened the app may know that.
pub(crate) fn connected(frame: &Frame<'_>, visitor: &Visitor<'_>) -> HttpResponse {
    let content = html! {
        p { (visitor.platform) ": " (name(visitor.shop)) }
        (signed_in(frame, visitor))
        p { (frame.say(Message::AlreadyWhat, [])) }
        p class="note" { (frame.say(Message::AlreadyDo, [])) }
    };
    let title = frame.say(Message::AlreadyTitle, []);
    frame.respond(StatusCode::OK, &title, &content)
}

/// For a launch that was used before, or came too late.
pub(crate) fn launch_over(frame: &Frame<'_>, visitor: &Visitor<'_>) -> HttpResponse {
    let content = html! {
        p { (visitor.platform) ": " (name(visitor.shop)) }
        p { (frame.say(Message::LaunchOverWhat, [])) }
        p class="note" { (frame.say(Message::LaunchOverDo, [("platform", Slot::Text(visitor.platform))])) }
    };
    let title = frame.say(Message::LaunchOverTitle, []);
    frame.respond(StatusCode::GONE, &title, &content)
}

/// For somebody of the shop who does not decide for all of it. Whether anything waits is not said.
pub(crate) fn not_theirs(frame: &Frame<'_>, visitor: &Visitor<'_>) -> HttpResponse {
    let content = html! {
        p { (visitor.platform) ": " (name(visitor.shop)) }
        (signed_in(frame, visitor))
        p { (frame.say(Message::NotTheirsWhat, [])) }
        p class="note" { (frame.say(Message::NotTheirsDo, [])) }
    };
    let title = frame.say(Message::NotTheirsTitle, []);
    frame.respond(StatusCode::OK, &title, &content)
}

/// A person by name and id, as far as the platform told them.
fn signed_in(frame: &Frame<'_>, visitor: &Visitor<'_>) -> Markup {
    let who = visitor.operator.and_then(|person| {
        let (first, second) = match (person.name, person.id) {
            (Some(name), Some(id)) if name != id => (name, Some(id)),
            (Some(only), _) | (None, Some(only)) => (only, None),
            (None, None) => return None,
        };
        Some(html! {
            (name(first))
            @if let Some(second) = second { " (" bdi { (clean(second)) } ")" }
        })
    });
    html! {
        @if let Some(who) = who {
            p { (frame.say(Message::SignedInAs, [("person", Slot::Element(who))])) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{frame, read};
    use super::*;
    use crate::language::Language;

    fn visitor(name: &str) -> Visitor<'_> {
        Visitor {
            platform: "Cafe24",
            shop: "demomall/2",
            operator: Some(Operator {
                id: Some("kim1"),
                name: Some(name),
            }),
        }
    }

    #[actix_web::test]
    async fn an_offer_names_everybody_and_posts_to_us_alone() {
        let response = offer(
            &frame(Language::English),
            &Offer {
                visitor: Visitor {
                    platform: "SHOPLINE",
                    shop: "demo-shop",
                    operator: None,
                },
                institution: "Alpha <b>Pay</b>",
                client: "seller-1",
                store: "Demo & Co",
                action: "/v1/auth/shopline/launch/confirm",
                launch: "lch_1",
                token: "t0ken",
            },
        );
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
        let page = read(not_theirs(&frame(Language::English), &visitor("<i>김</i>"))).await;
        let named = "as <strong><bdi>&lt;i&gt;김&lt;/i&gt;</bdi></strong> (<bdi>kim1</bdi>).";
        assert!(page.contains(named), "{page}");
        let page = read(not_theirs(&frame(Language::English), &visitor("kim1"))).await;
        assert!(
            page.contains("as <strong><bdi>kim1</bdi></strong>."),
            "{page}"
        );
        let printed = format!("{:?}", visitor("김"));
        assert!(!printed.contains('김'), "{printed}");
    }

    #[actix_web::test]
    async fn a_page_that_offers_nothing_has_no_form() {
        let (frame, visitor) = (frame(Language::English), visitor("kim"));
        for (page, status) in [
            (not_theirs(&frame, &visitor), 200),
            (nothing_waits(&frame, &visitor), 200),
            (connected(&frame, &visitor), 200),
            (launch_over(&frame, &visitor), 410),
        ] {
            assert_eq!(page.status(), status);
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
}

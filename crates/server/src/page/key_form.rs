//! The page on which a seller hands in a key, and what it says while the key is being proven.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use broker::KeyProblem;
use chrono::{DateTime, Utc};
use domain::AskedScope;
use maud::{Markup, html};

use super::Frame;
use super::hosted_link::until;
use super::name::name;
use super::scopes::scope_list;
use crate::language::{Message, Slot};

/// What a seller is asked who opened a link that waits for a key.
pub(crate) struct KeyForm<'a> {
    pub asked: KeyAsked<'a>,
    pub scopes: &'a [AskedScope],
    /// When the link ends.
    pub open_until: DateTime<Utc>,
    /// How long that is from now.
    pub open_for: Duration,
    /// The way to the key, in the platform's words.
    pub place: &'a [&'a str],
    /// What the key must be allowed, in the platform's words.
    pub permission: Option<&'a str>,
    pub fields: &'a [AskedText<'a>],
    /// Where the seller goes on to the shop, if that can send a key by itself.
    pub connect_at: Option<&'a str>,
    /// Where the key goes.
    pub send_to: &'a str,
    pub decline_at: &'a str,
}

/// Who asks, and for what.
#[derive(Clone, Copy)]
pub(crate) struct KeyAsked<'a> {
    pub platform: &'a str,
    pub institution: &'a str,
    pub client: &'a str,
    pub store: &'a str,
    pub store_url: &'a str,
    /// The shop whose key it must be, where it is known.
    pub shop: Option<&'a str>,
}

/// One text of a key.
#[derive(Clone, Copy)]
pub(crate) struct AskedText<'a> {
    /// The name of its field.
    pub id: &'a str,
    /// What the platform calls it.
    pub name: &'a str,
    pub begins_with: Option<&'a str>,
    /// Why the text before was not taken.
    pub problem: Option<KeyProblem>,
}

/// The seller's own decision: nothing goes on before a button is pressed. What was sent is never shown again.
pub(crate) fn key_form(frame: &Frame<'_>, form: &KeyForm<'_>) -> HttpResponse {
    let asked = form.asked;
    let institution = || ("institution", Slot::Name(asked.institution));
    let platform = || ("platform", Slot::Text(asked.platform));
    let content = html! {
        @if form.fields.iter().any(|field| field.problem.is_some()) {
            p class="note problem" role="alert" { (frame.say(Message::PasteProblems, [])) }
        }
        p {
            @match asked.shop {
                Some(shop) => {
                    (frame.say(Message::AskShop, [institution(), platform(), ("shop", Slot::Name(shop))]))
                },
                None => { (frame.say(Message::AskAnyShop, [institution(), platform()])) },
            }
        }
        (facts(frame, asked))
        h2 { (frame.say(Message::ScopesTitle, [institution()])) }
        (scope_list(frame, form.scopes))
        p class="note" { (frame.say(Message::AskCaution, [institution()])) }
        @if let Some(connect_at) = form.connect_at {
            h2 { (frame.say(Message::PushTitle, [])) }
            p { (frame.say(Message::PushLead, [])) }
            form method="post" action=(connect_at) {
                button class="primary" type="submit" { (frame.say(Message::PushButton, [])) }
            }
        }
        (key_fields(frame, form))
        form class="apart" method="post" action=(form.decline_at) {
            button type="submit" { (frame.say(Message::DeclineButton, [])) }
        }
        p class="aside" { (frame.say(Message::DeclineLead, [institution()])) }
        p class="aside" { (until(frame, form.open_until, form.open_for)) }
    };
    let title = frame.say(Message::AskTitle, []);
    frame.respond_with_form(StatusCode::OK, &title, &content)
}

fn facts(frame: &Frame<'_>, asked: KeyAsked<'_>) -> Markup {
    html! {
        dl {
            dt { (frame.say(Message::FactPlatform, [])) }
            dd { (asked.platform) }
            dt { (frame.say(Message::FactAddress, [])) }
            dd { (name(address(asked.store_url))) }
            dt { (frame.say(Message::FactClient, [("institution", Slot::Name(asked.institution))])) }
            dd { (name(asked.client)) }
            dt { (frame.say(Message::FactStore, [("institution", Slot::Name(asked.institution))])) }
            dd { (name(asked.store)) }
        }
    }
}

/// As people write it. Over plain http the key would be read by whoever is on the way, so that this is not left
/// away.
fn address(url: &str) -> &str {
    let address = url.strip_prefix("https://").unwrap_or(url);
    address.trim_end_matches('/')
}

fn key_fields(frame: &Frame<'_>, form: &KeyForm<'_>) -> Markup {
    let asked = form.asked;
    let other_way = form.connect_at.is_some();
    html! {
        h2 { (frame.say(Message::PasteTitle, [])) }
        p {
            (frame.say(Message::PasteWhere, [
                ("platform", Slot::Text(asked.platform)),
                ("place", Slot::Element(place(form.place))),
            ]))
        }
        @if let Some(permission) = form.permission {
            p { (frame.say(Message::PastePermission, [("permission", Slot::Element(term(permission)))])) }
        }
        p { (frame.say(Message::PasteUse, [("institution", Slot::Name(asked.institution))])) }
        // No browser is to keep a key, to complete it, or to have its spelling looked up.
        form method="post" action=(form.send_to) autocomplete="off" {
            @for field in form.fields { (key_field(frame, field)) }
            button class=[(!other_way).then_some("primary")] type="submit" {
                (frame.say(Message::PasteButton, []))
            }
        }
    }
}

/// The focus stays at the top where something is wrong: nothing that was typed comes back, so every field is to
/// be filled again, and one in the middle would be reached before the first.
fn key_field(frame: &Frame<'_>, field: &AskedText<'_>) -> Markup {
    let explained = field.problem.map(|_| format!("{}-problem", field.id));
    html! {
        label for=(field.id) lang="en" { (field.name) }
        @if let (Some(problem), Some(id)) = (field.problem, &explained) {
            p id=(id) class="problem" { (problem_text(frame, field, problem)) }
        }
        input id=(field.id) name=(field.id) type="text" dir="ltr" required
            autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false"
            aria-invalid=[explained.as_ref().map(|_| "true")] aria-describedby=[&explained];
    }
}

fn problem_text(frame: &Frame<'_>, field: &AskedText<'_>, problem: KeyProblem) -> Markup {
    let named = ("field", Slot::Element(term(field.name)));
    match (problem, field.begins_with) {
        (KeyProblem::Missing, _) => frame.say(Message::PasteMissing, [named]),
        (KeyProblem::TooLong, _) => frame.say(Message::PasteTooLong, [named]),
        (KeyProblem::AnotherText, Some(beginning)) => frame.say(
            Message::PasteAnotherText,
            [
                named,
                ("beginning", Slot::Element(html! { code { (beginning) } })),
            ],
        ),
        (KeyProblem::Broken | KeyProblem::AnotherText, _) => {
            frame.say(Message::PasteBroken, [named])
        }
    }
}

/// A word of the platform's pages, as they have it in English.
fn term(text: &str) -> Markup {
    html! { strong lang="en" { bdi { (text) } } }
}

fn place(steps: &[&str]) -> Markup {
    html! { strong lang="en" { bdi { (steps.join(" \u{203a} ")) } } }
}

/// A key that was handed in goes its way without the seller; the page can be asked for as often as one likes.
pub(crate) fn key_in_hand(frame: &Frame<'_>, platform: &str, again_at: &str) -> HttpResponse {
    let content = html! {
        p { (frame.say(Message::CheckingWhat, [("platform", Slot::Text(platform))])) }
        p class="note" { (frame.say(Message::CheckingDo, [])) }
        p { a href=(again_at) { (frame.say(Message::CheckingAgain, [])) } }
    };
    let title = frame.say(Message::CheckingTitle, []);
    frame.respond(StatusCode::OK, &title, &content)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::super::tests::{frame, read};
    use super::*;
    use crate::language::Language;

    const FIELDS: [AskedText<'_>; 2] = [
        AskedText {
            id: "api_key",
            name: "Consumer key",
            begins_with: Some("ck_"),
            problem: None,
        },
        AskedText {
            id: "api_secret",
            name: "Consumer secret",
            begins_with: None,
            problem: None,
        },
    ];

    fn form<'a>(fields: &'a [AskedText<'a>]) -> KeyForm<'a> {
        KeyForm {
            asked: KeyAsked {
                platform: "WooCommerce",
                institution: "Alpha <b>Pay</b>",
                client: "seller-1",
                store: "Demo & Co",
                store_url: "https://shop.example/?a=<b>",
                shop: None,
            },
            scopes: &[],
            open_until: Utc.with_ymd_and_hms(2026, 11, 22, 14, 5, 0).unwrap(),
            open_for: Duration::from_hours(72),
            place: &["WooCommerce", "Settings"],
            permission: Some("Read"),
            fields,
            connect_at: None,
            send_to: "/go/t0ken/key",
            decline_at: "/go/t0ken/decline",
        }
    }

    async fn shown(form: &KeyForm<'_>) -> String {
        // An address in a text is not one that is asked for.
        let page = key_form(&frame(Language::English), form);
        assert_eq!(page.status(), 200);
        read(page).await
    }

    #[actix_web::test]
    async fn the_fields_are_named_as_the_platform_names_them() {
        let page = shown(&form(&FIELDS)).await;
        for part in [
            "<strong><bdi>Alpha &lt;b&gt;Pay&lt;/b&gt;</bdi></strong> asks for access",
            "<bdi>WooCommerce \u{203a} Settings</bdi>",
            "<bdi>Read</bdi>",
            "<form method=\"post\" action=\"/go/t0ken/key\" autocomplete=\"off\">",
            "<label for=\"api_key\" lang=\"en\">Consumer key</label><input id=\"api_key\" name=\"api_key\" ",
            "<label for=\"api_secret\" lang=\"en\">Consumer secret</label>",
            "<form class=\"apart\" method=\"post\" action=\"/go/t0ken/decline\">",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert_eq!(page.matches("<form").count(), 2, "{page}");
        for absent in ["role=\"alert\"", "aria-invalid", "value="] {
            assert!(!page.contains(absent), "{absent}: {page}");
        }
        let connect = KeyForm {
            connect_at: Some("/go/t0ken/continue"),
            ..form(&FIELDS)
        };
        let page = shown(&connect).await;
        assert!(page.contains("action=\"/go/t0ken/continue\""), "{page}");
        assert_eq!(page.matches("class=\"primary\"").count(), 1, "{page}");
    }

    #[actix_web::test]
    async fn an_address_that_is_not_encrypted_says_so() {
        for (store_url, said) in [
            ("https://shop.example/en/", "shop.example/en"),
            ("http://shop.example:8080/en", "http://shop.example:8080/en"),
        ] {
            let mut form = form(&FIELDS);
            form.asked.store_url = store_url;
            let page = shown(&form).await;
            assert!(page.contains(&format!("<bdi>{said}</bdi>")), "{page}");
        }
    }

    #[actix_web::test]
    async fn a_problem_stands_beside_its_field() {
        for (problem, words) in [
            (KeyProblem::Missing, "Enter the"),
            (KeyProblem::TooLong, "too long"),
            (KeyProblem::Broken, "Copy the"),
            (KeyProblem::AnotherText, "begins with <code>ck_</code>"),
        ] {
            let [key, secret] = FIELDS;
            let key = AskedText {
                problem: Some(problem),
                ..key
            };
            let page = shown(&form(&[key, secret])).await;
            let (_, beside) = page.split_once("<p id=\"api_key-problem\"").unwrap();
            let (said, _) = beside.split_once("</p>").unwrap();
            assert!(said.contains(words), "{said}");
            for part in [
                "role=\"alert\"",
                "aria-invalid=\"true\" aria-describedby=\"api_key-problem\"",
            ] {
                assert_eq!(page.matches(part).count(), 1, "{part}: {page}");
            }
        }
    }

    #[actix_web::test]
    async fn a_key_that_is_being_proven_is_waited_for_by_a_link() {
        let response = key_in_hand(&frame(Language::English), "Shopify", "/go/t0ken");
        assert_eq!(response.status(), 200);
        let page = read(response).await;
        assert!(page.contains("<a href=\"/go/t0ken\">"), "{page}");
        assert!(page.contains("Shopify"), "{page}");
    }
}

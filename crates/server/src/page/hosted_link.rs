//! The page behind a hosted link, and what it says when the link does not wait any more.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::AskedScope;
use maud::{Markup, html};

use super::Frame;
use super::name::name;
use super::scopes::scope_list;
use crate::language::{Message, Slot};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Of a link that is good for less than this, the hours are told.
const DAYS_ARE_TOLD_FROM: Duration = Duration::from_hours(48);

/// What a seller is asked who opened a hosted link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostedLink<'a> {
    pub platform: &'a str,
    pub institution: &'a str,
    pub client: &'a str,
    pub store: &'a str,
    /// The shop that has to answer, where it is known.
    pub shop: Option<&'a str>,
    pub scopes: &'a [AskedScope],
    /// When the link ends.
    pub open_until: DateTime<Utc>,
    /// How long that is from now.
    pub open_for: Duration,
    /// Where the forms go.
    pub continue_at: &'a str,
    pub decline_at: &'a str,
}

/// The seller's own decision: nothing goes on before a button is pressed.
pub(crate) fn hosted_link(frame: &Frame<'_>, link: &HostedLink<'_>) -> HttpResponse {
    let institution = || ("institution", Slot::Name(link.institution));
    let platform = || ("platform", Slot::Text(link.platform));
    let content = html! {
        p {
            @match link.shop {
                Some(shop) => {
                    (frame.say(Message::AskShop, [institution(), platform(), ("shop", Slot::Name(shop))]))
                },
                None => { (frame.say(Message::AskAnyShop, [institution(), platform()])) },
            }
        }
        (facts(frame, link))
        h2 { (frame.say(Message::ScopesTitle, [institution()])) }
        @if link.scopes.is_empty() {
            p { (frame.say(Message::ScopesUnnamed, [platform()])) }
        } @else {
            (scope_list(frame, link.scopes))
        }
        h2 { (frame.say(Message::NextTitle, [])) }
        ol {
            li { (frame.say(Message::NextSignIn, [platform()])) }
            li { (frame.say(Message::NextConsent, [platform()])) }
            li { (frame.say(Message::NextReturn, [])) }
        }
        p class="note" { (frame.say(Message::AskCaution, [institution()])) }
        form method="post" action=(link.continue_at) {
            button class="primary" type="submit" { (frame.say(Message::ContinueButton, [platform()])) }
        }
        form method="post" action=(link.decline_at) {
            button type="submit" { (frame.say(Message::DeclineButton, [])) }
        }
        p class="aside" { (frame.say(Message::DeclineLead, [institution()])) }
        p class="aside" { (until(frame, link.open_until, link.open_for)) }
    };
    let title = frame.say(Message::AskTitle, []);
    frame.respond_with_form(StatusCode::OK, &title, &content)
}

fn facts(frame: &Frame<'_>, link: &HostedLink<'_>) -> Markup {
    let institution = || ("institution", Slot::Name(link.institution));
    html! {
        dl {
            dt { (frame.say(Message::FactClient, [institution()])) }
            dd { (name(link.client)) }
            dt { (frame.say(Message::FactStore, [institution()])) }
            dd { (name(link.store)) }
        }
    }
}

/// How long a link is good for.
pub(super) fn until(frame: &Frame<'_>, open_until: DateTime<Utc>, open_for: Duration) -> Markup {
    let moment = ("moment", Slot::Element(frame.language.moment(open_until)));
    if open_for < DAYS_ARE_TOLD_FROM {
        let hours = ("hours", Slot::Count(nearest(open_for, HOUR).max(1)));
        return frame.say(Message::AskUntilHours, [moment, hours]);
    }
    let days = ("days", Slot::Count(nearest(open_for, DAY)));
    frame.say(Message::AskUntilDays, [moment, days])
}

/// How many units it is about.
const fn nearest(duration: Duration, unit: Duration) -> u64 {
    (duration.as_secs() + unit.as_secs() / 2) / unit.as_secs()
}

/// For a link that was not followed in time, or that a newer one replaced.
pub(crate) fn link_over(frame: &Frame<'_>, institution: &str) -> HttpResponse {
    let asked = [("institution", Slot::Name(institution))];
    let content = html! {
        p { (frame.say(Message::OverWhat, [])) }
        p class="note" { (frame.say(Message::OverDo, asked)) }
    };
    let title = frame.say(Message::OverTitle, []);
    frame.respond(StatusCode::GONE, &title, &content)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use domain::{ScopeAccess, ShopResource};

    use super::super::tests::{frame, read};
    use super::*;
    use crate::language::Language;

    fn link(shop: Option<&'static str>) -> HostedLink<'static> {
        HostedLink {
            platform: "Multivende",
            institution: "Alpha <b>Pay</b>",
            client: "seller-1",
            store: "Demo & Co",
            shop,
            scopes: &[],
            open_until: Utc.with_ymd_and_hms(2026, 11, 22, 14, 5, 0).unwrap(),
            open_for: 72 * HOUR,
            continue_at: "/go/t0ken/continue",
            decline_at: "/go/t0ken/decline",
        }
    }

    #[actix_web::test]
    async fn everybody_is_named_and_either_answer_is_a_button() {
        let scopes = [
            AskedScope::Known(ScopeAccess::Read, ShopResource::Orders),
            AskedScope::Unknown("write:<stocks>".to_owned()),
        ];
        let asked = HostedLink {
            scopes: &scopes,
            ..link(Some("demo-shop"))
        };
        let response = hosted_link(&frame(Language::English), &asked);
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers.get("referrer-policy").unwrap(), "same-origin");
        let policy = headers.get("content-security-policy").unwrap();
        // The browser would hold the redirects to it, too.
        assert!(!policy.to_str().unwrap().contains("form-action"));
        let page = read(response).await;
        for named in [
            "<strong><bdi>Alpha &lt;b&gt;Pay&lt;/b&gt;</bdi></strong> asks for access to your \
             Multivende shop <strong><bdi>demo-shop</bdi></strong>.",
            "<strong><bdi>seller-1</bdi></strong>",
            "<strong><bdi>Demo &amp; Co</bdi></strong>",
            "<li>Read your orders</li>",
            "<li><code><bdi>write:&lt;stocks&gt;</bdi></code></li>",
            "<form method=\"post\" action=\"/go/t0ken/continue\">",
            "<form method=\"post\" action=\"/go/t0ken/decline\">",
            "<time datetime=\"2026-11-22T14:05Z\">22 November 2026, 14:05 UTC</time>, 3 more days.",
        ] {
            assert!(page.contains(named), "{named}: {page}");
        }
    }

    #[actix_web::test]
    async fn a_shop_that_nobody_named_is_the_seller_s_own() {
        let page = read(hosted_link(&frame(Language::English), &link(None))).await;
        assert!(page.contains("asks for access to your Multivende shop."));
    }

    #[actix_web::test]
    async fn what_is_left_is_told_in_days_or_hours() {
        for (open_for, told) in [
            (7 * DAY, "7 more days."),
            (167 * HOUR, "7 more days."),
            (6 * DAY + HOUR, "6 more days."),
            (2 * DAY, "2 more days."),
            (47 * HOUR + 2 * (HOUR / 3), "about 48 more hours."),
            (47 * HOUR, "about 47 more hours."),
            (HOUR, "about one more hour."),
            (HOUR / 2, "about one more hour."),
        ] {
            let asked = HostedLink {
                open_for,
                ..link(None)
            };
            let page = read(hosted_link(&frame(Language::English), &asked)).await;
            assert!(page.contains(told), "{told}: {page}");
        }
    }

    #[actix_web::test]
    async fn a_link_that_is_over_says_whom_to_ask() {
        let response = link_over(&frame(Language::English), "Alpha & Pay");
        assert_eq!(response.status(), 410);
        let page = read(response).await;
        assert!(page.contains("ask <strong><bdi>Alpha &amp; Pay</bdi></strong> for a new link"));
        for offered in ["<form", "<button"] {
            assert!(!page.contains(offered), "{page}");
        }
    }
}

//! What a seller is told where nothing is known of an authorization, or nothing may be said.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use maud::html;

use super::Frame;
use crate::language::{Message, Slot};

/// For a link or a callback that is unknown, forged or replaced, or whose cookie is not there: one page for all of
/// them, so that it tells nobody which.
pub(crate) fn unknown_link(frame: &Frame<'_>) -> HttpResponse {
    let content = html! {
        p { (frame.say(Message::UnknownWhat, [])) }
        p class="note" { (frame.say(Message::UnknownDo, [])) }
    };
    let title = frame.say(Message::UnknownTitle, []);
    frame.respond(StatusCode::BAD_REQUEST, &title, &content)
}

/// For a browser that brings what another one set out for: nothing comes of it here. It may be a seller who was
/// sent to the platform by somebody else, and is told so.
pub(crate) fn other_browser(frame: &Frame<'_>, platform: &str, institution: &str) -> HttpResponse {
    let slots = || {
        [
            ("platform", Slot::Text(platform)),
            ("institution", Slot::Name(institution)),
        ]
    };
    let content = html! {
        p { (frame.say(Message::ElsewhereWhat, slots())) }
        p class="note" { (frame.say(Message::ElsewhereDo, [("institution", Slot::Name(institution))])) }
        p class="note" { (frame.say(Message::ElsewhereCaution, slots())) }
    };
    let title = frame.say(Message::ElsewhereTitle, []);
    frame.respond(StatusCode::BAD_REQUEST, &title, &content)
}

/// For a browser that comes back from a platform when its click does not count any more.
pub(crate) fn too_late(frame: &Frame<'_>, platform: &str, institution: &str) -> HttpResponse {
    let content = html! {
        p { (frame.say(Message::LateWhat, [("platform", Slot::Text(platform))])) }
        p class="note" { (frame.say(Message::LateDo, [("institution", Slot::Name(institution))])) }
    };
    let title = frame.say(Message::LateTitle, []);
    frame.respond(StatusCode::BAD_REQUEST, &title, &content)
}

/// For a browser that came back from a platform, which did not say for which of several links.
pub(crate) fn several_links(frame: &Frame<'_>) -> HttpResponse {
    let content = html! {
        p { (frame.say(Message::SeveralWhat, [])) }
        p class="note" { (frame.say(Message::SeveralDo, [])) }
    };
    let title = frame.say(Message::SeveralTitle, []);
    frame.respond(StatusCode::BAD_REQUEST, &title, &content)
}

/// For a browser that comes too often, with the time after which it may come again.
pub(crate) fn busy(frame: &Frame<'_>, wait: Duration) -> HttpResponse {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let content = html! {
        p class="note" { (frame.say(Message::BusyDo, [("seconds", Slot::Count(secs))])) }
    };
    let title = frame.say(Message::BusyTitle, []);
    let mut page = frame.respond(StatusCode::TOO_MANY_REQUESTS, &title, &content);
    page.headers_mut().insert(RETRY_AFTER, secs.into());
    page
}

/// For a visit that fails by our fault. Nothing is spent by it that a reload would miss.
pub(crate) fn failed(frame: &Frame<'_>) -> HttpResponse {
    let content = html! {
        p class="note" { (frame.say(Message::FailedDo, [])) }
    };
    let title = frame.say(Message::FailedTitle, []);
    frame.respond(StatusCode::INTERNAL_SERVER_ERROR, &title, &content)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{frame, read};
    use super::*;
    use crate::language::Language;

    #[actix_web::test]
    async fn our_own_troubles_have_pages_too() {
        let frame = frame(Language::English);
        let response = busy(&frame, Duration::from_millis(1001));
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "2");
        let page = read(response).await;
        assert!(page.contains("<h1>One moment, please</h1>"), "{page}");
        assert!(page.contains("in 2 seconds."), "{page}");
        let page = read(busy(&frame, Duration::from_secs(1))).await;
        assert!(page.contains("in one second."), "{page}");
        let response = failed(&frame);
        assert_eq!(response.status(), 500);
        let page = read(response).await;
        assert!(page.contains("<h1>Something went wrong on our side</h1>"));
    }

    #[actix_web::test]
    async fn a_link_that_leads_nowhere_is_a_bad_request() {
        let response = unknown_link(&frame(Language::English));
        assert_eq!(response.status(), 400);
        let page = read(response).await;
        assert!(page.contains("<h1>This link does not work</h1>"), "{page}");
        let response = several_links(&frame(Language::English));
        assert_eq!(response.status(), 400);
        assert!(read(response).await.contains("Nothing was connected."));
    }

    #[actix_web::test]
    async fn what_was_started_elsewhere_offers_nothing_and_says_whom_to_ask() {
        for language in Language::ALL {
            let frame = frame(language);
            for response in [
                other_browser(&frame, "Shop & Co", "Alpha <Pay>"),
                too_late(&frame, "Shop & Co", "Alpha <Pay>"),
            ] {
                assert_eq!(response.status(), 400);
                let page = read(response).await;
                let asked = "<strong><bdi>Alpha &lt;Pay&gt;</bdi></strong>";
                assert!(page.contains(asked), "{page}");
                assert!(page.contains("Shop &amp; Co"), "{page}");
                for offered in ["<form", "<button"] {
                    assert!(!page.contains(offered), "{page}");
                }
            }
        }
    }
}

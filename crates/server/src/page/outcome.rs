//! How an authorization ended, for the seller who took part in it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use domain::{Actor, FailReason};
use maud::{Markup, html};

use super::Frame;
use super::name::name;
use crate::language::{Message, Slot};

/// What a seller is told at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome<'a> {
    /// The platform's name as its sellers know it.
    pub platform: &'a str,
    /// Who asked the seller to come.
    pub institution: &'a str,
    /// The shop's name or label, where it is known.
    pub shop: Option<&'a str>,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Authorized,
    /// It failed, and what was connected before still is.
    Kept(FailReason),
    /// The platform has not answered yet.
    Pending,
    Failed(FailReason),
}

/// What happened in one line and in full, and what the seller can do.
struct Told {
    title: Message,
    what: Message,
    advice: Message,
}

/// The end of an authorization whose institution gave no address to return to.
pub(crate) fn result(frame: &Frame<'_>, outcome: &Outcome<'_>) -> HttpResponse {
    let institution = Slot::Name(outcome.institution);
    let platform = || [("platform", Slot::Text(outcome.platform))];
    let told = told(outcome.verdict);
    let content = html! {
        p {
            (outcome.platform)
            @if let Some(shop) = outcome.shop { ": " (name(shop)) }
        }
        p { (frame.say(told.what, platform())) }
        @if let Verdict::Kept(_) = outcome.verdict {
            p { (frame.say(Message::StillConnected, [])) }
        }
        p class="note" {
            (whose_move(frame, outcome))
            (frame.say(told.advice, [
                ("platform", Slot::Text(outcome.platform)),
                ("service", institution),
            ]))
        }
    };
    frame.respond(StatusCode::OK, &frame.say(told.title, platform()), &content)
}

/// Nobody's where all is done. What [`FailReason::who`] says is for institutions, of which some can ask a second time
/// by themselves. A seller on this page has followed a link, and where the page says to ask for a new one or to mend
/// the key, nobody else goes on: that is the seller's turn, whoever was at fault.
fn whose_move(frame: &Frame<'_>, outcome: &Outcome<'_>) -> Markup {
    let who = match outcome.verdict {
        Verdict::Authorized => return html! {},
        Verdict::Pending => Actor::Platform,
        Verdict::Failed(reason) | Verdict::Kept(reason) => match reason {
            FailReason::AuthInfoInvalid
            | FailReason::PlatformRejected
            | FailReason::PlatformUnreachable
            | FailReason::Interrupted => Actor::Seller,
            FailReason::UserDenied
            | FailReason::LinkExpired
            | FailReason::SellerMismatch
            | FailReason::SellerAlreadyAuthorized
            | FailReason::ScopesInsufficient
            | FailReason::PlatformAppMisconfigured
            | FailReason::AuthExpired
            | FailReason::AuthRevoked
            | FailReason::AppUninstalled => reason.who(),
        },
    };
    let who = match who {
        Actor::Seller => frame.say(Message::MoveSeller, []),
        Actor::Institution => {
            let institution = ("service", Slot::Name(outcome.institution));
            frame.say(Message::MoveInstitution, [institution])
        }
        Actor::Operator => frame.say(Message::MoveOperator, []),
        Actor::Platform => {
            let platform = ("platform", Slot::Text(outcome.platform));
            frame.say(Message::MovePlatform, [platform])
        }
    };
    html! { strong class="move" { (who) } " " }
}

const fn told(verdict: Verdict) -> Told {
    match verdict {
        Verdict::Authorized => Told {
            title: Message::ConnectedTitle,
            what: Message::ConnectedWhat,
            advice: Message::ConnectedDo,
        },
        Verdict::Pending => Told {
            title: Message::PendingTitle,
            what: Message::PendingWhat,
            advice: Message::PendingDo,
        },
        Verdict::Failed(reason) | Verdict::Kept(reason) => told_of(reason),
    }
}

const fn told_of(reason: FailReason) -> Told {
    let (title, what, advice) = match reason {
        FailReason::UserDenied => (Message::DeniedTitle, Message::DeniedWhat, Message::DeniedDo),
        FailReason::LinkExpired => (
            Message::ExpiredTitle,
            Message::ExpiredWhat,
            Message::ExpiredDo,
        ),
        FailReason::SellerMismatch => (
            Message::MismatchTitle,
            Message::MismatchWhat,
            Message::MismatchDo,
        ),
        FailReason::SellerAlreadyAuthorized => {
            (Message::TakenTitle, Message::TakenWhat, Message::TakenDo)
        }
        FailReason::AuthInfoInvalid => (Message::KeyTitle, Message::KeyWhat, Message::KeyDo),
        FailReason::ScopesInsufficient => (
            Message::ScopesMissingTitle,
            Message::ScopesMissingWhat,
            Message::ScopesMissingDo,
        ),
        FailReason::PlatformRejected => (
            Message::RejectedTitle,
            Message::RejectedWhat,
            Message::RejectedDo,
        ),
        FailReason::PlatformUnreachable => (
            Message::UnreachableTitle,
            Message::UnreachableWhat,
            Message::UnreachableDo,
        ),
        FailReason::PlatformAppMisconfigured => (
            Message::MisconfiguredTitle,
            Message::MisconfiguredWhat,
            Message::MisconfiguredDo,
        ),
        FailReason::Interrupted => (
            Message::InterruptedTitle,
            Message::InterruptedWhat,
            Message::InterruptedDo,
        ),
        FailReason::AuthExpired => (Message::LapsedTitle, Message::LapsedWhat, Message::LapsedDo),
        FailReason::AuthRevoked => (
            Message::RevokedTitle,
            Message::RevokedWhat,
            Message::RevokedDo,
        ),
        FailReason::AppUninstalled => (
            Message::UninstalledTitle,
            Message::UninstalledWhat,
            Message::UninstalledDo,
        ),
    };
    Told {
        title,
        what,
        advice,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{frame, read};
    use super::*;
    use crate::language::Language;

    #[actix_web::test]
    async fn outside_text_is_escaped() {
        let response = result(
            &frame(Language::English),
            &Outcome {
                platform: "Shopline & Co",
                institution: "Alpha <Pay>",
                shop: Some("<script>alert(\"1\")</script>"),
                verdict: Verdict::Authorized,
            },
        );
        assert_eq!(response.status(), 200);
        let page = read(response).await;
        assert!(page.contains("<h1>Your shop is connected</h1>"), "{page}");
        assert!(page.contains(
            "<p>Shopline &amp; Co: <strong><bdi>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;</bdi></strong></p>"
        ), "{page}");
        assert!(
            page.contains("go back to <strong><bdi>Alpha &lt;Pay&gt;</bdi></strong>."),
            "{page}"
        );
    }

    #[actix_web::test]
    async fn each_reason_has_a_page_of_its_own_in_each_language() {
        let mut pages = HashSet::new();
        for language in Language::ALL {
            for reason in FailReason::ALL {
                for verdict in [Verdict::Failed(reason), Verdict::Kept(reason)] {
                    let page = read(result(
                        &frame(language),
                        &Outcome {
                            platform: "SHOPLINE",
                            institution: "Alpha Pay",
                            shop: None,
                            verdict,
                        },
                    ))
                    .await;
                    assert!(page.contains("<p>SHOPLINE</p>"));
                    assert!(!page.contains(reason.code()), "codes are for institutions");
                    assert!(pages.insert(page), "{language:?}, {verdict:?}");
                }
            }
        }
    }

    #[actix_web::test]
    async fn a_page_says_whose_move_it_is() {
        for (verdict, told) in [
            (Verdict::Pending, Some("Now it is up to Genstore")),
            (
                Verdict::Failed(FailReason::UserDenied),
                Some("It is your turn"),
            ),
            (
                Verdict::Failed(FailReason::SellerAlreadyAuthorized),
                Some("Now it is up to <strong><bdi>Alpha Pay</bdi></strong>"),
            ),
            (
                Verdict::Kept(FailReason::Interrupted),
                Some("It is your turn"),
            ),
            (
                Verdict::Failed(FailReason::PlatformUnreachable),
                Some("It is your turn"),
            ),
            (
                Verdict::Failed(FailReason::AuthInfoInvalid),
                Some("It is your turn"),
            ),
            (
                Verdict::Failed(FailReason::PlatformAppMisconfigured),
                Some("Now it is up to the operator of this page"),
            ),
            (
                Verdict::Failed(FailReason::PlatformRejected),
                Some("It is your turn"),
            ),
            (Verdict::Authorized, None),
        ] {
            let outcome = Outcome {
                platform: "Genstore",
                institution: "Alpha Pay",
                shop: None,
                verdict,
            };
            let page = read(result(&frame(Language::English), &outcome)).await;
            let note = match told {
                Some(told) => format!("<p class=\"note\"><strong class=\"move\">{told}</strong> "),
                None => "<p class=\"note\">You are done.".to_owned(),
            };
            assert!(page.contains(&note), "{note}: {page}");
        }
    }
}

//! What goes wrong on purpose.

use std::time::Duration;

use actix_web::HttpResponse;
use serde::{Deserialize, Deserializer};

use crate::call_log::noted;
use crate::hold::Hold;
use crate::{Dialect, Shop};

/// One thing that shall go wrong: the next time, or, if `sticky`, every time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub dialect: Dialect,
    /// Absent: whichever shop comes first.
    #[serde(default)]
    pub shop: Option<Shop>,
    pub step: Step,
    pub fault: Fault,
    #[serde(default)]
    pub sticky: bool,
}

/// Where in the protocol a rule waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The seller's decision: the POST of the consent page, never its GET.
    Consent,
    /// Creating or refreshing a token.
    Token,
    /// Any call that presents a token or key.
    Probe,
    /// A token is given up, and with it what the platform ends then.
    Revoke,
    /// The platform sends the seller to the app.
    Launch,
}

/// How it goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The seller says no; at the later steps, the platform refuses the app or the credential.
    Deny,
    /// Another shop answers, in the callback, the token and the probe alike.
    WrongShop(Shop),
    /// The callback names the right shop, the token that follows another.
    WrongShopInToken(Shop),
    /// At most these of the scopes that were asked for are granted.
    FewerScopes(Vec<String>),
    /// The code has been spent before the app presents it.
    CodeAlreadyUsed,
    /// HTTP 503, before the call had any effect.
    ServerError,
    /// HTTP 429, before the call had any effect.
    TooManyRequests,
    /// HTTP 200 that carries an error in the platform's own shape.
    OkWithError,
    /// SHOPLINE takes no calls from the address that the app calls from.
    AddressRefused,
    /// The answer does not say when the token ends, and neither does the token.
    NoExpiry,
    /// MULTIVENDE's tokens live this long from now on, for this answer.
    Lives {
        #[serde(rename = "access_ms", deserialize_with = "milliseconds")]
        access: Duration,
        #[serde(rename = "refresh_ms", deserialize_with = "milliseconds")]
        refresh: Duration,
    },
    /// MULTIVENDE's redirect does not bring the app's state back.
    DropState,
    /// The refresh token stays as it was, and comes again.
    SameRefreshToken,
    /// The answer brings no refresh token. The one before it stays good.
    NoRefreshToken,
    /// The call takes effect at once, its answer comes later.
    Slow {
        #[serde(rename = "delay_ms", deserialize_with = "milliseconds")]
        delay: Duration,
    },
    /// The call takes effect at once, its answer comes when somebody in this process releases it.
    #[serde(skip)]
    Held(Hold),
    /// The call takes effect, its answer never comes.
    NoAnswer,
    /// HTTP 200 and JSON's content type, around what is no JSON.
    Garbage,
    /// The redirect is signed with a key that is not the app's.
    Forged,
    /// The redirect is rightly signed, an hour ago.
    Old,
    /// The redirect names the shop twice, differently, and the signature covers both.
    DuplicatedKey,
}

/// The rule could never come true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("this dialect has no such step")]
    NoSuchStep,
    #[error("this fault has no meaning in this step")]
    NoSuchFault,
}

impl Rule {
    pub(crate) fn check(&self) -> Result<(), RuleError> {
        if self.step != Step::Probe && !self.dialect.has_consent() {
            return Err(RuleError::NoSuchStep);
        }
        if self.step == Step::Launch && !self.dialect.begins() {
            return Err(RuleError::NoSuchStep);
        }
        if self.step == Step::Revoke && !self.dialect.revokes() {
            return Err(RuleError::NoSuchStep);
        }
        let is_about_signatures = matches!(
            self.fault,
            Fault::Forged | Fault::Old | Fault::DuplicatedKey
        );
        let is_signed = self.step == Step::Launch || self.dialect.signs_callbacks();
        if is_about_signatures && !is_signed {
            return Err(RuleError::NoSuchFault);
        }
        let is_the_dialects = match self.fault {
            Fault::AddressRefused => self.dialect == Dialect::Shopline,
            Fault::DropState | Fault::Lives { .. } => self.dialect == Dialect::Multivende,
            Fault::NoExpiry => self.dialect.tokens_end(),
            Fault::SameRefreshToken | Fault::NoRefreshToken => self.dialect.rotates_tokens(),
            Fault::Deny
            | Fault::WrongShop(_)
            | Fault::WrongShopInToken(_)
            | Fault::FewerScopes(_)
            | Fault::CodeAlreadyUsed
            | Fault::ServerError
            | Fault::TooManyRequests
            | Fault::OkWithError
            | Fault::Slow { .. }
            | Fault::Held(_)
            | Fault::NoAnswer
            | Fault::Garbage
            | Fault::Forged
            | Fault::Old
            | Fault::DuplicatedKey => true,
        };
        if !self.fault.has_meaning_in(self.step) || !is_the_dialects {
            return Err(RuleError::NoSuchFault);
        }
        Ok(())
    }

    pub(crate) fn matches(&self, dialect: Dialect, shop: &Shop, step: Step) -> bool {
        let shop_matches = self.shop.as_ref().is_none_or(|wanted| wanted == shop);
        self.dialect == dialect && self.step == step && shop_matches
    }
}

impl Fault {
    fn has_meaning_in(&self, step: Step) -> bool {
        match self {
            Fault::Deny
            | Fault::WrongShop(_)
            | Fault::FewerScopes(_)
            | Fault::ServerError
            | Fault::TooManyRequests
            | Fault::Slow { .. }
            | Fault::Held(_)
            | Fault::NoAnswer => step != Step::Launch,
            Fault::AddressRefused
            | Fault::NoExpiry
            | Fault::Lives { .. }
            | Fault::SameRefreshToken
            | Fault::NoRefreshToken => step == Step::Token,
            Fault::DropState => step == Step::Consent,
            Fault::WrongShopInToken(_) | Fault::CodeAlreadyUsed => {
                matches!(step, Step::Consent | Step::Token)
            }
            Fault::OkWithError | Fault::Garbage => {
                matches!(step, Step::Token | Step::Probe | Step::Revoke)
            }
            Fault::Forged | Fault::Old | Fault::DuplicatedKey => {
                matches!(step, Step::Consent | Step::Launch)
            }
        }
    }

    /// The scopes that stay granted under this fault.
    pub(crate) fn narrow(fault: Option<&Fault>, scopes: &[String]) -> Vec<String> {
        let mut scopes = scopes.to_vec();
        if let Some(Fault::FewerScopes(granted)) = fault {
            scopes.retain(|scope| granted.contains(scope));
        }
        scopes
    }

    /// The shop that answers in place of `shop` under this fault.
    pub(crate) fn answering<'a>(fault: Option<&'a Fault>, shop: &'a Shop) -> &'a Shop {
        match fault {
            Some(Fault::WrongShop(other) | Fault::WrongShopInToken(other)) => other,
            _ => shop,
        }
    }
}

/// Acts out the faults that look the same on every platform; the others are
/// left to `answer`, which knows its platform's words.
///
/// A slow, held or lost answer is one to a call that took effect: that is the case
/// that hurts, since the code is spent and the token is minted.
pub(crate) async fn act_out(
    fault: Option<Fault>,
    answer: impl FnOnce(Option<&Fault>) -> HttpResponse,
) -> HttpResponse {
    match fault {
        Some(Fault::ServerError) => noted(
            HttpResponse::ServiceUnavailable().body("upstream connect error"),
            "scripted: server_error",
        ),
        Some(Fault::TooManyRequests) => noted(
            HttpResponse::TooManyRequests()
                .insert_header(("Retry-After", "2"))
                .body("too many requests"),
            "scripted: too_many_requests",
        ),
        Some(Fault::Garbage) => noted(
            HttpResponse::Ok()
                .content_type("application/json")
                .body("<html>maintenance</html>"),
            "scripted: garbage",
        ),
        Some(Fault::Slow { delay }) => {
            let late = answer(None);
            let elapsed = tokio::time::timeout(delay, std::future::pending::<()>()).await;
            debug_assert!(elapsed.is_err());
            late
        }
        Some(Fault::Held(hold)) => {
            let late = answer(None);
            hold.pass().await;
            late
        }
        Some(Fault::NoAnswer) => {
            drop(answer(None));
            std::future::pending().await
        }
        fault => answer(fault.as_ref()),
    }
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn rules_are_written_in_snake_case() {
        let parsed = rule(
            r#"{"dialect":"shopline","shop":"demo","step":"token","fault":{"slow":{"delay_ms":250}},"sticky":true}"#,
        );
        assert_eq!(
            parsed,
            Rule {
                dialect: Dialect::Shopline,
                shop: Some("demo".parse().unwrap()),
                step: Step::Token,
                fault: Fault::Slow {
                    delay: Duration::from_millis(250)
                },
                sticky: true,
            }
        );
        let parsed = rule(
            r#"{"dialect":"genstore","step":"consent","fault":{"wrong_shop_in_token":"Other"}}"#,
        );
        assert_eq!(
            parsed.fault,
            Fault::WrongShopInToken("other".parse().unwrap())
        );
        assert_eq!((parsed.shop, parsed.sticky), (None, false));
    }

    #[test]
    fn a_rule_that_could_never_come_true_is_refused() {
        for (dialect, step, fault, expected) in [
            ("shopify", "token", "deny", Err(RuleError::NoSuchStep)),
            (
                "woocommerce",
                "probe",
                "forged",
                Err(RuleError::NoSuchFault),
            ),
            (
                "genstore",
                "consent",
                "garbage",
                Err(RuleError::NoSuchFault),
            ),
            ("genstore", "token", "old", Err(RuleError::NoSuchFault)),
            (
                "genstore",
                "token",
                "address_refused",
                Err(RuleError::NoSuchFault),
            ),
            ("shopline", "token", "address_refused", Ok(())),
            ("shopline", "launch", "deny", Err(RuleError::NoSuchFault)),
            (
                "shopline",
                "probe",
                "code_already_used",
                Err(RuleError::NoSuchFault),
            ),
            ("cafe24", "consent", "forged", Err(RuleError::NoSuchFault)),
            ("cafe24", "launch", "deny", Err(RuleError::NoSuchFault)),
            ("cafe24", "launch", "forged", Ok(())),
            ("cafe24", "consent", "deny", Ok(())),
            ("shopline", "launch", "forged", Ok(())),
            ("shopline", "token", "no_expiry", Ok(())),
            (
                "genstore",
                "token",
                "no_expiry",
                Err(RuleError::NoSuchFault),
            ),
            ("cafe24", "token", "same_refresh_token", Ok(())),
            (
                "cafe24",
                "probe",
                "no_refresh_token",
                Err(RuleError::NoSuchFault),
            ),
            (
                "shopline",
                "token",
                "no_refresh_token",
                Err(RuleError::NoSuchFault),
            ),
            ("multivende", "consent", "drop_state", Ok(())),
            (
                "multivende",
                "token",
                "drop_state",
                Err(RuleError::NoSuchFault),
            ),
            (
                "cafe24",
                "consent",
                "drop_state",
                Err(RuleError::NoSuchFault),
            ),
            (
                "multivende",
                "consent",
                "forged",
                Err(RuleError::NoSuchFault),
            ),
            ("multivende", "token", "same_refresh_token", Ok(())),
            ("shopify", "probe", "no_answer", Ok(())),
            ("cafe24", "revoke", "ok_with_error", Ok(())),
            ("shopline", "revoke", "deny", Err(RuleError::NoSuchStep)),
            ("genstore", "token", "ok_with_error", Ok(())),
        ] {
            let parsed = rule(&format!(
                r#"{{"dialect":"{dialect}","step":"{step}","fault":"{fault}"}}"#
            ));
            assert_eq!(parsed.check(), expected, "{dialect} {step} {fault}");
        }
    }
}

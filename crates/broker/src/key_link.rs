//! A key that the seller hands in on a page of ours, so that the institution never sees it.
//!
//! Until then nothing is bound or told. From then on the attempt is one like any other by KEY: the same worker
//! proves it, and it ends the same way. An attempt takes one key: whoever comes second, by another tab, a reload
//! or a shop's own push, sees how the first one ends.

use domain::{AuthType, Authorization, AuthorizationState, Credential, Platform};
use platforms::{KeyField, KeyGuide, KeyPart, KeyShape, PlatformFacts, adapter};
use secrecy::{ExposeSecret, SecretString};
use storage::sealing::Fingerprint;
use storage::{Tx, authorizations, stores};

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::finish_authorization::Attempt;
use crate::hosted_link::{LinkRefused, OpenLink};
use crate::internal::Internal;

/// As long as a text of `auth_info` may be.
const MAX_CHARS: usize = 2048;

/// What the seller is asked to hand in.
#[derive(Debug)]
pub struct WantedKey {
    pub asked: Box<OpenLink>,
    pub guide: &'static KeyGuide,
    /// Whether the seller's shop can make a key and send it by itself.
    pub shop_sends: bool,
}

/// The texts of a form.
pub struct PastedKey {
    pub token: Option<SecretString>,
    pub api_key: Option<SecretString>,
    pub api_secret: Option<SecretString>,
}

/// What came of a form.
#[derive(Debug, PartialEq, Eq)]
pub enum HandedIn {
    /// The link has a key, now or from before, or does not wait any more: it shows what came of it.
    SeeLink,
    /// Nothing was taken. The first problem of each text that has one.
    Unfit(Vec<(KeyPart, KeyProblem)>),
}

/// Why a text is none of the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    Missing,
    TooLong,
    /// There is a blank or a control character inside of it.
    Broken,
    /// It does not begin as all of them do: another text was pasted.
    AnotherText,
}

impl KeyProblem {
    pub const ALL: [Self; 4] = [
        Self::Missing,
        Self::TooLong,
        Self::Broken,
        Self::AnotherText,
    ];

    /// The name in the address of the page.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLong => "too_long",
            Self::Broken => "broken",
            Self::AnotherText => "another_text",
        }
    }
}

/// A credential as it is kept, and how it is known again.
pub(crate) type ReadKey = (Credential, Fingerprint);

impl Broker {
    /// Takes the key that was pasted on the page behind a link, and waits a moment for what comes of it.
    pub async fn hand_in_key(
        &self,
        link: &SecretString,
        pasted: PastedKey,
    ) -> Result<HandedIn, LinkRefused> {
        let found = self.find_linked(link).await?;
        if found.auth_type != AuthType::Key {
            return Ok(HandedIn::SeeLink);
        }
        let adapter = adapter(found.platform);
        let flow = adapter.key_flow().ok_or(LinkRefused::Unknown)?;
        if self.waits(&found) {
            let credential = pasted.into_credential(adapter.facts());
            let problems = find_problems(flow.key_guide(), &credential);
            if !problems.is_empty() {
                return Ok(HandedIn::Unfit(problems));
            }
            let key = self.read_key(adapter.facts(), &credential);
            let key = key.map_err(Internal::new)?;
            self.keep_key(&found, &key).await?;
        }
        let found = self.find_linked(link).await?;
        if found.state == AuthorizationState::Pending {
            self.show_linked(Attempt::of(&found)).await?;
        }
        Ok(HandedIn::SeeLink)
    }

    /// Keeps a key for the attempt that waits for one, from where the worker takes it. Whatever was
    /// there before stays. When this returns, a crash does not lose it.
    async fn keep_key(
        &self,
        found: &Authorization,
        (credential, fingerprint): &ReadKey,
    ) -> Result<(), Internal> {
        let now = self.now();
        let sealed = self.sealed_key(found.id, credential);
        let is_taken = self
            .storage()
            .write(async |tx: &Tx| {
                let Some(waiting) = self.lock_waiting(tx, found).await? else {
                    return Ok(false);
                };
                let (sealed, print) = (sealed.clone(), fingerprint.clone());
                let deadline_at = now + self.options().key_deadline;
                authorizations::take_key(tx, &waiting, sealed, print, deadline_at, now).await?;
                Ok::<_, Internal>(true)
            })
            .await?;
        self.reach(CrashPoint::KeyTaken);
        if is_taken {
            tracing::info!(
                store.id = %found.store, authorization.id = %found.id, "a key was handed in"
            );
        }
        Ok(())
    }

    /// The attempt as it stands, if it waits for its seller; nobody changes it until the transaction ends.
    pub(crate) async fn lock_waiting(
        &self,
        tx: &Tx,
        found: &Authorization,
    ) -> Result<Option<Authorization>, Internal> {
        let (institution, id) = (found.institution, found.id);
        // Always the store first: whoever starts or ends anything about it waits here.
        let store = stores::find_locked(tx, institution, found.store).await?;
        let authorization = authorizations::find_locked(tx, institution, id).await?;
        let is_current = store.is_some_and(|store| store.current_attempt() == Some(id));
        Ok(authorization.filter(|found| is_current && self.waits(found)))
    }

    pub(crate) fn wanted_key(
        &self,
        platform: Platform,
        asked: Box<OpenLink>,
    ) -> Result<WantedKey, Internal> {
        let flow = adapter(platform).key_flow();
        let flow = flow.ok_or_else(|| Internal::new("a KEY link without a flow"))?;
        Ok(WantedKey {
            asked,
            guide: flow.key_guide(),
            shop_sends: self.takes_pushed_keys(platform),
        })
    }
}

impl PastedKey {
    /// What is not there is empty.
    fn into_credential(self, facts: &PlatformFacts) -> Credential {
        match facts.key_shape {
            Some(KeyShape::KeyPair) => Credential::KeyPair {
                api_key: self.api_key.unwrap_or_default(),
                api_secret: self.api_secret.unwrap_or_default(),
            },
            Some(KeyShape::Token) | None => Credential::Token {
                token: self.token.unwrap_or_default(),
            },
        }
    }
}

/// The first problem of each text that has one, blanks around it left out of account.
pub(crate) fn find_problems(
    guide: &KeyGuide,
    credential: &Credential,
) -> Vec<(KeyPart, KeyProblem)> {
    let mut problems = Vec::new();
    for field in guide.fields {
        let text = match (field.part, credential) {
            (KeyPart::Token, Credential::Token { token }) => token.expose_secret(),
            (KeyPart::ApiKey, Credential::KeyPair { api_key, .. }) => api_key.expose_secret(),
            (KeyPart::ApiSecret, Credential::KeyPair { api_secret, .. }) => {
                api_secret.expose_secret()
            }
            _ => "",
        };
        if let Some(problem) = find_problem(field, text.trim()) {
            problems.push((field.part, problem));
        }
    }
    problems
}

fn find_problem(field: &KeyField, text: &str) -> Option<KeyProblem> {
    if text.is_empty() {
        return Some(KeyProblem::Missing);
    }
    if text.chars().count() > MAX_CHARS {
        return Some(KeyProblem::TooLong);
    }
    let is_torn = |c: char| c.is_whitespace() || c.is_control();
    if text.contains(is_torn) {
        return Some(KeyProblem::Broken);
    }
    let begins_well = field
        .begins_with
        .is_none_or(|beginning| text.starts_with(beginning));
    (!begins_well).then_some(KeyProblem::AnotherText)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, secret: &str) -> Credential {
        Credential::KeyPair {
            api_key: key.into(),
            api_secret: secret.into(),
        }
    }

    #[test]
    fn each_text_has_its_first_problem() {
        use KeyPart::{ApiKey, ApiSecret};
        let guide = adapter(Platform::Woocommerce)
            .key_flow()
            .unwrap()
            .key_guide();
        let long = format!("ck_{}", "0".repeat(MAX_CHARS - 3));
        for (key, secret, expected) in [
            ("ck_1", "cs_1", vec![]),
            (" ck_1\n", "\tcs_1 ", vec![]),
            (&long, "cs_1", vec![]),
            ("", "cs_1", vec![(ApiKey, KeyProblem::Missing)]),
            ("ck_1", " \n ", vec![(ApiSecret, KeyProblem::Missing)]),
            (
                &format!("{long}0"),
                "cs_1",
                vec![(ApiKey, KeyProblem::TooLong)],
            ),
            ("ck_1 ck_2", "cs_1", vec![(ApiKey, KeyProblem::Broken)]),
            ("ck_1", "cs_\u{7f}1", vec![(ApiSecret, KeyProblem::Broken)]),
            (
                "cs_1",
                "ck_1",
                vec![
                    (ApiKey, KeyProblem::AnotherText),
                    (ApiSecret, KeyProblem::AnotherText),
                ],
            ),
        ] {
            assert_eq!(
                find_problems(guide, &pair(key, secret)),
                expected,
                "{key:?} {secret:?}"
            );
        }
        let token = Credential::Token {
            token: "ck_1".into(),
        };
        let both = vec![
            (ApiKey, KeyProblem::Missing),
            (ApiSecret, KeyProblem::Missing),
        ];
        assert_eq!(find_problems(guide, &token), both);
        let guide = adapter(Platform::Shopify).key_flow().unwrap().key_guide();
        assert_eq!(find_problems(guide, &token), []);
    }
}

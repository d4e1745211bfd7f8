//! What an institution is told about a store, and whether it is told the same everywhere.

use std::collections::HashMap;

use domain::FailReason;
use serde::{Deserialize, Deserializer};
use url::Url;

/// The five facts that every channel carries. What is absent or null counts as empty, since a redirect
/// has no other way to say so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Told {
    pub(super) client_id: String,
    pub(super) store_id: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(super) seller_id: String,
    pub(super) auth_status: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(super) auth_fail_reason: String,
}

/// The same from a snapshot, which is numbered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Snapshot {
    #[serde(flatten)]
    pub(super) told: Told,
    pub(super) sequence: i64,
}

/// What each channel said about one result.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    /// Absent where no browser takes part.
    pub(super) redirect: Option<Told>,
    pub(super) webhook: Snapshot,
    pub(super) query: Snapshot,
}

/// How an authorization ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failed(FailReason),
}

impl Told {
    /// Reads the parameters that were appended to a `redirect_url`; each must be there exactly once.
    pub(super) fn from_redirect(url: &Url) -> Result<Self, String> {
        let mut values: HashMap<String, String> = HashMap::new();
        for (key, value) in url.query_pairs() {
            if values.insert(key.to_string(), value.into_owned()).is_some() {
                return Err(format!("the redirect names {key} twice"));
            }
        }
        let mut take = |key: &str| {
            values
                .remove(key)
                .ok_or_else(|| format!("the redirect lacks {key}"))
        };
        Ok(Self {
            client_id: take("client_id")?,
            store_id: take("store_id")?,
            seller_id: take("seller_id")?,
            auth_status: take("auth_status")?,
            auth_fail_reason: take("auth_fail_reason")?,
        })
    }

    /// The status, and the reason of a failure.
    pub(super) fn outcome(&self) -> String {
        format!("{} {}", self.auth_status, self.auth_fail_reason)
            .trim_end()
            .to_owned()
    }

    /// The outcome in one word.
    pub(super) fn word(&self) -> &str {
        if self.auth_fail_reason.is_empty() {
            &self.auth_status
        } else {
            &self.auth_fail_reason
        }
    }
}

impl Channels {
    /// Says what differs, if something does.
    pub(super) fn compare(&self, expected: Verdict, sequence: i64) -> Result<(), String> {
        if self.webhook != self.query {
            return Err(format!(
                "webhook and query differ: {:?}, {:?}",
                self.webhook, self.query
            ));
        }
        if let Some(redirect) = &self.redirect
            && redirect != &self.query.told
        {
            return Err(format!(
                "redirect and query differ: {redirect:?}, {:?}",
                self.query.told
            ));
        }
        if self.query.sequence != sequence {
            return Err(format!(
                "the sequence is {}, not {sequence}",
                self.query.sequence
            ));
        }
        let (status, reason) = expected.words();
        let told = &self.query.told;
        if (told.auth_status.as_str(), told.auth_fail_reason.as_str()) != (status, reason) {
            return Err(format!("expected {status} {reason}"));
        }
        Ok(())
    }
}

impl Verdict {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Success => ("SUCCESS", ""),
            Self::Failed(reason) => ("FAILED", reason.code()),
        }
    }
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(json: &str) -> Snapshot {
        serde_json::from_str(json).unwrap()
    }

    fn denied() -> Channels {
        let told = snapshot(
            r#"{"client_id":"cl_1","store_id":"st_1","seller_id":null,"auth_status":"FAILED",
                "auth_fail_reason":"USER_DENIED","sequence":3,"health":null}"#,
        );
        let url = "http://127.0.0.1/return?kept=1&client_id=cl_1&store_id=st_1&seller_id=\
            &auth_status=FAILED&auth_fail_reason=USER_DENIED";
        Channels {
            redirect: Some(Told::from_redirect(&url.parse().unwrap()).unwrap()),
            webhook: told.clone(),
            query: told,
        }
    }

    #[test]
    fn channels_that_say_the_same_agree() {
        let verdict = Verdict::Failed(FailReason::UserDenied);
        assert_eq!(denied().compare(verdict, 3), Ok(()));
    }

    #[test]
    fn every_difference_is_noticed() {
        let verdict = Verdict::Failed(FailReason::UserDenied);
        let differs = |change: fn(&mut Channels)| {
            let mut channels = denied();
            change(&mut channels);
            channels.compare(verdict, 3).is_err()
        };
        assert!(differs(|c| c.webhook.sequence = 2));
        assert!(differs(|c| c.webhook.told.auth_fail_reason.clear()));
        assert!(differs(|c| c.query.told.client_id.clear()));
        assert!(differs(|c| {
            if let Some(redirect) = &mut c.redirect {
                redirect.seller_id.push('x');
            }
        }));
        assert!(denied().compare(verdict, 4).is_err());
        assert!(denied().compare(Verdict::Success, 3).is_err());
        let other = Verdict::Failed(FailReason::SellerMismatch);
        assert!(denied().compare(other, 3).is_err());
    }

    #[test]
    fn a_redirect_names_each_of_the_five_once() {
        let all = "client_id=c&store_id=s&seller_id=&auth_status=SUCCESS&auth_fail_reason=";
        for (query, is_whole) in [
            (all.to_owned(), true),
            (all.replace("&seller_id=", ""), false),
            (format!("{all}&auth_status=FAILED"), false),
        ] {
            let url = format!("http://127.0.0.1/return?{query}").parse().unwrap();
            assert_eq!(Told::from_redirect(&url).is_ok(), is_whole, "{query}");
        }
    }
}

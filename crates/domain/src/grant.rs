//! A proven credential of a store.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::id::{AuthorizationId, GrantId, InstitutionId, StoreId};
use crate::platform::Platform;
use crate::scope::Scopes;
use crate::shop::ProvenShop;

/// What lets its holder read a shop, in one of the shapes that platforms use.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The access token of an OAuth flow.
    AccessToken { access_token: SecretString },
    /// A token that the seller made in the platform's admin.
    Token { token: SecretString },
    /// A key and its secret.
    KeyPair {
        api_key: SecretString,
        api_secret: SecretString,
    },
}

/// Whether an institution that may have credentials may have this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disclosure {
    Institution,
    /// The seller handed it in on a page that promised that the institution would not see it.
    Nobody,
}

impl Disclosure {
    pub const ALL: [Self; 2] = [Self::Institution, Self::Nobody];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Institution => "INSTITUTION",
            Self::Nobody => "NOBODY",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

/// The credential as text, for sealing alone: it exists between here and the cipher.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum PlainCredential {
    AccessToken { access_token: String },
    Token { token: String },
    KeyPair { api_key: String, api_secret: String },
}

/// A stored credential that is none of the shapes we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a credential of a known shape")]
pub struct UnreadableCredential;

impl Credential {
    /// The text to seal; [`Credential::from_secret_text`] reads it back.
    pub fn to_secret_text(&self) -> SecretString {
        let plain = match self {
            Self::AccessToken { access_token } => PlainCredential::AccessToken {
                access_token: access_token.expose_secret().to_owned(),
            },
            Self::Token { token } => PlainCredential::Token {
                token: token.expose_secret().to_owned(),
            },
            Self::KeyPair {
                api_key,
                api_secret,
            } => PlainCredential::KeyPair {
                api_key: api_key.expose_secret().to_owned(),
                api_secret: api_secret.expose_secret().to_owned(),
            },
        };
        // A struct of strings has no way to fail as JSON.
        SecretString::from(serde_json::to_string(&plain).unwrap_or_default())
    }

    pub fn from_secret_text(text: &SecretString) -> Result<Self, UnreadableCredential> {
        // The parser's own message could quote the credential, so it is dropped here.
        let plain = serde_json::from_str(text.expose_secret()).map_err(|_| UnreadableCredential)?;
        Ok(match plain {
            PlainCredential::AccessToken { access_token } => Self::AccessToken {
                access_token: access_token.into(),
            },
            PlainCredential::Token { token } => Self::Token {
                token: token.into(),
            },
            PlainCredential::KeyPair {
                api_key,
                api_secret,
            } => Self::KeyPair {
                api_key: api_key.into(),
                api_secret: api_secret.into(),
            },
        })
    }
}

/// How the grant of an authorized store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// It ends soon, and no renewal prevents it.
    Expiring,
    /// It lacks scopes that the platform app requires.
    ScopesMissing,
    /// It could not be renewed yet.
    RefreshFailing,
    /// A token that is good for one use may be spent, and what it was spent for is not known.
    Uncertain,
}

impl Health {
    pub const ALL: [Self; 5] = [
        Self::Healthy,
        Self::Expiring,
        Self::ScopesMissing,
        Self::RefreshFailing,
        Self::Uncertain,
    ];

    /// One word for a grant of which several things may be true. What only the seller can mend goes before
    /// what may mend itself, and the loss of everything before the loss of a part.
    pub const fn of(renewal: Renewal, coverage: ScopeCoverage) -> Self {
        match (renewal, coverage) {
            (Renewal::Expiring, _) => Self::Expiring,
            (_, ScopeCoverage::Missing) => Self::ScopesMissing,
            (Renewal::Uncertain, ScopeCoverage::Complete) => Self::Uncertain,
            (Renewal::Failing, ScopeCoverage::Complete) => Self::RefreshFailing,
            (Renewal::Good, ScopeCoverage::Complete) => Self::Healthy,
        }
    }

    pub const fn code(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Expiring => "EXPIRING",
            Self::ScopesMissing => "SCOPES_MISSING",
            Self::RefreshFailing => "REFRESH_FAILING",
            Self::Uncertain => "UNCERTAIN",
        }
    }
}

/// How the renewal of a grant goes, whatever its scopes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// As it should, or the grant needs none.
    Good,
    Expiring,
    Failing,
    Uncertain,
}

impl Renewal {
    pub const ALL: [Self; 4] = [Self::Good, Self::Expiring, Self::Failing, Self::Uncertain];

    /// The word for it in the database: that of the health that it makes.
    pub const fn code(self) -> &'static str {
        Health::of(self, ScopeCoverage::Complete).code()
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|renewal| renewal.code() == code)
    }
}

/// Whether a grant has all scopes that its platform app requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeCoverage {
    Complete,
    Missing,
}

impl ScopeCoverage {
    pub const ALL: [Self; 2] = [Self::Complete, Self::Missing];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Missing => "MISSING",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|coverage| coverage.code() == code)
    }
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// When a grant has to be looked after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// When it is to be renewed; `None` if it cannot be, or has no end.
    pub next_refresh_at: Option<DateTime<Utc>>,
    /// When what it is renewed with ends, where that has an end.
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// When the institution is to be told of an end that no renewal moves.
    pub notice_at: Option<DateTime<Utc>>,
}

/// A proven, sealed credential of a store; the credential itself stays in the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    pub store: StoreId,
    pub institution: InstitutionId,
    pub authorization: AuthorizationId,
    pub platform: Platform,
    pub shop: ProvenShop,
    /// Where the credential was proven, and the only place where it may be used.
    pub origin: String,
    pub scopes: Scopes,
    /// What the platform said of them, where that is more than names.
    pub scopes_told: Option<String>,
    /// When the credential ends; `None` where the platform gives it no end.
    pub expires_at: Option<DateTime<Utc>>,
    pub upkeep: Upkeep,
    /// When its scopes are to be read again, where the platform tells them.
    pub scopes_due_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_and_the_worst_is_told() {
        for renewal in Renewal::ALL {
            assert_eq!(Renewal::from_code(renewal.code()), Some(renewal));
        }
        for coverage in ScopeCoverage::ALL {
            assert_eq!(ScopeCoverage::from_code(coverage.code()), Some(coverage));
        }
        let told: Vec<_> = Renewal::ALL
            .into_iter()
            .map(|renewal| Health::of(renewal, ScopeCoverage::Missing))
            .collect();
        let missing = Health::ScopesMissing;
        assert_eq!(told, [missing, Health::Expiring, missing, missing]);
    }

    #[test]
    fn a_credential_survives_its_text_and_never_prints() {
        let pair = Credential::KeyPair {
            api_key: "ck_1".into(),
            api_secret: "cs_1".into(),
        };
        assert!(!format!("{pair:?}").contains("c_1") && !format!("{pair:?}").contains("cs_1"));
        let read = Credential::from_secret_text(&pair.to_secret_text());
        let Ok(Credential::KeyPair {
            api_key,
            api_secret,
        }) = read
        else {
            panic!("another shape came back");
        };
        assert_eq!(
            (api_key.expose_secret(), api_secret.expose_secret()),
            ("ck_1", "cs_1")
        );
    }

    #[test]
    fn a_foreign_text_is_refused_without_being_quoted() {
        let error = Credential::from_secret_text(&"hunter2".into()).err();
        assert_eq!(
            error.map(|error| error.to_string().contains("hunter2")),
            Some(false)
        );
    }
}

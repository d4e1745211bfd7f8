//! Access tokens of institutions.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{AppId, Institution};
use secrecy::{ExposeSecret, SecretString};
use storage::sealing::Place;
use storage::{StorageError, Tx, access_tokens, institutions};
use subtle::ConstantTimeEq;

use crate::Broker;
use crate::internal::Internal;
use crate::secret_text::sha256;

/// How long an access token counts.
const TOKEN_LIFE: Duration = Duration::from_hours(2);

#[derive(Debug)]
pub struct IssuedToken {
    pub access_token: SecretString,
    pub expires_in: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum IssueTokenError {
    /// Unknown id and wrong secret look the same.
    #[error("invalid client")]
    InvalidClient,
    #[error(transparent)]
    Internal(#[from] Internal),
}

/// The institution behind a token, with the secrets that its signatures may be made with.
#[derive(Debug)]
pub struct Authenticated {
    pub institution: Institution,
    /// Newest first.
    pub secrets: Vec<SecretString>,
}

/// What is known of a token, whatever the time.
#[derive(Clone)]
pub(crate) struct Credentials {
    token_expires_at: DateTime<Utc>,
    institution: Arc<Institution>,
    secrets: Arc<[Secret]>,
}

struct Secret {
    text: SecretString,
    expires_at: Option<DateTime<Utc>>,
}

impl Secret {
    fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    #[error("invalid token")]
    InvalidToken,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for IssueTokenError {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<StorageError> for AuthenticateError {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl Broker {
    /// A new access token for whoever knows a live secret of the institution. Earlier tokens go on
    /// counting, so that two processes of an institution do not cut each other off.
    pub async fn issue_token(
        &self,
        app_id: &str,
        app_secret: &SecretString,
    ) -> Result<IssuedToken, IssueTokenError> {
        let institution = institutions::find_by_app_id(self.storage(), &AppId::new(app_id)).await?;
        let Some(institution) = institution else {
            return Err(IssueTokenError::InvalidClient);
        };
        let secrets = self.secrets(&institution).await?;
        let is_known = secrets.iter().any(|secret| {
            let (known, sent) = (secret.text.expose_secret(), app_secret.expose_secret());
            bool::from(known.as_bytes().ct_eq(sent.as_bytes()))
        });
        if !is_known {
            return Err(IssueTokenError::InvalidClient);
        }
        let access_token = self.random_token();
        let hash = sha256(access_token.expose_secret());
        let expires_at = self.now() + TOKEN_LIFE;
        self.storage()
            .write(async |tx: &Tx| {
                access_tokens::insert(tx, institution.id, hash, expires_at).await
            })
            .await?;
        Ok(IssuedToken {
            access_token,
            expires_in: TOKEN_LIFE,
        })
    }

    /// Whose token this is, as it was a moment ago.
    pub async fn authenticate(
        &self,
        access_token: &str,
    ) -> Result<Authenticated, AuthenticateError> {
        let hash = sha256(access_token);
        let callers = &self.directory().callers;
        let known = callers
            .recall_some(hash, async || self.find_credentials(hash).await)
            .await?;
        self.authenticated(known)
    }

    /// Whose token this is now: a secret that was made a moment ago counts from its first call on.
    pub async fn authenticate_afresh(
        &self,
        access_token: &str,
    ) -> Result<Authenticated, AuthenticateError> {
        let hash = sha256(access_token);
        self.directory().callers.forget(&hash);
        self.authenticate(access_token).await
    }

    fn authenticated(
        &self,
        known: Option<Credentials>,
    ) -> Result<Authenticated, AuthenticateError> {
        let now = self.now();
        let Some(known) = known.filter(|known| known.token_expires_at > now) else {
            return Err(AuthenticateError::InvalidToken);
        };
        let live = known.secrets.iter().filter(|secret| secret.is_live(now));
        Ok(Authenticated {
            institution: Institution::clone(&known.institution),
            secrets: live.map(|secret| secret.text.clone()).collect(),
        })
    }

    async fn find_credentials(&self, hash: [u8; 32]) -> Result<Option<Credentials>, Internal> {
        let Some(token) = access_tokens::find(self.storage(), hash).await? else {
            return Ok(None);
        };
        let Some(institution) = institutions::find(self.storage(), token.institution).await? else {
            return Ok(None);
        };
        Ok(Some(Credentials {
            token_expires_at: token.expires_at,
            secrets: self.secrets(&institution).await?.into(),
            institution: Arc::new(institution),
        }))
    }

    async fn secrets(&self, institution: &Institution) -> Result<Vec<Secret>, Internal> {
        let keys = institutions::live_keys(self.storage(), institution.id, self.now()).await?;
        keys.iter()
            .map(|key| {
                let place = Place::InstitutionSecret(key.id);
                Ok(Secret {
                    text: self.keyring().open(place, &key.secret)?,
                    expires_at: key.expires_at,
                })
            })
            .collect()
    }
}

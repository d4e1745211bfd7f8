//! Access tokens of institutions.

use std::time::Duration;

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
        let secrets = self.live_secrets(&institution).await?;
        let is_known = secrets.iter().any(|secret| {
            let (known, sent) = (secret.expose_secret(), app_secret.expose_secret());
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

    /// Whose token this is.
    pub async fn authenticate(
        &self,
        access_token: &str,
    ) -> Result<Authenticated, AuthenticateError> {
        let hash = sha256(access_token);
        let holder = access_tokens::find_holder(self.storage(), hash, self.now()).await?;
        let Some(holder) = holder else {
            return Err(AuthenticateError::InvalidToken);
        };
        let Some(institution) = institutions::find(self.storage(), holder).await? else {
            return Err(AuthenticateError::InvalidToken);
        };
        let secrets = self.live_secrets(&institution).await?;
        Ok(Authenticated {
            institution,
            secrets,
        })
    }

    async fn live_secrets(&self, institution: &Institution) -> Result<Vec<SecretString>, Internal> {
        let keys = institutions::live_keys(self.storage(), institution.id, self.now()).await?;
        keys.iter()
            .map(|key| {
                let place = Place::InstitutionSecret(key.id);
                Ok(self.keyring().open(place, &key.secret)?)
            })
            .collect()
    }
}

//! Institutions, as the operator makes and keeps them.

mod logo;

use std::collections::HashMap;
use std::time::Duration;

use domain::institution::{BusAccess, CredentialAccess};
use domain::{AppId, Brand, BrandChange, Institution, InstitutionId, InstitutionKeyId, Links};
use secrecy::SecretString;
use storage::institutions::{InstitutionChange, InstitutionKey};
use storage::sealing::Place;
use storage::{StorageError, Tx, institution_brands, institutions};
use url::{Origin, Url};

use crate::Broker;
use crate::caller::Operator;
use crate::internal::Internal;

pub use logo::read_logo;

pub struct CreateInstitution {
    pub name: String,
    /// Where sellers' browsers may be sent: `https://pay.example`.
    pub redirect_origins: Vec<String>,
    pub bus_access: BusAccess,
    pub credential_access: CredentialAccess,
    pub links: Links,
    /// How its sellers' pages look from the beginning.
    pub brand: Brand,
}

/// What is to be different; what is absent stays.
#[derive(Default)]
pub struct ChangeInstitution {
    pub name: Option<String>,
    /// All of them from now on.
    pub redirect_origins: Option<Vec<String>>,
    pub bus_access: Option<BusAccess>,
    pub credential_access: Option<CredentialAccess>,
    pub links: Option<Links>,
    pub brand: BrandChange,
}

/// A new institution, with the secret that is shown once.
#[derive(Debug)]
pub struct NewInstitution {
    pub institution: Institution,
    pub app_secret: SecretString,
}

#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Said to the operator as it is.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for OperatorError {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl Broker {
    pub async fn create_institution(
        &self,
        _: &Operator,
        command: CreateInstitution,
    ) -> Result<NewInstitution, OperatorError> {
        let institution = Institution {
            id: InstitutionId::new(self.next_id()),
            app_id: AppId::new(format!("app_{}", hex::encode(self.random::<12>()))),
            name: read_name(&command.name)?,
            redirect_origins: read_origins(&command.redirect_origins)?,
            bus_access: command.bus_access,
            credential_access: command.credential_access,
            links: command.links,
            created_at: self.now(),
        };
        let (key, app_secret) = self.new_key();
        let brand = BrandChange::from(command.brand);
        self.storage()
            .write(async |tx: &Tx| {
                institutions::insert(tx, &institution).await?;
                institution_brands::change(tx, institution.id, &brand).await?;
                institutions::insert_key(tx, institution.id, &key, self.now()).await
            })
            .await?;
        Ok(NewInstitution {
            institution,
            app_secret,
        })
    }

    pub async fn list_institutions(&self, _: &Operator) -> Result<Vec<Institution>, OperatorError> {
        Ok(institutions::list(self.storage()).await?)
    }

    /// The brands of the institutions that were given one.
    pub async fn list_brands(
        &self,
        _: &Operator,
    ) -> Result<HashMap<InstitutionId, Brand>, OperatorError> {
        Ok(institution_brands::list(self.storage()).await?)
    }

    /// The institution as it is after the change.
    pub async fn change_institution(
        &self,
        _: &Operator,
        app_id: &str,
        command: ChangeInstitution,
    ) -> Result<Institution, OperatorError> {
        let change = InstitutionChange {
            name: command.name.as_deref().map(read_name).transpose()?,
            redirect_origins: command
                .redirect_origins
                .as_deref()
                .map(read_origins)
                .transpose()?,
            bus_access: command.bus_access,
            credential_access: command.credential_access,
            links: command.links,
        };
        let institution = self.find_institution(app_id).await?;
        self.storage()
            .write(async |tx: &Tx| {
                institutions::update(tx, institution.id, &change).await?;
                institution_brands::change(tx, institution.id, &command.brand).await
            })
            .await?;
        self.find_institution(app_id).await
    }

    /// A new secret for the institution. The old ones go on counting for `overlap`, so that calls in
    /// flight are not cut.
    pub async fn rotate_secret(
        &self,
        _: &Operator,
        app_id: &str,
        overlap: Duration,
    ) -> Result<SecretString, OperatorError> {
        let institution = self.find_institution(app_id).await?;
        let (key, app_secret) = self.new_key();
        let now = self.now();
        self.storage()
            .write(async |tx: &Tx| {
                institutions::expire_keys(tx, institution.id, now + overlap).await?;
                institutions::insert_key(tx, institution.id, &key, now).await
            })
            .await?;
        Ok(app_secret)
    }

    pub(crate) async fn find_institution(
        &self,
        app_id: &str,
    ) -> Result<Institution, OperatorError> {
        institutions::find_by_app_id(self.storage(), &AppId::new(app_id))
            .await?
            .ok_or_else(|| OperatorError::Invalid(format!("there is no institution {app_id}")))
    }

    fn new_key(&self) -> (InstitutionKey, SecretString) {
        let id = InstitutionKeyId::new(self.next_id());
        let app_secret = self.random_token();
        let secret =
            self.keyring()
                .seal(Place::InstitutionSecret(id), &app_secret, self.seal_nonce());
        let key = InstitutionKey {
            id,
            secret,
            expires_at: None,
        };
        (key, app_secret)
    }
}

fn read_name(text: &str) -> Result<String, OperatorError> {
    let name = text.trim();
    if name.is_empty() {
        return Err(OperatorError::Invalid("the name is empty".to_owned()));
    }
    Ok(name.to_owned())
}

fn read_origins(texts: &[String]) -> Result<Vec<String>, OperatorError> {
    texts.iter().map(|text| read_origin(text)).collect()
}

/// An origin in the form in which a `redirect_url` is compared with it.
fn read_origin(text: &str) -> Result<String, OperatorError> {
    let invalid = || {
        let problem = "is not an origin such as https://pay.example";
        OperatorError::Invalid(format!("{text} {problem}"))
    };
    let url = Url::parse(text).map_err(|_| invalid())?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    match url.origin() {
        origin @ Origin::Tuple(..) if is_bare && matches!(url.scheme(), "http" | "https") => {
            Ok(origin.ascii_serialization())
        }
        Origin::Tuple(..) | Origin::Opaque(_) => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_bare_and_come_out_in_one_form() {
        for (text, origin) in [
            ("https://Pay.example", Some("https://pay.example")),
            ("https://pay.example:443/", Some("https://pay.example")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("https://pay.example/path", None),
            ("https://pay.example?x=1", None),
            ("https://user@pay.example", None),
            ("ftp://pay.example", None),
            ("pay.example", None),
        ] {
            assert_eq!(read_origin(text).ok().as_deref(), origin, "{text}");
        }
    }
}

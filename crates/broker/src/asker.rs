//! Who asks a seller, as pages show it.

use domain::{Brand, InstitutionId};
use storage::{Executor, StorageError, institution_brands, institutions};

/// An institution's name and looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    pub name: String,
    pub brand: Brand,
}

impl Asker {
    /// `None` if there is no such institution.
    pub(crate) async fn find(
        db: &impl Executor,
        id: InstitutionId,
    ) -> Result<Option<Self>, StorageError> {
        let Some(institution) = institutions::find(db, id).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            name: institution.name,
            brand: institution_brands::find(db, id).await?,
        }))
    }
}

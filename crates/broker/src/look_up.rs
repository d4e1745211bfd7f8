//! What an operator is told of an attempt that a seller or a log names.

use chrono::{DateTime, Utc};
use domain::{Authorization, AuthorizationId, Institution, Reference, Store};
use storage::authorizations::lookup::{self, LookedUp};
use storage::{institutions, stores};

use crate::Broker;
use crate::caller::Operator;
use crate::institutions::OperatorError;
use crate::internal::Internal;

/// By what an attempt is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptName {
    /// As a seller read it on a page.
    Reference(Reference),
    /// As it stands in logs.
    Id(AuthorizationId),
}

/// An attempt, with whose it is and how it stands. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAttempt {
    pub reference: Reference,
    pub authorization: Authorization,
    pub finished_at: Option<DateTime<Utc>>,
    pub institution: Institution,
    /// As it is by now, and whichever attempt made it so; `None` for one that was given up.
    pub store: Option<Store>,
}

impl Broker {
    /// The attempts of that name, of whichever institution: none for a name that nobody was given, and of one
    /// reference hardly ever more than one.
    pub async fn look_up_attempts(
        &self,
        _: &Operator,
        name: AttemptName,
    ) -> Result<Vec<FoundAttempt>, OperatorError> {
        let found = match name {
            AttemptName::Reference(reference) => {
                lookup::list_by_reference_for_worker(self.storage(), reference).await?
            }
            AttemptName::Id(id) => {
                let found = lookup::find_for_worker(self.storage(), id).await?;
                found.into_iter().collect()
            }
        };
        let mut attempts = Vec::with_capacity(found.len());
        for LookedUp {
            authorization,
            finished_at,
        } in found
        {
            let owner = authorization.institution;
            let institution = institutions::find(self.storage(), owner).await?;
            let nobody_s = || Internal::new("an attempt without an institution");
            attempts.push(FoundAttempt {
                reference: Reference::of(authorization.id),
                institution: institution.ok_or_else(nobody_s)?,
                store: stores::find(self.storage(), owner, authorization.store).await?,
                authorization,
                finished_at,
            });
        }
        Ok(attempts)
    }
}

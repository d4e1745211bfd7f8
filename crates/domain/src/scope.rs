//! What a credential may do: `action:resource`, each for all resources, for some or for none.
//!
//! One model for platforms whose scopes are words and for those that grant resource by resource.

mod grant;
mod granted;
mod meaning;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grant::ScopeCoverage;

pub use grant::ScopeGrant;
pub use granted::{GrantedScopes, UnreadableScopes};
pub use meaning::{AskedScope, ScopeAccess, ShopResource};

/// Whether a platform's `write_x` lets its holder read x as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteScope {
    CoversRead,
    StandsAlone,
}

/// A scope that a credential must bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredScope {
    name: String,
    reach: RequiredReach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequiredReach {
    /// One resource is enough: the seller may choose which.
    Some,
    All,
}

impl RequiredScope {
    /// What asks, after a scope's name, for all resources of the shop.
    const FOR_ALL: &str = "=all";

    /// `read:stocks`, which a list of resources meets too, or `read:stocks=all`, which it does not.
    pub fn read(text: &str) -> Self {
        let (name, reach) = match text.strip_suffix(Self::FOR_ALL) {
            Some(name) => (name, RequiredReach::All),
            None => (text, RequiredReach::Some),
        };
        Self {
            name: name.to_owned(),
            reach,
        }
    }

    pub fn read_all(texts: &[String]) -> Vec<Self> {
        texts.iter().map(|text| Self::read(text)).collect()
    }

    /// The platform's own spelling, as the platform is asked for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn is_met_by(&self, grant: &ScopeGrant) -> bool {
        match (grant, self.reach) {
            (ScopeGrant::All, _) => true,
            (ScopeGrant::List(ids), RequiredReach::Some) => !ids.is_empty(),
            (ScopeGrant::List(_), RequiredReach::All) | (ScopeGrant::None, _) => false,
        }
    }
}

/// One scope of a store as institutions see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "grant::WireScope", into = "grant::WireScope")]
pub struct Scope {
    /// `read:orders`, the same for every platform.
    pub scope: String,
    /// The platform's own spelling, `read_orders`.
    pub name: String,
    /// What its holder may do, whichever granted scope allows it.
    pub grant: ScopeGrant,
    pub required: bool,
}

/// The granted and the required scopes of a store, sorted by `scope`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Lays what was granted beside what the platform app requires.
    pub fn assess(granted: &GrantedScopes, required: &[RequiredScope], write: WriteScope) -> Self {
        let entry = |scope: &str, name: &str| Scope {
            scope: scope.to_owned(),
            name: name.to_owned(),
            grant: granted.reach(scope, write),
            required: false,
        };
        let mut scopes: BTreeMap<String, Scope> = granted
            .iter()
            .map(|(scope, name)| (scope.to_owned(), entry(scope, name)))
            .collect();
        for required in required {
            let scope = canonical(required.name());
            scopes
                .entry(scope)
                .or_insert_with_key(|scope| entry(scope, required.name()))
                .required = true;
        }
        Self(scopes.into_values().collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// What was granted, to be laid beside what is required by now.
    pub fn granted(&self) -> GrantedScopes {
        GrantedScopes::from_scopes(self.iter())
    }
}

/// Scopes beside what is required, and whether that is all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssessedScopes {
    pub scopes: Scopes,
    pub coverage: ScopeCoverage,
}

impl AssessedScopes {
    pub fn of(granted: &GrantedScopes, required: &[RequiredScope], write: WriteScope) -> Self {
        let is_missing = granted.missing(required, write).next().is_some();
        Self {
            scopes: Scopes::assess(granted, required, write),
            coverage: if is_missing {
                ScopeCoverage::Missing
            } else {
                ScopeCoverage::Complete
            },
        }
    }
}

/// `read_orders`, `read:orders` and `mall.read_orders` → `read:orders`; a name with another shape stands
/// for itself.
fn canonical(name: &str) -> String {
    match split(name) {
        Some((action, resource)) => format!("{action}:{resource}"),
        None => name.to_owned(),
    }
}

/// What may be done, and with what; `None` for a name with another shape.
fn split(name: &str) -> Option<(&str, &str)> {
    let plain = name.strip_prefix("mall.").unwrap_or(name);
    let (action, resource) = plain.split_once([':', '_'])?;
    let is_known = matches!(action, "read" | "write" | "manage") && !resource.is_empty();
    is_known.then_some((action, resource))
}

#[cfg(test)]
mod tests;

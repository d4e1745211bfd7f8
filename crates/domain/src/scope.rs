//! What a credential may do: `action:resource`, each granted or not, each required or not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far a scope reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeGrant {
    /// Every resource of the shop.
    All,
    /// Nothing: required, and not granted.
    None,
}

/// Whether a platform's `write_x` lets its holder read x as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteScope {
    CoversRead,
    StandsAlone,
}

/// One scope of a store as institutions see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `read:orders`, the same for every platform.
    pub scope: String,
    /// The platform's own spelling, `read_orders`.
    pub name: String,
    pub grant: ScopeGrant,
    /// The resources of a grant that is limited to some; none on platforms with flat scopes.
    pub ids: Vec<String>,
    pub required: bool,
}

/// The granted and the required scopes of a store, sorted by `scope`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Lays what was granted beside what the platform app requires; both in the platform's spelling.
    pub fn assess(granted: &[String], required: &[String], write: WriteScope) -> Self {
        let mut scopes = BTreeMap::new();
        for name in granted {
            scopes.insert(canonical(name), entry(name, ScopeGrant::All));
        }
        for name in required {
            let scope = canonical(name);
            let implied = write == WriteScope::CoversRead
                && scope
                    .strip_prefix("read:")
                    .is_some_and(|resource| scopes.contains_key(&format!("write:{resource}")));
            let grant = if implied {
                ScopeGrant::All
            } else {
                ScopeGrant::None
            };
            scopes
                .entry(scope)
                .or_insert_with(|| entry(name, grant))
                .required = true;
        }
        Self(scopes.into_values().collect())
    }

    /// The required scopes that were not granted, in the platform's spelling.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|scope| scope.required && scope.grant == ScopeGrant::None)
            .map(|scope| scope.name.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

fn entry(name: &str, grant: ScopeGrant) -> Scope {
    Scope {
        scope: canonical(name),
        name: name.to_owned(),
        grant,
        ids: Vec::new(),
        required: false,
    }
}

/// `read_orders` → `read:orders`; a name with another shape stands for itself.
fn canonical(name: &str) -> String {
    match name.split_once('_') {
        Some((action @ ("read" | "write" | "manage"), resource)) => format!("{action}:{resource}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn granted_required_and_missing_stand_side_by_side_in_order() {
        let scopes = Scopes::assess(
            &names(&["write_products", "read_orders"]),
            &names(&["read_orders", "read_customers"]),
            WriteScope::StandsAlone,
        );
        let seen: Vec<_> = scopes
            .iter()
            .map(|scope| (scope.scope.as_str(), scope.grant, scope.required))
            .collect();
        assert_eq!(
            seen,
            [
                ("read:customers", ScopeGrant::None, true),
                ("read:orders", ScopeGrant::All, true),
                ("write:products", ScopeGrant::All, false),
            ]
        );
        assert_eq!(scopes.missing().collect::<Vec<_>>(), ["read_customers"]);
    }

    #[test]
    fn write_covers_read_only_where_the_platform_says_so() {
        let granted = names(&["write_orders"]);
        let required = names(&["read_orders"]);
        let covered = Scopes::assess(&granted, &required, WriteScope::CoversRead);
        assert_eq!(covered.missing().count(), 0);
        let alone = Scopes::assess(&granted, &required, WriteScope::StandsAlone);
        assert_eq!(alone.missing().collect::<Vec<_>>(), ["read_orders"]);
    }

    #[test]
    fn an_unusual_name_is_kept_as_it_is() {
        let scopes = Scopes::assess(&names(&["offline"]), &[], WriteScope::StandsAlone);
        assert_eq!(
            scopes.iter().next().map(|scope| scope.scope.as_str()),
            Some("offline")
        );
    }
}

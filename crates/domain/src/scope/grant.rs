//! How far a scope reaches, and how that is written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Scope, UnreadableScopes};

/// How far a scope reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeGrant {
    /// Every resource of the shop.
    All,
    /// The resources with these ids of the platform's, one at least.
    List(BTreeSet<String>),
    /// Nothing, although the scope is required or the platform names it.
    None,
}

impl ScopeGrant {
    /// Reads `{"all":true}`, `{"all":false,"<id>":true,"<id2>":false}` and `{"all":false}`, which grants
    /// nothing although it is there. What `all` does not grant, an id may; that an id is excepted from
    /// `all` is documented nowhere and taken for no exception.
    /// <https://help.multivende.com/hc/es-419/articles/13698734687501>
    pub(super) fn read_object(value: &Value) -> Result<Self, UnreadableScopes> {
        let resources = value.as_object().ok_or(UnreadableScopes)?;
        let mut all = false;
        let mut ids = BTreeSet::new();
        for (key, granted) in resources {
            let granted = granted.as_bool().ok_or(UnreadableScopes)?;
            if key == "all" {
                all = granted;
            } else if granted {
                ids.insert(key.clone());
            }
        }
        Ok(match (all, ids.is_empty()) {
            (true, _) => Self::All,
            (false, true) => Self::None,
            (false, false) => Self::List(ids),
        })
    }

    /// What two grants allow together.
    pub(super) fn joined(self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (own, Self::None) => own,
            (Self::None, Self::List(ids)) => Self::List(ids.clone()),
            (Self::List(mut own), Self::List(ids)) => {
                own.extend(ids.iter().cloned());
                Self::List(own)
            }
        }
    }
}

/// A scope in the database, in snapshots and in events.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct WireScope {
    scope: String,
    name: String,
    grant: GrantWord,
    ids: Vec<String>,
    required: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GrantWord {
    All,
    List,
    None,
}

impl From<Scope> for WireScope {
    fn from(scope: Scope) -> Self {
        let (grant, ids) = match scope.grant {
            ScopeGrant::All => (GrantWord::All, Vec::new()),
            ScopeGrant::List(ids) => (GrantWord::List, ids.into_iter().collect()),
            ScopeGrant::None => (GrantWord::None, Vec::new()),
        };
        Self {
            scope: scope.scope,
            name: scope.name,
            grant,
            ids,
            required: scope.required,
        }
    }
}

impl TryFrom<WireScope> for Scope {
    type Error = UnreadableScopes;

    fn try_from(wire: WireScope) -> Result<Self, UnreadableScopes> {
        let has_ids = !wire.ids.is_empty();
        if has_ids != (wire.grant == GrantWord::List) {
            return Err(UnreadableScopes);
        }
        Ok(Self {
            scope: wire.scope,
            name: wire.name,
            grant: match wire.grant {
                GrantWord::All => ScopeGrant::All,
                GrantWord::List => ScopeGrant::List(wire.ids.into_iter().collect()),
                GrantWord::None => ScopeGrant::None,
            },
            required: wire.required,
        })
    }
}

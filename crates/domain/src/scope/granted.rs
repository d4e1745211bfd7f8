//! What a platform says that it granted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{RequiredScope, Scope, ScopeGrant, WriteScope, canonical};

/// What was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantedScopes {
    /// By canonical name.
    by_name: BTreeMap<String, Named>,
    /// The object that said so, which may say more than is understood.
    told: Option<String>,
}

/// A grant under the platform's own name for its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    name: String,
    grant: ScopeGrant,
}

/// Scopes in none of the forms in which platforms, or we, write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not scopes in a known form")]
pub struct UnreadableScopes;

impl GrantedScopes {
    /// Names that each stand for all resources.
    pub fn flat<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut granted = Self::default();
        for name in names {
            granted.insert(name.as_ref(), ScopeGrant::All);
        }
        granted
    }

    /// `read_orders,write_orders`, and the same in brackets as Genstore's page shows it:
    /// <https://partners.genstore.ai/docs/partner/app-access-scope>.
    pub fn read_list(text: &str) -> Self {
        let text = text.trim();
        let inside = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        let names = inside.split(',').map(str::trim);
        Self::flat(names.filter(|name| !name.is_empty()))
    }

    /// Reads what stands in an answer: a list as text, an array of names, or an object that says for
    /// each name how far it reaches.
    pub fn read(value: &Value) -> Result<Self, UnreadableScopes> {
        match value {
            Value::String(text) => Ok(Self::read_list(text)),
            Value::Array(names) => {
                let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
                names.map(Self::flat).ok_or(UnreadableScopes)
            }
            Value::Object(scopes) => {
                let mut granted = Self::default();
                for (name, reach) in scopes {
                    granted.insert(name, ScopeGrant::read_object(reach)?);
                }
                granted.told = Some(value.to_string());
                Ok(granted)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Err(UnreadableScopes),
        }
    }

    /// The whole of what the platform said, where it says for each scope how far it reaches.
    pub fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// What a store has. A scope that is only required, and one that grants nothing, are left out.
    pub(super) fn from_scopes<'a>(scopes: impl Iterator<Item = &'a Scope>) -> Self {
        let mut granted = Self::default();
        for scope in scopes.filter(|scope| scope.grant != ScopeGrant::None) {
            granted.insert(&scope.name, scope.grant.clone());
        }
        granted
    }

    /// What is required and not granted, in the platform's spelling.
    pub fn missing<'a>(
        &self,
        required: &'a [RequiredScope],
        write: WriteScope,
    ) -> impl Iterator<Item = &'a str> {
        required
            .iter()
            .filter(move |required| {
                let grant = self.reach(&canonical(required.name()), write);
                !required.is_met_by(&grant)
            })
            .map(RequiredScope::name)
    }

    /// How far a scope reaches, by its own grant and by those that cover it: `manage:x` is all of
    /// reading and writing x, and `write:x` reads x where the platform says so.
    ///
    /// Multivende's page offers no choice of resources for `manage:x`. Should one be told with a list all the
    /// same, it manages, reads and writes what is on that list and no more: the broader reading would let
    /// somebody in whom the seller may have kept out.
    pub(super) fn reach(&self, scope: &str, write: WriteScope) -> ScopeGrant {
        let mut grant = self.own(scope).cloned().unwrap_or(ScopeGrant::None);
        let Some((action @ ("read" | "write"), resource)) = scope.split_once(':') else {
            return grant;
        };
        if let Some(managed) = self.own(&format!("manage:{resource}")) {
            grant = grant.joined(managed);
        }
        if action == "read"
            && write == WriteScope::CoversRead
            && let Some(written) = self.own(&format!("write:{resource}"))
        {
            grant = grant.joined(written);
        }
        grant
    }

    /// Each scope with the platform's name for it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_name
            .iter()
            .map(|(scope, named)| (scope.as_str(), named.name.as_str()))
    }

    fn own(&self, scope: &str) -> Option<&ScopeGrant> {
        self.by_name.get(scope).map(|named| &named.grant)
    }

    /// Two spellings of one scope are one scope, with what both grant.
    fn insert(&mut self, name: &str, grant: ScopeGrant) {
        let scope = canonical(name);
        let (name, grant) = match self.by_name.remove(&scope) {
            Some(known) => (known.name, grant.joined(&known.grant)),
            None => (name.to_owned(), grant),
        };
        self.by_name.insert(scope, Named { name, grant });
    }
}

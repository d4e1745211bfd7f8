//! The people of a shop who open our app: what they are there, and what of the app they may use.

use serde::Serialize;

use crate::operator_scopes::{OperatorList, OperatorScopes};

/// What somebody is in the shop whose back office our app was opened from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorRole {
    /// Runs the shop, and may use everything in it.
    Chief,
    /// Works there, and may use what the chief switched on.
    SubOperator,
    /// Sells through the shop of another.
    Supplier,
    /// Something that the platform's pages do not name.
    Other,
}

impl OperatorRole {
    pub const ALL: [Self; 4] = [Self::Chief, Self::SubOperator, Self::Supplier, Self::Other];

    /// The role as it is recorded.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Chief => "CHIEF",
            Self::SubOperator => "SUB_OPERATOR",
            Self::Supplier => "SUPPLIER",
            Self::Other => "OTHER",
        }
    }

    /// Whether this person decides for the whole shop. A grant reaches everything that the shop shares,
    /// whatever the one who consented may see there.
    pub const fn may_authorize(self) -> bool {
        match self {
            Self::Chief => true,
            Self::SubOperator | Self::Supplier | Self::Other => false,
        }
    }
}

/// The codes that a shop switched on for one of its people, as it told them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantedCodes {
    pub menus: Vec<String>,
    pub functions: Vec<String>,
}

/// [`GrantedCodes`] as the app's own tree knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperatorPermissions {
    pub menus: Vec<Permission>,
    pub functions: Vec<Permission>,
    /// Codes that stand in no tree of ours, or in its other half. They permit nothing.
    pub unknown: Vec<String>,
}

/// One menu or function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub code: String,
    /// The names from the top of its list to it.
    pub place: Vec<String>,
}

impl OperatorPermissions {
    /// What the codes stand for in `tree`; without one they are all unknown.
    pub fn resolve(tree: Option<&OperatorScopes>, granted: &GrantedCodes) -> Self {
        let mut resolved = Self::default();
        let menus = granted.menus.iter().map(|code| (OperatorList::Menus, code));
        let functions = granted.functions.iter();
        let functions = functions.map(|code| (OperatorList::Functions, code));
        for (list, code) in menus.chain(functions) {
            let Some(place) = tree.and_then(|tree| tree.place_of(list, code)) else {
                resolved.unknown.push(code.clone());
                continue;
            };
            let permission = Permission {
                code: code.clone(),
                place: place.to_vec(),
            };
            match list {
                OperatorList::Menus => resolved.menus.push(permission),
                OperatorList::Functions => resolved.functions.push(permission),
            }
        }
        resolved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = r#"{
        "MENU_LIST": {"Statistics": {"code": "M1", "sub": {"Daily": {"code": "M2"}}}},
        "FUNCTION_LIST": {"Refund": {"code": "F1"}}
    }"#;

    fn codes(menus: &[&str], functions: &[&str]) -> GrantedCodes {
        let owned = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect();
        GrantedCodes {
            menus: owned(menus),
            functions: owned(functions),
        }
    }

    fn permission(code: &str, place: &[&str]) -> Permission {
        Permission {
            code: code.to_owned(),
            place: place.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn only_a_chief_may_authorize() {
        let may: Vec<_> = OperatorRole::ALL.map(OperatorRole::may_authorize).into();
        assert_eq!(may, [true, false, false, false]);
    }

    #[test]
    fn a_code_is_known_by_its_place_in_its_own_list() {
        let tree = OperatorScopes::parse(TREE).unwrap();
        let resolved =
            OperatorPermissions::resolve(Some(&tree), &codes(&["M2", "F1", "M9"], &["F1", "M1"]));
        assert_eq!(
            resolved,
            OperatorPermissions {
                menus: vec![permission("M2", &["Statistics", "Daily"])],
                functions: vec![permission("F1", &["Refund"])],
                unknown: ["F1", "M9", "M1"].map(str::to_owned).into(),
            }
        );
    }

    #[test]
    fn without_a_tree_every_code_is_unknown() {
        let resolved = OperatorPermissions::resolve(None, &codes(&["M1"], &["F1"]));
        assert_eq!(
            resolved,
            OperatorPermissions {
                unknown: ["M1", "F1"].map(str::to_owned).into(),
                ..OperatorPermissions::default()
            }
        );
    }
}

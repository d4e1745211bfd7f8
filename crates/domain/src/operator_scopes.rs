//! The menus and functions of our app that a Cafe24 mall lets its operators use, one by one.
//!
//! They are permissions of people inside the app, and have nothing to do with the scopes of a token.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A checked tree: `{"MENU_LIST":{"<name>":{"code":"…","sub":{…}}},"FUNCTION_LIST":{…}}`.
/// <https://developer.cafe24.com/guide/front/develop?guide_no=97&language=us>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorScopes {
    text: String,
    /// By their codes.
    places: HashMap<String, Place>,
}

/// One half of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorList {
    Menus,
    Functions,
}

/// Where a code stands: the names from the top of its list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    list: OperatorList,
    names: Vec<String>,
}

/// A text that is no such tree.
#[derive(Debug, thiserror::Error)]
pub enum OperatorScopesError {
    #[error("not a tree of menus and functions: {0}")]
    Malformed(serde_json::Error),
    #[error("there are neither menus nor functions in it")]
    Empty,
    #[error("the code of {place} is empty")]
    NoCode { place: String },
    #[error("the name of {place} is there twice")]
    RepeatedName { place: String },
    #[error("the code {code:?} is there twice: for {first} and for {second}")]
    RepeatedCode {
        code: String,
        first: String,
        second: String,
    },
}

impl OperatorScopes {
    /// Takes a tree in which no code and, below one parent, no name comes twice.
    pub fn parse(text: &str) -> Result<Self, OperatorScopesError> {
        let tree: Tree = serde_json::from_str(text).map_err(OperatorScopesError::Malformed)?;
        let mut places: HashMap<String, Place> = HashMap::new();
        let mut waiting = vec![
            (Place::top(OperatorList::Menus), tree.menus),
            (Place::top(OperatorList::Functions), tree.functions),
        ];
        while let Some((above, Entries(entries))) = waiting.pop() {
            let mut names = HashSet::new();
            for (name, entry) in entries {
                let place = above.below(&name);
                if !names.insert(name) {
                    let place = place.to_string();
                    return Err(OperatorScopesError::RepeatedName { place });
                }
                if entry.code.is_empty() {
                    let place = place.to_string();
                    return Err(OperatorScopesError::NoCode { place });
                }
                if let Some(first) = places.insert(entry.code.clone(), place.clone()) {
                    return Err(OperatorScopesError::RepeatedCode {
                        code: entry.code,
                        first: first.to_string(),
                        second: place.to_string(),
                    });
                }
                waiting.push((place, entry.sub));
            }
        }
        if places.is_empty() {
            return Err(OperatorScopesError::Empty);
        }
        Ok(Self {
            text: text.to_owned(),
            places,
        })
    }

    /// The names from the top of `list` to what has this code there.
    pub(crate) fn place_of(&self, list: OperatorList, code: &str) -> Option<&[String]> {
        let place = self.places.get(code)?;
        (place.list == list).then_some(place.names.as_slice())
    }

    /// The tree as it was given, in which menus have the order that their author chose.
    pub fn as_json(&self) -> &str {
        &self.text
    }
}

impl Place {
    fn top(list: OperatorList) -> Self {
        Self {
            list,
            names: Vec::new(),
        }
    }

    fn below(&self, name: &str) -> Self {
        let mut names = self.names.clone();
        names.push(name.to_owned());
        Self {
            list: self.list,
            names,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.list {
            OperatorList::Menus => "MENU_LIST",
            OperatorList::Functions => "FUNCTION_LIST",
        })?;
        self.names
            .iter()
            .try_for_each(|name| write!(f, " > {name}"))
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    #[serde(default, rename = "MENU_LIST")]
    menus: Entries,
    #[serde(default, rename = "FUNCTION_LIST")]
    functions: Entries,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    code: String,
    #[serde(default)]
    sub: Entries,
}

/// The members of an object as they stand. A map would keep one of two with the same name, and drop the
/// other's code without a word.
#[derive(Default)]
struct Entries(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names, each with a code")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form that the platform's page specifies, without the dots that stand for more of the same.
    const SPECIFICATION: &str = r#"{
        "MENU_LIST": {
            "{$Menu_name_1}": {"code": "{$code name of menu_name_1}"},
            "{$Menu_name_2}": {
                "code": "{$code name of menu_name_2}",
                "sub": {
                    "{$Submenu_1}": {"code": "{$code name of submenu_1}"},
                    "{$Submenu_2}": {
                        "code": "{$code name of submenu_2}",
                        "sub": {"...": {"code": "..."}}
                    }
                }
            }
        },
        "FUNCTION_LIST": {
            "{$function name_1}": {
                "code": "{$code name of function name_1}",
                "sub": {
                    "{$Sub-function name_1}": {"code": "{$code name of sub-function name_1}"}
                }
            }
        }
    }"#;

    /// The example of the platform's page.
    const EXAMPLE: &str = r#"{
        "MENU_LIST": {
            "Q&A": {"code": "Mabc1"},
            "Statistics": {"code": "Mabc2", "sub": {
                "Daily analysis": {"code": "Mabc3"},
                "Weekly analysis": {"code": "Mabc4", "sub": {
                    "Week 1": {"code": "Mabc5"},
                    "Week 2": {"code": "Mabc6"}
                }}
            }}
        },
        "FUNCTION_LIST": {
            "Use period": {"code": "Fabc1"},
            "View refund amount": {"code": "Fabc2"}
        }
    }"#;

    #[test]
    fn a_tree_is_told_as_it_was_given() {
        for text in [
            EXAMPLE,
            SPECIFICATION,
            r#"{"MENU_LIST":{"환불 금액":{"code":"1"}}}"#,
            r#"{"MENU_LIST":{"a":{"code":"1"}}}"#,
            r#"{"MENU_LIST":{},"FUNCTION_LIST":{"a":{"code":"1","sub":{}}}}"#,
            // Names need only differ below one parent.
            r#"{"MENU_LIST":{"a":{"code":"1","sub":{"a":{"code":"2"}}}},"FUNCTION_LIST":{"a":{"code":"3"}}}"#,
        ] {
            assert_eq!(OperatorScopes::parse(text).unwrap().as_json(), text);
        }
    }

    fn assert_places(text: &str, list: OperatorList, expected: &[(&str, &[&str])]) {
        let tree = OperatorScopes::parse(text).unwrap();
        let known = tree.places.values().filter(|place| place.list == list);
        assert_eq!(known.count(), expected.len());
        for (code, place) in expected {
            let place: Vec<_> = place.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(tree.place_of(list, code), Some(&place[..]), "{code}");
        }
    }

    #[test]
    fn the_specified_tree_has_menus_and_functions_at_any_depth() {
        let second = "{$Menu_name_2}";
        assert_places(
            SPECIFICATION,
            OperatorList::Menus,
            &[
                ("{$code name of menu_name_1}", &["{$Menu_name_1}"]),
                ("{$code name of menu_name_2}", &[second]),
                ("{$code name of submenu_1}", &[second, "{$Submenu_1}"]),
                ("{$code name of submenu_2}", &[second, "{$Submenu_2}"]),
                ("...", &[second, "{$Submenu_2}", "..."]),
            ],
        );
        let first = "{$function name_1}";
        assert_places(
            SPECIFICATION,
            OperatorList::Functions,
            &[
                ("{$code name of function name_1}", &[first]),
                (
                    "{$code name of sub-function name_1}",
                    &[first, "{$Sub-function name_1}"],
                ),
            ],
        );
    }

    #[test]
    fn the_example_s_tree_has_six_menus_and_two_functions() {
        assert_places(
            EXAMPLE,
            OperatorList::Menus,
            &[
                ("Mabc1", &["Q&A"]),
                ("Mabc2", &["Statistics"]),
                ("Mabc3", &["Statistics", "Daily analysis"]),
                ("Mabc4", &["Statistics", "Weekly analysis"]),
                ("Mabc5", &["Statistics", "Weekly analysis", "Week 1"]),
                ("Mabc6", &["Statistics", "Weekly analysis", "Week 2"]),
            ],
        );
        assert_places(
            EXAMPLE,
            OperatorList::Functions,
            &[
                ("Fabc1", &["Use period"]),
                ("Fabc2", &["View refund amount"]),
            ],
        );
    }

    #[test]
    fn a_tree_may_be_deep_and_a_code_is_unique_in_all_of_it() {
        let depth = 50;
        let deep = |last: &str| {
            let level =
                |level: usize| [r#"{"n":{"code":"c"#, &level.to_string(), r#"","sub":"#].concat();
            let open: String = (0..depth).map(level).collect();
            let close = "}}".repeat(depth);
            format!(r#"{{"MENU_LIST":{open}{{"n":{{"code":"{last}"}}}}{close}}}"#)
        };
        assert!(OperatorScopes::parse(&deep("last")).is_ok());
        let error = OperatorScopes::parse(&deep("c0")).unwrap_err().to_string();
        assert!(
            error.starts_with(
                r#"the code "c0" is there twice: for MENU_LIST > n and for MENU_LIST"#
            ),
            "{error}"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, told) in [
            (
                EXAMPLE.replace("Fabc2", "Mabc5").as_str(),
                r#"the code "Mabc5" is there twice: for FUNCTION_LIST > View refund amount and for MENU_LIST > Statistics > Weekly analysis > Week 1"#,
            ),
            (
                r#"{"MENU_LIST":{"a":{"code":"1"},"a":{"code":"2"}}}"#,
                "the name of MENU_LIST > a is there twice",
            ),
            (
                r#"{"MENU_LIST":{"a":{"code":""}}}"#,
                "the code of MENU_LIST > a is empty",
            ),
            ("{}", "there are neither menus nor functions in it"),
            (
                r#"{"MENU_LIST":{"a":{"sub":{}}}}"#,
                "not a tree of menus and functions: missing field `code` at line 1 column 28",
            ),
            (
                r#"{"MENU_LIST":[]}"#,
                "not a tree of menus and functions: invalid type: sequence, expected an object of names, each with a code at line 1 column 13",
            ),
            (
                r#"{"MENUS":{}}"#,
                "not a tree of menus and functions: unknown field `MENUS`, expected `MENU_LIST` or `FUNCTION_LIST` at line 1 column 8",
            ),
        ] {
            let error = OperatorScopes::parse(text).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
    }
}

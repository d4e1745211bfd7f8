//! Scopes, and how far a merchant lets each reach.
//!
//! What was granted is kept as a text for each scope: its name for all of its
//! resources, and behind `=` the ids of those that were chosen, if any.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::Shop;
use crate::shop::uuid_text;

/// Each scope, and whether single resources can be chosen for it.
const SCOPES: [(&str, Reach); 21] = [
    ("read:products", Reach::GlobalOnly),
    ("write:products", Reach::GlobalOnly),
    ("read:stocks", Reach::ByResource),
    ("write:stocks", Reach::ByResource),
    ("read:prices", Reach::ByResource),
    ("write:prices", Reach::ByResource),
    ("read:checkouts", Reach::ByResource),
    ("write:checkouts", Reach::ByResource),
    ("manage:checkouts", Reach::GlobalOnly),
    ("read:product_links", Reach::ByResource),
    ("write:product_links", Reach::ByResource),
    ("manage:product_links", Reach::GlobalOnly),
    ("read:warehouses", Reach::ByResource),
    ("write:warehouses", Reach::ByResource),
    ("manage:warehouses", Reach::GlobalOnly),
    ("read:clients", Reach::GlobalOnly),
    ("write:clients", Reach::GlobalOnly),
    ("manage:clients", Reach::GlobalOnly),
    ("read:couriers", Reach::ByResource),
    ("write:couriers", Reach::ByResource),
    ("read:channels", Reach::ByResource),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    GlobalOnly,
    ByResource,
}

/// `None`: there is no such scope.
pub(super) fn reach(scope: &str) -> Option<Reach> {
    let known = SCOPES.iter().find(|(name, _)| *name == scope);
    known.map(|(_, reach)| *reach)
}

/// The merchant's resources that a scope can be about; always the same ones.
pub(super) fn resources(merchant: &Shop, scope: &str) -> [String; 3] {
    let kind = scope.split_once(':').map_or(scope, |(_, kind)| kind);
    [1, 2, 3].map(|number| {
        let text = format!("{kind} {number} of {merchant}");
        uuid_text(&hex::encode(Sha256::digest(text)))
    })
}

/// What a merchant chose for a scope.
pub(super) enum Choice {
    All,
    Some(Vec<String>),
    None,
}

impl Choice {
    pub(super) fn text(&self, scope: &str) -> String {
        match self {
            Choice::All => scope.to_owned(),
            Choice::Some(ids) => format!("{scope}={}", ids.join(",")),
            Choice::None => format!("{scope}="),
        }
    }
}

/// The object of a token's answer.
pub(super) fn object(merchant: &Shop, granted: &[String]) -> Value {
    let mut object = Map::new();
    for text in granted {
        let (scope, reach) = match text.split_once('=') {
            None => (text.as_str(), json!({"all": true})),
            Some((scope, "")) => (scope, json!({"all": false})),
            Some((scope, chosen)) => {
                let mut reach = json!({"all": false});
                for id in resources(merchant, scope) {
                    reach[id] = false.into();
                }
                for id in chosen.split(',') {
                    reach[id] = true.into();
                }
                (scope, reach)
            }
        };
        object.insert(scope.to_owned(), reach);
    }
    Value::Object(object)
}

//! Whether the document says of a call's fields what the call does with them.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use validator::Validate;

use crate::body::read_body;

/// Tries the fields of `R` as the document describes them: the examples are taken, what is required cannot
/// be left out, and what is a little beyond a limit is refused with a message that names field and limit.
#[track_caller]
pub(super) fn check<R: DeserializeOwned + Validate + PartialSchema>() {
    let schema = serde_json::to_value(R::schema()).unwrap();
    let properties = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let good: Map<_, _> = properties
        .iter()
        .filter_map(|(field, about)| Some((field.clone(), example(about)?)))
        .collect();
    assert_eq!(refusal::<R>(&good), None, "with all examples");
    let least = |without: &str| {
        let fields = good
            .iter()
            .filter(|(field, _)| required.contains(&json!(field)));
        fields
            .filter(|(field, _)| *field != without)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    assert_eq!(
        refusal::<R>(&least("")),
        None,
        "with what is required alone"
    );
    for field in required.iter().filter_map(Value::as_str) {
        let expected = format!("{field} can't be empty");
        assert_eq!(refusal::<R>(&least(field)), Some(expected));
    }
    for (field, about) in &properties {
        for (value, expected) in beyond(field, about) {
            let mut fields = good.clone();
            fields.insert(field.clone(), value);
            assert_eq!(refusal::<R>(&fields), Some(expected));
        }
    }
    let mut fields = good;
    fields.insert("colour".to_owned(), json!("red"));
    assert_eq!(
        refusal::<R>(&fields).as_deref(),
        Some("unknown field colour")
    );
}

fn refusal<R: DeserializeOwned + Validate>(fields: &Map<String, Value>) -> Option<String> {
    let body = serde_json::to_vec(fields).unwrap();
    let read = read_body::<R>(Some("application/json"), &body);
    read.err().map(|error| error.message.into_owned())
}

fn example(about: &Value) -> Option<Value> {
    match (&about["example"], &about["enum"][0]) {
        (Value::Null, Value::Null) => None,
        (Value::Null, word) => Some(word.clone()),
        (example, _) => Some(example.clone()),
    }
}

/// Values just outside of what is allowed, and what is said about them.
fn beyond(field: &str, about: &Value) -> Vec<(Value, String)> {
    let mut values = Vec::new();
    if let Some(max) = about["maxLength"].as_u64() {
        let problem = format!("{field} must be at most {max} characters");
        // Nothing but the length is wrong with it: digits are JSON text as well.
        let endless = match about["format"].as_str() {
            Some("email") => format!("a@{}", "b.".repeat(4096)),
            _ => "7".repeat(4096),
        };
        values.push((json!(endless[..=usize::try_from(max).unwrap()]), problem));
    }
    let (min, max) = (about["minimum"].as_i64(), about["maximum"].as_i64());
    let problem = match (min, max) {
        (Some(min), Some(max)) => format!("{field} must be between {min} and {max}"),
        (Some(min), None) => format!("{field} must be at least {min}"),
        (None, Some(max)) => format!("{field} must be at most {max}"),
        (None, None) => return values,
    };
    values.extend(min.map(|min| (json!(min - 1), problem.clone())));
    values.extend(max.map(|max| (json!(max + 1), problem)));
    values
}

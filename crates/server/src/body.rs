//! The JSON body of a call: strict about what JSON leaves open, and with an error that names the field.
//!
//! A body is a plain struct with `Deserialize`, `#[serde(deny_unknown_fields)]` and `Validate`. Optional
//! fields are `Option`s: `null` and the empty string count as absent, and an absent mandatory field is
//! `… can't be empty`. Integers with a range are best declared wider than the range, so that the message
//! tells the range.

mod json;
mod problem;

use actix_web::mime;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::api_error::ApiError;
use crate::code::Code;
use json::Json;

/// Reads a call's fields, or tells in 900002 which of them is wrong and how; 415 comes first. The caller
/// has limited the size.
pub(crate) fn read_body<T>(content_type: Option<&str>, bytes: &[u8]) -> Result<T, ApiError>
where
    T: DeserializeOwned + Validate,
{
    require_json(content_type, bytes)?;
    let json = if bytes.is_empty() {
        Json::Object(Vec::new())
    } else {
        json::read(bytes)?
    };
    let body: T = serde_path_to_error::deserialize(json).map_err(|error| {
        let path = path_of(error.path());
        ApiError::illegal_param(error.into_inner().told_of(&path))
    })?;
    match body.validate() {
        Ok(()) => Ok(body),
        Err(errors) => Err(ApiError::illegal_param(first_of(&errors))),
    }
}

/// 415 for a body that does not say that it is JSON in UTF-8. A body that is not there needs no type. The
/// gateway asks before it looks at the token.
pub(crate) fn require_json(content_type: Option<&str>, bytes: &[u8]) -> Result<(), ApiError> {
    let Some(content_type) = content_type else {
        if bytes.is_empty() {
            return Ok(());
        }
        return Err(ApiError::new(Code::UnsupportedMediaType));
    };
    let is_json = content_type.parse::<mime::Mime>().is_ok_and(|mime| {
        mime.essence_str() == "application/json"
            && mime
                .params()
                .all(|(name, value)| name == mime::CHARSET && value == mime::UTF_8)
    });
    if is_json {
        Ok(())
    } else {
        Err(ApiError::new(Code::UnsupportedMediaType))
    }
}

/// The path as an institution would write it: `auth_info.token`, `event_types[1]`, and nothing for the
/// whole body.
fn path_of(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => json::push_index(&mut text, *index),
            Segment::Map { key } => json::push_key(&mut text, key),
            // A variant adds nothing to the field that holds it.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    text
}

/// One message of many, the same at each call: the fields have no order of their own here.
fn first_of(errors: &ValidationErrors) -> String {
    let mut messages = Vec::new();
    collect(errors, "", &mut messages);
    messages.sort();
    messages.into_iter().next().unwrap_or_default()
}

fn collect(errors: &ValidationErrors, parent: &str, messages: &mut Vec<String>) {
    for (field, kind) in errors.errors() {
        let mut path = parent.to_owned();
        json::push_key(&mut path, field);
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(inner, &path, messages),
            ValidationErrorsKind::List(entries) => {
                for (index, inner) in entries {
                    let mut path = path.clone();
                    json::push_index(&mut path, *index);
                    collect(inner, &path, messages);
                }
            }
            ValidationErrorsKind::Field(errors) => {
                messages.extend(errors.iter().map(|error| told(error, &path)));
            }
        }
    }
}

/// What a broken rule asks for. The value that broke it is among the parameters too, and stays there.
fn told(error: &ValidationError, path: &str) -> String {
    if let Some(message) = &error.message {
        return format!("{path} {message}");
    }
    let param = |name: &str| error.params.get(name);
    let bounds = (param("min"), param("max"));
    match (error.code.as_ref(), bounds) {
        ("range", (Some(min), Some(max))) => format!("{path} must be between {min} and {max}"),
        ("range", (Some(min), None)) => format!("{path} must be at least {min}"),
        ("range", (None, Some(max))) => format!("{path} must be at most {max}"),
        ("length", bounds) => {
            let (have, unit) = if param("value").is_some_and(serde_json::Value::is_array) {
                ("have", "entries")
            } else {
                ("be", "characters")
            };
            match bounds {
                (Some(min), Some(max)) => {
                    format!("{path} must {have} between {min} and {max} {unit}")
                }
                (Some(min), None) => format!("{path} must {have} at least {min} {unit}"),
                (None, Some(max)) => format!("{path} must {have} at most {max} {unit}"),
                (None, None) => format!("{path} has a wrong number of {unit}"),
            }
        }
        _ => format!("{path} is not valid"),
    }
}

#[cfg(test)]
mod tests;

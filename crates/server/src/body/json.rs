//! JSON without its loose ends: no duplicate keys, no control characters, no depth without end.

use std::fmt::{self, Write};

use serde::de::{
    DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor, value,
};
use serde::forward_to_deserialize_any;

use super::problem::Problem;
use crate::api_error::ApiError;

/// How deep objects and lists may be nested; no call has more than three levels.
const MAX_DEPTH: usize = 32;

/// Longer than any field's name, and short enough to be repeated in a message.
const MAX_KEY_CHARS: usize = 64;

/// A value as it was sent, its members in their order; absent strings are `Null` already.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Reads a body that is an object.
pub(super) fn read(bytes: &[u8]) -> Result<Json, ApiError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(ApiError::illegal_param("the body is not UTF-8"));
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let json = AtDepth(0)
        .deserialize(&mut reader)
        .and_then(|json| reader.end().map(|()| json))
        .map_err(|error| {
            // The only error that is ours: everything else is syntax.
            if error.is_data() {
                let message = format!("the body is nested more than {MAX_DEPTH} levels deep");
                return ApiError::illegal_param(message);
            }
            ApiError::illegal_param(format!(
                "the body is not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
    let Json::Object(_) = json else {
        return Err(ApiError::illegal_param("the body must be a JSON object"));
    };
    check(&json, "").map_err(ApiError::illegal_param)?;
    Ok(json)
}

pub(super) fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

pub(super) fn push_index(path: &mut String, index: usize) {
    write!(path, "[{index}]").expect("a String takes whatever is written to it");
}

fn check(json: &Json, path: &str) -> Result<(), String> {
    match json {
        Json::Null | Json::Bool(_) | Json::Unsigned(_) | Json::Signed(_) | Json::Float(_) => {}
        Json::Text(text) => {
            if text.contains(char::is_control) {
                return Err(format!("{path} contains a control character"));
            }
        }
        Json::List(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                let mut path = path.to_owned();
                push_index(&mut path, index);
                check(entry, &path)?;
            }
        }
        Json::Object(members) => check_members(members, path)?,
    }
    Ok(())
}

fn check_members(members: &[(String, Json)], path: &str) -> Result<(), String> {
    let holder = if path.is_empty() { "the body" } else { path };
    let mut keys: Vec<&str> = Vec::with_capacity(members.len());
    for (key, member) in members {
        // Such a key is in no message, not even as part of a path.
        if key.contains(char::is_control) {
            return Err(format!("{holder} has a key with a control character"));
        }
        if key.chars().count() > MAX_KEY_CHARS {
            return Err(format!(
                "{holder} has a key of more than {MAX_KEY_CHARS} characters"
            ));
        }
        let mut path = path.to_owned();
        push_key(&mut path, key);
        check(member, &path)?;
        keys.push(key);
    }
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        let mut path = path.to_owned();
        push_key(&mut path, twice[0]);
        return Err(format!("duplicate field {path}"));
    }
    Ok(())
}

/// Reads one value, which stands inside so many others.
#[derive(Clone, Copy)]
struct AtDepth(usize);

impl AtDepth {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.0 == MAX_DEPTH {
            return Err(E::custom("too deep"));
        }
        Ok(Self(self.0 + 1))
    }
}

impl<'de> DeserializeSeed<'de> for AtDepth {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AtDepth {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        if value.is_empty() {
            return Ok(Json::Null);
        }
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let inside = self.inside()?;
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element_seed(inside)? {
            entries.push(entry);
        }
        Ok(Json::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let inside = self.inside()?;
        let mut members = Vec::new();
        while let Some(key) = object.next_key()? {
            members.push((key, object.next_value_seed(inside)?));
        }
        Ok(Json::Object(members))
    }
}

/// Into the fields of a struct. What a field wants is taken from the method that its type calls, so that a
/// wrong kind of value is told in our words.
impl<'de> Deserializer<'de> for Json {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Float(value) => visitor.visit_f64(value),
            Self::Text(value) => visitor.visit_string(value),
            Self::List(entries) => {
                visitor.visit_seq(value::SeqDeserializer::new(entries.into_iter()))
            }
            Self::Object(members) => {
                visitor.visit_map(value::MapDeserializer::new(members.into_iter()))
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Self::Bool(value) = self else {
            return Err(self.is_not("true or false"));
        };
        visitor.visit_bool(value)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if !matches!(self, Self::Unsigned(_) | Self::Signed(_)) {
            return Err(self.is_not("an integer"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Self::Text(value) = self else {
            return Err(self.is_not("a string"));
        };
        visitor.visit_string(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self == Self::Null {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if !matches!(self, Self::List(_)) {
            return Err(self.is_not("a list"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if !matches!(self, Self::Object(_)) {
            return Err(self.is_not("an object"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    /// Enums of the API are bare words.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Self::Text(word) = self else {
            return Err(self.is_not("a string"));
        };
        visitor.visit_enum(value::StringDeserializer::new(word))
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

impl Json {
    fn is_not(&self, wanted: &'static str) -> Problem {
        if *self == Self::Null {
            return Problem::Empty;
        }
        Problem::Not(wanted)
    }
}

impl IntoDeserializer<'_, Problem> for Json {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

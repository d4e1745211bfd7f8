//! What is wrong with one field.

use std::fmt::{self, Display};

use serde::de::{Expected, Unexpected};

use super::json::push_key;

/// A field that does not fit its struct. Carries nothing of the field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The field at the path is there, but empty.
    Empty,
    /// A field below the path is not there.
    Missing(&'static str),
    /// The last key of the path is none of the struct's.
    Unknown,
    /// The value at the path is of another kind.
    Not(&'static str),
    /// The value at the path is none of these words.
    NoneOf(&'static [&'static str]),
    /// The value is of the right kind and still cannot be held.
    Invalid,
}

impl Problem {
    pub(super) fn told_of(&self, path: &str) -> String {
        match self {
            Self::Empty => format!("{path} can't be empty"),
            Self::Missing(field) => {
                let mut path = path.to_owned();
                push_key(&mut path, field);
                format!("{path} can't be empty")
            }
            Self::Unknown => format!("unknown field {path}"),
            Self::Not(wanted) => format!("{path} must be {wanted}"),
            Self::NoneOf(words) => format!("{path} must be one of {}", words.join(", ")),
            Self::Invalid => format!("{path} is not valid"),
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told_of("the field"))
    }
}

impl std::error::Error for Problem {}

impl serde::de::Error for Problem {
    fn custom<T: Display>(_: T) -> Self {
        Self::Invalid
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::Invalid
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::Invalid
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self::Invalid
    }

    fn unknown_variant(_: &str, words: &'static [&'static str]) -> Self {
        Self::NoneOf(words)
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Invalid
    }
}

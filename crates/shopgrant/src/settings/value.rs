//! How single values are read: from TOML with its types, from the environment as text.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use clap::ValueEnum;
use secrecy::SecretString;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A text that must not be printed.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// A value that may be absent. An empty text counts as absent, so that one layer can take back what
/// another one set.
pub(super) fn optional<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: for<'a> TryFrom<&'a str, Error: Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    T::try_from(&text).map(Some).map_err(de::Error::custom)
}

/// One of a few words.
pub(super) fn choice<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: ValueEnum,
    D: Deserializer<'de>,
{
    let word = String::deserialize(deserializer)?;
    T::from_str(&word, false).map_err(|_| {
        let words: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|choice| Some(choice.to_possible_value()?.get_name().to_owned()))
            .collect();
        de::Error::custom(format_args!("must be one of {}", words.join(", ")))
    })
}

/// A list: an array, or texts with commas between them.
pub(super) fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de> + FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(ListVisitor(PhantomData))
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T> Visitor<'de> for ListVisitor<T>
where
    T: Deserialize<'de> + FromStr<Err: Display>,
{
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(list)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        text.split(',')
            .map(|element| element.trim().parse().map_err(E::custom))
            .collect()
    }
}

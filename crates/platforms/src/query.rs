//! The raw query of a callback, and the texts that platforms sign for it.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use crate::code_flow::CallbackError;

/// The parameters of a query in their order, each as received and as decoded.
pub(crate) struct RawQuery<'a> {
    parameters: Vec<Parameter<'a>>,
}

struct Parameter<'a> {
    raw_key: &'a str,
    raw_value: &'a str,
    key: String,
    value: String,
}

/// In which form a platform signs the parameters, sorted and joined as `k=v&k=v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignedForm {
    /// Keys and values exactly as received.
    Raw,
    /// Keys and values decoded.
    Decoded,
}

impl<'a> RawQuery<'a> {
    /// Takes a query apart. A key that comes twice is refused: what was signed as the one value could
    /// be read as the other.
    pub(crate) fn read(raw: &'a str) -> Result<Self, CallbackError> {
        let mut parameters = Vec::new();
        let mut seen = HashSet::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            let (raw_key, raw_value) = part.split_once('=').unwrap_or((part, ""));
            let key = decode(raw_key)?;
            if !seen.insert(key.clone()) {
                return Err(CallbackError::Malformed);
            }
            parameters.push(Parameter {
                raw_key,
                raw_value,
                value: decode(raw_value)?,
                key,
            });
        }
        Ok(Self { parameters })
    }

    /// The decoded value of a parameter; an empty one counts as absent.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|parameter| parameter.key == key)
            .map(|parameter| parameter.value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of a parameter without its percent-encoding, and nothing else decoded: `+` stays what it is.
    pub(crate) fn percent_decoded(&self, key: &str) -> Option<Vec<u8>> {
        let parameter = self
            .parameters
            .iter()
            .find(|parameter| parameter.key == key)?;
        Some(percent_decode_str(parameter.raw_value).collect())
    }

    /// The text that is signed: every parameter but the signature, those not yet invented included.
    ///
    /// There is none in the decoded form where a decoded text holds a separator: `state=x%26shop%3Dy`
    /// would give the same text as `state=x&shop=y`, and whoever may choose the state could move a
    /// genuine signature to another shop.
    pub(crate) fn text_to_sign(&self, form: SignedForm, signature: &str) -> Option<String> {
        let mut pairs: Vec<(&str, &str)> = self
            .parameters
            .iter()
            .filter(|parameter| parameter.key != signature)
            .map(|parameter| match form {
                SignedForm::Raw => (parameter.raw_key, parameter.raw_value),
                SignedForm::Decoded => (parameter.key.as_str(), parameter.value.as_str()),
            })
            .collect();
        if pairs
            .iter()
            .any(|(key, value)| key.contains(['&', '=']) || value.contains('&'))
        {
            return None;
        }
        pairs.sort_unstable();
        let joined: Vec<String> = pairs
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Some(joined.join("&"))
    }
}

/// Decodes as a form, `+` for a space, which is what the platforms' own libraries do.
fn decode(text: &str) -> Result<String, CallbackError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| CallbackError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str, form: SignedForm) -> Option<String> {
        RawQuery::read(raw).unwrap().text_to_sign(form, "sign")
    }

    #[test]
    fn parameters_are_sorted_and_the_signature_is_left_out() {
        for (raw, as_received, decoded) in [
            ("b=2&a=1&sign=f00", "a=1&b=2", "a=1&b=2"),
            ("b=2&&a=1", "a=1&b=2", "a=1&b=2"),
            ("flag&a=", "a=&flag=", "a=&flag="),
            (
                "a=x%20y&B=%2f%2F&c=p+q",
                "B=%2f%2F&a=x%20y&c=p+q",
                "B=//&a=x y&c=p q",
            ),
            ("a=b=c", "a=b=c", "a=b=c"),
            ("si%67n=f00&a=1", "a=1", "a=1"),
        ] {
            assert_eq!(text(raw, SignedForm::Raw).as_deref(), Some(as_received));
            assert_eq!(text(raw, SignedForm::Decoded).as_deref(), Some(decoded));
        }
    }

    #[test]
    fn a_separator_that_appears_by_decoding_has_no_decoded_text() {
        for raw in ["a=1%26b%3D2", "a%3D1=2", "a%26b=1"] {
            assert_eq!(text(raw, SignedForm::Decoded), None, "{raw}");
            assert_eq!(text(raw, SignedForm::Raw).as_deref(), Some(raw));
        }
    }

    #[test]
    fn a_key_comes_once_in_every_spelling() {
        for raw in ["a=1&a=2", "a=1&a=1", "a=1&%61=2", "sign=1&sign=2", "a&a"] {
            assert_eq!(
                RawQuery::read(raw).err(),
                Some(CallbackError::Malformed),
                "{raw}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(
            RawQuery::read("a=%FF").err(),
            Some(CallbackError::Malformed)
        );
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let query = RawQuery::read("code=&state=a%2Db").unwrap();
        assert_eq!(query.value("code"), None);
        assert_eq!(query.value("state"), Some("a-b"));
    }
}

//! Structured header fields (RFC 8941), kept together with the bytes that were received.

use actix_web::http::header::HeaderMap;
use sfv::{ListEntry, Parser, Version};

use super::SignatureError;

/// Far above what any signer writes, and little enough to read twice.
const MAX_BYTES: usize = 4096;

/// A dictionary field, its members in the order of their coming.
pub(super) struct Dictionary {
    pub(super) members: Vec<Member>,
}

pub(super) struct Member {
    pub(super) label: String,
    /// The value exactly as it was sent: a signer may write its parameters in any order and spacing, and
    /// signs its own bytes.
    pub(super) raw: String,
    pub(super) value: ListEntry,
}

impl Dictionary {
    /// The field of this name, all its lines taken together.
    pub(super) fn read(headers: &HeaderMap, name: &'static str) -> Result<Self, SignatureError> {
        let text = match joined(headers, name) {
            Some(Ok(text)) => text,
            Some(Err(NotAscii)) => return Err(SignatureError::Malformed(name)),
            None => return Err(SignatureError::NoHeader(name)),
        };
        if text.len() > MAX_BYTES {
            return Err(SignatureError::TooLong(name));
        }
        let malformed = || SignatureError::Malformed(name);
        // RFC 9421 builds on RFC 8941. The later display strings of RFC 9651 quote by other rules than
        // `split` does.
        let parsed: sfv::Dictionary = Parser::new(&text)
            .with_version(Version::Rfc8941)
            .parse()
            .map_err(|_| malformed())?;

        let raw = split(&text);
        // The parser lets the last of two equal labels win; whoever signs another way would be believed.
        if raw.len() > parsed.len() {
            return Err(SignatureError::LabelTwice(name));
        }
        let mut members = Vec::with_capacity(raw.len());
        for (member, (label, value)) in raw.into_iter().zip(parsed) {
            let (raw_label, raw) = member.split_once('=').unwrap_or((member, ""));
            // The two readings must be of the same thing, or the bytes that are signed are not the ones
            // that are obeyed.
            if raw_label != label.as_str() || read_alone(raw).as_ref() != Some(&value) {
                return Err(malformed());
            }
            members.push(Member {
                label: raw_label.to_owned(),
                raw: raw.to_owned(),
                value,
            });
        }
        Ok(Self { members })
    }

    pub(super) fn find(&self, label: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.label == label)
    }
}

impl Member {
    /// The value, where it is a byte sequence.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match &self.value {
            ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
            ListEntry::InnerList(_) => None,
        }
    }
}

/// A field value beyond what a signature base can hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAscii;

/// The value of a header that may have come in several lines, as RFC 9421 section 2.1 combines them.
/// Folded lines never get here: the HTTP parser refuses them.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> Option<Result<String, NotAscii>> {
    let mut lines = headers.get_all(name).map(|line| match line.to_str() {
        Ok(line) => Ok(line.trim_matches([' ', '\t'])),
        Err(_) => Err(NotAscii),
    });
    let first = lines.next()?;
    Some(first.and_then(|first| {
        let mut value = first.to_owned();
        for line in lines {
            value.push_str(", ");
            value.push_str(line?);
        }
        Ok(value)
    }))
}

/// Cuts a well-formed dictionary at the commas between its members, which are the ones outside strings:
/// neither tokens, numbers, byte sequences nor inner lists have any.
fn split(text: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let mut start = 0;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' if !in_string => {
                members.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(&text[start..]);
    members
        .into_iter()
        .map(|member| member.trim_matches([' ', '\t']))
        .filter(|member| !member.is_empty())
        .collect()
}

fn read_alone(raw: &str) -> Option<ListEntry> {
    let list: sfv::List = Parser::new(raw)
        .with_version(Version::Rfc8941)
        .parse()
        .ok()?;
    let [entry] = list.try_into().ok()?;
    Some(entry)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                HeaderName::from_static("signature"),
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        headers
    }

    fn read(lines: &[&str]) -> Result<Vec<(String, String)>, SignatureError> {
        let dictionary = Dictionary::read(&headers(lines), "Signature")?;
        let members = dictionary.members.into_iter();
        Ok(members.map(|member| (member.label, member.raw)).collect())
    }

    fn members(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|&(label, raw)| (label.to_owned(), raw.to_owned()))
            .collect()
    }

    #[test]
    fn members_keep_their_bytes() {
        for (lines, expected) in [
            (&["a=:AA==:"][..], &[("a", ":AA==:")][..]),
            (&["a=1,\tb=2"], &[("a", "1"), ("b", "2")]),
            (
                &["  a=1 ", " b=2 ,c=3"],
                &[("a", "1"), ("b", "2"), ("c", "3")],
            ),
            (
                &[r#"a=("x,y"  "z" );n="q\",=\\"; k=tok, *.-_9=()"#],
                &[
                    ("a", r#"("x,y"  "z" );n="q\",=\\"; k=tok"#),
                    ("*.-_9", "()"),
                ],
            ),
        ] {
            assert_eq!(read(lines), Ok(members(expected)), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_dictionary_is_refused() {
        let malformed = Err(SignatureError::Malformed("Signature"));
        for lines in [
            &["a="][..],
            &["a=1,"],
            &["a=1,,b=2"],
            &["A=1"],
            &["a =1"],
            &[r#"a="x"#],
            &["a=:?:"],
            &["a=(1"],
            &[r#"a=%"x""#],
            &["a=@1"],
            &["a=\u{e9}"],
            &["a=1", ""],
            // A label alone means "true", which no header of ours uses.
            &["a"],
        ] {
            assert_eq!(read(lines), malformed, "{lines:?}");
        }
        assert_eq!(read(&[]), Err(SignatureError::NoHeader("Signature")));
        assert_eq!(
            read(&["a=1", "a=1"]),
            Err(SignatureError::LabelTwice("Signature"))
        );
        let long = format!("a=\"{}\"", "x".repeat(MAX_BYTES));
        assert_eq!(read(&[&long]), Err(SignatureError::TooLong("Signature")));
    }
}

//! The `Idempotency-Key` header of calls that may come again
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).

use actix_web::http::header::HeaderMap;
use broker::Idempotency;
use sha2::{Digest, Sha256};

use crate::api_error::ApiError;

const HEADER: &str = "Idempotency-Key";

const MAX_CHARS: usize = 255;

/// The key with the body that it stands for; the signature covers both.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Option<Idempotency>, ApiError> {
    let mut values = headers.get_all(HEADER);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.as_bytes();
    let is_key = (1..=MAX_CHARS).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if !is_key || values.next().is_some() {
        return Err(ApiError::illegal_param(format!(
            "{HEADER} must be 1 to {MAX_CHARS} visible ASCII characters"
        )));
    }
    Ok(Some(Idempotency {
        key: key.iter().copied().map(char::from).collect(),
        body_hash: Sha256::digest(body).into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_key(sent: &[&str]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(
                HEADER.try_into().unwrap(),
                value.as_bytes().try_into().unwrap(),
            );
        }
        match read(&headers, b"{}") {
            Ok(key) => Ok(key.map(|key| key.key)),
            Err(error) => Err(error.message.into_owned()),
        }
    }

    #[test]
    fn a_key_is_visible_ascii_and_there_once() {
        assert_eq!(read_key(&[]), Ok(None));
        assert_eq!(read_key(&["a"]), Ok(Some("a".to_owned())));
        let longest = "~".repeat(255);
        assert_eq!(read_key(&[&longest]), Ok(Some(longest.clone())));
        for sent in [
            &[""][..],
            &["a b"],
            &["é"],
            &[&"~".repeat(256)],
            &["a", "a"],
        ] {
            assert_eq!(
                read_key(sent),
                Err("Idempotency-Key must be 1 to 255 visible ASCII characters".to_owned()),
                "{sent:?}"
            );
        }
    }

    #[test]
    fn another_body_has_another_hash() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER.try_into().unwrap(), "k".parse().unwrap());
        let hash = |body: &[u8]| read(&headers, body).unwrap().unwrap().body_hash;
        assert_eq!(hash(b"{}"), hash(b"{}"));
        assert_ne!(hash(b"{}"), hash(b"{ }"));
    }
}

//! The components that a signature covers, and the base that it is computed over
//! (RFC 9421 sections 2.1, 2.2 and 2.5).

use std::collections::HashSet;
use std::fmt::Write;

use actix_web::http::header::HeaderMap;
use sfv::InnerList;

use super::fields::joined;
use super::{SignatureError, SignedRequest};

/// The names of the covered components, in the signer's order.
pub(super) fn read(list: &InnerList) -> Result<Vec<&str>, SignatureError> {
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let Some(name) = item.bare_item.as_string() else {
            return Err(SignatureError::NotAComponent);
        };
        let name = name.as_str();
        let plain = name.strip_prefix('@').unwrap_or(name);
        if plain.is_empty() || !plain.bytes().all(is_lower_case_token) {
            return Err(SignatureError::NotAComponent);
        }
        // `;sf`, `;bs`, `;key`, `;req` and `;tr` each mean another value; one that is overlooked is a value
        // that nobody signed.
        if !item.params.is_empty() {
            return Err(SignatureError::ComponentParameters(name.to_owned()));
        }
        if !seen.insert(name) {
            return Err(SignatureError::CoveredTwice(name.to_owned()));
        }
        names.push(name);
    }
    Ok(names)
}

/// The characters of a header's name, which need no escaping in a structured string.
fn is_lower_case_token(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Refuses a signature that leaves open what is called, with what body, or by whom.
pub(super) fn require(covered: &[&str], headers: &HeaderMap) -> Result<(), SignatureError> {
    if !covered.contains(&"@path") && !covered.contains(&"@target-uri") {
        return Err(SignatureError::PathNotCovered);
    }
    for name in ["@method", "content-digest", "authorization"] {
        if !covered.contains(&name) {
            return Err(SignatureError::NotCovered(name));
        }
    }
    if headers.contains_key("idempotency-key") && !covered.contains(&"idempotency-key") {
        return Err(SignatureError::NotCovered("idempotency-key"));
    }
    Ok(())
}

/// What was signed: a line for each component, and the signer's own words about them at the end.
pub(super) fn signature_base(
    covered: &[&str],
    signature_params: &str,
    request: &SignedRequest<'_>,
) -> Result<Vec<u8>, SignatureError> {
    let mut base = String::new();
    for name in covered {
        let value = value(name, request)?;
        writeln!(base, "\"{name}\": {value}").expect("a String takes whatever is written to it");
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(signature_params);
    Ok(base.into_bytes())
}

fn value(name: &str, request: &SignedRequest<'_>) -> Result<String, SignatureError> {
    let url = request.public_url;
    // `Url` has put the host into lower case and dropped a default port, as section 2.2.3 wants.
    let origin = || url.origin().ascii_serialization();
    let path = || format!("{}{}", url.path().trim_end_matches('/'), request.path);
    let value = match name {
        "@method" => request.method.to_owned(),
        "@path" | "@request-target" => path(),
        "@target-uri" => origin() + &path(),
        "@authority" => origin().replacen(&format!("{}://", url.scheme()), "", 1),
        "@scheme" => url.scheme().to_owned(),
        // There is no query: section 2.2.7 makes that a lone question mark.
        "@query" => "?".to_owned(),
        _ if name.starts_with('@') => {
            return Err(SignatureError::UnknownComponent(name.to_owned()));
        }
        _ => match joined(request.headers, name) {
            Some(Ok(value)) => value,
            Some(Err(_)) => return Err(SignatureError::NotAscii(name.to_owned())),
            None => return Err(SignatureError::NotSent(name.to_owned())),
        },
    };
    Ok(value)
}

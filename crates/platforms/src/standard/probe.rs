//! Whether a token is still good: one GET that presents it.

use domain::Credential;
use http::{HeaderName, StatusCode};
use secrecy::ExposeSecret;

use super::ProbeWords;
use crate::call::{Call, parse_url, secret_header};
use crate::probe::{Liveness, ProbeRequest};

pub(super) async fn probe(
    words: &ProbeWords,
    egress: &egress::Client,
    request: ProbeRequest<'_>,
) -> Liveness {
    let Some(call) = call(words, &request) else {
        return Liveness::Unknown;
    };
    match call.send(egress, request.timeout).await {
        Ok(answer) => read(answer.status),
        Err(_) => Liveness::Unknown,
    }
}

fn call(words: &ProbeWords, request: &ProbeRequest<'_>) -> Option<Call> {
    let Credential::AccessToken { access_token } = request.credential else {
        return None;
    };
    let url = parse_url(&format!("{}{}", request.origin, words.path)).ok()?;
    let value = format!("{}{}", words.scheme, access_token.expose_secret());
    let mut call = Call::get(url);
    call.headers.insert(
        HeaderName::from_static(words.header),
        secret_header(&value)?,
    );
    Some(call)
}

/// A token that is known and may not read this page is refused with 403, and is alive. Everything but that,
/// a success and 401 says nothing: a frozen shop (402) thaws, and a page that is not there (404) may be
/// somebody else's.
pub(super) fn read(status: StatusCode) -> Liveness {
    match status {
        StatusCode::UNAUTHORIZED => Liveness::Dead,
        StatusCode::FORBIDDEN => Liveness::Alive,
        status if status.is_success() => Liveness::Alive,
        _ => Liveness::Unknown,
    }
}

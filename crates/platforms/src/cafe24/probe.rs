//! Whether a mall still honours a token.
//!
//! <https://developers.cafe24.com/docs/api/admin>, of the list of apps: it asks for `mall.read_application`,
//! and a token without that scope is refused with 403, as is one of an app that was removed. Only the
//! message tells them apart: <https://developer.cafe24.com/guide/front/api>.

use domain::Credential;
use http::{StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::call::{Call, parse_url, secret_header};
use crate::probe::{Liveness, ProbeRequest};

const PATH: &str = "/api/v2/admin/apps";

pub(super) async fn probe(egress: &egress::Client, request: ProbeRequest<'_>) -> Liveness {
    let Some(call) = call(&request) else {
        return Liveness::Unknown;
    };
    match call.send(egress, request.timeout).await {
        Ok(answer) => read(answer.status, &answer.body),
        Err(_) => Liveness::Unknown,
    }
}

fn call(request: &ProbeRequest<'_>) -> Option<Call> {
    let Credential::AccessToken { access_token } = request.credential else {
        return None;
    };
    let url = parse_url(&format!("{}{PATH}", request.origin)).ok()?;
    let value = format!("Bearer {}", access_token.expose_secret());
    let mut call = Call::get(url);
    call.headers
        .insert(header::AUTHORIZATION, secret_header(&value)?);
    Some(call)
}

/// A token past its end says nothing about the app: the next one may work.
fn read(status: StatusCode, body: &[u8]) -> Liveness {
    if status.is_success() {
        return Liveness::Alive;
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(message) = answer["error"]["message"].as_str() else {
        // Something in between, as a page of a firewall.
        return Liveness::Unknown;
    };
    let message = message.to_ascii_lowercase();
    match status {
        StatusCode::UNAUTHORIZED if message.contains("expired") => Liveness::Unknown,
        StatusCode::UNAUTHORIZED => Liveness::Dead,
        // "This app has been deleted." is documented; that an app past its term is told alike is inferred.
        StatusCode::FORBIDDEN
            if message.contains("app has been deleted") || message.contains("app has expired") =>
        {
            Liveness::Dead
        }
        StatusCode::FORBIDDEN => Liveness::Alive,
        _ => Liveness::Unknown,
    }
}

#[cfg(test)]
mod tests;

//! The call that exchanges a code, and its answer.

use chrono::{DateTime, Utc};
use domain::{Credential, GrantedScopes};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{AnswerShape, ClientProof, StandardCodeFlow, TokenEnd, TokenValue};
use crate::adapter::App;
use crate::call::{Call, parse_url, secret_header};
use crate::code_flow::ExchangeRequest;
use crate::facts::PlatformFacts;
use crate::failure::PlatformFailure;
use crate::instant::read_instant;
use crate::jwt::unverified_claims;
use crate::proof::Proof;
use crate::signature::sign;

impl StandardCodeFlow {
    pub(crate) fn token_call(
        &self,
        request: &ExchangeRequest<'_>,
    ) -> Result<Call, PlatformFailure> {
        let app = request.app;
        // The platform signed the callback with the secret that it uses now; a newer one may be ahead
        // of it.
        let secret = app
            .secrets
            .get(request.callback.signed.map_or(0, |signed| signed.with))
            .ok_or(PlatformFailure::AppMisconfigured)?;
        let words = &self.descriptor.token_call;
        let base = app.base_url(self.descriptor.host, request.named_shop()?.host_label());
        let url = parse_url(&format!("{base}{}", words.path))?;
        let mut body = Map::new();
        for (name, value) in words.body {
            let value = match value {
                TokenValue::Literal(text) => text,
                TokenValue::ClientId => app.client_id.as_str(),
                TokenValue::ClientSecret => secret.expose_secret(),
                TokenValue::Code => request.code.expose_secret(),
            };
            body.insert((*name).to_owned(), value.into());
        }
        let mut call = Call::post_json(url, &Value::Object(body));
        match words.client_proof {
            ClientProof::SecretInBody => {}
            ClientProof::SignedHeaders => {
                sign_headers(&mut call, &app.client_id, secret, request.now)?;
            }
        }
        Ok(call)
    }

    /// What an answer to [`Self::token_call`] proves.
    pub(crate) fn read_token_answer(
        &self,
        request: &ExchangeRequest<'_>,
        status: StatusCode,
        answer: &Value,
    ) -> Result<Proof, PlatformFailure> {
        let words = &self.descriptor.token_answer;
        let Some(fields) = granted_fields(words.shape, status, answer) else {
            return Err((words.refusal)(status, answer));
        };
        let access_token = fields[words.access_token]
            .as_str()
            .filter(|token| !token.is_empty())
            .ok_or(PlatformFailure::Unreachable)?;
        Ok(Proof {
            shop: (words.proven_shop)(self.facts, fields, request)?,
            origin: request
                .app
                .base_url(self.descriptor.host, request.named_shop()?.host_label()),
            scopes: read_scopes(&fields[words.scope], request.app)?,
            refresh_token: None,
            expires_at: read_end(words.end, self.facts, fields, access_token, request.now),
            credential: Credential::AccessToken {
                access_token: access_token.into(),
            },
        })
    }
}

/// An end that cannot be read is no reason to lose what was spent by now.
pub(crate) fn read_end(
    end: TokenEnd,
    facts: &PlatformFacts,
    fields: &Value,
    access_token: &str,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let field = match end {
        TokenEnd::Never => return None,
        TokenEnd::Field(name) => &fields[name],
    };
    if let Some(told) = read_instant(field) {
        return Some(told);
    }
    let claimed =
        unverified_claims(access_token).and_then(|claims| claims.get("exp").and_then(read_instant));
    claimed.or_else(|| facts.lifetimes.access.map(|lifetime| now + lifetime))
}

/// The signature covers the body as it is sent, then the timestamp in milliseconds.
pub(crate) fn sign_headers(
    call: &mut Call,
    client_id: &str,
    secret: &SecretString,
    now: DateTime<Utc>,
) -> Result<(), PlatformFailure> {
    let timestamp = now.timestamp_millis().to_string();
    let signature = sign(secret, [&call.body[..], timestamp.as_bytes()]);
    for (name, text) in [
        ("appkey", client_id),
        ("timestamp", &timestamp),
        ("sign", &signature),
    ] {
        let value = secret_header(text).ok_or(PlatformFailure::AppMisconfigured)?;
        call.headers.insert(name, value);
    }
    Ok(())
}

/// The fields of an answer that grants something.
pub(crate) fn granted_fields(
    shape: AnswerShape,
    status: StatusCode,
    answer: &Value,
) -> Option<&Value> {
    if !status.is_success() {
        return None;
    }
    match shape {
        AnswerShape::Plain => Some(answer).filter(|answer| answer["error"].is_null()),
        AnswerShape::CodeAndData => {
            let is_ok = match &answer["code"] {
                Value::Number(code) => code.as_u64() == Some(200),
                Value::String(code) => code == "200",
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
            };
            is_ok.then(|| &answer["data"])
        }
    }
}

/// Scopes that are left out are the ones that were asked for (RFC 6749, section 5.1).
pub(crate) fn read_scopes(value: &Value, app: &App) -> Result<GrantedScopes, PlatformFailure> {
    if value.is_null() {
        return Ok(GrantedScopes::flat(app.scope_names()));
    }
    GrantedScopes::read(value).map_err(|_| PlatformFailure::Unreachable)
}

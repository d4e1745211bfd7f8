//! Genstore's session tokens. <https://partners.genstore.ai/docs/api-rest/api-session-token>
//!
//! The page calls a token a JWT of two parts and shows the header of a signed one. That three parts are
//! signed with the client secret is inferred; a token of another form is judged by the exchange.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Credential, ProvenShop, ShopIdentity};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderName, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{FACTS, HOST, refusal};
use crate::adapter::App;
use crate::call::{Call, parse_url, read_json, secret_header};
use crate::failure::PlatformFailure;
use crate::probe::{Liveness, Probe, ProbeRequest};
use crate::proof::Proof;
use crate::session::{
    SessionAccess, SessionExchange, SessionProof, SessionRequest, SessionTokenError, SessionUser,
};
use crate::signature::signer_of;
use crate::standard::{AnswerShape, granted_fields, read_scopes};

pub(super) struct Sessions;

/// <https://partners.genstore.ai/docs/api-rest/28>
const SHOP_INFO: &str = "/api/202412/shops/info";
/// How long the token of a session lives where the answer does not say.
/// <https://partners.genstore.ai/docs/api-rest/api-access-token>
const ONLINE_LIFE: TimeDelta = TimeDelta::seconds(86_399);

impl SessionExchange for Sessions {
    fn check(
        &self,
        token: &SecretString,
        app: &App,
        now: DateTime<Utc>,
    ) -> Result<(), SessionTokenError> {
        let Some(signed) = SignedToken::read(token.expose_secret()) else {
            return Ok(());
        };
        signed.signer(app).ok_or(SessionTokenError::NotSigned)?;
        let claims = signed.claims().ok_or(SessionTokenError::NotSigned)?;
        let is_for_us = match &claims["aud"] {
            Value::String(audience) => *audience == app.client_id,
            Value::Array(audiences) => audiences.iter().any(|one| *one == *app.client_id),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        if !is_for_us {
            return Err(SessionTokenError::OfAnotherApp);
        }
        let now = now.timestamp();
        if read_seconds(&claims["exp"]).is_none_or(|end| end <= now) {
            return Err(SessionTokenError::Expired);
        }
        if read_seconds(&claims["nbf"]).is_some_and(|begin| begin > now) {
            return Err(SessionTokenError::NotYetValid);
        }
        Ok(())
    }

    fn exchange<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: SessionRequest<'a>,
    ) -> BoxFuture<'a, Result<SessionProof, PlatformFailure>> {
        async move {
            let answer = token_call(&request)?.send(egress, request.timeout).await?;
            let granted = Granted::read(&request, answer.status, &read_json(&answer.body)?)?;
            let origin = request.app.base_url(HOST, request.shop.host_label());
            let identity = prove(egress, &request, &origin, &granted.credential).await?;
            Ok(granted.proven(&request, origin, identity))
        }
        .boxed()
    }
}

/// A token of three parts.
struct SignedToken<'a> {
    header: &'a str,
    claims: &'a str,
    /// What is signed: header and claims as they are sent.
    text: &'a str,
    signature: &'a str,
}

impl<'a> SignedToken<'a> {
    fn read(token: &'a str) -> Option<Self> {
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        (!claims.contains('.')).then_some(Self {
            header,
            claims,
            text,
            signature,
        })
    }

    /// Which of the app's secrets signed it.
    fn signer(&self, app: &App) -> Option<usize> {
        let header = decode(self.header)?;
        if header.get("alg")?.as_str() != Some("HS256") {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(self.signature).ok()?;
        signer_of(&app.secrets, self.text.as_bytes(), &signature)
    }

    fn claims(&self) -> Option<Value> {
        decode(self.claims).map(Value::Object)
    }
}

fn decode(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// <https://partners.genstore.ai/docs/api-rest/api-access-token>: the words are those of RFC 8693 without
/// its names. For an offline token the page leaves the wanted kind out.
fn token_call(request: &SessionRequest<'_>) -> Result<Call, PlatformFailure> {
    let app = request.app;
    let token = request.token.expose_secret();
    // While secrets roll over, the platform uses the one that it signed with.
    let signer = SignedToken::read(token).and_then(|signed| signed.signer(app));
    let secret = app
        .secrets
        .get(signer.unwrap_or_default())
        .ok_or(PlatformFailure::AppMisconfigured)?;
    let base = app.base_url(HOST, request.shop.host_label());
    let mut body = json!({
        "clientId": app.client_id,
        "clientSecret": secret.expose_secret(),
        "grantType": "token-exchange",
        "subjectToken": token,
    });
    if request.access == SessionAccess::Online {
        body["requestedTokenType"] = "online-access-token".into();
    }
    let url = parse_url(&format!("{base}/oauth2/token"))?;
    Ok(Call::post_json(url, &body))
}

/// What the answer grants, of a shop that is not proven yet.
#[derive(Debug)]
struct Granted {
    credential: Credential,
    scopes: domain::GrantedScopes,
    expires_at: Option<DateTime<Utc>>,
    user: Option<SessionUser>,
}

impl Granted {
    fn read(
        request: &SessionRequest<'_>,
        status: StatusCode,
        answer: &Value,
    ) -> Result<Self, PlatformFailure> {
        let Some(fields) = granted_fields(AnswerShape::Plain, status, answer) else {
            return Err(refusal(status, answer));
        };
        let access_token = fields["accessToken"]
            .as_str()
            .filter(|token| !token.is_empty())
            .ok_or(PlatformFailure::Unreachable)?;
        let (expires_at, user) = match request.access {
            SessionAccess::Offline => (None, None),
            SessionAccess::Online => {
                let life = fields["expiresIn"]
                    .as_i64()
                    .and_then(TimeDelta::try_seconds);
                let user = read_user(&fields["associatedUser"]);
                (
                    Some(request.now + life.unwrap_or(ONLINE_LIFE)),
                    Some(user.ok_or(PlatformFailure::Unreachable)?),
                )
            }
        };
        Ok(Self {
            credential: Credential::AccessToken {
                access_token: access_token.into(),
            },
            scopes: read_scopes(&fields["scope"], request.app)?,
            expires_at,
            user,
        })
    }

    fn proven(
        self,
        request: &SessionRequest<'_>,
        origin: String,
        identity: ShopIdentity,
    ) -> SessionProof {
        SessionProof {
            proof: Proof {
                shop: ProvenShop {
                    identity,
                    label: Some(request.shop.clone()),
                },
                origin,
                credential: self.credential,
                scopes: self.scopes,
                expires_at: self.expires_at,
                refresh_token: None,
            },
            user: self.user,
        }
    }
}

/// The page shows instants as texts in one place and as numbers in another.
fn read_seconds(value: &Value) -> Option<i64> {
    read_number(value)?.parse().ok()
}

fn read_user(user: &Value) -> Option<SessionUser> {
    Some(SessionUser {
        id: read_number(&user["id"])?,
        email: user["email"].as_str().map(str::to_owned),
    })
}

/// Numbers are typed as such and shown as texts.
fn read_number(value: &Value) -> Option<String> {
    let digits = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_number =
        (1..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}

/// The answer to the exchange names no shop, so the shop's own host is asked, with the new token, which shop
/// that is. Where the app may not ask, it is the shop whose number the platform has signed beside the label
/// before, if that host takes the token.
async fn prove(
    egress: &egress::Client,
    request: &SessionRequest<'_>,
    origin: &str,
    credential: &Credential,
) -> Result<ShopIdentity, PlatformFailure> {
    let answer = shop_info_call(origin, credential)?
        .send(egress, request.timeout)
        .await
        .map_err(|_| PlatformFailure::Unreachable)?;
    if let Some(told) = read_shop_info(answer.status, &answer.body)? {
        return match request.known {
            Some(known) if *known != told => Err(PlatformFailure::ShopMismatch),
            Some(_) | None => Ok(told),
        };
    }
    let Some(known) = request.known else {
        return Err(if answer.status == StatusCode::FORBIDDEN {
            PlatformFailure::ScopesInsufficient
        } else {
            PlatformFailure::Unreachable
        });
    };
    let probe = ProbeRequest {
        origin,
        credential,
        timeout: request.timeout,
    };
    match super::initiated::WORDS.probe.probe(egress, probe).await {
        Liveness::Alive => Ok(known.clone()),
        Liveness::Dead => Err(PlatformFailure::ShopMismatch),
        Liveness::Unknown => Err(PlatformFailure::Unreachable),
    }
}

fn shop_info_call(origin: &str, credential: &Credential) -> Result<Call, PlatformFailure> {
    let Credential::AccessToken { access_token } = credential else {
        return Err(PlatformFailure::Unreachable);
    };
    let mut call = Call::get(parse_url(&format!("{origin}{SHOP_INFO}"))?);
    let value = secret_header(access_token.expose_secret()).ok_or(PlatformFailure::Unreachable)?;
    call.headers
        .insert(HeaderName::from_static("x-genstore-access-token"), value);
    Ok(call)
}

/// The shop's number; `None` where the host knows the token, or does not say, and names no shop. A token
/// that was granted a moment ago and is not known here is another shop's.
fn read_shop_info(
    status: StatusCode,
    body: &[u8],
) -> Result<Option<ShopIdentity>, PlatformFailure> {
    if status == StatusCode::UNAUTHORIZED {
        return Err(PlatformFailure::ShopMismatch);
    }
    if !status.is_success() {
        return Ok(None);
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let number = read_number(&answer["shop"]["shopId"]);
    Ok(number.map(|number| ShopIdentity::new(FACTS.platform.realm(), number)))
}

#[cfg(test)]
mod tests;

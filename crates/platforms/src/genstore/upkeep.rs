//! What a Genstore token may do by now, and how it is given up.
//!
//! <https://partners.genstore.ai/docs/api-rest/api-access-scope>

use domain::{Credential, GrantedScopes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderName, Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::call::{Call, parse_url, read_json, says_nothing, secret_header};
use crate::failure::PlatformFailure;
use crate::granted_scopes::ScopeReader;
use crate::probe::ProbeRequest;
use crate::revoke::{Revoke, RevokeReach, RevokeRequest};

pub(super) const SCOPES_PATH: &str = "/api/202412/oauth2/access_scopes";
const UNINSTALL_PATH: &str = "/api/202412/oauth2/uninstall";
pub(super) const TOKEN_HEADER: &str = "x-genstore-access-token";

/// The calls that present a token and are about that token.
pub(super) struct TokenUpkeep;

impl ScopeReader for TokenUpkeep {
    fn needs_any_of(&self) -> &'static [&'static str] {
        &["write_apps", "read_apps"]
    }

    fn read_scopes<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProbeRequest<'a>,
    ) -> BoxFuture<'a, Result<GrantedScopes, PlatformFailure>> {
        async move {
            let call = call(Method::GET, request.origin, SCOPES_PATH, request.credential)?;
            let answer = call.send(egress, request.timeout).await?;
            read_answer(answer.status, &answer.body)
        }
        .boxed()
    }
}

/// The documented answer is a text that looks like a list without quotes; an array is taken as well.
pub(super) fn read_answer(
    status: StatusCode,
    body: &[u8],
) -> Result<GrantedScopes, PlatformFailure> {
    match status {
        StatusCode::UNAUTHORIZED => Err(PlatformFailure::CredentialInvalid),
        StatusCode::FORBIDDEN => Err(PlatformFailure::ScopesInsufficient),
        status if status.is_success() => match &read_json(body)?["accessScopes"] {
            scopes @ (Value::String(_) | Value::Array(_)) => {
                GrantedScopes::read(scopes).map_err(|_| PlatformFailure::Unreachable)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                Err(PlatformFailure::Unreachable)
            }
        },
        _ => Err(PlatformFailure::Unreachable),
    }
}

/// To uninstall the app is the only way to end a token. It needs `write_apps`, which not every app has.
impl Revoke for TokenUpkeep {
    fn reach(&self) -> RevokeReach {
        RevokeReach::Installation
    }

    fn revoke<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: RevokeRequest<'a>,
    ) -> BoxFuture<'a, Result<(), PlatformFailure>> {
        async move {
            let (origin, credential) = (request.origin, request.credential);
            let call = call(Method::DELETE, origin, UNINSTALL_PATH, credential)?;
            let answer = call.send(egress, request.timeout).await?;
            read_end(answer.status, &answer.body)
        }
        .boxed()
    }
}

/// Success is `{}`, and 200 with an error is none. A frozen shop (402) thaws.
pub(super) fn read_end(status: StatusCode, body: &[u8]) -> Result<(), PlatformFailure> {
    match status {
        StatusCode::UNAUTHORIZED => Ok(()),
        StatusCode::FORBIDDEN => Err(PlatformFailure::ScopesInsufficient),
        StatusCode::PAYMENT_REQUIRED => Err(PlatformFailure::Unreachable),
        status if says_nothing(status) => Err(PlatformFailure::Unreachable),
        status if status.is_success() => {
            let body = read_json(body)?;
            if body.is_object() && body["error"].is_null() {
                Ok(())
            } else {
                Err(PlatformFailure::Unreachable)
            }
        }
        _ => Err(PlatformFailure::Rejected),
    }
}

fn call(
    method: Method,
    origin: &str,
    path: &str,
    credential: &Credential,
) -> Result<Call, PlatformFailure> {
    let Credential::AccessToken { access_token } = credential else {
        return Err(PlatformFailure::Rejected);
    };
    let mut call = Call::get(parse_url(&format!("{origin}{path}"))?);
    call.method = method;
    let token = secret_header(access_token.expose_secret()).ok_or(PlatformFailure::Rejected)?;
    call.headers
        .insert(HeaderName::from_static(TOKEN_HEADER), token);
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_told_as_a_text_or_as_an_array() {
        let orders = GrantedScopes::flat(["read_orders", "write_orders"]);
        for body in [
            r#"{"accessScopes":"[read_orders,write_orders]"}"#,
            r#"{"accessScopes":"[ write_orders , read_orders ]"}"#,
            r#"{"accessScopes":["read_orders","write_orders"]}"#,
        ] {
            let read = read_answer(StatusCode::OK, body.as_bytes());
            assert_eq!(read, Ok(orders.clone()), "{body}");
        }
        let none = read_answer(StatusCode::OK, br#"{"accessScopes":"[]"}"#);
        assert_eq!(none, Ok(GrantedScopes::default()));
    }

    #[test]
    fn only_what_speaks_of_the_token_says_something_about_it() {
        use PlatformFailure::{CredentialInvalid, Rejected, ScopesInsufficient, Unreachable};
        for (status, body, scopes, end) in [
            (200, "{}", Unreachable, Ok(())),
            (
                200,
                r#"{"error":"system error"}"#,
                Unreachable,
                Err(Unreachable),
            ),
            (
                200,
                r#"{"accessScopes":{"read_orders":true}}"#,
                Unreachable,
                Ok(()),
            ),
            (200, "<html>", Unreachable, Err(Unreachable)),
            (302, "", Unreachable, Err(Unreachable)),
            (
                400,
                r#"{"error":"bad request"}"#,
                Unreachable,
                Err(Rejected),
            ),
            (
                401,
                r#"{"error":"unauthorized"}"#,
                CredentialInvalid,
                Ok(()),
            ),
            (
                402,
                r#"{"error":"payment required"}"#,
                Unreachable,
                Err(Unreachable),
            ),
            (
                403,
                r#"{"error":"forbidden"}"#,
                ScopesInsufficient,
                Err(ScopesInsufficient),
            ),
            (429, "", Unreachable, Err(Unreachable)),
            (503, "", Unreachable, Err(Unreachable)),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let read = read_answer(status, body.as_bytes());
            assert_eq!(read, Err(scopes), "{status} {body}");
            assert_eq!(read_end(status, body.as_bytes()), end, "{status} {body}");
        }
    }

    #[test]
    fn the_token_is_presented_in_a_header_that_does_not_print() {
        let credential = Credential::AccessToken {
            access_token: "gs_1".into(),
        };
        let origin = "https://demo.genmystore.com";
        let call = call(Method::DELETE, origin, UNINSTALL_PATH, &credential).unwrap();
        assert_eq!(call.method, Method::DELETE);
        let url = "https://demo.genmystore.com/api/202412/oauth2/uninstall";
        assert_eq!(call.url.as_str(), url);
        let header = &call.headers[TOKEN_HEADER];
        assert_eq!(header.to_str().unwrap(), "gs_1");
        assert!(header.is_sensitive());
    }
}

//! Giving a token up: <https://developers.cafe24.com/docs-new/en/docs/guide/oauth2-authentication>. The
//! refresh token of the pair goes with it.

use domain::Credential;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::Cafe24;
use super::token::{Refusal, basic, refusal};
use crate::call::{Call, parse_url, says_nothing};
use crate::failure::PlatformFailure;
use crate::revoke::{Revoke, RevokeReach, RevokeRequest};

const PATH: &str = "/api/v2/oauth/revoke";

impl Revoke for Cafe24 {
    fn reach(&self) -> RevokeReach {
        RevokeReach::Credential
    }

    fn revoke<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: RevokeRequest<'a>,
    ) -> BoxFuture<'a, Result<(), PlatformFailure>> {
        async move {
            let answer = call(&request)?.send(egress, request.timeout).await?;
            read(answer.status, &answer.body)
        }
        .boxed()
    }
}

fn call(request: &RevokeRequest<'_>) -> Result<Call, PlatformFailure> {
    let Credential::AccessToken { access_token } = request.credential else {
        return Err(PlatformFailure::Rejected);
    };
    let url = parse_url(&format!("{}{PATH}", request.origin))?;
    let form = [
        ("token", access_token.expose_secret()),
        ("token_hint", "access_token"),
    ];
    let mut call = Call::post_form(url, &form);
    let id = &request.app.client_id;
    call.headers
        .insert(header::AUTHORIZATION, basic(id, request.secret)?);
    Ok(call)
}

/// What a success looks like is not documented beyond its status. A token that is not known has nothing to
/// lose any more.
fn read(status: StatusCode, body: &[u8]) -> Result<(), PlatformFailure> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if status.is_success() && answer["error"].is_null() {
        return Ok(());
    }
    if says_nothing(status) || status.is_success() {
        return Err(PlatformFailure::Unreachable);
    }
    if answer["error"] == "invalid_token" {
        return Ok(());
    }
    match refusal(status, &answer) {
        Refusal::OurApp => Err(PlatformFailure::AppMisconfigured),
        Refusal::OfTheGrant => Ok(()),
        Refusal::NotOne => Err(PlatformFailure::Unreachable),
        Refusal::OfTheCall => Err(PlatformFailure::Rejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::App;

    #[test]
    fn the_token_goes_into_the_form_and_the_secret_into_the_header_alone() {
        let app = App {
            client_id: "demo_client_id".to_owned(),
            secrets: Vec::new(),
            scopes: Vec::new(),
            event_key: None,
            host: None,
        };
        let credential = Credential::AccessToken {
            access_token: "at 1".into(),
        };
        let call = call(&RevokeRequest {
            app: &app,
            secret: &"c24_test_secret_01".into(),
            origin: "https://demomall.cafe24api.com",
            credential: &credential,
            timeout: std::time::Duration::from_secs(1),
        })
        .unwrap();
        let url = "https://demomall.cafe24api.com/api/v2/oauth/revoke";
        assert_eq!(call.url.as_str(), url);
        assert_eq!(&call.body[..], b"token=at+1&token_hint=access_token");
        let basic = &call.headers[header::AUTHORIZATION];
        let expected = "Basic ZGVtb19jbGllbnRfaWQ6YzI0X3Rlc3Rfc2VjcmV0XzAx";
        assert_eq!(basic.to_str().unwrap(), expected);
        assert!(basic.is_sensitive());
    }

    #[test]
    fn what_is_gone_is_revoked_and_what_is_not_understood_is_not() {
        use PlatformFailure::{AppMisconfigured, Rejected, Unreachable};
        for (status, body, expected) in [
            (200, "", Ok(())),
            (200, r#"{"error":"server_error"}"#, Err(Unreachable)),
            (400, r#"{"error":"invalid_grant"}"#, Ok(())),
            (401, r#"{"error":"invalid_token"}"#, Ok(())),
            (
                401,
                r#"{"error":"invalid_client","error_description":"Invalid client_secret"}"#,
                Err(AppMisconfigured),
            ),
            (400, r#"{"error":"invalid_request"}"#, Err(Rejected)),
            (404, "<html>", Err(Unreachable)),
            (429, "", Err(Unreachable)),
            (500, r#"{"error":"invalid_grant"}"#, Err(Unreachable)),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(read(status, body.as_bytes()), expected, "{status} {body}");
        }
    }
}

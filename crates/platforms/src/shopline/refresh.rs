//! Renewing a token: the app signs for the shop, and no token is presented.
//!
//! <https://developer.shopline.com/docs/apps/api-instructions-for-use/app-authorization>. The token
//! before stays good for five more minutes, so that who has just read it can still use it.

use domain::{Credential, GrantedScopes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::{DIALECT, names_our_app, token_is_of};
use crate::call::{Call, parse_url, read_json};
use crate::facts::PlatformFacts;
use crate::failure::PlatformFailure;
use crate::refresh::{Refresh, RefreshRequest, RefreshStrategy, Refreshed};
use crate::standard::{granted_fields, read_end, sign_headers};

const PATH: &str = "/admin/oauth/token/refresh";

pub(super) struct AppSigned {
    pub(super) facts: &'static PlatformFacts,
}

impl Refresh for AppSigned {
    fn strategy(&self) -> RefreshStrategy {
        RefreshStrategy::AppSigned
    }

    fn refresh<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: RefreshRequest<'a>,
    ) -> BoxFuture<'a, Result<Refreshed, PlatformFailure>> {
        async move {
            let answer = call(&request)?.send(egress, request.timeout).await?;
            let body = read_json(&answer.body)?;
            self.read(&request, answer.status, &body)
        }
        .boxed()
    }
}

/// The body is empty, and the signature covers the timestamp alone.
pub(super) fn call(request: &RefreshRequest<'_>) -> Result<Call, PlatformFailure> {
    let url = parse_url(&format!("{}{PATH}", request.origin))?;
    let mut call = Call::get(url);
    call.method = Method::POST;
    let json = HeaderValue::from_static("application/json");
    call.headers.insert(header::CONTENT_TYPE, json);
    sign_headers(
        &mut call,
        &request.app.client_id,
        request.secret,
        request.now,
    )?;
    Ok(call)
}

impl AppSigned {
    pub(super) fn read(
        &self,
        request: &RefreshRequest<'_>,
        status: StatusCode,
        answer: &Value,
    ) -> Result<Refreshed, PlatformFailure> {
        let words = &DIALECT.token_answer;
        let Some(fields) = granted_fields(words.shape, status, answer) else {
            return Err(refusal(answer));
        };
        let access_token = fields[words.access_token]
            .as_str()
            .filter(|token| !token.is_empty())
            .ok_or(PlatformFailure::Unreachable)?;
        if let Some(label) = &request.shop.label
            && !token_is_of(self.facts, access_token, label)
        {
            return Err(PlatformFailure::ShopMismatch);
        }
        let scopes = &fields[words.scope];
        let scopes = (!scopes.is_null()).then(|| GrantedScopes::read(scopes));
        Ok(Refreshed {
            expires_at: read_end(words.end, self.facts, fields, access_token, request.now),
            credential: Credential::AccessToken {
                access_token: access_token.into(),
            },
            refresh_token: None,
            scopes: scopes
                .transpose()
                .map_err(|_| PlatformFailure::Unreachable)?,
        })
    }
}

/// Only the codes that are known to be final end a grant. Any other, and there is one without a name,
/// may be the platform's own trouble.
fn refusal(answer: &Value) -> PlatformFailure {
    match answer["i18nCode"].as_str() {
        Some("STORE_NOT_INSTALL_APP" | "APP_AUDIT_NOT_PASS") => PlatformFailure::Rejected,
        Some("REQUEST_NOT_IN_APP_IP_WHITELIST") => PlatformFailure::AppMisconfigured,
        Some(code) if names_our_app(code) => PlatformFailure::AppMisconfigured,
        Some(_) | None => PlatformFailure::Unreachable,
    }
}

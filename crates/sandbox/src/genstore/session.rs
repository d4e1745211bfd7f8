//! GENSTORE's embedded apps: the session tokens of their users, and what they are exchanged for.
//! <https://partners.genstore.ai/docs/api-rest/api-session-token>

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure;
use crate::call_log::noted;
use crate::registry::{Session, Token};
use crate::script::Fault;
use crate::signature::{body_mac, signed_token};
use crate::state::LaunchError;
use crate::{AppRegistration, Dialect, Sandbox, Shop, SignedEvent};

/// As the example of the page lives.
const SESSION_TOKEN_LIFE: TimeDelta = TimeDelta::minutes(5);
const ONLINE_LIFE_SECS: i64 = 86_399;
const ONLINE: &str = "online-access-token";

/// Who works in the shop's back office.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopUser {
    pub id: u64,
    pub email: String,
}

impl Sandbox {
    /// What the app's page gets in the browser of a user who opens it in the shop's back office. The
    /// merchant has installed the app there, with these scopes.
    ///
    /// Without a `client_id` it is GENSTORE's only app.
    pub fn session_token(
        &self,
        shop: &Shop,
        client_id: Option<&str>,
        user: ShopUser,
        scopes: &[String],
    ) -> Result<SecretString, LaunchError> {
        let app = self.find_only_app(Dialect::Genstore, client_id)?;
        let now = self.now();
        let sid = self.random_hex::<16>();
        let claims = json!({
            "aud": app.client_id,
            "sub": user.id.to_string(),
            "exp": (now + SESSION_TOKEN_LIFE).timestamp(),
            "iat": now.timestamp(),
            "nbf": now.timestamp(),
            "sid": sid,
        });
        let token = SecretString::from(signed_token(app.client_secret.expose_secret(), &claims));
        let mut state = self.state();
        let installation = state
            .registry
            .install(Dialect::Genstore, shop, &app.client_id, now);
        installation.scopes = scopes.to_vec();
        let session = Session {
            client_id: app.client_id,
            shop: shop.clone(),
            user,
            token: token.clone(),
        };
        state.registry.begin_session(sid, session);
        Ok(token)
    }

    /// Every user of the shop logs out, and the tokens of their sessions die.
    pub fn end_sessions(&self, shop: &Shop) {
        self.state().registry.end_sessions(shop);
    }

    /// What the platform tells an app that it has installed itself, with these scopes, while it set the shop
    /// up: a code that nobody asked for.
    ///
    /// Without a `client_id` it is GENSTORE's only app.
    pub fn push_code(
        &self,
        shop: &Shop,
        client_id: Option<&str>,
        scopes: &[String],
    ) -> Result<SignedEvent, LaunchError> {
        let app = self.find_only_app(Dialect::Genstore, client_id)?;
        let code = self.random_hex::<12>();
        let now = self.now();
        self.state()
            .registry
            .insert_granted_code(&app, shop, &code, scopes, now);
        let body = json!({
            "authCode": {
                "clientId": app.client_id,
                "code": code,
                "shopId": shop.id().to_string(),
            },
        });
        Ok(SignedEvent::of_genstore(
            &app,
            shop,
            "app/authorizationCodeGranted",
            &body,
        ))
    }
}

/// The fields of a token call that exchange a session token.
pub(super) struct Exchange<'a> {
    pub(super) subject_token: &'a str,
    pub(super) wanted: Option<&'a str>,
}

/// <https://partners.genstore.ai/docs/api-rest/api-access-token>: neither answer names the shop.
pub(super) fn exchange(
    sandbox: &Sandbox,
    app: &AppRegistration,
    shop: &Shop,
    exchange: &Exchange<'_>,
    fault: Option<&Fault>,
) -> HttpResponse {
    let is_online = match exchange.wanted {
        None => false,
        Some(ONLINE) => true,
        Some(_) => {
            return failure(
                StatusCode::BAD_REQUEST,
                "unsupported requestedTokenType",
                "refused: token type",
            );
        }
    };
    let now = sandbox.now();
    let sid = read_session(app, exchange.subject_token, now);
    let session = sid.and_then(|sid| {
        let session = sandbox.state().registry.find_session(&sid)?;
        Some((sid, session))
    });
    let Some((sid, session)) =
        session.filter(|(_, session)| session.client_id == app.client_id && session.shop == *shop)
    else {
        return failure(
            StatusCode::BAD_REQUEST,
            "invalid subjectToken",
            "refused: session token",
        );
    };
    let owner = Fault::answering(fault, shop);
    let fresh = SecretString::from(sandbox.random_hex::<12>());
    let mut state = sandbox.state();
    let installation = state
        .registry
        .install(Dialect::Genstore, owner, &app.client_id, now);
    installation.scopes = Fault::narrow(fault, &installation.scopes);
    let scope = installation.scopes.join(",");
    if is_online {
        let until = now + TimeDelta::seconds(ONLINE_LIFE_SECS);
        installation.online.push((
            sid,
            Token {
                value: fresh.clone(),
                until: Some(until),
            },
        ));
        let body = json!({
            "accessToken": fresh.expose_secret(),
            "scope": scope,
            "expiresIn": ONLINE_LIFE_SECS,
            "associatedUser": {"id": session.user.id, "email": session.user.email},
        });
        return noted(HttpResponse::Ok().json(body), "online token granted");
    }
    if installation.tokens.is_empty() {
        installation.tokens.push(Token {
            value: fresh,
            until: None,
        });
    }
    let body = json!({
        "accessToken": installation.tokens[0].value.expose_secret(),
        "scope": scope,
    });
    noted(HttpResponse::Ok().json(body), "offline token granted")
}

/// The session of a token that the platform signed for the app, while it counts.
fn read_session(app: &AppRegistration, token: &str, now: DateTime<Utc>) -> Option<String> {
    let (text, signature) = token.rsplit_once('.')?;
    let mac = body_mac(app.client_secret.expose_secret(), text.as_bytes());
    if BASE64_URL_SAFE_NO_PAD.encode(mac) != signature {
        return None;
    }
    let (_, claims) = text.split_once('.')?;
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let is_alive = claims["exp"].as_i64()? > now.timestamp();
    (is_alive && claims["aud"] == *app.client_id).then_some(())?;
    claims["sid"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;

    use super::*;
    use crate::testing::{Answer, CLIENT_ID, CLIENT_SECRET, call, outcomes, sandbox, script, shop};

    /// Vector GS-5: computed with another implementation of the rule.
    #[test]
    fn the_known_session_token_is_read_and_altered_ones_are_not() {
        const KNOWN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJjaWRfMSIsInN1YiI6IjE4MTgxODE4MTgiLCJleHAiOjE3MzI4NjQ1NTcsImlhdCI6MTczMjg2NDI1NywibmJmIjoxNzMyODY0MjU3LCJzaWQiOiJzaWQtMSJ9.Jmxh0ncCQYk4GxjhWslQQf-XmRR_6Nne6zvin-t28c8";
        let app = |client_id: &str, secret: &str| AppRegistration {
            client_id: client_id.to_owned(),
            client_secret: secret.into(),
            ..crate::testing::app(Dialect::Genstore)
        };
        let ours = app("cid_1", "gs_test_secret_0001");
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let now = at(1_732_864_257);
        assert_eq!(read_session(&ours, KNOWN, now).as_deref(), Some("sid-1"));
        let another_key = app("cid_1", "gs_test_secret_0002");
        let another_app = app("cid_2", "gs_test_secret_0001");
        for (app, token, now) in [
            (&another_key, KNOWN.to_owned(), now),
            (&another_app, KNOWN.to_owned(), now),
            (&ours, KNOWN.replace(".Jmxh", ".Kmxh"), now),
            (&ours, KNOWN.replace("eyJhdWQi", "eyJhdWQj"), now),
            (&ours, KNOWN.to_owned(), at(1_732_864_557)),
        ] {
            assert_eq!(read_session(app, &token, now), None, "{token}");
        }
    }

    fn mint(sandbox: &Sandbox) -> String {
        let user = ShopUser {
            id: 1_818_181_818,
            email: "user@example.com".to_owned(),
        };
        let scopes = ["read_orders".to_owned(), "read_shops".to_owned()];
        let token = sandbox.session_token(&shop("demo"), None, user, &scopes);
        token.unwrap().expose_secret().to_owned()
    }

    async fn exchange(sandbox: &Sandbox, at: &str, token: &str, wanted: Option<&str>) -> Answer {
        let mut body = json!({
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "grantType": "token-exchange",
            "subjectToken": token,
        });
        if let Some(wanted) = wanted {
            body["requestedTokenType"] = wanted.into();
        }
        let path = format!("/genstore/{at}/oauth2/token");
        call(sandbox, TestRequest::post().uri(&path).set_json(body)).await
    }

    async fn info(sandbox: &Sandbox, at: &str, token: &Value) -> (u16, Value) {
        let request = TestRequest::get()
            .uri(&format!("/genstore/{at}/api/202412/shops/info"))
            .insert_header(("x-genstore-access-token", token.as_str().unwrap()));
        call(sandbox, request).await.json()
    }

    #[actix_web::test]
    async fn offline_is_one_token_and_online_one_for_each_session() {
        let sandbox = sandbox();
        let token = mint(&sandbox);
        let (status, offline) = exchange(&sandbox, "demo", &token, None).await.json();
        assert_eq!(status, 200);
        let offline_token = offline["accessToken"].clone();
        let scope = "read_orders,read_shops";
        assert_eq!(
            offline,
            json!({"accessToken": offline_token, "scope": scope})
        );
        let (_, again) = exchange(&sandbox, "demo", &token, None).await.json();
        assert_eq!(again["accessToken"], offline_token);

        let (_, online) = exchange(&sandbox, "demo", &token, Some(ONLINE))
            .await
            .json();
        let online_token = online["accessToken"].clone();
        assert_ne!(online_token, offline_token);
        assert_eq!(
            online,
            json!({
                "accessToken": online_token,
                "scope": scope,
                "expiresIn": 86_399,
                "associatedUser": {"id": 1_818_181_818, "email": "user@example.com"},
            })
        );
        for token in [&offline_token, &online_token] {
            let (status, answer) = info(&sandbox, "demo", token).await;
            assert_eq!(status, 200);
            assert_eq!(answer["shop"]["shopId"], shop("demo").id().to_string());
            assert_eq!(info(&sandbox, "other", token).await.0, 401);
        }
        sandbox.end_sessions(&shop("demo"));
        assert_eq!(info(&sandbox, "demo", &online_token).await.0, 401);
        assert_eq!(info(&sandbox, "demo", &offline_token).await.0, 200);
        let ended = exchange(&sandbox, "demo", &token, Some(ONLINE)).await;
        assert_eq!(ended.status, 400);
    }

    #[actix_web::test]
    async fn what_is_no_living_session_of_the_shop_buys_nothing() {
        let sandbox = sandbox();
        let token = mint(&sandbox);
        for (at, token, wanted) in [
            ("other", token.clone(), None),
            ("demo", format!("{token}x"), None),
            ("demo", "sid-1".to_owned(), None),
            ("demo", token.clone(), Some("offline-access-token")),
        ] {
            let answer = exchange(&sandbox, at, &token, wanted).await;
            assert_eq!(answer.status, 400, "{at} {wanted:?}");
        }
        sandbox.advance(Duration::from_mins(5));
        assert_eq!(exchange(&sandbox, "demo", &token, None).await.status, 400);
        let refused = "refused: session token";
        assert_eq!(
            outcomes(&sandbox),
            [refused, refused, refused, "refused: token type", refused]
        );
    }

    #[actix_web::test]
    async fn another_shop_s_token_is_not_known_here() {
        let sandbox = sandbox();
        let token = mint(&sandbox);
        let fault = r#"{"wrong_shop_in_token":"other"}"#;
        script(&sandbox, Dialect::Genstore, "token", fault);
        let (_, answer) = exchange(&sandbox, "demo", &token, None).await.json();
        assert_eq!(info(&sandbox, "demo", &answer["accessToken"]).await.0, 401);
    }

    #[actix_web::test]
    async fn a_pushed_code_is_a_code() {
        let sandbox = sandbox();
        let scopes = ["read_orders".to_owned()];
        let event = sandbox.push_code(&shop("demo"), None, &scopes).unwrap();
        let body: Value = serde_json::from_str(&event.body).unwrap();
        let told = &body["authCode"];
        assert_eq!(told["clientId"], CLIENT_ID);
        assert_eq!(told["shopId"], shop("demo").id().to_string());
        let asked = json!({
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "grantType": "code",
            "code": told["code"],
        });
        let request = TestRequest::post()
            .uri("/genstore/demo/oauth2/token")
            .set_json(asked);
        let (status, answer) = call(&sandbox, request).await.json();
        assert_eq!((status, &answer["scope"]), (200, &json!("read_orders")));
    }
}

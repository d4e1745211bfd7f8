//! Steering a sandbox that runs as a process of its own: `POST /control`.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::registry::secret;
use crate::{
    AppRegistration, Dialect, KeyPermission, MallOperator, Rule, Sandbox, Shop, ShopUser,
    SignedEvent, Topic,
};

/// One of the handle's methods, with its arguments.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Command {
    RegisterApp(AppRegistration),
    RegisterToken {
        shop: Shop,
        #[serde(deserialize_with = "secret")]
        token: SecretString,
        scopes: Vec<String>,
    },
    RegisterKey {
        shop: Shop,
        key: String,
        #[serde(deserialize_with = "secret")]
        secret: SecretString,
        permission: KeyPermission,
    },
    StripAuthorization {
        shop: Shop,
    },
    Uninstall {
        dialect: Dialect,
        shop: Shop,
    },
    Script(Rule),
    ClearScript,
    /// Answers `{"location": …}`.
    Launch {
        dialect: Dialect,
        shop: Shop,
        client_id: Option<String>,
        app_url: String,
        /// Who opens the app; for CAFE24 alone, where it is the chief if absent.
        operator: Option<MallOperator>,
    },
    /// The key beside CAFE24's events.
    SetEventKey {
        client_id: String,
        #[serde(deserialize_with = "secret")]
        key: SecretString,
    },
    /// Answers `{"headers": {…}, "body": "…"}`, to be sent byte for byte.
    Event {
        dialect: Dialect,
        shop: Shop,
        client_id: Option<String>,
        topic: Topic,
    },
    /// Answers `{"session_token": …}`.
    SessionToken {
        shop: Shop,
        client_id: Option<String>,
        user: ShopUser,
        scopes: Vec<String>,
    },
    EndSessions {
        shop: Shop,
    },
    /// Of a GENSTORE app; answers as `Event` does.
    ChangeScopes {
        shop: Shop,
        client_id: Option<String>,
        scopes: Vec<String>,
    },
    /// Answers as `Event` does.
    PushCode {
        shop: Shop,
        client_id: Option<String>,
        scopes: Vec<String>,
    },
    Advance {
        by_ms: u64,
    },
    /// Answers `{"calls": […]}`.
    Calls,
}

/// Answers 200 and `{}` or what the command asks for, else 400 and `{"error": …}`.
///
/// Only JSON's content type is taken, so that no page of another origin can
/// send a command from a developer's browser.
pub(crate) async fn control(
    sandbox: web::Data<Sandbox>,
    command: Result<web::Json<Command>, actix_web::Error>,
) -> HttpResponse {
    let command = match command {
        Ok(command) => command.into_inner(),
        Err(error) => return refusal(&error.to_string()),
    };
    let mut answer = json!({});
    match command {
        Command::RegisterApp(app) => sandbox.register_app(app),
        Command::RegisterToken {
            shop,
            token,
            scopes,
        } => sandbox.register_token(shop, token, scopes),
        Command::RegisterKey {
            shop,
            key,
            secret,
            permission,
        } => sandbox.register_key(shop, &key, secret, permission),
        Command::StripAuthorization { shop } => sandbox.strip_authorization(shop),
        Command::Uninstall { dialect, shop } => sandbox.uninstall(dialect, &shop),
        Command::Script(rule) => {
            if let Err(error) = sandbox.script(rule) {
                return refusal(&error.to_string());
            }
        }
        Command::ClearScript => sandbox.clear_script(),
        Command::Launch {
            dialect,
            shop,
            client_id,
            app_url,
            operator,
        } => {
            let client_id = client_id.as_deref();
            let launched = match operator {
                Some(operator) if dialect == Dialect::Cafe24 => {
                    sandbox.launch_by(&operator, &shop, client_id, &app_url)
                }
                Some(_) => return refusal("this platform does not say who opens an app"),
                None => sandbox.launch(dialect, &shop, client_id, &app_url),
            };
            match launched {
                Ok(location) => answer = json!({"location": location}),
                Err(error) => return refusal(&error.to_string()),
            }
        }
        Command::SetEventKey { client_id, key } => sandbox.set_event_key(&client_id, key),
        Command::Event {
            dialect,
            shop,
            client_id,
            topic,
        } => match sandbox.event(dialect, &shop, client_id.as_deref(), topic) {
            Ok(event) => answer = told(event),
            Err(error) => return refusal(&error.to_string()),
        },
        Command::SessionToken {
            shop,
            client_id,
            user,
            scopes,
        } => match sandbox.session_token(&shop, client_id.as_deref(), user, &scopes) {
            Ok(token) => answer = json!({"session_token": token.expose_secret()}),
            Err(error) => return refusal(&error.to_string()),
        },
        Command::EndSessions { shop } => sandbox.end_sessions(&shop),
        Command::ChangeScopes {
            shop,
            client_id,
            scopes,
        } => match sandbox.change_scopes(&shop, client_id.as_deref(), &scopes) {
            Ok(event) => answer = told(event),
            Err(error) => return refusal(&error.to_string()),
        },
        Command::PushCode {
            shop,
            client_id,
            scopes,
        } => match sandbox.push_code(&shop, client_id.as_deref(), &scopes) {
            Ok(event) => answer = told(event),
            Err(error) => return refusal(&error.to_string()),
        },
        Command::Advance { by_ms } => sandbox.advance(Duration::from_millis(by_ms)),
        Command::Calls => answer = json!({"calls": sandbox.calls()}),
    }
    HttpResponse::Ok().json(answer)
}

fn told(event: SignedEvent) -> Value {
    let headers: HashMap<_, _> = event.headers.into_iter().collect();
    json!({"headers": headers, "body": event.body})
}

fn refusal(error: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::BAD_REQUEST).json(json!({"error": error}))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::test::TestRequest;
    use chrono::{DateTime, TimeDelta};
    use serde_json::Value;

    use crate::testing::{NOW_MS, call, decide, is_rightly_signed};
    use crate::{Sandbox, SandboxOptions};

    use super::*;

    fn empty_sandbox() -> Sandbox {
        Sandbox::new(SandboxOptions {
            now: Arc::new(|| DateTime::from_timestamp_millis(NOW_MS).unwrap()),
            random: Arc::new(|bytes| bytes.fill(7)),
        })
    }

    async fn send(sandbox: &Sandbox, command: Value) -> (u16, Value) {
        let request = TestRequest::post().uri("/control").set_json(command);
        call(sandbox, request).await.json()
    }

    fn app() -> Value {
        json!({
            "action": "register_app",
            "dialect": "genstore",
            "client_id": "client-1",
            "client_secret": "made-up-secret-1",
            "redirect_uris": ["https://app.example/*"],
            "name": "App",
        })
    }

    #[actix_web::test]
    async fn each_command_does_what_its_method_does() {
        let sandbox = empty_sandbox();
        let done = (200, json!({}));
        for command in [
            app(),
            json!({"action": "register_token", "shop": "s", "token": "t", "scopes": ["read_orders"]}),
            json!({"action": "register_key", "shop": "w", "key": "ck", "secret": "cs", "permission": "read_write"}),
            json!({"action": "script", "dialect": "genstore", "step": "consent", "fault": "old"}),
            json!({"action": "advance", "by_ms": 5000}),
        ] {
            assert_eq!(send(&sandbox, command).await, done);
        }
        assert_eq!(sandbox.now().timestamp_millis(), NOW_MS + 5000);

        let token = TestRequest::get()
            .uri("/shopify/s/admin/api/unstable/shop.json")
            .insert_header(("x-shopify-access-token", "t"));
        assert_eq!(call(&sandbox, token).await.status, 200);
        let in_query = "/woocommerce/w/wp-json/wc/v3/orders?consumer_key=ck&consumer_secret=cs";
        assert_eq!(
            call(&sandbox, TestRequest::get().uri(in_query))
                .await
                .status,
            200
        );

        let page = "/genstore/g/admin/oauth2/authorize?clientId=client-1&scope=read_orders\
            &redirectUrl=https%3A%2F%2Fapp.example%2Fcb&grantType=code";
        let callback = decide(&sandbox, page, "approve").await.location.unwrap();
        let old = sandbox.now() - TimeDelta::hours(1);
        assert!(callback.contains(&format!("timestamp={}", old.timestamp_millis())));

        let launch = json!({"action": "launch", "dialect": "genstore", "shop": "g", "app_url": "https://app.example/open"});
        let (status, answer) = send(&sandbox, launch).await;
        assert_eq!(status, 200);
        assert!(is_rightly_signed(
            answer["location"].as_str().unwrap(),
            "hmac"
        ));

        let event =
            json!({"action": "event", "dialect": "genstore", "shop": "g", "topic": "uninstalled"});
        let (status, answer) = send(&sandbox, event).await;
        assert_eq!(status, 200);
        assert_eq!(answer["headers"]["x-genstore-topic"], "app/uninstalled");
        assert!(answer["body"].as_str().unwrap().contains("\"client-1\""));

        assert_eq!(
            send(
                &sandbox,
                json!({"action": "uninstall", "dialect": "woocommerce", "shop": "w"})
            )
            .await,
            done
        );
        assert_eq!(
            call(&sandbox, TestRequest::get().uri(in_query))
                .await
                .status,
            401
        );
        let at = "2023-11-14T22:13:25Z";
        let call = |method: &str, path: &str, status: u16, outcome: &str| json!({"at": at, "method": method, "path": path, "status": status, "outcome": outcome});
        assert_eq!(
            send(&sandbox, json!({"action": "calls"})).await,
            (
                200,
                json!({"calls": [
                    call("GET", "/shopify/s/admin/api/unstable/shop.json", 200, "shop told"),
                    call("GET", "/woocommerce/w/wp-json/wc/v3/orders", 200, "orders told"),
                    call("POST", "/genstore/g/admin/oauth2/authorize", 303, "approved"),
                    call("GET", "/woocommerce/w/wp-json/wc/v3/orders", 401, "refused: key"),
                ]})
            )
        );
    }

    #[actix_web::test]
    async fn what_makes_no_sense_is_refused() {
        let sandbox = empty_sandbox();
        let mut misspelt = app();
        misspelt["redirect_uri"] = json!("https://app.example/cb");
        for command in [
            json!({"action": "explode"}),
            json!({"action": "register_token", "shop": "no shop", "token": "t", "scopes": []}),
            json!({"action": "script", "dialect": "shopify", "step": "token", "fault": "deny"}),
            json!({"action": "launch", "dialect": "genstore", "shop": "g", "app_url": "https://x"}),
            misspelt,
        ] {
            let (status, answer) = send(&sandbox, command).await;
            assert_eq!(status, 400);
            assert!(answer["error"].is_string());
        }
        let form = TestRequest::post()
            .uri("/control")
            .insert_header(("content-type", "text/plain"))
            .set_payload(r#"{"action":"clear_script"}"#);
        assert_eq!(call(&sandbox, form).await.status, 400);
    }
}

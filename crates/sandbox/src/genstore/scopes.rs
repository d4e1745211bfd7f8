//! A merchant changes what an app may do: <https://partners.genstore.ai/docs/webhooks/36>.

use serde_json::json;

use crate::state::LaunchError;
use crate::{Dialect, Sandbox, Shop, SignedEvent};

impl Sandbox {
    /// From now on the app's tokens at the shop have these scopes. Returns what the platform tells the app of
    /// it; whoever asks for it sends it, or not.
    ///
    /// Without a `client_id` it is the dialect's only app.
    pub fn change_scopes(
        &self,
        shop: &Shop,
        client_id: Option<&str>,
        scopes: &[String],
    ) -> Result<SignedEvent, LaunchError> {
        let app = self.find_only_app(Dialect::Genstore, client_id)?;
        let now = self.now();
        let previous = {
            let mut state = self.state();
            let installation = state
                .registry
                .install(Dialect::Genstore, shop, &app.client_id, now);
            std::mem::replace(&mut installation.scopes, scopes.to_vec())
        };
        let list = |scopes: &[String]| format!("[{}]", scopes.join(","));
        let body = json!({"authScope": {
            "current": list(scopes),
            "previous": list(&previous),
            "clientId": app.client_id,
            "shopId": shop.id().to_string(),
            "updateTime": now.timestamp_millis().to_string(),
        }});
        let topic = "app/scopesUpdate";
        Ok(SignedEvent::of_genstore(&app, shop, topic, &body))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use secrecy::ExposeSecret;
    use serde_json::Value;

    use crate::registry::Token;
    use crate::testing::{CLIENT_ID, call, sandbox, shop};

    use super::*;

    #[actix_web::test]
    async fn a_token_has_the_scopes_of_its_app_from_then_on() {
        let sandbox = sandbox();
        let now = sandbox.now();
        let token = Token {
            value: "t0ken".into(),
            until: None,
        };
        {
            let mut state = sandbox.state();
            let registry = &mut state.registry;
            let installation = registry.install(Dialect::Genstore, &shop("demo"), CLIENT_ID, now);
            installation.scopes = vec!["read_orders".to_owned(), "read_apps".to_owned()];
            installation.tokens.push(token);
        }
        let scopes = ["read_apps".to_owned()];
        let event = sandbox.change_scopes(&shop("demo"), None, &scopes).unwrap();
        let body: Value = serde_json::from_str(&event.body).unwrap();
        let told = &body["authScope"];
        assert_eq!(told["current"], "[read_apps]");
        assert_eq!(told["previous"], "[read_orders,read_apps]");
        assert_eq!(told["shopId"], shop("demo").id().to_string());
        let issued = sandbox.issued();
        let request = TestRequest::get()
            .uri("/genstore/demo/api/202412/oauth2/access_scopes")
            .insert_header(("x-genstore-access-token", issued[0].expose_secret()));
        let answer = call(&sandbox, request).await.json();
        assert_eq!(answer, (200, json!({"accessScopes": "[read_apps]"})));
    }
}

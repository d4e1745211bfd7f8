//! What Genstore alone has: an app inside of its pages, with sessions of users, and codes that nobody asked
//! for. And what an institution gets that may have credentials.

use sandbox::ShopUser;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{UrlScenario, read_shop};
use crate::demo::channels::{Told, Verdict};
use crate::demo::institution::Store;
use crate::demo::report::{Seen, StepError};

/// A store that a session authorized, and the session.
pub(in crate::demo) struct Embedded {
    store: Store,
    session_token: SecretString,
}

impl UrlScenario<'_> {
    /// The seller opens the app inside of the platform's pages, and its back end sends the session token.
    pub(in crate::demo) async fn offline_session(&mut self) -> Result<(Seen, Embedded), StepError> {
        let label = self.stage.names.shop();
        let store = self.create(&self.stage.ours, &label).await?;
        let user = ShopUser {
            id: 1_818_181_818,
            email: "user@example.com".to_owned(),
        };
        let scopes: Vec<String> = self.platform.scopes.map(str::to_owned).into();
        let scopes = [scopes, vec!["read_shops".to_owned()]].concat();
        let shop = read_shop(&label)?;
        let session_token = self
            .stage
            .sandbox
            .session_token(&shop, Some(&self.client_id()), user, &scopes)
            .map_err(|error| StepError::Unexpected(error.to_string()))?;
        let token = session_token.expose_secret();
        let fields = json!({"session_token": token, "access": "offline"});
        let answer = self.stage.ours.ask("store/session", &store, fields).await?;
        if answer != json!({"auth_status": "SUCCESS", "auth_fail_reason": ""}) {
            return Err("the answer tells another end, or more than that"
                .to_owned()
                .into());
        }
        let seen = self.confirm(&store, None, Verdict::Success).await?;
        let embedded = Embedded {
            store,
            session_token,
        };
        Ok((seen, embedded))
    }

    /// A token of the user's own beside the store's, which stays as it was.
    pub(in crate::demo) async fn online_session(
        &mut self,
        embedded: &Embedded,
    ) -> Result<Seen, StepError> {
        let (ours, store) = (&self.stage.ours, &embedded.store);
        let before = ours.ask("credential/get", store, json!({})).await?;
        let token = embedded.session_token.expose_secret();
        let fields = json!({"session_token": token, "access": "online"});
        let online = ours.ask("store/session", store, fields).await?;
        let after = ours.ask("credential/get", store, json!({})).await?;
        let is_own = online["access_token"] != before["access_token"]
            && online["associated_user"]["id"] == "1818181818"
            && online["expires_at"].is_string();
        if !is_own || before != after {
            return Err("the user's token is not one of its own".to_owned().into());
        }
        Ok(Seen::Remark(
            "a token of user 1818181818, with its end; the store's is another".to_owned(),
        ))
    }

    /// The platform has installed the app by itself and pushed a code, which the seller's confirmation spends.
    pub(in crate::demo) async fn pushed_code(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let asked = self.ask(&label).await?;
        let shop = read_shop(&label)?;
        let client_id = self.client_id();
        let scopes = self.platform.scopes.map(str::to_owned);
        let unexpected = |error: sandbox::LaunchError| StepError::Unexpected(error.to_string());
        let sandbox = &self.stage.sandbox;
        let event = sandbox
            .push_code(&shop, Some(&client_id), &scopes)
            .map_err(unexpected)?;
        let mut request = self.stage.http.post(self.address("events")?);
        for (name, value) in event.headers {
            request = request.header(name, value);
        }
        let told = request.body(event.body).send().await;
        let status = told
            .map_err(|error| StepError::Unexpected(error.without_url().to_string()))?
            .status();
        if status != 200 {
            return Err(format!("the event was answered {status}").into());
        }
        let app_url = self.address("launch")?;
        let dialect = self.platform.dialect;
        let launch = sandbox
            .launch(dialect, &shop, Some(&client_id), &app_url)
            .map_err(unexpected)?;
        let redirect = self.stage.seller.confirm_launch(&launch).await?;
        let redirect =
            Url::parse(&redirect).map_err(|error| StepError::Unexpected(error.to_string()))?;
        if !redirect.as_str().starts_with(&self.stage.redirect_url) {
            return Err("the seller was sent to another page".to_owned().into());
        }
        let redirect = Told::from_redirect(&redirect)?;
        self.confirm(&asked.store, Some(redirect), Verdict::Success)
            .await
    }

    /// The token of the store that was authorized first, with its end.
    pub(in crate::demo) async fn credential(&mut self) -> Result<Seen, StepError> {
        let authorized = self.authorized()?;
        let ours = &self.stage.ours;
        let token = ours
            .ask("credential/get", &authorized.store, json!({}))
            .await?;
        let snapshot = ours.snapshot(&authorized.store.id).await?;
        let is_issued = token["access_token"].as_str().is_some_and(|token| {
            let issued = self.stage.sandbox.issued();
            issued.iter().any(|known| known.expose_secret() == token)
        });
        let end = token.get("expires_at").unwrap_or(&Value::Null);
        if !is_issued || *end != snapshot["expires_at"] || token["scopes"] != snapshot["scopes"] {
            return Err("the token is another than the store's".to_owned().into());
        }
        Ok(Seen::Remark(match end.as_str() {
            Some(end) => format!("an access token that ends at {end}"),
            None => "an access token that has no end".to_owned(),
        }))
    }
}

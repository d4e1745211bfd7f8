//! The flows that the platform begins: the seller opens the app there, and removes it.

use sandbox::{SignedEvent, Topic};

use super::{UrlScenario, read_shop};
use crate::demo::channels::Verdict;
use crate::demo::institution::Store;
use crate::demo::report::{Seen, StepError};
use crate::demo::scenario::UNINSTALLED;
use crate::demo::seller::Decision;

/// A store whose authorization went on from a launch.
pub(in crate::demo) struct Launched {
    store: Store,
    label: String,
}

impl UrlScenario<'_> {
    /// The seller ignores the link, opens the app in the shop instead, and confirms what is asked there.
    pub(in crate::demo) async fn launch(&mut self) -> Result<(Seen, Launched), StepError> {
        let label = self.stage.names.shop();
        let asked = self.ask(&label).await?;
        let shop = read_shop(&label)?;
        let app_url = self.address("launch")?;
        let (dialect, client_id) = (self.platform.dialect, self.client_id());
        let launch = self
            .stage
            .sandbox
            .launch(dialect, &shop, Some(&client_id), &app_url)
            .map_err(|error| StepError::Unexpected(error.to_string()))?;
        let auth_url = self.stage.seller.confirm_launch(&launch).await?;
        let decided = self.decide(&auth_url, Decision::Approve).await?;
        let seen = self
            .confirm(&asked.store, Some(decided.redirect), Verdict::Success)
            .await?;
        let store = asked.store;
        Ok((seen, Launched { store, label }))
    }

    /// The seller removes the app, and the platform tells.
    pub(in crate::demo) async fn uninstall(
        &mut self,
        launched: Launched,
    ) -> Result<Seen, StepError> {
        let Launched { store, label } = launched;
        self.removed(&store, &label, Topic::Uninstalled, UNINSTALLED)
            .await
    }

    /// The app is gone from a shop that was authorized, and the platform tells why.
    pub(super) async fn removed(
        &mut self,
        store: &Store,
        label: &str,
        why: Topic,
        expected: Verdict,
    ) -> Result<Seen, StepError> {
        let shop = read_shop(label)?;
        let dialect = self.platform.dialect;
        self.stage.sandbox.uninstall(dialect, &shop);
        let event = self
            .stage
            .sandbox
            .event(dialect, &shop, Some(&self.client_id()), why)
            .map_err(|error| StepError::Unexpected(error.to_string()))?;
        self.tell(event).await?;
        self.stage.ours.confirm(store, None, 2, expected).await
    }

    /// Sends what the platform tells.
    pub(super) async fn tell(&self, event: SignedEvent) -> Result<(), StepError> {
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
        Ok(())
    }

    pub(super) fn address(&self, purpose: &str) -> Result<String, StepError> {
        let path = format!("/v1/auth/{}/{purpose}", self.platform.code.to_lowercase());
        let address = self.stage.broker_url.join(&path);
        Ok(address
            .map_err(|error| StepError::Unexpected(error.to_string()))?
            .into())
    }

    /// As the stage registers it.
    pub(super) fn client_id(&self) -> String {
        format!("demo-{}", self.platform.code.to_lowercase())
    }
}

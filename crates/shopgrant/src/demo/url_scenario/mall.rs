//! What only a mall has: people of several kinds who open the app, and an app for a time.

use sandbox::{MallOperator, Topic};

use super::{UrlScenario, read_shop};
use crate::demo::report::{Seen, StepError};
use crate::demo::scenario::EXPIRED;

impl UrlScenario<'_> {
    /// The mall's time with the app is over.
    pub(in crate::demo) async fn expired(&mut self) -> Result<Seen, StepError> {
        let authorized = self.authorized()?;
        self.removed(
            &authorized.store,
            &authorized.label,
            Topic::Expired,
            EXPIRED,
        )
        .await
    }

    /// Somebody opens the app who does not decide for the whole mall: nothing is offered, and what waits goes
    /// on waiting.
    pub(in crate::demo) async fn not_the_chief(
        &mut self,
        user_type: &str,
    ) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let asked = self.ask(&label).await?;
        let operator = MallOperator {
            user_type: Some(user_type.to_owned()),
            lang: Some("en_US".to_owned()),
            ..MallOperator::default()
        };
        let (mall, app_url) = (read_shop(&label)?, self.address("launch")?);
        let launch = self
            .stage
            .sandbox
            .launch_by(&operator, &mall, Some(&self.client_id()), &app_url)
            .map_err(|error| StepError::Unexpected(error.to_string()))?;
        let unanswered =
            |error: reqwest::Error| StepError::Unexpected(error.without_url().to_string());
        let shown = self.stage.http.get(launch).send().await;
        let shown = shown.map_err(unanswered)?;
        let status = shown.status();
        let page = shown.text().await.map_err(unanswered)?;
        if status != 200 || page.contains("<form") || !page.contains("chief operator") {
            return Err(
                format!("the page for others than the chief is another one: {status}").into(),
            );
        }
        let snapshot = self.stage.ours.look_at(&asked.store.id).await?;
        if snapshot.told.auth_status != "PROCESSING" {
            return Err("the store does not wait any more".to_owned().into());
        }
        Ok(Seen::Remark(
            "a page that offers nothing; the store goes on waiting".to_owned(),
        ))
    }
}

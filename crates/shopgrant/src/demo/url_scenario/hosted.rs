//! The same flows by way of our own page, where the operator chose that for the institution.

use domain::Links;

use super::{Asked, UrlScenario};
use crate::demo::channels::{Told, Verdict};
use crate::demo::report::{Seen, StepError};
use crate::demo::scenario::DENIED;
use crate::demo::seller::Page;

const APPROVE: &str = "decision=approve";

impl UrlScenario<'_> {
    /// Opens the page, goes on, and comes back in the same browser.
    pub(in crate::demo) async fn by_our_page(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask_by_our_page().await?;
        let away = self.stage.seller.follow(&asked.auth_url).await?;
        let callback = self.stage.seller.consent(&away.auth_url, APPROVE).await?;
        let shown = self.stage.seller.come_back(&callback, &away).await?;
        self.see(&asked, &shown, Verdict::Success).await
    }

    /// Somebody sends on where the page leads: whoever follows that is told that nothing was connected, and
    /// nothing is spent.
    pub(in crate::demo) async fn forwarded(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask_by_our_page().await?;
        let away = self.stage.seller.follow(&asked.auth_url).await?;
        let callback = self.stage.seller.consent(&away.auth_url, APPROVE).await?;
        let elsewhere = self.stage.seller.open(&callback).await?;
        if elsewhere.status != 400 || elsewhere.location.is_some() {
            let status = elsewhere.status;
            return Err(format!("another browser was answered {status}, not 400").into());
        }
        let shown = self.stage.seller.come_back(&callback, &away).await?;
        self.see(&asked, &shown, Verdict::Success).await
    }

    pub(in crate::demo) async fn declined_on_our_page(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask_by_our_page().await?;
        let shown = self.stage.seller.decline(&asked.auth_url).await?;
        self.see(&asked, &shown, DENIED).await
    }

    async fn ask_by_our_page(&mut self) -> Result<Asked, StepError> {
        let label = self.stage.names.shop();
        let unchanged = |error: crate::command::Failure| StepError::Unexpected(error.to_string());
        self.stage
            .set_links(Links::Hosted)
            .await
            .map_err(unchanged)?;
        let asked = self.ask(&label).await;
        self.stage
            .set_links(Links::Direct)
            .await
            .map_err(unchanged)?;
        let asked = asked?;
        let page = format!("{}go/", self.stage.broker_url);
        if !asked.auth_url.starts_with(&page) {
            return Err("the link leads elsewhere".to_owned().into());
        }
        Ok(asked)
    }

    async fn see(
        &mut self,
        asked: &Asked,
        shown: &Page,
        expected: Verdict,
    ) -> Result<Seen, StepError> {
        let Some(location) = &shown.location else {
            let status = shown.status;
            return Err(format!("the browser was answered {status} and no redirect").into());
        };
        let redirect = Told::from_redirect(location)?;
        self.confirm(&asked.store, Some(redirect), expected).await
    }
}

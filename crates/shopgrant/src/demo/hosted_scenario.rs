//! The flows that begin on a page of our own, on the platform that allows no others.

use sandbox::{Dialect, Fault, Rule, Step};
use url::Url;

use crate::demo::channels::{Told, Verdict};
use crate::demo::institution::{AuthRequest, Store};
use crate::demo::report::{Seen, StepError};
use crate::demo::scenario::{DENIED, INSUFFICIENT, MISMATCH};
use crate::demo::seller::{Away, Page};
use crate::demo::stage::Stage;
use crate::demo::url_scenario::read_shop;

/// One of the scopes that the app asks for, as the merchant's form names it.
const SCOPE: &str = "read%3Acheckouts";

/// MULTIVENDE, whose merchants choose what each scope covers.
pub(super) struct HostedScenario<'a> {
    stage: &'a mut Stage,
}

/// A store that waits behind a link.
struct Asked {
    store: Store,
    merchant: String,
    link: String,
}

impl<'a> HostedScenario<'a> {
    pub(super) const CODE: &'static str = "MULTIVENDE";

    pub(super) const fn new(stage: &'a mut Stage) -> Self {
        Self { stage }
    }

    /// The merchant grants the scope for `all`, for a `list` of resources, or for `none`.
    pub(super) async fn granted(&mut self, choice: &str) -> Result<Seen, StepError> {
        let asked = self.ask().await?;
        let form = format!(
            "decision=approve&merchant={}&{SCOPE}={choice}",
            asked.merchant
        );
        let expected = match choice {
            "none" => INSUFFICIENT,
            _ => Verdict::Success,
        };
        self.finish(&asked, &form, expected).await
    }

    /// No grant is lost because nobody asks for it, although its refresh token lives for two days alone.
    pub(super) async fn week(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask().await?;
        let form = format!("decision=approve&merchant={}", asked.merchant);
        self.finish(&asked, &form, Verdict::Success).await?;
        self.stage.live_for_a_week(&asked.store.id).await
    }

    /// The platform brings no state back, and the browser's cookie tells which link is meant.
    pub(super) async fn without_state(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask().await?;
        self.script(&asked.merchant, Fault::DropState)?;
        let form = format!("decision=approve&merchant={}", asked.merchant);
        self.finish(&asked, &form, Verdict::Success).await
    }

    /// Somebody begins, and has a seller finish in another browser: nothing comes of it there.
    pub(super) async fn forwarded(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask().await?;
        let away = self.stage.seller.follow(&asked.link).await?;
        let form = format!("decision=approve&merchant={}", asked.merchant);
        let callback = self.stage.seller.consent(&away.auth_url, &form).await?;
        let elsewhere = self.stage.seller.open(&callback).await?;
        if elsewhere.status != 400 || elsewhere.location.is_some() {
            let status = elsewhere.status;
            return Err(format!("another browser was answered {status}, not 400").into());
        }
        let shown = self.stage.seller.come_back(&callback, &away).await?;
        self.confirm(&asked, &shown, Verdict::Success).await
    }

    pub(super) async fn declined(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask().await?;
        let shown = self.stage.seller.decline(&asked.link).await?;
        self.confirm(&asked, &shown, DENIED).await
    }

    pub(super) async fn another_merchant(&mut self) -> Result<Seen, StepError> {
        let asked = self.ask().await?;
        let other = self.stage.names.shop();
        let form = format!("decision=approve&merchant={other}");
        self.finish(&asked, &form, MISMATCH).await
    }

    async fn ask(&mut self) -> Result<Asked, StepError> {
        let merchant = self.stage.names.shop();
        let store_url = format!("https://{merchant}.example.com");
        let store = self.stage.ours.create_store(Self::CODE, &store_url).await?;
        let request = AuthRequest::Url {
            seller_id: &read_shop(&merchant)?.uuid(),
            redirect_url: &self.stage.redirect_url,
        };
        let link = self.stage.ours.authorize(&store, request).await?.link()?;
        let is_ours = link.starts_with(&format!("{}go/", self.stage.broker_url));
        if !is_ours {
            return Err("the link leads elsewhere".to_owned().into());
        }
        Ok(Asked {
            store,
            merchant,
            link,
        })
    }

    /// Opens the link, goes on, decides, and comes back in the same browser.
    async fn finish(
        &mut self,
        asked: &Asked,
        form: &str,
        expected: Verdict,
    ) -> Result<Seen, StepError> {
        let away: Away = self.stage.seller.follow(&asked.link).await?;
        let callback: Url = self.stage.seller.consent(&away.auth_url, form).await?;
        let shown = self.stage.seller.come_back(&callback, &away).await?;
        self.confirm(asked, &shown, expected).await
    }

    async fn confirm(
        &mut self,
        asked: &Asked,
        shown: &Page,
        expected: Verdict,
    ) -> Result<Seen, StepError> {
        let Some(location) = &shown.location else {
            return Err(
                format!("the browser was answered {} and no redirect", shown.status).into(),
            );
        };
        let redirect = Told::from_redirect(location)?;
        let ours = &mut self.stage.ours;
        ours.confirm(&asked.store, Some(redirect), 1, expected)
            .await
    }

    fn script(&self, merchant: &str, fault: Fault) -> Result<(), StepError> {
        let rule = Rule {
            dialect: Dialect::Multivende,
            shop: Some(read_shop(merchant)?),
            step: Step::Consent,
            fault,
            sticky: false,
        };
        let scripted = self.stage.sandbox.script(rule);
        scripted.map_err(|error| StepError::Unexpected(error.to_string()))
    }
}

//! What happens to a grant that works: it is renewed, its scopes change, the seller authorizes again or takes
//! it back, the store is unbound.

use std::time::Duration;

use broker::Clock;

use super::{UrlScenario, read_shop};
use crate::demo::channels::Verdict;
use crate::demo::report::{Seen, StepError};
use crate::demo::scenario::REVOKED;
use crate::demo::seller::Page;

/// How long the platform may go without being told that its app is not needed any more.
const PATIENCE: Duration = Duration::from_secs(20);

impl UrlScenario<'_> {
    pub(in crate::demo) async fn week(&mut self) -> Result<Seen, StepError> {
        let authorized = self.authorized()?;
        self.stage.live_for_a_week(&authorized.store.id).await
    }

    /// The seller takes the authorization back on the platform; the next renewal finds out.
    pub(in crate::demo) async fn revoke(&mut self) -> Result<Seen, StepError> {
        let authorized = self.authorized()?;
        let shop = read_shop(&authorized.label)?;
        let end = self.stage.end_of(&authorized.store.id).await?;
        let left = (end - self.stage.clock.now()).to_std();
        self.stage.sandbox.uninstall(self.platform.dialect, &shop);
        self.stage.advance(left.unwrap_or_default());
        let ours = &mut self.stage.ours;
        ours.confirm(&authorized.store, None, 2, REVOKED).await
    }

    /// The seller takes a permission away on the platform, which hints at it; the institution gets a
    /// link, and asks for the scopes itself.
    pub(in crate::demo) async fn narrow(&mut self) -> Result<Seen, StepError> {
        let authorized = self.authorized()?;
        let shop = read_shop(&authorized.label)?;
        let left: Vec<_> = self.platform.scopes[1..]
            .iter()
            .map(|&scope| scope.to_owned())
            .collect();
        let event = self
            .stage
            .sandbox
            .change_scopes(&shop, Some(&self.client_id()), &left)
            .map_err(|error| StepError::Unexpected(error.to_string()))?;
        self.tell(event).await?;
        let ours = &mut self.stage.ours;
        let seen = ours.confirm(&authorized.store, None, 2, Verdict::Success);
        let seen = seen.await?;
        // Whoever does not trust the hint asks the platform, which says the same.
        let nothing_more = serde_json::json!({});
        let asked = ours.ask("store/scopes", &authorized.store, nothing_more);
        let snapshot = asked.await?;
        if snapshot["health"] != "SCOPES_MISSING" {
            return Err(format!("the health is {}", snapshot["health"]).into());
        }
        Ok(seen)
    }

    /// The seller follows the link that came with the event, and gives the permission back.
    pub(in crate::demo) async fn mend(&mut self) -> Result<Seen, StepError> {
        let authorized = self.authorized()?;
        let link = self.stage.ours.ready_link().map(str::to_owned);
        let link = link.ok_or_else(|| "the event brought no link".to_owned())?;
        let away = self.stage.seller.follow(&link).await?;
        let form = "decision=approve";
        let callback = self.stage.seller.consent(&away.auth_url, form).await?;
        let shown: Page = self.stage.seller.come_back(&callback, &away).await?;
        if shown.status != 200 {
            return Err(format!("the seller was answered {}, not 200", shown.status).into());
        }
        let ours = &mut self.stage.ours;
        let seen = ours.confirm(&authorized.store, None, 3, Verdict::Success);
        let seen = seen.await?;
        let snapshot = self.stage.ours.snapshot(&authorized.store.id).await?;
        if snapshot["health"] != "HEALTHY" {
            return Err(format!("the health is {}", snapshot["health"]).into());
        }
        Ok(seen)
    }

    /// The institution unbinds the store, and the platform is told to forget what it granted.
    pub(in crate::demo) async fn unbind(&mut self, expected: &str) -> Result<Seen, StepError> {
        let authorized = self.authorized()?;
        self.stage.ours.unbind(&authorized.store).await?;
        let prefix = format!("/{}/{}/", self.platform.path, authorized.label);
        let give_up = tokio::time::Instant::now() + PATIENCE;
        loop {
            let calls = self.stage.sandbox.calls();
            let is_given_up = calls
                .iter()
                .any(|call| call.path.starts_with(&prefix) && call.outcome == expected);
            if is_given_up {
                let remark = format!("told by webhook and feed; the platform says: {expected}");
                return Ok(Seen::Remark(remark));
            }
            let pause =
                tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>());
            if tokio::time::timeout_at(give_up, pause).await.is_err() {
                return Err("the credential was not given up".to_owned().into());
            }
        }
    }
}

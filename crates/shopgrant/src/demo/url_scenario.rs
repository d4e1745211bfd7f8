//! The flows in which a seller clicks a link.

mod embedded;
mod hosted;
mod initiated;
mod mall;
mod upkeep;

use sandbox::{Dialect, Fault, Rule, Shop, Step};
use url::Url;

use crate::demo::channels::{Told, Verdict};
use crate::demo::institution::{AuthRequest, Institution, Store};
use crate::demo::report::{Seen, StepError};
use crate::demo::scenario::{DENIED, HELD, INSUFFICIENT, MISMATCH};
use crate::demo::seller::{Decision, Page};
use crate::demo::stage::{CAFE24_SCOPES, GENSTORE_SCOPES, SCOPES, Stage};

/// A platform on which sellers consent.
#[derive(Clone, Copy)]
pub(super) struct UrlPlatform {
    pub(super) code: &'static str,
    dialect: Dialect,
    /// Where its calls stand in the sandbox's paths.
    path: &'static str,
    domain: &'static str,
    scopes: [&'static str; 2],
}

impl UrlPlatform {
    pub(super) const SHOPLINE: Self = Self {
        code: "SHOPLINE",
        dialect: Dialect::Shopline,
        path: "shopline",
        domain: "myshopline.com",
        scopes: SCOPES,
    };
    pub(super) const SHOPLINE_EU: Self = Self {
        code: "SHOPLINE_EU",
        ..Self::SHOPLINE
    };
    pub(super) const GENSTORE: Self = Self {
        code: "GENSTORE",
        dialect: Dialect::Genstore,
        path: "genstore",
        domain: "genmystore.com",
        scopes: GENSTORE_SCOPES,
    };
    pub(super) const CAFE24: Self = Self {
        code: "CAFE24",
        dialect: Dialect::Cafe24,
        path: "cafe24",
        domain: "cafe24.com",
        scopes: CAFE24_SCOPES,
    };

    fn store_url(&self, label: &str) -> String {
        format!("https://{label}.{}", self.domain)
    }
}

/// The flows of one platform; the later ones build on the store that the first one authorizes.
pub(super) struct UrlScenario<'a> {
    stage: &'a mut Stage,
    platform: UrlPlatform,
    authorized: Option<Authorized>,
}

#[derive(Clone)]
struct Authorized {
    store: Store,
    label: String,
    callback: Url,
    shown: Page,
}

/// A store for which an authorization was asked.
struct Asked {
    store: Store,
    auth_url: String,
}

/// What came of a seller's decision.
struct Decided {
    callback: Url,
    shown: Page,
    redirect: Told,
}

impl<'a> UrlScenario<'a> {
    pub(super) fn new(stage: &'a mut Stage, platform: UrlPlatform) -> Self {
        Self {
            stage,
            platform,
            authorized: None,
        }
    }

    /// Goes on with another site of the same realm.
    pub(super) fn turn_to(&mut self, platform: UrlPlatform) {
        self.platform = platform;
    }

    pub(super) async fn approve(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let Asked { store, auth_url } = self.ask(&label).await?;
        let decided = self.decide(&auth_url, Decision::Approve).await?;
        let redirect = Some(decided.redirect);
        let seen = self.confirm(&store, redirect, Verdict::Success).await?;
        self.authorized = Some(Authorized {
            store,
            label,
            callback: decided.callback,
            shown: decided.shown,
        });
        Ok(seen)
    }

    pub(super) async fn deny(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let Asked { store, auth_url } = self.ask(&label).await?;
        let decided = self.decide(&auth_url, Decision::Deny).await?;
        self.confirm(&store, Some(decided.redirect), DENIED).await
    }

    pub(super) async fn wrong_shop(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let other = read_shop(&self.stage.names.shop())?;
        self.script(&label, Fault::WrongShop(other))?;
        let Asked { store, auth_url } = self.ask(&label).await?;
        let decided = self.decide(&auth_url, Decision::Approve).await?;
        self.confirm(&store, Some(decided.redirect), MISMATCH).await
    }

    pub(super) async fn fewer_scopes(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let granted = &self.platform.scopes[1..];
        let granted = granted.iter().map(|&scope| scope.to_owned()).collect();
        self.script(&label, Fault::FewerScopes(granted))?;
        let Asked { store, auth_url } = self.ask(&label).await?;
        let decided = self.decide(&auth_url, Decision::Approve).await?;
        self.confirm(&store, Some(decided.redirect), INSUFFICIENT)
            .await
    }

    /// The older of two links leads to a page that helps, and the newer one works.
    pub(super) async fn supersede(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let older = self.ask(&label).await?;
        let newer = self.ask_for(&self.stage.ours, &older.store, &label).await?;
        let callback = self
            .stage
            .seller
            .decide(&older.auth_url, Decision::Approve)
            .await?;
        let page = self.stage.seller.open(&callback).await?;
        if page.status != 400 || page.location.is_some() {
            return Err(format!("the older link ended with {}, not 400", page.status).into());
        }
        let decided = self.decide(&newer, Decision::Approve).await?;
        self.confirm(&older.store, Some(decided.redirect), Verdict::Success)
            .await
    }

    /// A reload shows the same outcome and spends nothing.
    pub(super) async fn repeat_callback(&mut self) -> Result<Seen, StepError> {
        let Authorized {
            store,
            label,
            callback,
            shown,
        } = self.authorized()?;
        let calls = self.calls_to(&label);
        let again = self.stage.seller.open(&callback).await?;
        if again != shown {
            return Err("the second callback ended elsewhere".to_owned().into());
        }
        if self.calls_to(&label) != calls {
            return Err("the second callback called the platform".to_owned().into());
        }
        let snapshot = self.stage.ours.look_at(&store.id).await?;
        if snapshot.sequence != 1 {
            return Err(format!("the sequence is {}, not 1", snapshot.sequence).into());
        }
        Ok(Seen::Remark(
            "the same redirect, nothing was spent".to_owned(),
        ))
    }

    pub(super) async fn authorize_again(&mut self) -> Result<Seen, StepError> {
        let Authorized { store, label, .. } = self.authorized()?;
        let request = self.request(&label);
        self.stage
            .ours
            .authorize(&store, request)
            .await?
            .refusal(900_004)
    }

    pub(super) async fn second_store(&mut self) -> Result<Seen, StepError> {
        let Authorized { label, .. } = self.authorized()?;
        let store = self.create(&self.stage.ours, &label).await?;
        let request = self.request(&label);
        let answer = self.stage.ours.authorize(&store, request).await?;
        let seen = answer.refusal(900_003)?;
        expect_untouched(&self.stage.ours, &store).await?;
        Ok(seen)
    }

    /// Another institution learns of the claim only after proof.
    pub(super) async fn another_s_store(&mut self) -> Result<Seen, StepError> {
        let Authorized { label, .. } = self.authorized()?;
        let store = self.create(&self.stage.theirs, &label).await?;
        let auth_url = self.ask_for(&self.stage.theirs, &store, &label).await?;
        let decided = self.decide(&auth_url, Decision::Approve).await?;
        self.stage
            .theirs
            .confirm(&store, Some(decided.redirect), 1, HELD)
            .await
    }

    fn authorized(&self) -> Result<Authorized, StepError> {
        self.authorized
            .clone()
            .ok_or_else(|| "no store was authorized before".to_owned().into())
    }

    async fn ask(&self, label: &str) -> Result<Asked, StepError> {
        let store = self.create(&self.stage.ours, label).await?;
        let auth_url = self.ask_for(&self.stage.ours, &store, label).await?;
        Ok(Asked { store, auth_url })
    }

    async fn create(&self, institution: &Institution, label: &str) -> Result<Store, StepError> {
        let store_url = self.platform.store_url(label);
        institution
            .create_store(self.platform.code, &store_url)
            .await
    }

    async fn ask_for(
        &self,
        institution: &Institution,
        store: &Store,
        label: &str,
    ) -> Result<String, StepError> {
        let request = self.request(label);
        institution.authorize(store, request).await?.link()
    }

    fn request<'b>(&'b self, label: &'b str) -> AuthRequest<'b> {
        AuthRequest::Url {
            seller_id: label,
            redirect_url: &self.stage.redirect_url,
        }
    }

    /// The seller decides, and the browser follows to the end.
    async fn decide(&self, auth_url: &str, decision: Decision) -> Result<Decided, StepError> {
        let callback = self.stage.seller.decide(auth_url, decision).await?;
        let shown = self.stage.seller.open(&callback).await?;
        let Some(location) = &shown.location else {
            return Err(format!("the callback answered {} and no redirect", shown.status).into());
        };
        if !location.as_str().starts_with(&self.stage.redirect_url) {
            return Err("the redirect leads elsewhere".to_owned().into());
        }
        Ok(Decided {
            redirect: Told::from_redirect(location)?,
            callback,
            shown,
        })
    }

    async fn confirm(
        &mut self,
        store: &Store,
        redirect: Option<Told>,
        expected: Verdict,
    ) -> Result<Seen, StepError> {
        self.stage.ours.confirm(store, redirect, 1, expected).await
    }

    fn script(&self, label: &str, fault: Fault) -> Result<(), StepError> {
        let rule = Rule {
            dialect: self.platform.dialect,
            shop: Some(read_shop(label)?),
            step: Step::Consent,
            fault,
            sticky: false,
        };
        let scripted = self.stage.sandbox.script(rule);
        scripted.map_err(|error| StepError::Unexpected(error.to_string()))
    }

    fn calls_to(&self, label: &str) -> usize {
        let prefix = format!("/{}/{label}/", self.platform.path);
        let calls = self.stage.sandbox.calls();
        calls
            .iter()
            .filter(|call| call.path.starts_with(&prefix))
            .count()
    }
}

/// A refused `store/auth` records no attempt.
pub(super) async fn expect_untouched(
    institution: &Institution,
    store: &Store,
) -> Result<(), StepError> {
    let snapshot = institution.look_at(&store.id).await?;
    if snapshot.told.auth_status != "UNAUTHORIZED" || snapshot.sequence != 0 {
        return Err(format!("{} was touched by a refused call", store.id).into());
    }
    Ok(())
}

pub(super) fn read_shop(label: &str) -> Result<Shop, StepError> {
    label
        .parse()
        .map_err(|error: sandbox::InvalidShop| StepError::Unexpected(error.to_string()))
}

//! The flows in which a seller hands over a key.

use domain::Links;
use sandbox::{Call, Dialect, Fault, KeyPermission, Rule, Step};
use serde_json::{Value, json};

use crate::demo::channels::Verdict;
use crate::demo::institution::{AuthRequest, Institution, Store};
use crate::demo::report::{Seen, StepError};
use crate::demo::scenario::{HELD, INSUFFICIENT, INVALID, MISMATCH};
use crate::demo::seller::Page;
use crate::demo::stage::{SCOPES, Stage, random_hex};
use crate::demo::url_scenario::{expect_untouched, read_shop};

/// A platform that takes keys.
#[derive(Clone, Copy)]
pub(super) struct KeyPlatform {
    pub(super) code: &'static str,
    dialect: Dialect,
    /// Where its calls stand in the sandbox's paths.
    path: &'static str,
    /// Whether a key says whose it is; elsewhere the dialled address is all that is known.
    pub(super) names_its_shop: bool,
}

impl KeyPlatform {
    pub(super) const SHOPIFY: Self = Self {
        code: "SHOPIFY",
        dialect: Dialect::Shopify,
        path: "shopify",
        names_its_shop: true,
    };
    pub(super) const WOOCOMMERCE: Self = Self {
        code: "WOOCOMMERCE",
        dialect: Dialect::Woocommerce,
        path: "woocommerce",
        names_its_shop: false,
    };
}

/// The flows of one platform; the later ones build on the store that the first one authorizes.
pub(super) struct KeyScenario<'a> {
    stage: &'a mut Stage,
    platform: KeyPlatform,
    authorized: Option<Authorized>,
}

#[derive(Clone)]
struct Authorized {
    store: Store,
    label: String,
    key: Key,
}

/// A key as a seller pastes it.
#[derive(Clone)]
enum Key {
    Token(String),
    Pair { key: String, secret: String },
}

impl Key {
    fn auth_info(&self) -> Value {
        match self {
            Self::Token(token) => json!({"token": token}),
            Self::Pair { key, secret } => json!({"api_key": key, "api_secret": secret}),
        }
    }

    /// What the fields of the page send.
    fn form(&self) -> String {
        match self {
            Self::Token(token) => format!("token={token}"),
            Self::Pair { key, secret } => format!("api_key={key}&api_secret={secret}"),
        }
    }
}

/// What a key may do.
#[derive(Clone, Copy)]
enum Permission {
    Enough,
    TooLittle,
}

impl<'a> KeyScenario<'a> {
    pub(super) fn new(stage: &'a mut Stage, platform: KeyPlatform) -> Self {
        Self {
            stage,
            platform,
            authorized: None,
        }
    }

    pub(super) async fn right_key(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let key = self.register_key(&label, Permission::Enough)?;
        let store = self.hand_over(&label, &key).await?;
        let seen = self.confirm(&store, Verdict::Success).await?;
        self.authorized = Some(Authorized { store, label, key });
        Ok(seen)
    }

    /// The institution asks for a link in place of a key, which the seller pastes on the page behind it.
    pub(super) async fn pasted(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let key = self.register_key(&label, Permission::Enough)?;
        let (store, link) = self.ask_for_link(&label).await?;
        let shown = self.stage.seller.paste(&link, key.form()).await?;
        self.confirm_shown(&store, &shown).await
    }

    /// The seller goes on from that page to the shop, which makes a key and sends it by itself.
    pub(super) async fn pushed(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let (store, link) = self.ask_for_link(&label).await?;
        let away = self.stage.seller.follow(&link).await?;
        let back = self
            .stage
            .seller
            .consent(&away.auth_url, "decision=approve")
            .await?;
        let shown = self.stage.seller.come_back(&back, &away).await?;
        self.confirm_shown(&store, &shown).await
    }

    async fn ask_for_link(&mut self, label: &str) -> Result<(Store, String), StepError> {
        let store = self.create(&self.stage.ours, label).await?;
        let request = self.request(label, &Value::Null);
        self.set_links(Links::Hosted).await?;
        let answer = self.stage.ours.authorize(&store, request).await;
        self.set_links(Links::Direct).await?;
        Ok((store, answer?.link()?))
    }

    async fn set_links(&self, links: Links) -> Result<(), StepError> {
        let changed = self.stage.set_links(links).await;
        changed.map_err(|error| StepError::Unexpected(error.to_string()))
    }

    async fn confirm_shown(&mut self, store: &Store, shown: &Page) -> Result<Seen, StepError> {
        if (shown.status, &shown.location) != (200, &None) {
            let status = shown.status;
            return Err(format!("the browser was answered {status}, not 200").into());
        }
        self.confirm(store, Verdict::Success).await
    }

    pub(super) async fn wrong_key(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let key = self.make_key();
        let store = self.hand_over(&label, &key).await?;
        self.confirm(&store, INVALID).await
    }

    pub(super) async fn weak_key(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let key = self.register_key(&label, Permission::TooLittle)?;
        let store = self.hand_over(&label, &key).await?;
        self.confirm(&store, INSUFFICIENT).await
    }

    pub(super) async fn wrong_shop(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let other = read_shop(&self.stage.names.shop())?;
        let key = self.register_key(&label, Permission::Enough)?;
        self.script(&label, Fault::WrongShop(other))?;
        let store = self.hand_over(&label, &key).await?;
        self.confirm(&store, MISMATCH).await
    }

    pub(super) async fn down_then_up(&mut self) -> Result<Seen, StepError> {
        let label = self.stage.names.shop();
        let key = self.register_key(&label, Permission::Enough)?;
        self.script(&label, Fault::ServerError)?;
        let store = self.hand_over(&label, &key).await?;
        let seen = self.confirm(&store, Verdict::Success).await?;
        let answers: Vec<_> = self
            .calls_to(&label)
            .iter()
            .map(|call| call.status)
            .collect();
        let ([Some(503), rest @ ..], true) = (answers.as_slice(), answers.len() > 1) else {
            return Err(format!("the platform answered {answers:?}").into());
        };
        if rest.iter().any(|status| *status != Some(200)) {
            return Err(format!("the platform answered {answers:?}").into());
        }
        Ok(seen)
    }

    pub(super) async fn authorize_again(&mut self) -> Result<Seen, StepError> {
        let Authorized { store, label, key } = self.authorized()?;
        let info = key.auth_info();
        let request = self.request(&label, &info);
        let answer = self.stage.ours.authorize(&store, request).await?;
        answer.refusal(900_004)
    }

    /// The key is refused wherever the second store says its shop is.
    pub(super) async fn second_store(&mut self) -> Result<Seen, StepError> {
        let Authorized { key, .. } = self.authorized()?;
        let label = self.stage.names.shop();
        let store = self.create(&self.stage.ours, &label).await?;
        let info = key.auth_info();
        let request = self.request(&label, &info);
        let answer = self.stage.ours.authorize(&store, request).await?;
        let seen = answer.refusal(900_003)?;
        expect_untouched(&self.stage.ours, &store).await?;
        Ok(seen)
    }

    /// Another institution learns of the claim only after proof.
    pub(super) async fn another_s_store(&mut self) -> Result<Seen, StepError> {
        let Authorized { label, key, .. } = self.authorized()?;
        let store = self.create(&self.stage.theirs, &label).await?;
        let info = key.auth_info();
        let request = self.request(&label, &info);
        self.stage
            .theirs
            .authorize(&store, request)
            .await?
            .taken()?;
        self.stage.theirs.confirm(&store, None, 1, HELD).await
    }

    fn authorized(&self) -> Result<Authorized, StepError> {
        self.authorized
            .clone()
            .ok_or_else(|| "no store was authorized before".to_owned().into())
    }

    async fn create(&self, institution: &Institution, label: &str) -> Result<Store, StepError> {
        // A WooCommerce shop lives anywhere, here at the sandbox; the platform's own host of the others
        // is replaced by the configured app.
        let store_url = match self.platform.dialect {
            Dialect::Woocommerce => self.stage.platform_url(self.platform.path, label),
            Dialect::Shopify
            | Dialect::Shopline
            | Dialect::Genstore
            | Dialect::Cafe24
            | Dialect::Multivende => format!("https://{label}.myshopify.com"),
        };
        institution
            .create_store(self.platform.code, &store_url)
            .await
    }

    /// Creates a store and authorizes it with the key.
    async fn hand_over(&self, label: &str, key: &Key) -> Result<Store, StepError> {
        let store = self.create(&self.stage.ours, label).await?;
        let info = key.auth_info();
        let request = self.request(label, &info);
        self.stage.ours.authorize(&store, request).await?.taken()?;
        Ok(store)
    }

    fn request<'b>(&self, label: &'b str, auth_info: &'b Value) -> AuthRequest<'b> {
        AuthRequest::Key {
            seller_id: self.platform.names_its_shop.then_some(label),
            auth_info,
        }
    }

    async fn confirm(&mut self, store: &Store, expected: Verdict) -> Result<Seen, StepError> {
        self.stage.ours.confirm(store, None, 1, expected).await
    }

    fn make_key(&self) -> Key {
        if self.platform.names_its_shop {
            return Key::Token(format!("shpat_{}", random_hex::<16>()));
        }
        Key::Pair {
            key: format!("ck_{}", random_hex::<20>()),
            secret: format!("cs_{}", random_hex::<20>()),
        }
    }

    /// A key that the platform knows.
    fn register_key(&self, label: &str, permission: Permission) -> Result<Key, StepError> {
        let key = self.make_key();
        let shop = read_shop(label)?;
        match &key {
            Key::Token(token) => {
                let scopes = match permission {
                    Permission::Enough => &SCOPES[..],
                    Permission::TooLittle => &SCOPES[1..],
                };
                let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
                let token = token.as_str().into();
                self.stage.sandbox.register_token(shop, token, scopes);
            }
            Key::Pair { key, secret } => {
                let permission = match permission {
                    Permission::Enough => KeyPermission::Read,
                    Permission::TooLittle => KeyPermission::Write,
                };
                let secret = secret.as_str().into();
                self.stage
                    .sandbox
                    .register_key(shop, key, secret, permission);
            }
        }
        Ok(key)
    }

    fn script(&self, label: &str, fault: Fault) -> Result<(), StepError> {
        let rule = Rule {
            dialect: self.platform.dialect,
            shop: Some(read_shop(label)?),
            step: Step::Probe,
            fault,
            sticky: false,
        };
        let scripted = self.stage.sandbox.script(rule);
        scripted.map_err(|error| StepError::Unexpected(error.to_string()))
    }

    fn calls_to(&self, label: &str) -> Vec<Call> {
        let prefix = format!("/{}/{label}/", self.platform.path);
        let calls = self.stage.sandbox.calls();
        calls
            .into_iter()
            .filter(|call| call.path.starts_with(&prefix))
            .collect()
    }
}

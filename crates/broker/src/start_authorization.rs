//! `store/auth`: asks for the authorization to read a store.

use domain::{
    AuthType, Authorization, AuthorizationId, AuthorizationState, Credential, Health, Institution,
    Links, ShopLabel, Store, StoreState,
};
use platforms::{AppNeed, AuthorizeRequest, KeyShape, PlatformFacts, SellerIdNeed, adapter};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use storage::authorizations::Carried;
use storage::platform_apps::PlatformApp;
use storage::sealing::{Fingerprint, Place, Sealed};
use storage::{Tx, authorizations, claims, stores};
use url::Url;

use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::change::{Answer, Decision};
use crate::field::FieldError;
use crate::hosted_link::links_of;
use crate::internal::Internal;
use crate::secret_text::sha256;
use crate::store_request::StoreRef;

pub struct StartAuthorization {
    pub client_id: String,
    pub store_id: String,
    pub seller_id: Option<String>,
    pub means: Means,
    pub redirect_url: Option<String>,
}

/// How the store is to be authorized.
#[derive(Clone, Debug)]
pub enum Means {
    /// By a link that the seller follows.
    Url,
    /// By the seller's own developer credential.
    Key(Credential),
    /// By a key that the seller hands in on a page of ours, so that the institution never sees it.
    KeyByLink,
}

impl Means {
    const fn auth_type(&self) -> AuthType {
        match self {
            Self::Url => AuthType::Url,
            Self::Key(_) | Self::KeyByLink => AuthType::Key,
        }
    }
}

/// An attempt that is under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Started {
    /// What the seller clicks; `None` for a KEY that was handed in with the call.
    pub auth_url: Option<String>,
    #[serde(skip)]
    link: Option<AuthorizationId>,
}

impl Answer for Started {
    fn link(&self) -> Option<AuthorizationId> {
        self.link
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartAuthorizationError {
    #[error("store not exist")]
    UnknownStore,
    #[error("repeat authorized")]
    AlreadyAuthorized,
    #[error("seller id already authorized")]
    ShopHeld,
    #[error("auth info already authorized")]
    CredentialHeld,
    #[error(transparent)]
    Field(#[from] FieldError),
}

/// A call that fits its platform.
struct Fitting {
    app: Option<PlatformApp>,
    expected_shop: Option<ShopLabel>,
    key: Option<(Credential, Fingerprint)>,
}

impl Broker {
    /// Records an attempt; one that was under way for the store is superseded by it. The answer is the link;
    /// for a KEY that is handed in here there is none, and the result comes later.
    pub async fn start_authorization(
        &self,
        caller: &Caller,
        command: StartAuthorization,
    ) -> Result<Started, CallError<StartAuthorizationError>> {
        let institution = &caller.institution;
        let meant = StoreRef::read(&command.client_id, &command.store_id);
        let needs_hosted_links = matches!(command.means, Means::KeyByLink);
        self.change_once(caller, "store/auth", async |tx: &Tx| {
            if needs_hosted_links && institution.links == Links::Direct {
                let problem = "can't be empty when auth_type is KEY";
                return Ok(Err(FieldError::new("auth_info", problem).into()));
            }
            if let Some(text) = &command.redirect_url
                && let Err(problem) = self.check_redirect_url(institution, text)
            {
                return Ok(Err(problem.into()));
            }
            let Some(store) = meant.find_locked(tx, institution.id).await? else {
                return Ok(Err(StartAuthorizationError::UnknownStore));
            };
            let mut fitting = match self.fit(tx, &store, &command).await? {
                Ok(fitting) => fitting,
                Err(problem) => return Ok(Err(problem.into())),
            };
            if let StoreState::Success(authorized) = &store.state {
                if authorized.health() == Health::Healthy {
                    return Ok(Err(StartAuthorizationError::AlreadyAuthorized));
                }
                let (grant, asked) = (authorized.grant, command.seller_id.is_some());
                let named = fitting.expected_shop.filter(|_| asked);
                match self.shop_of_grant(tx, &store, grant, named).await? {
                    Ok(expected) => fitting.expected_shop = expected,
                    Err(problem) => return Ok(Err(problem.into())),
                }
            }
            if let Err(held) = self.check_claims(tx, &store, &fitting).await? {
                return Ok(Err(held));
            }
            self.record_attempt(tx, institution, store, &command, fitting)
                .await
        })
        .await
    }

    /// Checks the fields whose rules are the platform's.
    async fn fit(
        &self,
        tx: &Tx,
        store: &Store,
        command: &StartAuthorization,
    ) -> Decision<Fitting, FieldError> {
        let adapter = adapter(store.platform);
        let facts = adapter.facts();
        if !facts.auth_types.contains(&command.means.auth_type()) {
            let offered: Vec<_> = facts
                .auth_types
                .iter()
                .map(|offered| offered.code())
                .collect();
            let problem = format!("must be {} for {}", offered.join(" or "), facts.platform);
            return Ok(Err(FieldError::new("auth_type", problem)));
        }
        let key = match &command.means {
            Means::Key(credential) => match self.read_key(facts, credential) {
                Ok(key) => Some(key),
                Err(problem) => return Ok(Err(problem)),
            },
            Means::Url | Means::KeyByLink => None,
        };
        // A grant that is renewed says whose it is, so that nobody has to.
        let known = match &store.state {
            StoreState::Success(_) => store.seller_id.as_deref(),
            StoreState::Unauthorized
            | StoreState::Processing { .. }
            | StoreState::Failed { .. } => None,
        };
        let seller_id = command.seller_id.as_deref();
        let known = known.filter(|_| facts.seller_id.is_some());
        let expected_shop = match expected_shop(facts, store, seller_id.or(known)) {
            Ok(expected_shop) => expected_shop,
            Err(problem) => return Ok(Err(problem)),
        };
        let app = self.find_app(tx, store.platform, store.institution).await?;
        if app.is_none() && facts.needs_app == AppNeed::Always {
            return Ok(Err(FieldError::new("platform", "is not available")));
        }
        Ok(Ok(Fitting {
            app,
            expected_shop,
            key,
        }))
    }

    /// A credential of the shape that the platform takes, without what a seller pasted along, and how it is
    /// known again.
    pub(crate) fn read_key(
        &self,
        facts: &PlatformFacts,
        credential: &Credential,
    ) -> Result<(Credential, Fingerprint), FieldError> {
        match (credential, facts.key_shape) {
            (Credential::Token { token }, Some(KeyShape::Token)) => {
                let token = trimmed(token, "auth_info.token")?;
                let fingerprint = self.keyring().fingerprint(&[&token]);
                Ok((Credential::Token { token }, fingerprint))
            }
            (
                Credential::KeyPair {
                    api_key,
                    api_secret,
                },
                Some(KeyShape::KeyPair),
            ) => {
                let api_key = trimmed(api_key, "auth_info.api_key")?;
                let api_secret = trimmed(api_secret, "auth_info.api_secret")?;
                let fingerprint = self.keyring().fingerprint(&[&api_key, &api_secret]);
                let credential = Credential::KeyPair {
                    api_key,
                    api_secret,
                };
                Ok((credential, fingerprint))
            }
            (_, Some(KeyShape::Token)) => {
                let problem = format!("must have token for {}", facts.platform);
                Err(FieldError::new("auth_info", problem))
            }
            (_, Some(KeyShape::KeyPair)) => {
                let problem = format!("must have api_key and api_secret for {}", facts.platform);
                Err(FieldError::new("auth_info", problem))
            }
            (_, None) => Err(FieldError::new(
                "auth_info",
                "is not taken by this platform",
            )),
        }
    }

    /// What another store of this institution holds is refused at once. Another institution's claim
    /// shows only after proof, so that nobody can probe for a stranger's shop.
    async fn check_claims(
        &self,
        tx: &Tx,
        store: &Store,
        fitting: &Fitting,
    ) -> Decision<(), StartAuthorizationError> {
        let claimant = self.claimant(store);
        if let Some(label) = &fitting.expected_shop
            && claims::is_shop_held_by_another_store(tx, claimant, label).await?
        {
            return Ok(Err(StartAuthorizationError::ShopHeld));
        }
        if let Some((_, print)) = &fitting.key
            && claims::is_credential_held_by_another_store(tx, claimant, print).await?
        {
            return Ok(Err(StartAuthorizationError::CredentialHeld));
        }
        Ok(Ok(()))
    }

    async fn record_attempt(
        &self,
        tx: &Tx,
        institution: &Institution,
        store: Store,
        command: &StartAuthorization,
        fitting: Fitting,
    ) -> Decision<Started, StartAuthorizationError> {
        let now = self.now();
        let adapter = adapter(store.platform);
        let links = links_of(institution, adapter.facts().links);
        let (deadline, state) = match (&command.means, links) {
            (Means::Url, Links::Direct) => {
                (self.options().direct_deadline, AuthorizationState::Pending)
            }
            (Means::Url, Links::Hosted) => {
                (self.options().hosted_deadline, AuthorizationState::Pending)
            }
            (Means::Key(_), _) => (self.options().key_deadline, AuthorizationState::Pending),
            (Means::KeyByLink, _) => (
                self.options().hosted_deadline,
                AuthorizationState::AwaitingKey,
            ),
        };
        let (beside, seller_id) = match &store.state {
            StoreState::Success(authorized) => (Some(authorized.grant), store.seller_id.clone()),
            StoreState::Unauthorized
            | StoreState::Processing { .. }
            | StoreState::Failed { .. } => (None, command.seller_id.clone()),
        };
        let authorization = Authorization {
            id: AuthorizationId::new(self.next_id()),
            store: store.id,
            institution: store.institution,
            platform: store.platform,
            app: fitting.app.as_ref().map(|app| app.id),
            auth_type: command.means.auth_type(),
            expected_shop: fitting.expected_shop,
            seller_id: seller_id.clone(),
            beside,
            redirect_url: match command.means.auth_type() {
                AuthType::Url => command.redirect_url.clone(),
                AuthType::Key => None,
            },
            deadline_at: now + deadline,
            created_at: now,
            state,
        };
        if let Some(attempt) = store.current_attempt() {
            self.supersede(tx, &store, attempt).await?;
        }
        let auth_type = command.means.auth_type();
        let Ok(begun) = store.begin(authorization.id, auth_type, seller_id) else {
            return Ok(Err(StartAuthorizationError::AlreadyAuthorized));
        };
        stores::update(tx, &begun).await?;
        let auth_url = match (fitting.key, links) {
            (Some((credential, fingerprint)), _) => {
                let credential = self.sealed_key(authorization.id, &credential);
                let carried = Carried::Key {
                    credential,
                    fingerprint,
                };
                authorizations::insert(tx, &authorization, carried).await?;
                None
            }
            (None, Links::Direct) => {
                let (carried, link) = self.link(fitting.app.as_ref(), &authorization)?;
                authorizations::insert(tx, &authorization, carried).await?;
                Some(link)
            }
            (None, Links::Hosted) => {
                authorizations::insert(tx, &authorization, Carried::HostedLink).await?;
                Some(self.open_hosted_link(tx, &authorization).await?)
            }
        };
        let link = auth_url.is_some().then_some(authorization.id);
        Ok(Ok(Started { auth_url, link }))
    }

    /// A credential as its attempt carries it.
    pub(crate) fn sealed_key(&self, attempt: AuthorizationId, credential: &Credential) -> Sealed {
        let place = Place::AuthorizationCredential(attempt);
        let text = credential.to_secret_text();
        self.keyring().seal(place, &text, self.seal_nonce())
    }

    fn link(
        &self,
        app: Option<&PlatformApp>,
        authorization: &Authorization,
    ) -> Result<(Carried, String), Internal> {
        let app = app.ok_or_else(|| Internal::new("a URL attempt without an app"))?;
        let state = self.random_token();
        let auth_url = self.consent_url(app, authorization, &state)?;
        let carried = Carried::Link {
            state_hash: sha256(state.expose_secret()),
        };
        Ok((carried, auth_url.expose_secret().to_owned()))
    }

    /// The platform's page for an attempt, with this state.
    pub(crate) fn consent_url(
        &self,
        app: &PlatformApp,
        authorization: &Authorization,
        state: &SecretString,
    ) -> Result<SecretString, Internal> {
        let adapter = adapter(authorization.platform);
        let flow = adapter.code_flow();
        let flow = flow.ok_or_else(|| Internal::new("a link without a flow"))?;
        let shop = authorization.expected_shop.as_ref();
        let need = adapter.facts().seller_id.map(|rule| rule.need);
        if shop.is_none() && need != Some(SellerIdNeed::Never) {
            return Err(Internal::new("a link without a shop"));
        }
        let url = flow.authorize_url(&AuthorizeRequest {
            app: &self.open_app(app)?,
            shop,
            redirect_uri: &self.callback_url(app),
            state,
        });
        Ok(url.into())
    }
}

/// The shop that has to answer: the one that the institution names, else the one in the store's URL.
fn expected_shop(
    facts: &PlatformFacts,
    store: &Store,
    seller_id: Option<&str>,
) -> Result<Option<ShopLabel>, FieldError> {
    let Some(rule) = &facts.seller_id else {
        return match seller_id {
            None => Ok(None),
            Some(_) => Err(FieldError::new(
                "seller_id",
                "must be empty for this platform",
            )),
        };
    };
    let in_url = Url::parse(&store.store_url)
        .ok()
        .and_then(|url| facts.label_in_store_url(&url));
    let Some(seller_id) = seller_id else {
        return match (in_url, rule.need) {
            (Some(label), _) => Ok(Some(label)),
            (None, SellerIdNeed::Never) => Ok(None),
            (None, SellerIdNeed::BeforeTheLink) => Err(FieldError::new(
                "seller_id",
                "can't be empty, since store_url names no shop",
            )),
        };
    };
    let asked = facts
        .parse_seller_id(seller_id)
        .map_err(|_| FieldError::new("seller_id", format!("must look like {}", rule.example)))?;
    match in_url {
        Some(label) if label.host_label() != asked.host_label() => Err(FieldError::new(
            "seller_id",
            "contradicts the shop in store_url",
        )),
        _ => Ok(Some(asked)),
    }
}

/// A pasted credential often brings a space or a newline along.
fn trimmed(secret: &SecretString, field: &'static str) -> Result<SecretString, FieldError> {
    let text = secret.expose_secret().trim();
    if text.is_empty() {
        return Err(FieldError::new(field, "can't be empty"));
    }
    Ok(text.into())
}

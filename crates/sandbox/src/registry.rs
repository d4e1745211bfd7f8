//! Apps, codes, tokens and keys: what the platforms remember.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::{Dialect, Shop, ShopUser};

/// Ten minutes on SHOPLINE
/// (<https://developer.shopline.com/docs/apps/api-instructions-for-use/app-authorization>)
/// and one on CAFE24
/// (<https://developers.cafe24.com/docs-new/en/docs/guide/oauth2-authentication>);
/// GENSTORE and MULTIVENDE document no limit, so they get SHOPLINE's.
fn code_lifetime(dialect: Dialect) -> TimeDelta {
    match dialect {
        Dialect::Cafe24 => TimeDelta::minutes(1),
        Dialect::Shopline
        | Dialect::Genstore
        | Dialect::Multivende
        | Dialect::Shopify
        | Dialect::Woocommerce => TimeDelta::minutes(10),
    }
}

/// An app as its developer registered it with the platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppRegistration {
    pub dialect: Dialect,
    pub client_id: String,
    #[serde(deserialize_with = "secret")]
    pub client_secret: SecretString,
    /// Where sellers may be sent back to: whole URIs, or, ending in `*`, what they begin with.
    pub redirect_uris: Vec<String>,
    /// What the consent page calls the app.
    pub name: String,
}

impl AppRegistration {
    pub(crate) fn allows(&self, redirect_uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|allowed| match allowed.strip_suffix('*') {
                Some(beginning) => redirect_uri.starts_with(beginning),
                None => redirect_uri == allowed,
            })
    }
}

/// What a WOOCOMMERCE API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPermission {
    Read,
    Write,
    ReadWrite,
    /// The key is right and may read, but the user whom it belongs to may not manage the shop.
    WeakUser,
}

pub(crate) struct Key {
    pub(crate) secret: SecretString,
    pub(crate) permission: KeyPermission,
}

/// A code that stands for a seller's consent.
pub(crate) struct Code {
    pub(crate) dialect: Dialect,
    pub(crate) client_id: String,
    /// Where the seller was asked.
    pub(crate) asked_at: Shop,
    /// Whose token the code buys: the same shop, unless a rule says otherwise.
    pub(crate) shop: Shop,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) used: bool,
}

/// Why a code buys no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRefusal {
    Unknown,
    OfAnotherApp,
    OfAnotherShop,
    Used,
    Expired,
}

impl CodeRefusal {
    pub(crate) fn outcome(self) -> &'static str {
        match self {
            CodeRefusal::Unknown => "refused: unknown code",
            CodeRefusal::OfAnotherApp => "refused: the code is another app's",
            CodeRefusal::OfAnotherShop => "refused: the code is another shop's",
            CodeRefusal::Used => "refused: the code has been used",
            CodeRefusal::Expired => "refused: the code has expired",
        }
    }
}

pub(crate) struct Token {
    pub(crate) value: SecretString,
    /// Absent: until the app is uninstalled.
    pub(crate) until: Option<DateTime<Utc>>,
}

/// An app in a shop, with the access that the seller granted.
pub(crate) struct Installation {
    /// Absent for the shop's own custom app, whose token was pasted.
    pub(crate) client_id: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) tokens: Vec<Token>,
    /// The only one that is good, on platforms that have any.
    pub(crate) refresh_token: Option<Token>,
    /// Of users' sessions, each with its session.
    pub(crate) online: Vec<(String, Token)>,
    pub(crate) minted_at: DateTime<Utc>,
}

/// A user at work in the shop's back office, with the app open.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) client_id: String,
    pub(crate) shop: Shop,
    pub(crate) user: ShopUser,
    pub(crate) token: SecretString,
}

#[derive(Default)]
pub(crate) struct Registry {
    apps: HashMap<(Dialect, String), AppRegistration>,
    codes: HashMap<String, Code>,
    installations: HashMap<(Dialect, Shop), Vec<Installation>>,
    keys: HashMap<(Shop, String), Key>,
    sessions: HashMap<String, Session>,
}

impl Registry {
    pub(crate) fn insert_app(&mut self, app: AppRegistration) {
        self.apps.insert((app.dialect, app.client_id.clone()), app);
    }

    pub(crate) fn find_app(&self, dialect: Dialect, client_id: &str) -> Option<&AppRegistration> {
        self.apps.get(&(dialect, client_id.to_owned()))
    }

    pub(crate) fn apps_of(&self, dialect: Dialect) -> impl Iterator<Item = &AppRegistration> {
        self.apps.values().filter(move |app| app.dialect == dialect)
    }

    pub(crate) fn insert_code(&mut self, value: String, code: Code) {
        self.codes.insert(value, code);
    }

    /// The shop that was asked for this code.
    pub(crate) fn shop_of_code(&self, dialect: Dialect, value: &str) -> Option<Shop> {
        let code = self.codes.get(value)?;
        (code.dialect == dialect).then(|| code.asked_at.clone())
    }

    /// The shop whose refresh token this is, on platforms that have one host for all.
    pub(crate) fn shop_of_refresh_token(&self, dialect: Dialect, value: &str) -> Option<Shop> {
        let holds = |found: &Installation| {
            let token = found.refresh_token.as_ref();
            token.is_some_and(|token| token.value.expose_secret() == value)
        };
        let mut shops = self
            .installations
            .iter()
            .filter(|((known, _), here)| *known == dialect && here.iter().any(holds));
        shops.next().map(|((_, shop), _)| shop.clone())
    }

    /// A code that the platform made by itself.
    pub(crate) fn insert_granted_code(
        &mut self,
        app: &AppRegistration,
        shop: &Shop,
        value: &str,
        scopes: &[String],
        now: DateTime<Utc>,
    ) {
        let code = Code {
            dialect: app.dialect,
            client_id: app.client_id.clone(),
            asked_at: shop.clone(),
            shop: shop.clone(),
            scopes: scopes.to_vec(),
            issued_at: now,
            used: false,
        };
        self.insert_code(value.to_owned(), code);
    }

    pub(crate) fn begin_session(&mut self, sid: String, session: Session) {
        self.sessions.insert(sid, session);
    }

    pub(crate) fn find_session(&self, sid: &str) -> Option<Session> {
        self.sessions.get(sid).cloned()
    }

    /// Ends the sessions of a shop's users, with their tokens.
    pub(crate) fn end_sessions(&mut self, shop: &Shop) {
        self.sessions.retain(|_, session| session.shop != *shop);
        for installation in self.installations.values_mut().flatten() {
            installation
                .online
                .retain(|(sid, _)| self.sessions.contains_key(sid));
        }
    }

    /// Spends a code, and says whose token it buys and with which scopes.
    pub(crate) fn redeem_code(
        &mut self,
        dialect: Dialect,
        client_id: &str,
        at: &Shop,
        value: &str,
        now: DateTime<Utc>,
    ) -> Result<(Shop, Vec<String>), CodeRefusal> {
        let code = self.codes.get_mut(value).ok_or(CodeRefusal::Unknown)?;
        if code.dialect != dialect {
            return Err(CodeRefusal::Unknown);
        }
        if code.client_id != client_id {
            return Err(CodeRefusal::OfAnotherApp);
        }
        if code.asked_at != *at && code.shop != *at {
            return Err(CodeRefusal::OfAnotherShop);
        }
        if code.used {
            return Err(CodeRefusal::Used);
        }
        if now - code.issued_at > code_lifetime(dialect) {
            return Err(CodeRefusal::Expired);
        }
        code.used = true;
        Ok((code.shop.clone(), code.scopes.clone()))
    }

    pub(crate) fn find_installation(
        &mut self,
        dialect: Dialect,
        shop: &Shop,
        client_id: &str,
    ) -> Option<&mut Installation> {
        self.installations
            .get_mut(&(dialect, shop.clone()))?
            .iter_mut()
            .find(|found| found.client_id.as_deref() == Some(client_id))
    }

    /// Spends a refresh token, which is good once, and says with which scopes.
    pub(crate) fn redeem_refresh_token(
        &mut self,
        dialect: Dialect,
        shop: &Shop,
        client_id: &str,
        value: &str,
        now: DateTime<Utc>,
    ) -> Option<Vec<String>> {
        let installation = self.find_installation(dialect, shop, client_id)?;
        let token = installation.refresh_token.as_ref()?;
        let is_alive = token.until.is_none_or(|until| now < until);
        if !is_alive || token.value.expose_secret() != value {
            return None;
        }
        installation.refresh_token = None;
        Some(installation.scopes.clone())
    }

    /// The app's installation in the shop, made if there is none.
    pub(crate) fn install(
        &mut self,
        dialect: Dialect,
        shop: &Shop,
        client_id: &str,
        now: DateTime<Utc>,
    ) -> &mut Installation {
        let here = self
            .installations
            .entry((dialect, shop.clone()))
            .or_default();
        let known = here
            .iter()
            .position(|found| found.client_id.as_deref() == Some(client_id));
        let index = known.unwrap_or_else(|| {
            here.push(Installation {
                client_id: Some(client_id.to_owned()),
                scopes: Vec::new(),
                tokens: Vec::new(),
                refresh_token: None,
                online: Vec::new(),
                minted_at: now,
            });
            here.len() - 1
        });
        &mut here[index]
    }

    pub(crate) fn insert_token(
        &mut self,
        dialect: Dialect,
        shop: Shop,
        value: SecretString,
        scopes: Vec<String>,
        now: DateTime<Utc>,
    ) {
        let here = self.installations.entry((dialect, shop)).or_default();
        here.retain(|found| !found.has_token(value.expose_secret(), now));
        here.push(Installation {
            client_id: None,
            scopes,
            tokens: vec![Token { value, until: None }],
            refresh_token: None,
            online: Vec::new(),
            minted_at: now,
        });
    }

    /// Whether any app is in the shop.
    pub(crate) fn has_installations(&self, dialect: Dialect, shop: &Shop) -> bool {
        let here = self.installations.get(&(dialect, shop.clone()));
        here.is_some_and(|here| !here.is_empty())
    }

    /// The scopes of a token that is good at this shop.
    pub(crate) fn find_token_scopes(
        &self,
        dialect: Dialect,
        shop: &Shop,
        token: &str,
        now: DateTime<Utc>,
    ) -> Option<&[String]> {
        self.installations
            .get(&(dialect, shop.clone()))?
            .iter()
            .find(|found| found.has_token(token, now))
            .map(|found| found.scopes.as_slice())
    }

    pub(crate) fn insert_key(&mut self, shop: Shop, key: String, value: Key) {
        self.keys.insert((shop, key), value);
    }

    pub(crate) fn remove_key(&mut self, shop: &Shop, key: &str) {
        self.keys.remove(&(shop.clone(), key.to_owned()));
    }

    pub(crate) fn find_key(&self, shop: &Shop, key: &str) -> Option<&Key> {
        self.keys.get(&(shop.clone(), key.to_owned()))
    }

    /// Codes, used or not, tokens, pasted ones and those for refreshing too, and keys with their secrets.
    pub(crate) fn list_issued(&self) -> Vec<SecretString> {
        let codes = self.codes.keys().map(|code| code.as_str().into());
        let installations = self.installations.values().flatten();
        let tokens = installations.flat_map(|found| {
            let online = found.online.iter().map(|(_, token)| token);
            found
                .tokens
                .iter()
                .chain(&found.refresh_token)
                .chain(online)
        });
        let sessions = self.sessions.values().map(|session| session.token.clone());
        let keys = self.keys.iter().flat_map(|((_, key), known)| {
            let key = SecretString::from(key.as_str());
            [key, known.secret.clone()]
        });
        codes
            .chain(keys)
            .chain(sessions)
            .chain(tokens.map(|token| token.value.clone()))
            .collect()
    }

    /// Removes the app that holds this token.
    pub(crate) fn uninstall_holder(
        &mut self,
        dialect: Dialect,
        shop: &Shop,
        token: &str,
        now: DateTime<Utc>,
    ) {
        if let Some(here) = self.installations.get_mut(&(dialect, shop.clone())) {
            here.retain(|found| !found.has_token(token, now));
        }
    }

    /// Removes every app, token and key of the shop.
    pub(crate) fn uninstall_all(&mut self, dialect: Dialect, shop: &Shop) {
        self.installations.remove(&(dialect, shop.clone()));
        if dialect == Dialect::Woocommerce {
            self.keys.retain(|(owner, _), _| owner != shop);
        }
    }
}

impl Installation {
    fn has_token(&self, token: &str, now: DateTime<Utc>) -> bool {
        let online = self.online.iter().map(|(_, token)| token);
        self.tokens.iter().chain(online).any(|known| {
            let alive = known.until.is_none_or(|until| now < until);
            alive && known.value.expose_secret() == token
        })
    }
}

pub(crate) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(SecretString::from))
}

pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_whole_or_a_beginning() {
        let app = AppRegistration {
            dialect: Dialect::Genstore,
            client_id: "c".to_owned(),
            client_secret: "s".into(),
            redirect_uris: vec![
                "https://app.example/callback".to_owned(),
                "http://127.0.0.1/*".to_owned(),
            ],
            name: "App".to_owned(),
        };
        assert!(app.allows("https://app.example/callback"));
        assert!(app.allows("http://127.0.0.1/any?thing"));
        for refused in [
            "https://app.example/callback/",
            "https://app.example/callback?x=1",
            "https://app.example/Callback",
            "http://127.0.0.1.evil.example/",
            "",
        ] {
            assert!(!app.allows(refused), "{refused}");
        }
        assert!(!format!("{app:?}").contains("\"s\""));
    }

    #[test]
    fn a_code_is_good_once_for_its_app_and_shop_within_ten_minutes() {
        let dialect = Dialect::Shopline;
        let asked_at: Shop = "asked".parse().unwrap();
        let answered: Shop = "answered".parse().unwrap();
        let stranger: Shop = "stranger".parse().unwrap();
        let start = DateTime::UNIX_EPOCH;
        let mut registry = Registry::default();
        let issue = |value: &str, registry: &mut Registry| {
            registry.insert_code(
                value.to_owned(),
                Code {
                    dialect,
                    client_id: "app".to_owned(),
                    asked_at: asked_at.clone(),
                    shop: answered.clone(),
                    scopes: vec!["read_orders".to_owned()],
                    issued_at: start,
                    used: false,
                },
            );
        };
        issue("one", &mut registry);
        issue("two", &mut registry);
        let late = start + code_lifetime(dialect);
        let mut redeem = |dialect, app: &str, shop: &Shop, value: &str, now| {
            registry.redeem_code(dialect, app, shop, value, now)
        };

        // Refusals spend nothing.
        for (outcome, expected) in [
            (
                redeem(dialect, "app", &asked_at, "three", start),
                CodeRefusal::Unknown,
            ),
            (
                redeem(Dialect::Genstore, "app", &asked_at, "one", start),
                CodeRefusal::Unknown,
            ),
            (
                redeem(dialect, "other", &asked_at, "one", start),
                CodeRefusal::OfAnotherApp,
            ),
            (
                redeem(dialect, "app", &stranger, "one", start),
                CodeRefusal::OfAnotherShop,
            ),
            (
                redeem(
                    dialect,
                    "app",
                    &asked_at,
                    "one",
                    late + TimeDelta::milliseconds(1),
                ),
                CodeRefusal::Expired,
            ),
        ] {
            assert_eq!(outcome, Err(expected));
        }
        let bought = Ok((answered.clone(), vec!["read_orders".to_owned()]));
        assert_eq!(redeem(dialect, "app", &asked_at, "one", late), bought);
        assert_eq!(
            redeem(dialect, "app", &asked_at, "one", start),
            Err(CodeRefusal::Used)
        );
        assert_eq!(redeem(dialect, "app", &answered, "two", start), bought);
    }
}

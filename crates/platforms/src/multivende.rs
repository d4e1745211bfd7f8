//! Multivende: one host for all merchants, callbacks that name nobody, and scopes granted resource by resource.
//!
//! <https://help.multivende.com/hc/es-419/articles/13698734687501>. It documents neither that a state comes
//! back nor what a refusal looks like, so that a callback may be told by the browser's cookie alone.

mod token;

use domain::{AuthType, Platform, ProvenShop, ShopIdentity, ShopLabel, ShopResource, WriteScope};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::adapter::{App, PlatformAdapter};
use crate::call::read_json;
use crate::code_flow::{AuthorizeRequest, Callback, CallbackError, CodeFlow, ExchangeRequest};
use crate::facts::{
    AppNeed, FRESHNESS, LabelShape, Lifetimes, LinkRule, PlatformFacts, SellerIdNeed, SellerIdRule,
    StoreUrlRule,
};
use crate::failure::PlatformFailure;
use crate::proof::Proof;
use crate::query::RawQuery;
use crate::refresh::{Refresh, RefreshRequest, RefreshStrategy, Refreshed};
use crate::standard::{AuthorizePage, AuthorizeValue, authorize_url, read_answer};

pub(crate) struct Multivende;

const HOST: &str = "https://app.multivende.com";

static FACTS: PlatformFacts = PlatformFacts {
    platform: Platform::Multivende,
    name: "Multivende",
    auth_types: &[AuthType::Url],
    // The `MerchantId` of the token's answer, which is all that ever names a merchant.
    seller_id: Some(SellerIdRule {
        pattern: "^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        example: "0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70",
        takes_domain: false,
        shape: LabelShape::Uuid,
        need: SellerIdNeed::Never,
    }),
    key_shape: None,
    store_url: StoreUrlRule {
        pattern: None,
        example: "https://shop.example.com",
    },
    host: Some(HOST),
    shop_domain: None,
    default_scopes: &["read:checkouts"],
    // Not documented. That shipping labels need both for checkouts suggests that it does not.
    write_scope: WriteScope::StandsAlone,
    resources: RESOURCES,
    lifetimes: Lifetimes {
        access: Some(token::ACCESS_LIFE),
        code: None,
    },
    needs_app: AppNeed::Always,
    links: LinkRule::Hosted,
    freshness: FRESHNESS,
};

/// What is sold comes as checkouts, and the customers are the merchant's clients:
/// <https://help.multivende.com/hc/es-419/articles/13698734687501>
const RESOURCES: &[(&str, ShopResource)] = &[
    ("checkouts", ShopResource::Sales),
    ("couriers", ShopResource::Couriers),
    ("products", ShopResource::Products),
    ("product_links", ShopResource::ProductLinks),
    ("prices", ShopResource::Prices),
    ("stocks", ShopResource::Inventory),
    ("warehouses", ShopResource::Warehouses),
    ("clients", ShopResource::Customers),
    ("channels", ShopResource::Channels),
];

/// Its own pages show one scope and no state; that scopes are joined by commas, and that a state may be sent,
/// is inferred. Older pages misspell `redirect_uri`, which nobody has to repeat.
static AUTHORIZE: AuthorizePage = AuthorizePage {
    path: "/apps/authorize",
    parameters: &[
        ("response_type", AuthorizeValue::Literal("code")),
        ("client_id", AuthorizeValue::ClientId),
        ("redirect_uri", AuthorizeValue::RedirectUri),
        ("scope", AuthorizeValue::Scopes),
        ("state", AuthorizeValue::State),
    ],
};

impl PlatformAdapter for Multivende {
    fn facts(&self) -> &'static PlatformFacts {
        &FACTS
    }

    fn code_flow(&self) -> Option<&dyn CodeFlow> {
        Some(self)
    }

    fn refresh(&self) -> Option<&dyn Refresh> {
        Some(self)
    }
}

impl CodeFlow for Multivende {
    fn authorize_url(&self, request: &AuthorizeRequest<'_>) -> String {
        authorize_url(HOST, &AUTHORIZE, request)
    }

    /// Nothing is signed. Without a state only what the platform itself must have sent counts, so that an empty
    /// visit is no refusal.
    fn read_callback(&self, raw_query: &str, _: &App) -> Result<Callback, CallbackError> {
        let query = RawQuery::read(raw_query)?;
        let state = query.value("state");
        let is_answer = ["code", "error"]
            .iter()
            .any(|name| query.value(name).is_some());
        if state.is_none() && !is_answer {
            return Err(CallbackError::Malformed);
        }
        Ok(Callback {
            state: state.map(Into::into),
            shop: None,
            identity: None,
            signed: None,
            answer: read_answer(&query),
        })
    }

    fn exchange<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ExchangeRequest<'a>,
    ) -> BoxFuture<'a, Result<Proof, PlatformFailure>> {
        async move {
            let call = token::exchange_call(&request)?;
            let answer = call.send(egress, request.timeout).await?;
            let body = read_json(&answer.body)?;
            let tokens = token::read_exchange(answer.status, &body, request.shop, request.now)?;
            let granted = tokens.granted;
            Ok(Proof {
                shop: proven(tokens.merchant),
                origin: request.app.base_url(HOST, ""),
                credential: granted.credential,
                scopes: tokens.scopes,
                expires_at: granted.expires_at,
                refresh_token: granted.refresh_token,
            })
        }
        .boxed()
    }
}

impl Refresh for Multivende {
    fn strategy(&self) -> RefreshStrategy {
        RefreshStrategy::RotatingToken
    }

    fn refresh<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: RefreshRequest<'a>,
    ) -> BoxFuture<'a, Result<Refreshed, PlatformFailure>> {
        async move {
            let call = token::refresh_call(&request)?;
            let answer = call.send(egress, request.timeout).await?;
            let body = read_json(&answer.body)?;
            let merchant = &request.shop.label;
            let merchant = merchant.as_ref().ok_or(PlatformFailure::ShopMismatch)?;
            token::read_refresh(answer.status, &body, merchant, request.now)
        }
        .boxed()
    }
}

fn proven(merchant: ShopLabel) -> ProvenShop {
    ProvenShop {
        identity: ShopIdentity::new(FACTS.platform.realm(), merchant.as_str()),
        label: Some(merchant),
    }
}

#[cfg(test)]
mod tests;

//! Cafe24: unsigned callbacks and events, signed launches, times in Korea's zone, and refresh tokens that are good once.
//!
//! <https://developers.cafe24.com/docs-new/en/docs/guide/oauth2-authentication> and
//! <https://developer.cafe24.com/guide/front/develop?guide_no=154>.

mod events;
mod launch;
mod probe;
mod revoke;
mod token;

use std::time::Duration;

use domain::{AuthType, Platform, ProvenShop, ShopIdentity, ShopLabel, ShopResource, WriteScope};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::adapter::{App, PlatformAdapter};
use crate::call::read_json;
use crate::code_flow::{AuthorizeRequest, Callback, CallbackError, CodeFlow, ExchangeRequest};
use crate::events::{EventNotVerified, EventProof, EventRequest, PlatformEvent, PlatformEvents};
use crate::facts::{
    AppNeed, FRESHNESS, LabelShape, Lifetimes, LinkRule, PlatformFacts, SellerIdNeed, SellerIdRule,
    StoreUrlRule,
};
use crate::failure::PlatformFailure;
use crate::launch::{Launch, LaunchError, LaunchedShop};
use crate::probe::{Liveness, Probe, ProbeRequest};
use crate::proof::Proof;
use crate::query::RawQuery;
use crate::refresh::{Refresh, RefreshRequest, RefreshStrategy, Refreshed};
use crate::revoke::Revoke;
use crate::standard::{AuthorizePage, AuthorizeValue, authorize_url, read_answer};

pub(crate) struct Cafe24;

const HOST: &str = "https://{shop}.cafe24api.com";

static FACTS: PlatformFacts = PlatformFacts {
    platform: Platform::Cafe24,
    name: "Cafe24",
    auth_types: &[AuthType::Url],
    seller_id: Some(SellerIdRule {
        pattern: "^[a-z0-9-]{3,50}(?:/[1-9][0-9]{0,4})?$",
        example: "demomall",
        takes_domain: false,
        shape: LabelShape::Mall,
        need: SellerIdNeed::BeforeTheLink,
    }),
    key_shape: None,
    store_url: StoreUrlRule {
        pattern: None,
        example: "https://demomall.cafe24.com",
    },
    host: Some(HOST),
    // Where a mall without a domain of its own is visited. Inferred; only a hint at the mall id.
    shop_domain: Some("cafe24.com"),
    default_scopes: &["mall.read_order"],
    // Both are listed beside each other: https://developer.cafe24.com/guide/front/develop?guide_no=105
    write_scope: WriteScope::StandsAlone,
    resources: RESOURCES,
    lifetimes: Lifetimes {
        access: Some(token::ACCESS_LIFE),
        code: Some(Duration::from_mins(1)),
    },
    needs_app: AppNeed::Always,
    links: LinkRule::AsChosen,
    freshness: FRESHNESS,
};

/// <https://developer.cafe24.com/guide/front/develop?guide_no=105&language=us>
const RESOURCES: &[(&str, ShopResource)] = &[
    ("order", ShopResource::Orders),
    ("product", ShopResource::Products),
    ("category", ShopResource::Categories),
    ("collection", ShopResource::Brands),
    ("supply", ShopResource::Suppliers),
    ("customer", ShopResource::Customers),
    ("privacy", ShopResource::PersonalData),
    ("personal", ShopResource::Carts),
    ("mileage", ShopResource::LoyaltyPoints),
    ("notification", ShopResource::Notifications),
    ("community", ShopResource::Community),
    ("promotion", ShopResource::Promotions),
    ("shipping", ShopResource::Shipping),
    ("salesreport", ShopResource::SalesReports),
    ("analytics", ShopResource::Analytics),
    ("store", ShopResource::Shop),
    ("design", ShopResource::Design),
    ("translation", ShopResource::Translations),
    ("application", ShopResource::App),
];

/// Scopes are joined by commas, as in the samples. A newer page says spaces, which the platform was seen
/// to take for one scope that it does not know.
static AUTHORIZE: AuthorizePage = AuthorizePage {
    path: "/api/v2/oauth/authorize",
    parameters: &[
        ("response_type", AuthorizeValue::Literal("code")),
        ("client_id", AuthorizeValue::ClientId),
        ("state", AuthorizeValue::State),
        ("redirect_uri", AuthorizeValue::RedirectUri),
        ("scope", AuthorizeValue::Scopes),
    ],
};

impl PlatformAdapter for Cafe24 {
    fn facts(&self) -> &'static PlatformFacts {
        &FACTS
    }

    fn code_flow(&self) -> Option<&dyn CodeFlow> {
        Some(self)
    }

    fn refresh(&self) -> Option<&dyn Refresh> {
        Some(self)
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn revoke(&self) -> Option<&dyn Revoke> {
        Some(self)
    }

    fn launch(&self) -> Option<&dyn Launch> {
        Some(self)
    }

    fn events(&self) -> Option<&dyn PlatformEvents> {
        Some(self)
    }
}

impl Launch for Cafe24 {
    fn read_launch(&self, raw_query: &str, app: &App) -> Result<LaunchedShop, LaunchError> {
        launch::read(raw_query, app)
    }

    fn names_operators(&self) -> bool {
        true
    }
}

impl PlatformEvents for Cafe24 {
    fn read_event(
        &self,
        request: &EventRequest<'_>,
        app: &App,
    ) -> Result<PlatformEvent, EventNotVerified> {
        events::read(request, app)
    }

    fn proof(&self) -> EventProof {
        EventProof::EventKey
    }
}

impl Probe for Cafe24 {
    fn probe<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProbeRequest<'a>,
    ) -> BoxFuture<'a, Liveness> {
        probe::probe(egress, request).boxed()
    }
}

impl CodeFlow for Cafe24 {
    fn authorize_url(&self, request: &AuthorizeRequest<'_>) -> String {
        authorize_url(HOST, &AUTHORIZE, request)
    }

    /// Nothing is signed and no mall is named: whoever brings the state was given it, and it alone says
    /// which mall was asked.
    fn read_callback(&self, raw_query: &str, _: &App) -> Result<Callback, CallbackError> {
        let query = RawQuery::read(raw_query)?;
        let state = query.value("state").ok_or(CallbackError::Malformed)?;
        Ok(Callback {
            state: Some(state.into()),
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
            let shop = request.named_shop()?;
            let tokens = token::read_exchange(answer.status, &body, shop, request.now)?;
            Ok(Proof {
                shop: proven(shop),
                origin: request.app.base_url(HOST, shop.host_label()),
                credential: tokens.credential,
                // Scopes that are left out are the ones that were asked for (RFC 6749, section 5.1).
                scopes: match tokens.scopes {
                    Some(scopes) => scopes,
                    None => domain::GrantedScopes::flat(request.app.scope_names()),
                },
                expires_at: Some(tokens.expires_at),
                refresh_token: tokens.refresh_token,
            })
        }
        .boxed()
    }
}

impl Refresh for Cafe24 {
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
            let shop = &request.shop.label;
            let shop = shop.as_ref().ok_or(PlatformFailure::ShopMismatch)?;
            let tokens = token::read_refresh(answer.status, &body, shop, request.now)?;
            Ok(Refreshed {
                credential: tokens.credential,
                refresh_token: tokens.refresh_token,
                expires_at: Some(tokens.expires_at),
                scopes: tokens.scopes,
            })
        }
        .boxed()
    }
}

/// One token is good for all shops of a mall, and its answer tells the number of the first. So the mall is
/// what is proven, and the number is the one that was asked for (inferred).
fn proven(shop: &ShopLabel) -> ProvenShop {
    ProvenShop {
        identity: ShopIdentity::new(FACTS.platform.realm(), shop.as_str()),
        label: Some(shop.clone()),
    }
}

#[cfg(test)]
mod tests;

//! Shopify by KEY: the Admin API token of an app that the merchant made.

use domain::{
    AuthType, Credential, GrantedScopes, Platform, ProvenShop, ShopIdentity, ShopLabel,
    ShopResource, WriteScope,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::adapter::{App, PlatformAdapter};
use crate::call::{Call, parse_url, read_json, says_nothing, secret_header};
use crate::facts::{
    AppNeed, FRESHNESS, KeyShape, LabelShape, Lifetimes, LinkRule, PlatformFacts, SellerIdNeed,
    SellerIdRule, StoreUrlRule,
};
use crate::failure::PlatformFailure;
use crate::key_flow::{KeyField, KeyFlow, KeyGuide, KeyPart, ProveRequest};
use crate::proof::Proof;

pub(crate) struct Shopify;

const HOST: &str = "https://{shop}.myshopify.com";

/// A version is served for a year at least, and after that as the oldest one that still is, so that an
/// old name here goes on working for what `shop.json` is asked for.
/// <https://shopify.dev/docs/api/usage/versioning>
const API_VERSION: &str = "2026-07";

const TOKEN_HEADER: &str = "x-shopify-access-token";

static FACTS: PlatformFacts = PlatformFacts {
    platform: Platform::Shopify,
    name: "Shopify",
    auth_types: &[AuthType::Key],
    seller_id: Some(SellerIdRule {
        pattern: r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.myshopify\.com)?$",
        example: "demo-shop.myshopify.com",
        takes_domain: true,
        shape: LabelShape::Dns,
        need: SellerIdNeed::BeforeTheLink,
    }),
    key_shape: Some(KeyShape::Token),
    store_url: StoreUrlRule {
        pattern: None,
        example: "https://demo-shop.myshopify.com",
    },
    host: Some(HOST),
    shop_domain: Some("myshopify.com"),
    default_scopes: &["read_orders"],
    // As in the platform's own library:
    // https://github.com/Shopify/shopify-app-js/blob/main/packages/apps/shopify-api/lib/auth/scopes/index.ts
    write_scope: WriteScope::CoversRead,
    resources: RESOURCES,
    lifetimes: Lifetimes {
        access: None,
        code: None,
    },
    needs_app: AppNeed::Always,
    links: LinkRule::AsChosen,
    freshness: FRESHNESS,
};

/// <https://shopify.dev/docs/api/usage/access-scopes>
const RESOURCES: &[(&str, ShopResource)] = &[
    ("orders", ShopResource::Orders),
    ("all_orders", ShopResource::OrderHistory),
    ("draft_orders", ShopResource::DraftOrders),
    ("returns", ShopResource::Returns),
    ("fulfillments", ShopResource::Shipments),
    ("assigned_fulfillment_orders", ShopResource::Shipments),
    (
        "merchant_managed_fulfillment_orders",
        ShopResource::Shipments,
    ),
    ("third_party_fulfillment_orders", ShopResource::Shipments),
    ("shipping", ShopResource::Shipping),
    ("products", ShopResource::Products),
    ("product_listings", ShopResource::Products),
    ("inventory", ShopResource::Inventory),
    ("locations", ShopResource::Warehouses),
    ("customers", ShopResource::Customers),
    ("price_rules", ShopResource::Promotions),
    ("discounts", ShopResource::Promotions),
    ("gift_cards", ShopResource::GiftCards),
    ("shopify_payments_payouts", ShopResource::Payouts),
    ("reports", ShopResource::SalesReports),
    ("themes", ShopResource::Design),
    ("content", ShopResource::Content),
    ("translations", ShopResource::Translations),
];

/// <https://help.shopify.com/en/manual/apps/app-types/custom-apps>. Tokens begin with `shpat_` by now; those of
/// apps that were private ones before begin otherwise and still work, so that no beginning is asked for.
static GUIDE: KeyGuide = KeyGuide {
    place: &[
        "Settings",
        "Apps and sales channels",
        "Develop apps",
        "API credentials",
    ],
    permission: None,
    fields: &[KeyField {
        part: KeyPart::Token,
        name: "Admin API access token",
        begins_with: None,
    }],
    page: "https://help.shopify.com/en/manual/apps/app-types/custom-apps",
};

impl PlatformAdapter for Shopify {
    fn facts(&self) -> &'static PlatformFacts {
        &FACTS
    }

    fn key_flow(&self) -> Option<&dyn KeyFlow> {
        Some(self)
    }
}

impl KeyFlow for Shopify {
    fn key_guide(&self) -> &'static KeyGuide {
        &GUIDE
    }

    fn prove<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProveRequest<'a>,
    ) -> BoxFuture<'a, Result<Proof, PlatformFailure>> {
        prove(egress, request).boxed()
    }
}

async fn prove(
    egress: &egress::Client,
    request: ProveRequest<'_>,
) -> Result<Proof, PlatformFailure> {
    let app = request.app.ok_or(PlatformFailure::AppMisconfigured)?;
    let Credential::Token { token } = request.credential else {
        return Err(PlatformFailure::CredentialInvalid);
    };
    let token_header =
        secret_header(token.expose_secret().trim()).ok_or(PlatformFailure::CredentialInvalid)?;
    let dialled = dialled_shop(&request).ok_or(PlatformFailure::CredentialInvalid)?;
    let origin = app.base_url(HOST, dialled.host_label());

    let url = parse_url(&format!("{origin}/admin/api/{API_VERSION}/shop.json"))?;
    let answer = authenticated(url, &token_header)
        .send(egress, request.timeout)
        .await?;
    let shop = read_shop(answer.status, &answer.body, &dialled)?;

    let url = parse_url(&format!("{origin}/admin/oauth/access_scopes.json"))?;
    let answer = authenticated(url, &token_header)
        .send(egress, request.timeout)
        .await?;
    Ok(Proof {
        shop,
        origin,
        scopes: read_scopes(answer.status, &answer.body, app)?,
        expires_at: None,
        refresh_token: None,
        credential: Credential::Token {
            token: SecretString::from(token.expose_secret().trim()),
        },
    })
}

/// A token does not say whose it is, so without a label there is nobody to ask.
fn dialled_shop(request: &ProveRequest<'_>) -> Option<ShopLabel> {
    request.shop.cloned().or_else(|| {
        let url = Url::parse(request.store_url).ok()?;
        FACTS.label_in_store_url(&url)
    })
}

fn authenticated(url: Url, token: &HeaderValue) -> Call {
    let mut call = Call::get(url);
    call.headers.insert(TOKEN_HEADER, token.clone());
    call
}

/// The shop that the token belongs to, which has to be the one that was asked.
/// <https://shopify.dev/docs/api/admin-rest/latest/resources/shop>
fn read_shop(
    status: StatusCode,
    body: &[u8],
    dialled: &ShopLabel,
) -> Result<ProvenShop, PlatformFailure> {
    if !status.is_success() {
        return Err(refusal(status));
    }
    let answer = read_json(body)?;
    let domain = answer["shop"]["myshopify_domain"]
        .as_str()
        .ok_or(PlatformFailure::Unreachable)?;
    if FACTS.label_in_domain(domain).as_ref() != Some(dialled) {
        return Err(PlatformFailure::ShopMismatch);
    }
    Ok(ProvenShop {
        identity: ShopIdentity::new(FACTS.platform.realm(), domain.to_ascii_lowercase()),
        label: Some(dialled.clone()),
    })
}

/// What the token may do. <https://shopify.dev/docs/api/admin-rest/latest/resources/accessscope>
///
/// A host that proves the token but has no such page tells nothing about scopes, which is then taken
/// as for an omitted scope in RFC 6749, section 5.1: what was asked for.
fn read_scopes(
    status: StatusCode,
    body: &[u8],
    app: &App,
) -> Result<GrantedScopes, PlatformFailure> {
    if status == StatusCode::NOT_FOUND {
        return Ok(GrantedScopes::flat(app.scope_names()));
    }
    if !status.is_success() {
        return Err(refusal(status));
    }
    let answer = read_json(body)?;
    let Value::Array(scopes) = &answer["access_scopes"] else {
        return Err(PlatformFailure::Unreachable);
    };
    let handles: Option<Vec<&str>> = scopes
        .iter()
        .map(|scope| scope["handle"].as_str())
        .collect();
    handles
        .map(GrantedScopes::flat)
        .ok_or(PlatformFailure::Unreachable)
}

/// <https://shopify.dev/docs/api/usage/response-codes>
fn refusal(status: StatusCode) -> PlatformFailure {
    if says_nothing(status) {
        return PlatformFailure::Unreachable;
    }
    match status {
        StatusCode::FORBIDDEN => PlatformFailure::ScopesInsufficient,
        // No such shop, or one that is frozen or locked: no other token would help.
        StatusCode::NOT_FOUND | StatusCode::PAYMENT_REQUIRED | StatusCode::LOCKED => {
            PlatformFailure::Rejected
        }
        _ => PlatformFailure::CredentialInvalid,
    }
}

#[cfg(test)]
mod tests;

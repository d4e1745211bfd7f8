//! SHOPLINE and its European site: one dialect on one domain.
//!
//! <https://developer.shopline.com/docs/apps/api-instructions-for-use/app-authorization>. The older
//! platform of the same name at shoplineapp.com speaks another one.

mod initiated;
mod refresh;

use std::time::Duration;

use domain::{AuthType, Platform, ProvenShop, ShopIdentity, ShopLabel, ShopResource, WriteScope};
use http::StatusCode;
use serde_json::Value;

use crate::call::says_nothing;
use crate::code_flow::ExchangeRequest;
use crate::facts::{
    AppNeed, FRESHNESS, LABEL_PATTERN, LabelShape, Lifetimes, LinkRule, PlatformFacts,
    SellerIdNeed, SellerIdRule, StoreUrlRule,
};
use crate::failure::PlatformFailure;
use crate::jwt::unverified_claims;
use crate::query::SignedForm;
use crate::signature::{QuerySignature, SignatureEncoding};
use crate::standard::{
    AnswerShape, AuthorizePage, AuthorizeValue, CallbackWords, ClientProof, CodeFlowDescriptor,
    StandardCodeFlow, TokenAnswer, TokenCall, TokenEnd, TokenValue,
};
use refresh::AppSigned;

pub(crate) static SHOPLINE: StandardCodeFlow = StandardCodeFlow {
    facts: &SHOPLINE_FACTS,
    descriptor: &DIALECT,
    refresh: Some(&AppSigned {
        facts: &SHOPLINE_FACTS,
    }),
    // Neither is documented: https://developer.shopline.com/docs/apps/api-instructions-for-use
    scope_reader: None,
    revoke: None,
    initiated: Some(&initiated::WORDS),
    session: None,
};

pub(crate) static SHOPLINE_EU: StandardCodeFlow = StandardCodeFlow {
    facts: &SHOPLINE_EU_FACTS,
    descriptor: &DIALECT,
    refresh: Some(&AppSigned {
        facts: &SHOPLINE_EU_FACTS,
    }),
    // Neither is documented: https://developer.shopline.com/docs/apps/api-instructions-for-use
    scope_reader: None,
    revoke: None,
    initiated: Some(&initiated::WORDS),
    session: None,
};

static SHOPLINE_FACTS: PlatformFacts = facts(Platform::Shopline, "SHOPLINE");
static SHOPLINE_EU_FACTS: PlatformFacts = facts(Platform::ShoplineEu, "SHOPLINE EU");

const HOST: &str = "https://{shop}.myshopline.com";

const fn facts(platform: Platform, name: &'static str) -> PlatformFacts {
    PlatformFacts {
        platform,
        name,
        auth_types: &[AuthType::Url],
        seller_id: Some(SellerIdRule {
            pattern: LABEL_PATTERN,
            example: "demo-shop",
            takes_domain: false,
            shape: LabelShape::Dns,
            need: SellerIdNeed::BeforeTheLink,
        }),
        key_shape: None,
        store_url: StoreUrlRule {
            pattern: Some(
                r"^https://[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.myshopline\.com/?$",
            ),
            example: "https://demo-shop.myshopline.com",
        },
        host: Some(HOST),
        shop_domain: Some("myshopline.com"),
        default_scopes: &["read_orders"],
        // Not documented either way.
        write_scope: WriteScope::StandsAlone,
        resources: RESOURCES,
        lifetimes: Lifetimes {
            access: Some(Duration::from_hours(10)),
            code: Some(Duration::from_mins(10)),
        },
        needs_app: AppNeed::Always,
        links: LinkRule::AsChosen,
        freshness: FRESHNESS,
    }
}

/// <https://developer.shopline.com/docs/apps/api-instructions-for-use/access-scope>
const RESOURCES: &[(&str, ShopResource)] = &[
    ("orders", ShopResource::Orders),
    ("draft_orders", ShopResource::DraftOrders),
    ("returns", ShopResource::Returns),
    ("assigned_fulfillment_orders", ShopResource::Shipments),
    ("shipping", ShopResource::Shipping),
    ("products", ShopResource::Products),
    ("product_listings", ShopResource::Products),
    ("inventory", ShopResource::Inventory),
    ("location", ShopResource::Warehouses),
    ("customers", ShopResource::Customers),
    ("price_rules", ShopResource::Promotions),
    ("discounts", ShopResource::Promotions),
    ("gift_card", ShopResource::GiftCards),
    ("payment", ShopResource::Payouts),
    ("store_metrics", ShopResource::Analytics),
    ("store_information", ShopResource::Shop),
    ("page", ShopResource::Content),
    ("translation", ShopResource::Translations),
];

static DIALECT: CodeFlowDescriptor = CodeFlowDescriptor {
    host: HOST,
    authorize: AuthorizePage {
        path: "/admin/oauth-web/#/oauth/authorize",
        parameters: &[
            ("appKey", AuthorizeValue::ClientId),
            ("responseType", AuthorizeValue::Literal("code")),
            ("scope", AuthorizeValue::Scopes),
            ("redirectUri", AuthorizeValue::RedirectUri),
            // There is no `state`; this is handed through, and the only thing that is.
            ("customField", AuthorizeValue::State),
        ],
    },
    callback: CallbackWords {
        client_id: Some("appkey"),
        shop: "handle",
        shop_id: None,
        state: "customField",
        timestamp: "timestamp",
    },
    // One page says that encoded values are signed, the platform's own library signs decoded ones:
    // https://developer.shopline.com/docs/apps/api-instructions-for-use/generate-and-verify-signatures
    // https://github.com/shoplineos/shopline-sdk-go/blob/main/client/sign.go
    signature: QuerySignature {
        parameter: "sign",
        forms: &[SignedForm::Raw, SignedForm::Decoded],
        encoding: SignatureEncoding::Hex,
    },
    token_call: TokenCall {
        path: "/admin/oauth/token/create",
        body: &[("code", TokenValue::Code)],
        client_proof: ClientProof::SignedHeaders,
    },
    token_answer: TokenAnswer {
        shape: AnswerShape::CodeAndData,
        access_token: "accessToken",
        scope: "scope",
        end: TokenEnd::Field("expireTime"),
        proven_shop,
        refusal,
    },
};

/// The handle is the identity, and the answer does not repeat it; but a token that is a JWT names the
/// shop's domain, and another shop's must not slip in.
fn proven_shop(
    facts: &PlatformFacts,
    fields: &Value,
    request: &ExchangeRequest<'_>,
) -> Result<ProvenShop, PlatformFailure> {
    let access_token = fields["accessToken"].as_str().unwrap_or_default();
    let shop = request.named_shop()?;
    if !token_is_of(facts, access_token, shop) {
        return Err(PlatformFailure::ShopMismatch);
    }
    Ok(ProvenShop {
        identity: ShopIdentity::new(facts.platform.realm(), shop.as_str()),
        label: Some(shop.clone()),
    })
}

/// Whether nothing in the token says that it is another shop's. A shop's own domain may stand there too,
/// and says nothing.
fn token_is_of(facts: &PlatformFacts, access_token: &str, shop: &ShopLabel) -> bool {
    let claims = unverified_claims(access_token);
    let domain = claims
        .as_ref()
        .and_then(|claims| claims.get("domain")?.as_str());
    let named = domain.and_then(|domain| {
        let domain = domain.trim_start_matches("https://").trim_end_matches('/');
        facts.label_in_domain(domain)
    });
    named.is_none_or(|label| label == *shop)
}

/// Refusals come with any HTTP status and tell themselves by `i18nCode`. Those whose code is not known
/// here, and `{"errors":"…"}`, are refusals by their shape.
fn refusal(status: StatusCode, answer: &Value) -> PlatformFailure {
    match answer["i18nCode"].as_str() {
        Some("OAUTH_CODE_INVALID" | "STORE_NOT_INSTALL_APP") => return PlatformFailure::Rejected,
        Some("REQUEST_FREQUENTLY") => return PlatformFailure::Unreachable,
        Some(
            "APP_AUDIT_NOT_PASS"
            | "REDIRECT_URI_NOT_WHITELISTED"
            | "REQUEST_NOT_IN_APP_IP_WHITELIST",
        ) => return PlatformFailure::AppMisconfigured,
        Some(code) if names_our_app(code) => return PlatformFailure::AppMisconfigured,
        Some(_) | None => {}
    }
    let has_code = matches!(&answer["code"], Value::Number(_) | Value::String(_));
    let is_refusal = has_code || !answer["errors"].is_null();
    if says_nothing(status) || !is_refusal {
        return PlatformFailure::Unreachable;
    }
    PlatformFailure::Rejected
}

/// The codes for a wrong key or signature are not documented; any that speaks of them is the operator's.
fn names_our_app(code: &str) -> bool {
    code.contains("APP_KEY")
        || code.contains("APP_SECRET")
        || code
            .split('_')
            .any(|word| matches!(word, "APPKEY" | "SIGN" | "SIGNATURE"))
}

#[cfg(test)]
mod tests;

//! GENSTORE. <https://partners.genstore.ai/docs/api-rest/api-access-token>

mod initiated;
mod session;
mod upkeep;

use domain::{AuthType, Platform, ProvenShop, ShopIdentity, ShopResource, WriteScope};
use http::StatusCode;
use serde_json::Value;

use crate::call::says_nothing;
use crate::code_flow::ExchangeRequest;
use crate::facts::{
    AppNeed, FRESHNESS, LabelShape, Lifetimes, LinkRule, PlatformFacts, SellerIdNeed, SellerIdRule,
    StoreUrlRule,
};
use crate::failure::PlatformFailure;
use crate::query::SignedForm;
use crate::signature::{QuerySignature, SignatureEncoding};
use crate::standard::{
    AnswerShape, AuthorizePage, AuthorizeValue, CallbackWords, ClientProof, CodeFlowDescriptor,
    StandardCodeFlow, TokenAnswer, TokenCall, TokenEnd, TokenValue,
};

pub(crate) static GENSTORE: StandardCodeFlow = StandardCodeFlow {
    facts: &FACTS,
    descriptor: &DIALECT,
    // Tokens have no end, and there is no call that renews one.
    refresh: None,
    scope_reader: Some(&upkeep::TokenUpkeep),
    revoke: Some(&upkeep::TokenUpkeep),
    initiated: Some(&initiated::WORDS),
    session: Some(&session::Sessions),
};

const HOST: &str = "https://{shop}.genmystore.com";

static FACTS: PlatformFacts = PlatformFacts {
    platform: Platform::Genstore,
    name: "Genstore",
    auth_types: &[AuthType::Url],
    seller_id: Some(SellerIdRule {
        pattern: r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.genmystore\.com)?$",
        example: "demo-shop",
        // Its pages call `shop` a domain and use it as a label.
        takes_domain: true,
        shape: LabelShape::Dns,
        need: SellerIdNeed::BeforeTheLink,
    }),
    key_shape: None,
    store_url: StoreUrlRule {
        pattern: None,
        example: "https://demo-shop.genmystore.com",
    },
    host: Some(HOST),
    shop_domain: Some("genmystore.com"),
    default_scopes: &["read_orders"],
    // Write scopes are described as read and write:
    // https://partners.genstore.ai/docs/api-rest/api-access-scope
    write_scope: WriteScope::CoversRead,
    resources: RESOURCES,
    // Offline tokens have no end; how long a code lives is not documented.
    lifetimes: Lifetimes {
        access: None,
        code: None,
    },
    needs_app: AppNeed::Always,
    links: LinkRule::AsChosen,
    freshness: FRESHNESS,
};

/// <https://partners.genstore.ai/docs/api-rest/api-access-scope>
const RESOURCES: &[(&str, ShopResource)] = &[
    ("orders", ShopResource::Orders),
    ("all_orders", ShopResource::OrderHistory),
    ("products", ShopResource::Products),
    ("shops", ShopResource::Shop),
    ("apps", ShopResource::App),
];

static DIALECT: CodeFlowDescriptor = CodeFlowDescriptor {
    host: HOST,
    authorize: AuthorizePage {
        path: "/admin/oauth2/authorize",
        parameters: &[
            ("clientId", AuthorizeValue::ClientId),
            ("scope", AuthorizeValue::Scopes),
            ("redirectUrl", AuthorizeValue::RedirectUri),
            ("state", AuthorizeValue::State),
            ("grantType", AuthorizeValue::Literal("code")),
        ],
    },
    callback: CallbackWords {
        client_id: None,
        shop: "shop",
        shop_id: Some("shopId"),
        state: "state",
        timestamp: "timestamp",
    },
    // Values are neither decoded nor encoded: https://partners.genstore.ai/docs/api-rest/api-hmac
    signature: QuerySignature {
        parameter: "hmac",
        forms: &[SignedForm::Raw],
        encoding: SignatureEncoding::Hex,
    },
    token_call: TokenCall {
        path: "/oauth2/token",
        body: &[
            ("clientId", TokenValue::ClientId),
            ("clientSecret", TokenValue::ClientSecret),
            ("grantType", TokenValue::Literal("code")),
            ("code", TokenValue::Code),
        ],
        client_proof: ClientProof::SecretInBody,
    },
    token_answer: TokenAnswer {
        shape: AnswerShape::Plain,
        access_token: "accessToken",
        scope: "scope",
        end: TokenEnd::Never,
        proven_shop,
        refusal,
    },
};

/// The identity is the shop's number, which the callback and the answer both name, beside its domain;
/// they must agree on both. The number is typed as such and shown as text, so either is taken.
fn proven_shop(
    facts: &PlatformFacts,
    fields: &Value,
    request: &ExchangeRequest<'_>,
) -> Result<ProvenShop, PlatformFailure> {
    let shop_id = match &fields["shopId"] {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(PlatformFailure::Unreachable);
        }
    };
    let domain = fields["shopDomain"]
        .as_str()
        .ok_or(PlatformFailure::Unreachable)?;
    let identity = ShopIdentity::new(facts.platform.realm(), shop_id);
    let shop = request.named_shop()?;
    if request.callback.identity.as_ref() != Some(&identity)
        || facts.parse_seller_id(domain).as_ref() != Ok(shop)
    {
        return Err(PlatformFailure::ShopMismatch);
    }
    Ok(ProvenShop {
        identity,
        label: Some(shop.clone()),
    })
}

/// Refusals are `{"error":"…"}`. What stands there is not documented, so the status counts (401 is for
/// credentials, and the only ones in the call are ours), and any mention of what is ours.
/// <https://partners.genstore.ai/docs/api-rest/api-status-error-code>
fn refusal(status: StatusCode, answer: &Value) -> PlatformFailure {
    let Some(error) = answer["error"].as_str() else {
        return PlatformFailure::Unreachable;
    };
    if says_nothing(status) {
        return PlatformFailure::Unreachable;
    }
    if status == StatusCode::UNAUTHORIZED || names_our_app(error) {
        return PlatformFailure::AppMisconfigured;
    }
    PlatformFailure::Rejected
}

fn names_our_app(error: &str) -> bool {
    let letters: String = error
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    [
        "invalidclient",
        "unauthorizedclient",
        "clientid",
        "clientsecret",
        "redirecturi",
        "redirecturl",
        "whitelist",
    ]
    .iter()
    .any(|word| letters.contains(word))
}

#[cfg(test)]
mod tests;

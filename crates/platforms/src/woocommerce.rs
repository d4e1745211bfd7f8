//! WooCommerce by KEY: the REST API key of a shop that runs anywhere.
//!
//! How a shop sends a key by itself is in [`push`].
//!
//! <https://github.com/woocommerce/woocommerce-rest-api-docs>; what the answers mean is read off
//! <https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-rest-authentication.php>.

mod push;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{
    AuthType, Credential, GrantedScopes, Platform, ProvenShop, ShopIdentity, ShopResource,
    WriteScope,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::adapter::PlatformAdapter;
use crate::call::{Call, parse_url, read_json, says_nothing, secret_header};
use crate::facts::{
    AppNeed, FRESHNESS, KeyShape, Lifetimes, LinkRule, PlatformFacts, StoreUrlRule,
};
use crate::failure::PlatformFailure;
use crate::key_flow::{KeyField, KeyFlow, KeyGuide, KeyPart, KeyPush, ProveRequest};
use crate::proof::Proof;

pub(crate) struct Woocommerce;

static FACTS: PlatformFacts = PlatformFacts {
    platform: Platform::Woocommerce,
    name: "WooCommerce",
    auth_types: &[AuthType::Key],
    seller_id: None,
    key_shape: Some(KeyShape::KeyPair),
    store_url: StoreUrlRule {
        pattern: None,
        example: "https://shop.example.com",
    },
    host: None,
    shop_domain: None,
    default_scopes: READ_ORDERS,
    write_scope: WriteScope::StandsAlone,
    resources: RESOURCES,
    lifetimes: Lifetimes {
        access: None,
        code: None,
    },
    needs_app: AppNeed::Never,
    links: LinkRule::AsChosen,
    freshness: FRESHNESS,
};

const RESOURCES: &[(&str, ShopResource)] = &[("orders", ShopResource::Orders)];

/// A key knows `read`, `write` and `read_write`, each for the whole shop. One that answers the proof
/// may read, and its user manages the shop: orders are told, since they are what is asked for.
const READ_ORDERS: &[&str] = &["read_orders"];

/// <https://woocommerce.com/document/woocommerce-rest-api/>. Both texts get their beginnings where a key is made:
/// <https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-ajax.php>.
static GUIDE: KeyGuide = KeyGuide {
    place: &["WooCommerce", "Settings", "Advanced", "REST API", "Add key"],
    permission: Some("Read"),
    fields: &[
        KeyField {
            part: KeyPart::ApiKey,
            name: "Consumer key",
            begins_with: Some("ck_"),
        },
        KeyField {
            part: KeyPart::ApiSecret,
            name: "Consumer secret",
            begins_with: Some("cs_"),
        },
    ],
    page: "https://woocommerce.com/document/woocommerce-rest-api/",
};

impl PlatformAdapter for Woocommerce {
    fn facts(&self) -> &'static PlatformFacts {
        &FACTS
    }

    fn key_flow(&self) -> Option<&dyn KeyFlow> {
        Some(self)
    }

    fn key_push(&self) -> Option<&dyn KeyPush> {
        Some(self)
    }
}

impl KeyFlow for Woocommerce {
    fn key_guide(&self) -> &'static KeyGuide {
        &GUIDE
    }

    fn shop_address(&self, store_url: &Url) -> Option<String> {
        canonical_origin(store_url).ok()
    }

    fn prove<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProveRequest<'a>,
    ) -> BoxFuture<'a, Result<Proof, PlatformFailure>> {
        prove(egress, request).boxed()
    }
}

/// A key pair as it is sent: without what a seller pasted along.
struct KeyPair<'a> {
    key: &'a str,
    secret: &'a str,
}

async fn prove(
    egress: &egress::Client,
    request: ProveRequest<'_>,
) -> Result<Proof, PlatformFailure> {
    let Credential::KeyPair {
        api_key,
        api_secret,
    } = request.credential
    else {
        return Err(PlatformFailure::CredentialInvalid);
    };
    let pair = KeyPair {
        key: api_key.expose_secret().trim(),
        secret: api_secret.expose_secret().trim(),
    };
    let origin = canonical_origin(&parse_url(request.store_url)?)?;

    let call = call_with_header(&origin, &pair)?;
    let answer = call.send(egress, request.timeout).await?;
    let verdict = match read_answer(answer.status, &answer.body)? {
        Verdict::Anonymous if origin.starts_with("https://") => {
            let call = call_with_query(&origin, &pair)?;
            let answer = call.send(egress, request.timeout).await?;
            read_answer(answer.status, &answer.body)?
        }
        verdict @ (Verdict::Anonymous | Verdict::Proven) => verdict,
    };
    match verdict {
        Verdict::Proven => Ok(proof(origin, &pair)),
        Verdict::Anonymous => Err(PlatformFailure::CredentialInvalid),
    }
}

/// The address is all that proves which shop it is, so it is the identity.
fn proof(origin: String, pair: &KeyPair<'_>) -> Proof {
    Proof {
        shop: ProvenShop {
            identity: ShopIdentity::new(FACTS.platform.realm(), origin.clone()),
            label: None,
        },
        origin,
        credential: Credential::KeyPair {
            api_key: SecretString::from(pair.key),
            api_secret: SecretString::from(pair.secret),
        },
        scopes: GrantedScopes::flat(READ_ORDERS),
        expires_at: None,
        refresh_token: None,
    }
}

/// Scheme, host, port where it is not the scheme's own, and the folder in which the shop lives. The
/// URL type has put scheme and host into lower case by now.
fn canonical_origin(url: &Url) -> Result<String, PlatformFailure> {
    FACTS
        .check_store_url(url)
        .map_err(|_| PlatformFailure::Unreachable)?;
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn proof_url(origin: &str) -> Result<Url, PlatformFailure> {
    parse_url(&format!(
        "{origin}/wp-json/wc/v3/system_status?_fields=environment"
    ))
}

fn call_with_header(origin: &str, pair: &KeyPair<'_>) -> Result<Call, PlatformFailure> {
    let basic = STANDARD.encode(format!("{}:{}", pair.key, pair.secret));
    let header =
        secret_header(&format!("Basic {basic}")).ok_or(PlatformFailure::CredentialInvalid)?;
    let mut call = Call::get(proof_url(origin)?);
    call.headers.insert(header::AUTHORIZATION, header);
    Ok(call)
}

/// For shops whose web server strips the header before WordPress sees it. Only over https, where the
/// query is as hidden as a header; the shop's own access log may keep it, which is why it comes second.
fn call_with_query(origin: &str, pair: &KeyPair<'_>) -> Result<Call, PlatformFailure> {
    let mut url = proof_url(origin)?;
    url.query_pairs_mut()
        .append_pair("consumer_key", pair.key)
        .append_pair("consumer_secret", pair.secret);
    Ok(Call::get(url))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Proven,
    /// The request counted as nobody's: the header did not arrive, or no such key exists.
    Anonymous,
}

/// The body's `code` tells what the status leaves open.
fn read_answer(status: StatusCode, body: &[u8]) -> Result<Verdict, PlatformFailure> {
    if says_nothing(status) {
        return Err(PlatformFailure::Unreachable);
    }
    let answer = read_json(body)?;
    if status.is_success() {
        return if answer["environment"].is_object() {
            Ok(Verdict::Proven)
        } else {
            Err(PlatformFailure::Unreachable)
        };
    }
    let Some(code) = answer["code"].as_str() else {
        return Err(PlatformFailure::Unreachable);
    };
    match (status, code) {
        (StatusCode::UNAUTHORIZED, "woocommerce_rest_cannot_view") => Ok(Verdict::Anonymous),
        (StatusCode::FORBIDDEN, "woocommerce_rest_cannot_view") => {
            Err(PlatformFailure::ScopesInsufficient)
        }
        // A wrong secret and a key that may only write differ in nothing but the words, which are
        // translated on shops that are not English; those look like a wrong secret.
        (_, "woocommerce_rest_authentication_error") => {
            let message = answer["message"].as_str().unwrap_or_default();
            if message.contains("read permission") {
                Err(PlatformFailure::ScopesInsufficient)
            } else {
                Err(PlatformFailure::CredentialInvalid)
            }
        }
        // `rest_no_route`: no shop at this address, or one that hides its API.
        (StatusCode::NOT_FOUND, _) => Err(PlatformFailure::Rejected),
        _ => Err(PlatformFailure::CredentialInvalid),
    }
}

#[cfg(test)]
mod tests;

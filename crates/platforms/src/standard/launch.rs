//! What a platform sends a browser with that opens our app: the callback's words, without code and state.

use domain::ShopIdentity;

use super::{CodeFlowDescriptor, InitiatedWords};
use crate::adapter::App;
use crate::facts::PlatformFacts;
use crate::instant::read_epoch;
use crate::launch::{LaunchError, LaunchedShop};
use crate::query::RawQuery;
use crate::standard::callback::read_shop_id;

/// Languages are tags such as `zh-Hant-TW`, or lists of them; what is longer is none.
const MAX_LANGUAGE_BYTES: usize = 64;

/// Verifies first: until a secret of ours has signed the query, nothing in it means anything.
pub(super) fn read(
    facts: &PlatformFacts,
    descriptor: &CodeFlowDescriptor,
    initiated: &InitiatedWords,
    raw_query: &str,
    app: &App,
) -> Result<LaunchedShop, LaunchError> {
    let query = RawQuery::read(raw_query)?;
    let signature = descriptor
        .signature
        .verified_bytes(&query, &app.secrets)
        .ok_or(LaunchError::NotVerified)?;

    let words = &descriptor.callback;
    let required = |name: &str| query.value(name).ok_or(LaunchError::Malformed);
    if let Some(name) = words.client_id
        && required(name)? != app.client_id
    {
        return Err(LaunchError::NotVerified);
    }
    // A callback is signed alike, and is no launch.
    if query.value(words.state).is_some() || query.value("code").is_some() {
        return Err(LaunchError::Malformed);
    }
    let shop = facts
        .parse_seller_id(required(words.shop)?)
        .map_err(|_| LaunchError::Malformed)?;
    let identity: Option<ShopIdentity> = match words.shop_id {
        Some(name) => Some(read_shop_id(facts, required(name)?)?),
        None => None,
    };
    let signed_at = read_epoch(required(words.timestamp)?).ok_or(LaunchError::Malformed)?;
    let language = initiated
        .language
        .and_then(|name| query.value(name))
        .filter(|tag| tag.len() <= MAX_LANGUAGE_BYTES)
        .map(str::to_owned);
    Ok(LaunchedShop {
        shop,
        identity,
        signed_at,
        language,
        operator: None,
        signature,
    })
}

//! What comes back from a platform's consent page.

use domain::{FailReason, ShopIdentity};

use super::CodeFlowDescriptor;
use crate::adapter::App;
use crate::code_flow::{Callback, CallbackAnswer, CallbackError, Signed};
use crate::facts::PlatformFacts;
use crate::instant::read_epoch;
use crate::query::RawQuery;

/// Verifies first: until a secret of ours has signed the query, nothing in it means anything.
pub(super) fn read(
    facts: &PlatformFacts,
    descriptor: &CodeFlowDescriptor,
    raw_query: &str,
    app: &App,
) -> Result<Callback, CallbackError> {
    let query = RawQuery::read(raw_query)?;
    let signed_with = descriptor
        .signature
        .signer(&query, &app.secrets)
        .ok_or(CallbackError::NotVerified)?;

    let words = &descriptor.callback;
    let required = |name: &str| query.value(name).ok_or(CallbackError::Malformed);
    if let Some(name) = words.client_id
        && required(name)? != app.client_id
    {
        return Err(CallbackError::NotVerified);
    }
    let shop = facts
        .parse_seller_id(required(words.shop)?)
        .map_err(|_| CallbackError::Malformed)?;
    let identity = match words.shop_id {
        Some(name) => Some(read_shop_id(facts, required(name)?)?),
        None => None,
    };
    let state = required(words.state)?;
    let signed_at = read_epoch(required(words.timestamp)?).ok_or(CallbackError::Malformed)?;
    Ok(Callback {
        state: Some(state.into()),
        shop: Some(shop),
        identity,
        signed: Some(Signed {
            at: signed_at,
            with: signed_with,
        }),
        answer: read_answer(&query),
    })
}

/// A number, kept as text, so that it compares with one that an answer gives as a text.
pub(super) fn read_shop_id(
    facts: &PlatformFacts,
    text: &str,
) -> Result<ShopIdentity, CallbackError> {
    let is_number = text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(CallbackError::Malformed);
    }
    Ok(ShopIdentity::new(facts.platform.realm(), text))
}

/// `error` is RFC 6749's word (section 4.1.2.1). Where a platform documents no denial, it is the
/// missing code; and what stands beside an error is no code, whatever it is called.
pub(crate) fn read_answer(query: &RawQuery<'_>) -> CallbackAnswer {
    match (query.value("error"), query.value("code")) {
        (Some("access_denied"), _) | (None, None) => CallbackAnswer::Failed(FailReason::UserDenied),
        (Some("invalid_scope"), _) => CallbackAnswer::Failed(FailReason::PlatformAppMisconfigured),
        (Some(_), _) => CallbackAnswer::Failed(FailReason::PlatformRejected),
        (None, Some(code)) => CallbackAnswer::Code(code.into()),
    }
}

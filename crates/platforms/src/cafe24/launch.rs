//! A mall's admin opens our app, and Cafe24 says who of the mall it is.
//!
//! <https://developer.cafe24.com/guide/front/develop?guide_no=97&language=us>, where the list of parameters
//! is said to grow: whatever comes is signed, and what is not known is let be.

use domain::{GrantedCodes, OperatorRole, ShopLabel};
use serde_json::Value;

use super::FACTS;
use crate::adapter::App;
use crate::instant::read_epoch;
use crate::launch::{LaunchError, LaunchOperator, LaunchedShop};
use crate::query::{RawQuery, SignedForm};
use crate::signature::{QuerySignature, SignatureEncoding};

/// Over the values as they stand in the URL: those who decode them and encode them again fail where the
/// platform writes `%20` and they write `+`.
static SIGNATURE: QuerySignature = QuerySignature {
    parameter: "hmac",
    forms: &[SignedForm::Raw],
    encoding: SignatureEncoding::Base64,
};

/// What `lang` may be, and the tag of the language (BCP 47).
const LANGUAGES: [(&str, &str); 7] = [
    ("ko_KR", "ko-KR"),
    ("en_US", "en-US"),
    ("ja_JP", "ja-JP"),
    ("zh_CN", "zh-CN"),
    ("zh_TW", "zh-TW"),
    ("pt_PT", "pt-PT"),
    ("es_ES", "es-ES"),
];

/// Longer names than this are cut.
const MAX_NAME_CHARS: usize = 64;

/// Verifies first: until a secret of ours has signed the query, nothing in it means anything.
pub(super) fn read(raw_query: &str, app: &App) -> Result<LaunchedShop, LaunchError> {
    let query = RawQuery::read(raw_query)?;
    let signature = SIGNATURE
        .verified_bytes(&query, &app.secrets)
        .ok_or(LaunchError::NotVerified)?;
    let required = |name: &str| query.value(name).ok_or(LaunchError::Malformed);
    let signed_at = read_epoch(required("timestamp")?).ok_or(LaunchError::Malformed)?;
    let lang = query.value("lang");
    let language = LANGUAGES
        .iter()
        .find(|(name, _)| lang == Some(name))
        .map(|(_, tag)| (*tag).to_owned());
    let role = read_role(query.value("user_type"));
    Ok(LaunchedShop {
        shop: read_shop(required("mall_id")?, query.value("shop_no"))?,
        identity: None,
        signed_at,
        language,
        operator: Some(LaunchOperator {
            role,
            id: query.value("user_id").and_then(clean),
            name: query.value("user_name").and_then(clean),
            // For sub-operators alone; a chief has everything, and of suppliers nothing is documented.
            granted: (role == OperatorRole::SubOperator)
                .then(|| read_codes(query.value("auth_config"))),
        }),
        signature,
    })
}

/// `is_multi_shop` says whether a mall has more shops than its first, and `shop_no` which one was opened;
/// without a number it is the first, whatever else the mall has.
fn read_shop(mall_id: &str, shop_no: Option<&str>) -> Result<ShopLabel, LaunchError> {
    let shop = format!("{mall_id}/{}", shop_no.unwrap_or("1"));
    FACTS
        .parse_seller_id(&shop)
        .map_err(|_| LaunchError::Malformed)
}

fn read_role(user_type: Option<&str>) -> OperatorRole {
    match user_type {
        Some("P") => OperatorRole::Chief,
        Some("A") => OperatorRole::SubOperator,
        Some("S") => OperatorRole::Supplier,
        _ => OperatorRole::Other,
    }
}

/// `{"MENU_AUTH":{"Mabc1":"T"},"FUNCTION_AUTH":{"Fabc1":"T"}}`: what has any other word is not granted, and
/// neither is anything in a text that is none of these.
fn read_codes(auth_config: Option<&str>) -> GrantedCodes {
    let config: Value = auth_config
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let codes = |list: &str| {
        let codes = config[list].as_object().into_iter().flatten();
        codes
            .filter(|(_, word)| word.as_str() == Some("T"))
            .map(|(code, _)| code.clone())
            .collect()
    };
    GrantedCodes {
        menus: codes("MENU_AUTH"),
        functions: codes("FUNCTION_AUTH"),
    }
}

/// A name for a page, without what would break its line or turn its direction.
fn clean(text: &str) -> Option<String> {
    let shown: String = text
        .chars()
        .filter(|letter| !steers(*letter))
        .take(MAX_NAME_CHARS)
        .collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

/// Control characters, the marks that turn the direction of a text, and the separators of lines.
/// <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::adapter::PlatformAdapter;
use crate::cafe24::Cafe24;
use crate::signature::sign;

const SECRET: &str = "c24_test_secret_01";
/// Vector C24-1: computed with another implementation of the page's rule.
const SIGNED: &str = "is_multi_shop=T&lang=ko_KR&mall_id=demomall&nation=KR&shop_no=1\
    &timestamp=1700000000&user_id=demomall\
    &user_name=%EB%8C%80%ED%91%9C%20%EA%B4%80%EB%A6%AC%EC%9E%90&user_type=P";
const HMAC: &str = "JkdHE0%2BIAHHwCwcnN9eoN3ctdPjJp%2FQmCE3QIBTqBuE%3D";

fn app() -> App {
    App {
        client_id: "demo_client_id".to_owned(),
        secrets: vec!["a_newer_secret".into(), SECRET.into()],
        scopes: Vec::new(),
        host: None,
        event_key: None,
    }
}

fn launch(query: &str) -> Result<LaunchedShop, LaunchError> {
    Cafe24.launch().unwrap().read_launch(query, &app())
}

/// What the platform would send: sorted by name, signed, and the signature percent-encoded.
fn signed(parameters: &[(&str, &str)]) -> String {
    let mut parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    parameters.sort();
    sign_text(&parameters.join("&"))
}

fn sign_text(text: &str) -> String {
    let mac = hex::decode(sign(&SECRET.into(), [text.as_bytes()])).unwrap();
    let mac = STANDARD.encode(mac);
    format!(
        "{text}&hmac={}",
        utf8_percent_encode(&mac, NON_ALPHANUMERIC)
    )
}

/// The least that a launch has, and `more`.
fn with(more: &[(&str, &str)]) -> Result<LaunchedShop, LaunchError> {
    let least = [("mall_id", "demomall"), ("timestamp", "1700000000")];
    launch(&signed(&[&least, more].concat()))
}

fn operator(more: &[(&str, &str)]) -> LaunchOperator {
    with(more).unwrap().operator.unwrap()
}

#[test]
fn the_known_launch_is_read() {
    let launched = launch(&format!("{SIGNED}&hmac={HMAC}")).unwrap();
    assert_eq!(
        launched,
        LaunchedShop {
            shop: ShopLabel::from_checked("demomall"),
            identity: None,
            signed_at: chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            language: Some("ko-KR".to_owned()),
            operator: Some(LaunchOperator {
                role: OperatorRole::Chief,
                id: Some("demomall".to_owned()),
                name: Some("대표 관리자".to_owned()),
                granted: None,
            }),
            signature: STANDARD
                .decode("JkdHE0+IAHHwCwcnN9eoN3ctdPjJp/QmCE3QIBTqBuE=")
                .unwrap(),
        }
    );
    let printed = format!("{launched:?}");
    assert!(!printed.contains("관리자"), "{printed}");
}

#[test]
fn hmac_signs_the_sorted_parameters_wherever_they_stand() {
    let mut parts: Vec<&str> = SIGNED.split('&').collect();
    parts.reverse();
    let reversed = format!("hmac={HMAC}&{}", parts.join("&"));
    assert_eq!(
        launch(&reversed).unwrap(),
        launch(&format!("{SIGNED}&hmac={HMAC}")).unwrap()
    );
}

#[test]
fn an_altered_launch_is_not_verified() {
    let right = format!("{SIGNED}&hmac={HMAC}");
    for altered in [
        right.replace("is_multi_shop=T", "is_multi_shop=F"),
        right.replace("ko_KR", "en_US"),
        right.replace("demomall&nation", "othermall&nation"),
        right.replace("nation=KR", "nation=JP"),
        right.replace("shop_no=1", "shop_no=2"),
        right.replace("1700000000", "1700000001"),
        right.replace("user_id=demomall", "user_id=demomaul"),
        right.replace("user_type=P", "user_type=A"),
        // The bytes count, and not what they mean.
        right.replace("%20", "+"),
        right.replace("%EB", "%eb"),
        right.replace("demomall&nation", "%64emomall&nation"),
        right.replace("&hmac", "&more=1&hmac"),
        right.replace("&nation=KR", ""),
        right.replace("JkdH", "JkdI"),
        // A `+` that is not encoded is one, and no space; decoded as a form it would be none.
        right.replace("%2B", "%20"),
        right.replace("%3D", ""),
        SIGNED.to_owned(),
        format!("{SIGNED}&hmac="),
        format!("{SIGNED}&hmac=no%20base64"),
        String::new(),
    ] {
        assert_eq!(launch(&altered), Err(LaunchError::NotVerified), "{altered}");
    }
}

#[test]
fn the_signature_is_percent_decoded_and_never_as_a_form() {
    let bare = "JkdHE0+IAHHwCwcnN9eoN3ctdPjJp/QmCE3QIBTqBuE=";
    assert!(launch(&format!("{SIGNED}&hmac={bare}")).is_ok());
}

#[test]
fn a_signature_in_hex_is_none() {
    let hex = sign(&SECRET.into(), [SIGNED.as_bytes()]);
    assert_eq!(
        launch(&format!("{SIGNED}&hmac={hex}")),
        Err(LaunchError::NotVerified)
    );
}

#[test]
fn a_signature_over_decoded_values_is_none() {
    let decoded = "mall_id=demomall&timestamp=1700000000&user_name=Mall Admin";
    let hmac = sign_text(decoded)
        .split_once("&hmac=")
        .unwrap()
        .1
        .to_owned();
    let query = format!("{}&hmac={hmac}", decoded.replace(' ', "%20"));
    assert_eq!(launch(&query), Err(LaunchError::NotVerified));
}

#[test]
fn a_doubled_parameter_is_refused_before_anything_is_verified() {
    let right = format!("{SIGNED}&hmac={HMAC}");
    let rightly_signed = sign_text("mall_id=demomall&mall_id=othermall&timestamp=1700000000");
    for doubled in [
        format!("{right}&hmac={HMAC}"),
        format!("{right}&mall_id=demomall"),
        format!("{right}&%6Dall_id=othermall"),
        rightly_signed,
        "mall_id=a&mall_id=b".to_owned(),
    ] {
        assert_eq!(launch(&doubled), Err(LaunchError::Malformed), "{doubled}");
    }
}

#[test]
fn is_multi_shop_is_t_or_f_or_not_sent() {
    for more in [
        &[][..],
        &[("is_multi_shop", "F")],
        &[("is_multi_shop", "T")],
        &[("is_multi_shop", "T"), ("shop_no", "1")],
    ] {
        let shop = with(more).unwrap().shop;
        assert_eq!(shop, ShopLabel::from_checked("demomall"), "{more:?}");
    }
}

#[test]
fn lang_is_one_of_seven_languages() {
    for (lang, tag) in [
        ("ko_KR", Some("ko-KR")),
        ("en_US", Some("en-US")),
        ("ja_JP", Some("ja-JP")),
        ("zh_CN", Some("zh-CN")),
        ("zh_TW", Some("zh-TW")),
        ("pt_PT", Some("pt-PT")),
        ("es_ES", Some("es-ES")),
        ("de_DE", None),
        ("ko", None),
        ("\"><script>", None),
    ] {
        let launched = with(&[("lang", lang)]).unwrap();
        assert_eq!(launched.language.as_deref(), tag, "{lang}");
    }
    assert_eq!(with(&[]).unwrap().language, None);
}

#[test]
fn mall_id_is_the_id_of_a_mall() {
    for (mall_id, label) in [
        ("demomall", Some("demomall")),
        ("mall-24", Some("mall-24")),
        ("dm", None),
        ("demo.mall", None),
        ("demomall/2", None),
        ("demomall@evil.example", None),
        ("", None),
    ] {
        let query = signed(&[("mall_id", mall_id), ("timestamp", "1700000000")]);
        let shop = launch(&query).map(|launched| launched.shop);
        let expected = label.map(ShopLabel::from_checked);
        assert_eq!(shop, expected.ok_or(LaunchError::Malformed), "{mall_id}");
    }
    let none = signed(&[("timestamp", "1700000000")]);
    assert_eq!(launch(&none), Err(LaunchError::Malformed));
}

#[test]
fn shop_no_is_the_number_of_a_shop_and_the_first_one_s_is_1() {
    for (shop_no, label) in [
        ("1", Some("demomall")),
        ("2", Some("demomall/2")),
        ("17", Some("demomall/17")),
        ("0", None),
        ("-1", None),
        ("two", None),
        ("2/3", None),
    ] {
        let shop = with(&[("shop_no", shop_no)]).map(|launched| launched.shop);
        let expected = label.map(ShopLabel::from_checked);
        assert_eq!(shop, expected.ok_or(LaunchError::Malformed), "{shop_no}");
    }
}

#[test]
fn user_id_and_user_name_are_cleaned_for_a_page() {
    for (sent, shown) in [
        ("대표 관리자", Some("대표 관리자")),
        ("Kim\u{202e}lla\u{2066}M\u{200f}", Some("KimllaM")),
        ("line\r\nbreak\u{2028}s\0\u{85}", Some("linebreaks")),
        ("<b>Kim</b>", Some("<b>Kim</b>")),
        (" \u{200e} ", None),
        ("", None),
    ] {
        let told = operator(&[("user_id", sent), ("user_name", sent)]);
        assert_eq!((told.id.as_deref(), told.name.as_deref()), (shown, shown));
    }
    let long = "가".repeat(65);
    let told = operator(&[("user_name", &long)]);
    assert_eq!(told.name.unwrap().chars().count(), 64);
    // The platform wrote spaces so before 2020: https://developers.cafe24.com/en/cs/front/notice/77
    let query = sign_text("mall_id=demomall&timestamp=1700000000&user_name=Mall+Admin");
    let told = launch(&query).unwrap().operator.unwrap();
    assert_eq!(told.name.as_deref(), Some("Mall Admin"));
}

#[test]
fn user_type_is_a_chief_a_sub_operator_or_a_supplier() {
    for (user_type, role) in [
        ("P", OperatorRole::Chief),
        ("A", OperatorRole::SubOperator),
        ("S", OperatorRole::Supplier),
        ("X", OperatorRole::Other),
        ("p", OperatorRole::Other),
    ] {
        assert_eq!(operator(&[("user_type", user_type)]).role, role);
    }
    assert_eq!(operator(&[]).role, OperatorRole::Other);
}

#[test]
fn timestamp_is_in_seconds() {
    let at = |timestamp: &str| {
        let query = signed(&[("mall_id", "demomall"), ("timestamp", timestamp)]);
        launch(&query).map(|launched| launched.signed_at.timestamp())
    };
    assert_eq!(at("1700000000"), Ok(1_700_000_000));
    for wrong in ["", "today", "-1", "1700000000.5"] {
        assert_eq!(at(wrong), Err(LaunchError::Malformed), "{wrong}");
    }
}

/// The page's own example has it so: what was `&timestamp` there is read as the entity `&times;`.
#[test]
fn the_pages_misprinted_timestamp_is_none() {
    let query = sign_text("mall_id=demomall%C3%97tamp=1700000000");
    assert_eq!(launch(&query), Err(LaunchError::Malformed));
}

#[test]
fn nation_and_what_is_not_yet_invented_are_signed_and_let_be() {
    let more = [("nation", "KR"), ("ad_free", "Y&N=1"), ("code", "c0de")];
    assert_eq!(with(&more).unwrap().shop, with(&[]).unwrap().shop);
    let query = signed(&[
        ("mall_id", "demomall"),
        ("timestamp", "1700000000"),
        more[0],
    ]);
    assert_eq!(
        launch(&query.replace("KR", "JP")),
        Err(LaunchError::NotVerified)
    );
}

#[test]
fn auth_config_grants_a_sub_operator_the_codes_that_say_t() {
    let config = r#"{"MENU_AUTH":{"Mabc1":"T","Mabc2":"F","Mabc3":true,"Mabc6":"T"},"FUNCTION_AUTH":{"Fabc1":"T"}}"#;
    let granted =
        |user_type, config| operator(&[("user_type", user_type), ("auth_config", config)]).granted;
    assert_eq!(
        granted("A", config),
        Some(GrantedCodes {
            menus: vec!["Mabc1".to_owned(), "Mabc6".to_owned()],
            functions: vec!["Fabc1".to_owned()],
        })
    );
    for user_type in ["P", "S"] {
        assert_eq!(granted(user_type, config), None);
    }
    for nothing in [
        "",
        "T",
        "[]",
        r#"{"MENU_AUTH":["Mabc1"]}"#,
        "{",
        r#"{"MENU_AUTH":{"a":"t"}}"#,
    ] {
        assert_eq!(
            granted("A", nothing),
            Some(GrantedCodes::default()),
            "{nothing}"
        );
    }
}

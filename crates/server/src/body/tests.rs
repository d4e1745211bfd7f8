use serde::Deserialize;

use super::*;

const JSON: Option<&str> = Some("application/json");

#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct StoreAuthRequest {
    #[validate(length(max = 64))]
    client_id: String,
    #[validate(length(max = 64))]
    store_id: String,
    #[validate(length(max = 64))]
    seller_id: Option<String>,
    auth_type: AuthType,
    #[validate(nested)]
    auth_info: Option<AuthInfo>,
    #[validate(length(max = 255), url(message = "must be a URL"))]
    redirect_url: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum AuthType {
    Url,
    Key,
}

#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct AuthInfo {
    #[validate(length(max = 8))]
    token: Option<String>,
    api_key: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct QueryRequest {
    #[validate(range(min = 0, max = 30))]
    wait_seconds: Option<i64>,
    #[validate(range(min = 0))]
    after_sequence: Option<i64>,
    #[validate(range(max = 100))]
    limit: Option<u32>,
    descending: Option<bool>,
    #[validate(length(min = 1, max = 2))]
    event_types: Option<Vec<String>>,
    #[validate(nested)]
    filters: Option<Vec<AuthInfo>>,
}

fn refused<T: DeserializeOwned + Validate + std::fmt::Debug>(bytes: &[u8]) -> String {
    let error = read_body::<T>(JSON, bytes).unwrap_err();
    assert_eq!(error.code, Code::IllegalParam);
    error.message.into_owned()
}

/// A good `store/auth` with one member more or other.
fn auth_with(member: &str) -> String {
    let (key, _) = member.split_once(':').unwrap();
    let good = [
        r#""client_id":"C""#,
        r#""store_id":"S""#,
        r#""auth_type":"URL""#,
    ];
    let mut members: Vec<_> = good
        .into_iter()
        .filter(|good| !good.starts_with(key))
        .collect();
    members.push(member);
    format!("{{{}}}", members.join(","))
}

#[test]
fn fields_arrive_and_empty_ones_are_absent() {
    let body = r#" {"client_id":"C","store_id":"é\"\/\u00e9","seller_id":"","auth_type":"KEY",
        "auth_info":{"token":"t","api_key":null},"redirect_url":null} "#;
    assert_eq!(
        read_body(JSON, body.as_bytes()),
        Ok(StoreAuthRequest {
            client_id: "C".to_owned(),
            store_id: "é\"/é".to_owned(),
            seller_id: None,
            auth_type: AuthType::Key,
            auth_info: Some(AuthInfo {
                token: Some("t".to_owned()),
                api_key: None,
            }),
            redirect_url: None,
        })
    );
    let body =
        br#"{"wait_seconds":30,"limit":100,"descending":false,"event_types":["a"],"filters":[]}"#;
    assert_eq!(
        read_body(JSON, body),
        Ok(QueryRequest {
            wait_seconds: Some(30),
            after_sequence: None,
            limit: Some(100),
            descending: Some(false),
            event_types: Some(vec!["a".to_owned()]),
            filters: Some(vec![]),
        })
    );
}

#[test]
fn an_empty_body_is_an_empty_object() {
    let nothing = read_body::<QueryRequest>(JSON, b"{}");
    assert!(nothing.is_ok());
    assert_eq!(read_body::<QueryRequest>(JSON, b""), nothing);
    assert_eq!(read_body::<QueryRequest>(None, b""), nothing);
    assert_eq!(refused::<StoreAuthRequest>(b""), "client_id can't be empty");
}

#[test]
fn the_body_must_be_declared_as_json() {
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        assert_eq!(
            require_json(Some(content_type), b"{}"),
            Ok(()),
            "{content_type}"
        );
    }
    for content_type in [
        Some("application/json; charset=gbk"),
        Some("application/json; profile=x"),
        Some("application/problem+json"),
        Some("text/json"),
        Some("application/x-www-form-urlencoded"),
        Some(""),
        None,
    ] {
        assert_eq!(
            read_body::<QueryRequest>(content_type, b"{}"),
            Err(ApiError::new(Code::UnsupportedMediaType)),
            "{content_type:?}"
        );
    }
}

#[test]
fn what_is_no_strict_json_is_refused() {
    let nested = |levels: usize| {
        format!(
            "{{\"x\":{}{}}}",
            "[".repeat(levels - 1),
            "]".repeat(levels - 1)
        )
    };
    let long_key = format!("{{\"{}\":1}}", "k".repeat(65));
    let malformed = |column: usize| format!("the body is not valid JSON (line 1, column {column})");
    for (body, message) in [
        (&b"\xff"[..], "the body is not UTF-8".to_owned()),
        (
            b"{\"client_id\":\"\xc3\"}",
            "the body is not UTF-8".to_owned(),
        ),
        (b"{", malformed(1)),
        (b" ", malformed(1)),
        (b"{\"limit\":NaN}", malformed(10)),
        (b"{\"limit\":1e999}", malformed(14)),
        (b"{\"limit\":01}", malformed(11)),
        (b"{'limit':1}", malformed(2)),
        (b"{\"limit\":1,}", malformed(12)),
        (b"{} {}", malformed(4)),
        (b"\xef\xbb\xbf{}", malformed(1)),
        (br#"{"client_id":"\ud800"}"#, malformed(21)),
        (
            b"{\"client_id\":\"a\nb\"}",
            "the body is not valid JSON (line 2, column 0)".to_owned(),
        ),
        (b"[]", "the body must be a JSON object".to_owned()),
        (b"null", "the body must be a JSON object".to_owned()),
        (b"\"\"", "the body must be a JSON object".to_owned()),
        (
            br#"{"limit":1,"descending":true,"limit":1}"#,
            "duplicate field limit".to_owned(),
        ),
        (
            br#"{"x":[{"y":1,"\u0079":2}]}"#,
            "duplicate field x[0].y".to_owned(),
        ),
        (
            nested(33).as_bytes(),
            "the body is nested more than 32 levels deep".to_owned(),
        ),
        (
            nested(100_000).as_bytes(),
            "the body is nested more than 32 levels deep".to_owned(),
        ),
        (nested(32).as_bytes(), "unknown field x".to_owned()),
        (
            long_key.as_bytes(),
            "the body has a key of more than 64 characters".to_owned(),
        ),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert_eq!(refused::<QueryRequest>(body), message, "{shown}");
    }
}

#[test]
fn control_characters_are_refused_wherever_they_are() {
    for escape in ["\\u0000", "\\n", "\\u001f", "\\u007f", "\\u0080", "\\u009f"] {
        for (body, message) in [
            (
                format!(r#"{{"client_id":"a{escape}b"}}"#),
                "client_id contains a control character",
            ),
            (
                format!(r#"{{"auth_info":{{"token":"{escape}"}}}}"#),
                "auth_info.token contains a control character",
            ),
            (
                format!(r#"{{"event_types":["a",["{escape}"]]}}"#),
                "event_types[1][0] contains a control character",
            ),
            (
                format!(r#"{{"a{escape}":1}}"#),
                "the body has a key with a control character",
            ),
            (
                format!(r#"{{"auth_info":{{"{escape}":1}}}}"#),
                "auth_info has a key with a control character",
            ),
        ] {
            assert_eq!(
                refused::<StoreAuthRequest>(body.as_bytes()),
                message,
                "{body}"
            );
        }
    }
    assert!(
        read_body::<StoreAuthRequest>(
            JSON,
            auth_with("\"client_id\":\"a\u{a0}\u{200b}b\"").as_bytes()
        )
        .is_ok()
    );
}

#[test]
fn a_wrong_field_is_named() {
    let long = "é".repeat(65);
    for (member, message) in [
        (r#""foo":1"#.to_owned(), "unknown field foo"),
        (r#""foo":null"#.to_owned(), "unknown field foo"),
        (r#""Client_id":"x""#.to_owned(), "unknown field Client_id"),
        (
            r#""auth_info":{"foo":{"bar":1}}"#.to_owned(),
            "unknown field auth_info.foo",
        ),
        (r#""store_id":null"#.to_owned(), "store_id can't be empty"),
        (r#""store_id":"""#.to_owned(), "store_id can't be empty"),
        (r#""auth_type":"""#.to_owned(), "auth_type can't be empty"),
        (r#""store_id":7"#.to_owned(), "store_id must be a string"),
        (
            r#""store_id":["x"]"#.to_owned(),
            "store_id must be a string",
        ),
        (
            r#""seller_id":true"#.to_owned(),
            "seller_id must be a string",
        ),
        (
            r#""auth_type":"key""#.to_owned(),
            "auth_type must be one of URL, KEY",
        ),
        (
            r#""auth_type":{"URL":null}"#.to_owned(),
            "auth_type must be a string",
        ),
        (
            r#""auth_info":"token""#.to_owned(),
            "auth_info must be an object",
        ),
        (
            r#""auth_info":["token"]"#.to_owned(),
            "auth_info must be an object",
        ),
        (
            r#""auth_info":{"token":1.5}"#.to_owned(),
            "auth_info.token must be a string",
        ),
        (
            r#""auth_info":{"token":"123456789"}"#.to_owned(),
            "auth_info.token must be at most 8 characters",
        ),
        (
            format!(r#""store_id":"{long}""#),
            "store_id must be at most 64 characters",
        ),
        (
            r#""redirect_url":"x""#.to_owned(),
            "redirect_url must be a URL",
        ),
    ] {
        assert_eq!(
            refused::<StoreAuthRequest>(auth_with(&member).as_bytes()),
            message,
            "{member}"
        );
    }
    let fits = format!(r#""store_id":"{}""#, "é".repeat(64));
    assert!(read_body::<StoreAuthRequest>(JSON, auth_with(&fits).as_bytes()).is_ok());
}

#[test]
fn numbers_and_lists_have_their_bounds() {
    for (body, message) in [
        (
            r#"{"wait_seconds":31}"#,
            "wait_seconds must be between 0 and 30",
        ),
        (
            r#"{"wait_seconds":-1}"#,
            "wait_seconds must be between 0 and 30",
        ),
        (r#"{"wait_seconds":1.5}"#, "wait_seconds must be an integer"),
        (r#"{"wait_seconds":"5"}"#, "wait_seconds must be an integer"),
        (
            r#"{"wait_seconds":99999999999999999999}"#,
            "wait_seconds must be an integer",
        ),
        (
            r#"{"wait_seconds":9223372036854775808}"#,
            "wait_seconds is not valid",
        ),
        (
            r#"{"after_sequence":-1}"#,
            "after_sequence must be at least 0",
        ),
        (r#"{"limit":101}"#, "limit must be at most 100"),
        (r#"{"limit":-1}"#, "limit is not valid"),
        (r#"{"descending":1}"#, "descending must be true or false"),
        (r#"{"event_types":"a"}"#, "event_types must be a list"),
        (
            r#"{"event_types":[]}"#,
            "event_types must have between 1 and 2 entries",
        ),
        (
            r#"{"event_types":["a","b","c"]}"#,
            "event_types must have between 1 and 2 entries",
        ),
        (
            r#"{"event_types":["a",2]}"#,
            "event_types[1] must be a string",
        ),
        (
            r#"{"event_types":["a",""]}"#,
            "event_types[1] can't be empty",
        ),
        (
            r#"{"filters":[{},{"token":"123456789"}]}"#,
            "filters[1].token must be at most 8 characters",
        ),
        (r#"{"filters":[{"x":1}]}"#, "unknown field filters[0].x"),
        (
            r#"{"limit":101,"after_sequence":-1}"#,
            "after_sequence must be at least 0",
        ),
    ] {
        assert_eq!(refused::<QueryRequest>(body.as_bytes()), message, "{body}");
    }
}

use actix_web::http::header::{HeaderName, HeaderValue};
use base64::prelude::{BASE64_STANDARD, Engine};

use super::*;
use crate::api_error::ApiError;

mod refusals;

const APP_ID: &str = "app_made_up";
const SECRET: &str = "not-a-real-secret-of-anybody";
const BODY: &[u8] = br#"{"client_id":"C1","store_id":"S1"}"#;
const DIGEST: &str = "sha-256=:hL+1QuDaSd2FgZ7dh2pTL/nwergCatGrIAxt8O4fkwA=:";
/// 2026-01-01T00:00:00Z.
const CREATED: i64 = 1_767_225_600;

/// A request whose every part can be changed after it was signed.
#[derive(Clone)]
struct Request {
    method: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    public_url: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Request {
    fn unsigned() -> Self {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", "Bearer made-up-token"),
            ("content-digest", DIGEST),
        ];
        Self {
            method: "POST",
            path: "/v1/store/query",
            query: None,
            public_url: "https://broker.example",
            headers: headers.map(|(name, value)| (name, value.to_owned())).into(),
            body: BODY.to_vec(),
        }
    }

    /// As http-message-signatures 3.0.0 for Python signs it.
    fn signed() -> Self {
        Self::unsigned()
            .with(
                "signature-input",
                r#"sig1=("@method" "@path" "content-digest" "authorization");created=1767225600;keyid="app_made_up";alg="hmac-sha256";nonce="b7c1d0e2f3""#,
            )
            .with(
                "signature",
                "sig1=:WuADqAMOakzcTzJal6cYOF/Wpe3emZnTk7lCrvENcjE=:",
            )
    }

    /// With a Signature-Input of this value, which need not be worth a signature.
    fn claiming(input: &str) -> Self {
        Self::unsigned()
            .with("signature-input", input)
            .with("signature", "a=:AAAA:, b=:AAAA:")
    }

    /// Signed for real, over the components as they are spelled here.
    fn signed_over(mut self, components: &str) -> Self {
        let params = format!(r#"({components});nonce="n";keyid="app_made_up";created={CREATED}"#);
        self = self
            .with("signature-input", &format!("a={params}"))
            .with("signature", "a=:AAAA:");
        let received = self.parse().unwrap();
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())
            .unwrap()
            .chain_update(&received.base)
            .finalize();
        let signature = BASE64_STANDARD.encode(mac.into_bytes());
        self.without("signature")
            .with("signature", &format!("a=:{signature}:"))
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    fn parse(&self) -> Result<ReceivedSignature, SignatureError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let request = SignedRequest {
            method: self.method,
            path: self.path,
            query: self.query,
            public_url: &self.public_url.parse().unwrap(),
            headers: &headers,
            body: &self.body,
        };
        parse(&request, APP_ID)
    }

    fn is_verified(&self) -> bool {
        self.parse()
            .is_ok_and(|received| verify(&received, &[SECRET.into()]))
    }

    fn refusal(&self) -> String {
        ApiError::from(self.parse().unwrap_err())
            .message
            .into_owned()
    }
}

#[test]
fn the_hmac_example_of_the_rfc() {
    // RFC 9421, appendices B.1.5 (key), B.2 (request) and B.2.5 (signature).
    let key = BASE64_STANDARD
        .decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
        .unwrap();
    let signature = BASE64_STANDARD
        .decode("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")
        .unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        (
            "signature-input",
            r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        ),
    ] {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let request = SignedRequest {
        method: "POST",
        path: "/foo",
        query: None,
        public_url: &"https://example.com".parse().unwrap(),
        headers: &headers,
        body: b"",
    };

    let inputs = Dictionary::read(&headers, "Signature-Input").unwrap();
    let input = inputs.find("sig-b25").unwrap();
    let ListEntry::InnerList(list) = &input.value else {
        panic!("not an inner list");
    };
    let covered = components::read(list).unwrap();
    let base = components::signature_base(&covered, &input.raw, &request).unwrap();
    assert_eq!(
        std::str::from_utf8(&base).unwrap(),
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
         \"@authority\": example.com\n\
         \"content-type\": application/json\n\
         \"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\""
    );
    assert!(is_mac_of(&signature, &base, &key));
    assert!(!is_mac_of(&signature[..31], &base, &key));
}

#[test]
fn a_signature_by_another_implementation() {
    let received = Request::signed().parse().unwrap();
    assert_eq!(
        (received.keyid.as_str(), received.nonce.as_str()),
        (APP_ID, "b7c1d0e2f3")
    );
    assert_eq!(received.created.timestamp(), CREATED);
    assert!(verify(&received, &[SECRET.into()]));
    assert!(verify(&received, &["the next one".into(), SECRET.into()]));
    assert!(!verify(&received, &["the next one".into()]));
    assert!(!verify(&received, &[]));
    assert!(!format!("{received:?}").contains("made-up-token"));

    let mut everything = Request::unsigned()
        .with("idempotency-key", "order 7,  again")
        .with(
            "signature-input",
            r#"pyhms=("authorization" "content-digest" "@target-uri" "@authority" "@scheme" "@request-target" "@query" "idempotency-key" "content-type" "@method");created=1767225600;keyid="app_made_up";nonce="b7c1d0e2f3";tag="shopgrant""#,
        )
        .with(
            "signature",
            "pyhms=:Td6xb/wzNvWeQOfX6ecF7B6RQ1iZ6hJraUmZl/WgNJ4=:",
        );
    everything.path = "/v1/store/auth";
    assert!(everything.is_verified());
}

#[test]
fn the_signer_chooses_label_order_and_spacing() {
    let base = r#""@method" "@path" "content-digest" "authorization""#;
    let reversed = r#"  "authorization"   "content-digest" "@target-uri" "@method"  "#;
    for components in [base, reversed] {
        assert!(Request::unsigned().signed_over(components).is_verified());
    }
    for label in ["sig1", "*", "a.b-c_d*", "x0"] {
        let mut request = Request::signed();
        for (_, value) in &mut request.headers {
            *value = value.replace("sig1=", &format!("{label}="));
        }
        assert!(request.is_verified(), "{label}");
    }
}

#[test]
fn lines_of_one_header_are_signed_together() {
    let components = r#""@method" "@path" "content-digest" "authorization" "x-trace""#;
    let two_lines = Request::unsigned()
        .with("x-trace", " one")
        .with("x-trace", "two  ")
        .signed_over(components);
    let one_line = two_lines
        .clone()
        .without("x-trace")
        .with("x-trace", "one, two");
    assert!(two_lines.is_verified());
    assert!(one_line.is_verified());
}

#[test]
fn a_public_url_with_a_path_stands_in_front_of_ours() {
    let mut request = Request::unsigned();
    request.public_url = "http://LOCALHOST:8080/broker/";
    let received = request
        .signed_over(r#""@method" "@path" "@target-uri" "@authority" "@scheme" "content-digest" "authorization""#)
        .parse()
        .unwrap();
    let base = String::from_utf8(received.base).unwrap();
    let lines: Vec<_> = base.lines().take(5).collect();
    assert_eq!(
        lines,
        [
            r#""@method": POST"#,
            r#""@path": /broker/v1/store/query"#,
            r#""@target-uri": http://localhost:8080/broker/v1/store/query"#,
            r#""@authority": localhost:8080"#,
            r#""@scheme": http"#,
        ]
    );
}

#[test]
fn any_change_of_a_covered_part_is_noticed() {
    let signed = Request::unsigned()
        .with("idempotency-key", "k1")
        .signed_over(
            r#""@method" "@target-uri" "content-digest" "authorization" "idempotency-key""#,
        );
    assert!(signed.is_verified());

    let header = |name: &'static str, value: &str| signed.clone().without(name).with(name, value);
    let input = |from: &str, to: &str| {
        let (_, value) = signed
            .headers
            .iter()
            .find(|(name, _)| *name == "signature-input")
            .unwrap();
        assert!(value.contains(from), "{from}");
        header("signature-input", &value.replace(from, to))
    };
    let changed = |change: fn(&mut Request)| {
        let mut request = signed.clone();
        change(&mut request);
        request
    };
    for (what, request) in [
        ("method", changed(|request| request.method = "PUT")),
        ("path", changed(|request| request.path = "/v1/store/querY")),
        (
            "host",
            changed(|request| request.public_url = "https://broken.example"),
        ),
        (
            "scheme",
            changed(|request| request.public_url = "http://broker.example"),
        ),
        ("body", changed(|request| request.body[0] = b'[')),
        ("token", header("authorization", "Bearer made-up-tokeN")),
        ("second token", signed.clone().with("authorization", "x")),
        ("idempotency key", header("idempotency-key", "k2")),
        ("nonce", input(r#"nonce="n""#, r#"nonce="m""#)),
        ("created", input("created=1767225600", "created=1767225601")),
        ("spacing", input(");nonce", "); nonce")),
        ("another parameter", input(");nonce", ");tag=\"x\";nonce")),
        (
            "order",
            input(r#""@method" "@target-uri""#, r#""@target-uri" "@method""#),
        ),
        ("one component less", input(r#" "idempotency-key""#, "")),
        ("signature", header("signature", "a=:AAAA:")),
    ] {
        assert!(!request.is_verified(), "{what}");
    }
}

#[test]
fn the_clock_window_has_two_sides() {
    let received = Request::signed().parse().unwrap();
    let at = |millis| DateTime::from_timestamp_millis(CREATED * 1000 + millis).unwrap();
    for (millis, expected) in [
        (0, Ok(())),
        (300_000, Ok(())),
        (-300_000, Ok(())),
        (300_001, Err(SignatureError::Expired)),
        (-300_001, Err(SignatureError::Expired)),
    ] {
        assert_eq!(received.check_window(at(millis)), expected, "{millis}");
    }
    assert_eq!(
        ApiError::from(SignatureError::Expired).message,
        "signature expired"
    );

    let ending = Request::claiming(&format!(
        r#"a=("@method" "@path" "content-digest" "authorization");created={CREATED};expires={};keyid="app_made_up";nonce="n""#,
        CREATED + 10
    ));
    let received = ending.parse().unwrap();
    assert_eq!(received.check_window(at(10_000)), Ok(()));
    assert_eq!(
        received.check_window(at(10_001)),
        Err(SignatureError::Expired)
    );
}

#[test]
fn a_proxys_signature_beside_ours_is_none_of_our_business() {
    let mut request = Request::signed();
    for (name, value) in &mut request.headers {
        match *name {
            "signature-input" => *value = format!("ttrp=(\"@status\");keyid=\"proxy\", {value}"),
            "signature" => *value = format!("ttrp=:AAAA:, {value}"),
            "content-digest" => *value = format!("sha-512=:AAAA:, {value}"),
            _ => {}
        }
    }
    // The digest is covered, so it must be signed as it now stands.
    assert!(request.parse().is_ok());
    assert!(!request.is_verified());
    let request = request
        .without("content-digest")
        .with("content-digest", DIGEST);
    assert!(request.is_verified());
}

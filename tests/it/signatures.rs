//! Signed calls: what counts as signed, what does not, and that each counts once.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Institution, Signing, TestApp, ok, refused};

on_both!(
    whatever_the_standard_allows_is_taken,
    whatever_is_wrong_is_told,
    a_signature_of_another_institution_is_refused,
    a_signature_counts_five_minutes_before_and_after,
    a_nonce_counts_once_for_changing_calls,
    reading_calls_leave_the_nonce,
    a_nonce_is_remembered_as_long_as_its_signature_counts,
);

/// Makes a signature that is right into another.
type Spoil = Box<dyn Fn(&mut Signing)>;
/// Changes a request after it was signed: headers, body and path.
type Change = fn(&mut Vec<(&'static str, String)>, &mut Vec<u8>, &mut String);

fn registration(institution: &Institution) -> Signing {
    institution.signing("client/register", r#"{"partner_user_id":"seller"}"#)
}

async fn whatever_the_standard_allows_is_taken(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let (now, app_id) = (app.now().timestamp(), alpha.app_id.clone());
    let client_id = alpha.client("seller").await;
    let registered = ok(json!({"client_id": client_id}));

    let spoils: Vec<(&str, Spoil)> = vec![
        (
            "another label",
            Box::new(|signing| "x-9.y_z*".clone_into(&mut signing.label)),
        ),
        (
            "another order of components",
            Box::new(|signing| {
                signing.covered = vec!["content-digest", "authorization", "@path", "@method"];
            }),
        ),
        (
            "@target-uri in place of @path",
            Box::new(|signing| {
                signing.covered = vec!["@method", "@target-uri", "content-digest", "authorization"];
            }),
        ),
        (
            "one more component",
            Box::new(|signing| signing.covered.push("content-type")),
        ),
        (
            "parameters in another order, without alg",
            Box::new(move |signing| {
                signing.parameters = format!(";keyid=\"{app_id}\";nonce=\"a 1\";created={now}");
            }),
        ),
        (
            "an expiry that is to come, and a tag",
            Box::new(move |signing| {
                let more = format!(";expires={};tag=\"x\"", now + 1);
                signing.parameters.push_str(&more);
            }),
        ),
    ];
    for (what, spoil) in spoils {
        let mut signing = registration(&alpha);
        spoil(&mut signing);
        assert_eq!(alpha.send(&signing).await.whole(), registered, "{what}");
    }

    // A proxy may sign too.
    let mut headers = registration(&alpha).headers();
    for (name, value) in &mut headers {
        match *name {
            "signature-input" => *value = format!("proxy=(\"@method\");keyid=\"proxy\", {value}"),
            "signature" => *value = format!("{value}, proxy=:AAAA:"),
            _ => {}
        }
    }
    let body = registration(&alpha).body;
    let answer = alpha.post("/v1/client/register", headers, body).await;
    assert_eq!(answer.whole(), registered);
}

async fn whatever_is_wrong_is_told(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let now = app.now().timestamp();
    let app_id = alpha.app_id.clone();
    let without = |name: &'static str| -> Spoil {
        Box::new(move |signing| signing.covered.retain(|covered| *covered != name))
    };
    let parameters =
        |text: String| -> Spoil { Box::new(move |signing| signing.parameters.clone_from(&text)) };
    let mismatch = "the signature does not match";
    let cases: Vec<(&str, Spoil)> = vec![
        (mismatch, Box::new(|signing| signing.secret.push('x'))),
        (
            mismatch,
            Box::new(|signing| "GET".clone_into(&mut signing.method)),
        ),
        ("\"@method\" is not covered", without("@method")),
        (
            "neither \"@path\" nor \"@target-uri\" is covered",
            without("@path"),
        ),
        (
            "\"content-digest\" is not covered",
            without("content-digest"),
        ),
        ("\"authorization\" is not covered", without("authorization")),
        (
            "created is missing",
            parameters(format!(";nonce=\"n\";keyid=\"{app_id}\"")),
        ),
        (
            "nonce is missing",
            parameters(format!(";created={now};keyid=\"{app_id}\"")),
        ),
        (
            "keyid is missing",
            parameters(format!(";created={now};nonce=\"n\"")),
        ),
        (
            "nonce must have 1 to 256 characters",
            parameters(format!(";created={now};nonce=\"\";keyid=\"{app_id}\"")),
        ),
        (
            "nonce must have 1 to 256 characters",
            parameters(format!(
                ";created={now};nonce=\"{}\";keyid=\"{app_id}\"",
                "n".repeat(257)
            )),
        ),
        (
            "created must be an integer of Unix seconds",
            parameters(format!(";created=\"{now}\";nonce=\"n\";keyid=\"{app_id}\"")),
        ),
        (
            "alg must be hmac-sha256 or absent",
            parameters(format!(
                ";created={now};nonce=\"n\";keyid=\"{app_id}\";alg=\"rsa-pss-sha512\""
            )),
        ),
        (
            "keyid is not the app_id of the token",
            parameters(format!(";created={now};nonce=\"n\";keyid=\"app_other\"")),
        ),
        (
            "\"@path\" is covered twice",
            Box::new(|signing| signing.covered.push("@path")),
        ),
        (
            "\"idempotency-key\" is not covered",
            Box::new(|signing| signing.idempotency_key = Some("key-1".to_owned())),
        ),
    ];
    for (reason, spoil) in cases {
        let mut signing = registration(&alpha);
        spoil(&mut signing);
        let expected = refused(401, &format!("invalid signature: {reason}"));
        assert_eq!(alpha.send(&signing).await.whole(), expected);
    }

    // What is wrong on the way, after everything was signed rightly.
    let changes: [(&str, Change); 9] = [
        ("content-digest does not match the body", |_, body, _| {
            body.push(b' ');
        }),
        (
            "\"content-digest\" is covered but not sent",
            |headers, _, _| {
                headers.retain(|(name, _)| *name != "content-digest");
            },
        ),
        ("the Signature header is missing", |headers, _, _| {
            headers.retain(|(name, _)| *name != "signature");
        }),
        ("the Signature-Input header is missing", |headers, _, _| {
            headers.retain(|(name, _)| *name != "signature-input");
        }),
        (
            "the Signature header is not well-formed",
            |headers, _, _| {
                set(headers, "signature", "sig=nothing at all");
            },
        ),
        (
            "no label is in both Signature-Input and Signature",
            |headers, _, _| {
                set(headers, "signature", "other=:AAAA:");
            },
        ),
        ("content-digest has no sha-256", |headers, _, _| {
            set(headers, "content-digest", "sha-512=:AAAA:");
        }),
        ("a query string is not allowed", |_, _, path| {
            path.push_str("?x=1");
        }),
        ("the signature does not match", |_, _, path| {
            "/v1/store/create".clone_into(path);
        }),
    ];
    for (reason, change) in changes {
        let signing = registration(&alpha);
        let (mut headers, mut body, mut path) = (
            signing.headers(),
            signing.body.clone(),
            signing.path.clone(),
        );
        change(&mut headers, &mut body, &mut path);
        let expected = refused(401, &format!("invalid signature: {reason}"));
        // A wrong digest is noticed with the digest, not with the signature over it.
        assert_eq!(alpha.post(&path, headers, body).await.whole(), expected);
    }
    // None of them did anything.
    let listed = alpha.data("event/list", &json!({})).await;
    assert_eq!(listed["events"], json!([]));
}

fn set(headers: &mut [(&'static str, String)], name: &str, value: &str) {
    let header = headers.iter_mut().find(|(known, _)| *known == name);
    value.clone_into(&mut header.unwrap().1);
}

async fn a_signature_of_another_institution_is_refused(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    // Beta's token with Alpha's key, then with Alpha's name on Beta's key.
    let mut signing = registration(&alpha);
    signing.authorization.clone_from(&beta.token);
    let other = refused(
        401,
        "invalid signature: keyid is not the app_id of the token",
    );
    assert_eq!(alpha.send(&signing).await.whole(), other);
    let mut signing = registration(&alpha);
    signing.secret.clone_from(&beta.secret);
    let mismatch = refused(401, "invalid signature: the signature does not match");
    assert_eq!(alpha.send(&signing).await.whole(), mismatch);
}

async fn a_signature_counts_five_minutes_before_and_after(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let now = app.now().timestamp();
    for (created, in_time) in [
        (-301, false),
        (-300, true),
        (0, true),
        (300, true),
        (301, false),
    ] {
        let mut signing = registration(&alpha);
        signing.parameters = alpha.parameters(now + created, &alpha.nonce());
        let answer = alpha.send(&signing).await;
        if in_time {
            assert_eq!(answer.status, 200, "{created}");
        } else {
            assert_eq!(
                answer.whole(),
                refused(401, "signature expired"),
                "{created}"
            );
        }
    }
    let mut signing = registration(&alpha);
    write!(signing.parameters, ";expires={}", now - 1).unwrap();
    assert_eq!(
        alpha.send(&signing).await.whole(),
        refused(401, "signature expired")
    );
}

async fn a_nonce_counts_once_for_changing_calls(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let used = refused(401, "nonce already used");
    let with_nonce = |institution: &Institution, call: &str, body: &str, nonce: &str| {
        let mut signing = institution.signing(call, body);
        signing.parameters = institution.parameters(app.now().timestamp(), nonce);
        signing
    };
    let client_id = alpha.client("seller").await;
    // Whatever the first call came to: done, wrong fields, no JSON, refused by the use case.
    for (nonce, call, body) in [
        (
            "done",
            "client/register",
            r#"{"partner_user_id":"seller"}"#.to_owned(),
        ),
        ("wrong", "client/register", "{}".to_owned()),
        ("unknown", "client/register", r#"{"surprise":1}"#.to_owned()),
        ("no-json", "client/register", "{".to_owned()),
        (
            "refused",
            "store/unbind",
            format!(r#"{{"client_id":"{client_id}","store_id":"st_1"}}"#),
        ),
        (
            "bad-url",
            "store/create",
            format!(
                r#"{{"client_id":"{client_id}","platform":"SHOPLINE","store_url":"http://x","name":"n","category":"c"}}"#
            ),
        ),
        (
            "endpoint",
            "webhook/delete",
            r#"{"endpoint_id":"ep_1"}"#.to_owned(),
        ),
        (
            "bad-hook",
            "webhook/create",
            r#"{"url":"ftp://x"}"#.to_owned(),
        ),
    ] {
        let signing = with_nonce(&alpha, call, &body, nonce);
        assert_ne!(alpha.send(&signing).await.whole(), used, "{nonce}");
        assert_eq!(alpha.send(&signing).await.whole(), used, "{nonce}");
        let another = with_nonce(
            &alpha,
            "client/register",
            r#"{"partner_user_id":"7"}"#,
            nonce,
        );
        assert_eq!(alpha.send(&another).await.whole(), used, "{nonce}");
        // It is Alpha's nonce, and nobody else's.
        let others = with_nonce(
            &beta,
            "client/register",
            r#"{"partner_user_id":"7"}"#,
            nonce,
        );
        assert_eq!(beta.send(&others).await.status, 200);
    }
    assert_eq!(
        alpha.data("store/list", &json!({})).await,
        json!({"stores": [], "next_cursor": null})
    );
}

async fn reading_calls_leave_the_nonce(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&crate::harness::SHOPLINE, "demo-shop").await;
    let ids = store.ids().to_string();
    for (call, body) in [
        ("store/query", ids.as_str()),
        ("store/list", ""),
        ("platform/list", ""),
        ("event/list", ""),
        ("webhook/list", ""),
    ] {
        let mut reading = alpha.signing(call, body);
        let nonce = format!("kept for {call}");
        reading.parameters = alpha.parameters(app.now().timestamp(), &nonce);
        for _ in 0..2 {
            assert_eq!(alpha.send(&reading).await.status, 200, "{call}");
        }
        let mut changing = registration(&alpha);
        changing.parameters = alpha.parameters(app.now().timestamp(), &nonce);
        assert_eq!(alpha.send(&changing).await.status, 200, "{call}");
        // A nonce that is spent does not keep anybody from reading.
        assert_eq!(alpha.send(&reading).await.status, 200, "{call}");
    }
}

async fn a_nonce_is_remembered_as_long_as_its_signature_counts(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let mut signing = registration(&alpha);
    // Signed by a clock that is five minutes ahead.
    signing.parameters = alpha.parameters(app.now().timestamp() + 300, "n");
    assert_eq!(alpha.send(&signing).await.status, 200);
    app.advance(Duration::from_mins(10));
    app.process.broker.retention_step().await.unwrap();
    assert_eq!(
        alpha.send(&signing).await.whole(),
        refused(401, "nonce already used")
    );
    app.advance(Duration::from_secs(1));
    assert_eq!(
        alpha.send(&signing).await.whole(),
        refused(401, "signature expired")
    );
}

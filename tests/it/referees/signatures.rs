//! Calls that the Python package `http-message-signatures` signed.

use broker::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::harness::{Answer, Database, refused};
use crate::process::{Bus, Installation, Institution, PUBLIC_URL, Serve, ask, python};

const PATH: &str = "/v1/store/create";

/// A call before it is signed; its answer is SUCCESS if nobody spoils it.
struct Draft {
    body: Value,
    created: i64,
    nonce: &'static str,
    covered: &'static [&'static str],
}

/// A call as it is sent.
#[derive(Clone)]
struct Signed {
    headers: Vec<(String, String)>,
    body: String,
}

impl Signed {
    /// Changes the byte of a header that stands behind `marker`.
    fn spoil(&self, header: &str, marker: &str) -> Self {
        let mut spoilt = self.clone();
        let headers = &mut spoilt.headers;
        let found = headers
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(header));
        let (_, value) = found.unwrap_or_else(|| panic!("no header {header}"));
        let (before, behind) = value.split_once(marker).expect("the marker");
        let other = if behind.starts_with('x') { 'y' } else { 'x' };
        *value = format!("{before}{marker}{other}{}", &behind[1..]);
        spoilt
    }

    async fn send(&self, serve: &Serve, institution: &Institution) -> Answer {
        institution
            .post(serve, PATH, self.headers.clone(), self.body.clone())
            .await
    }
}

/// Has the referee sign the drafts in the name of the institution.
async fn sign(institution: &Institution, drafts: &[Draft]) -> Vec<Signed> {
    let requests: Vec<Value> = drafts
        .iter()
        .map(|draft| {
            json!({
                "url": format!("{PUBLIC_URL}{PATH}"),
                "headers": {
                    "content-type": "application/json",
                    "authorization": institution.token,
                    "idempotency-key": format!("key-{}", draft.nonce),
                },
                "body": draft.body.to_string(),
                "created": draft.created,
                "nonce": draft.nonce,
                "covered": draft.covered,
            })
        })
        .collect();
    let question = json!({"app_id": institution.app_id, "app_secret": institution.secret, "requests": requests});
    let signed = ask(python("sign.py"), &question).await;
    let headers_of = |signed: &Value| {
        let headers = signed.as_object().unwrap().iter();
        headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    };
    let signed = signed.as_array().unwrap().iter().zip(drafts);
    signed
        .map(|(signed, draft)| Signed {
            headers: headers_of(signed),
            body: draft.body.to_string(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_signed_by_another_library_are_accepted_unless_a_byte_is_changed() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Signing Pay").await;
    let client_id = institution.client(&serve, "seller-1").await;

    let now = SystemClock.now().timestamp();
    let draft = |nonce, created| Draft {
        body: json!({
            "client_id": client_id,
            "platform": "SHOPLINE",
            "store_url": "https://demo-shop.myshopline.com",
            "name": "Demo Shop",
            "category": "General Categories",
        }),
        created,
        nonce,
        covered: &[
            "@method",
            "@path",
            "content-digest",
            "authorization",
            "idempotency-key",
        ],
    };
    let by_uri = Draft {
        covered: &[
            "idempotency-key",
            "authorization",
            "@target-uri",
            "content-digest",
            "@method",
        ],
        ..draft("by-uri", now)
    };
    let drafts = [
        draft("right", now),
        by_uri,
        draft("spoilt", now),
        draft("old", now - 301),
        draft("early", now + 330),
        draft("right", now + 1),
    ];
    let signed = sign(&institution, &drafts).await;
    let [right, by_uri, whole, old, early, reused] = signed.try_into().ok().unwrap();

    for accepted in [&right, &by_uri] {
        let answer = accepted.send(&serve, &institution).await;
        assert!(answer.data()["store_id"].is_string());
    }

    let mut other_body = whole.clone();
    other_body.body = other_body.body.replacen("Demo", "Memo", 1);
    assert_eq!(other_body.body.len(), whole.body.len());
    let digest_differs = "invalid signature: content-digest does not match the body";
    let signature_differs = "invalid signature: the signature does not match";
    for (what, spoilt, message) in [
        ("body", other_body, digest_differs),
        (
            "digest",
            whole.spoil("content-digest", "sha-256=:"),
            digest_differs,
        ),
        (
            "covered header",
            whole.spoil("idempotency-key", "key-"),
            signature_differs,
        ),
        (
            "nonce",
            whole.spoil("signature-input", "nonce=\""),
            signature_differs,
        ),
        (
            "signature",
            whole.spoil("signature", "=:"),
            signature_differs,
        ),
        ("old", old, "signature expired"),
        ("early", early, "signature expired"),
        ("reused", reused, "nonce already used"),
        ("replayed", right, "nonce already used"),
    ] {
        let answer = spoilt.send(&serve, &institution).await;
        assert_eq!(answer.whole(), refused(401, message), "{what}");
    }
    // What was spoilt had not used up the nonce of what is whole.
    whole.send(&serve, &institution).await.data();

    serve.stop().await;
    installation.remove().await;
}

use super::*;

#[test]
fn what_is_missing_is_named() {
    let full = r#""@method" "@path" "content-digest" "authorization""#;
    let rest = r#"created=1767225600;keyid="app_made_up";nonce="n""#;
    let covering = |components: &str| Request::claiming(&format!("a=({components});{rest}"));
    let params = |params: &str| Request::claiming(&format!("a=({full});{params}"));
    let mut with_query = Request::signed();
    with_query.query = Some("");

    for (request, reason) in [
        (with_query, "a query string is not allowed"),
        (
            Request::signed().without("signature-input"),
            "the Signature-Input header is missing",
        ),
        (
            Request::signed().without("signature"),
            "the Signature header is missing",
        ),
        (
            Request::signed().without("content-digest"),
            "\"content-digest\" is covered but not sent",
        ),
        (
            Request::signed().without("authorization"),
            "\"authorization\" is covered but not sent",
        ),
        (
            Request::claiming("a=1"),
            "the Signature-Input header is not well-formed",
        ),
        (
            Request::claiming("a=("),
            "the Signature-Input header is not well-formed",
        ),
        (
            covering(full).without("signature").with("signature", "a=1"),
            "the Signature header is not well-formed",
        ),
        (
            covering(full).with("signature-input", "a=()"),
            "the Signature-Input header has a label twice",
        ),
        (
            Request::claiming("c=()"),
            "no label is in both Signature-Input and Signature",
        ),
        (
            Request::claiming(&format!("a=({full});{rest}, b=({full});{rest}")),
            "several signatures have this keyid",
        ),
        (
            Request::claiming(&format!("a=({full});keyid=\"x\", b=({full});keyid=\"y\"")),
            "keyid is not the app_id of the token",
        ),
        (params("created=1767225600;nonce=\"n\""), "keyid is missing"),
        (
            params("created=1767225600;nonce=\"n\";keyid=\"another\""),
            "keyid is not the app_id of the token",
        ),
        (
            params("created=1767225600;nonce=\"n\";keyid=app_made_up"),
            "keyid must be a string",
        ),
        (
            params("nonce=\"n\";keyid=\"app_made_up\""),
            "created is missing",
        ),
        (
            params("created=\"now\";nonce=\"n\";keyid=\"app_made_up\""),
            "created must be an integer of Unix seconds",
        ),
        (
            params("created=999999999999999;nonce=\"n\";keyid=\"app_made_up\""),
            "created must be an integer of Unix seconds",
        ),
        (
            params(&format!("expires=1.5;{rest}")),
            "expires must be an integer of Unix seconds",
        ),
        (
            params("created=1767225600;keyid=\"app_made_up\""),
            "nonce is missing",
        ),
        (
            params("created=1767225600;nonce=7;keyid=\"app_made_up\""),
            "nonce must be a string",
        ),
        (
            params("created=1767225600;nonce=\"\";keyid=\"app_made_up\""),
            "nonce must have 1 to 256 characters",
        ),
        (
            params(&format!(
                "created=1767225600;nonce=\"{}\";keyid=\"app_made_up\"",
                "n".repeat(257)
            )),
            "nonce must have 1 to 256 characters",
        ),
        (
            params(&format!("{rest};alg=\"rsa-v1_5-sha256\"")),
            "alg must be hmac-sha256 or absent",
        ),
        (
            covering(""),
            "neither \"@path\" nor \"@target-uri\" is covered",
        ),
        (
            covering(r#""@path" "content-digest" "authorization""#),
            "\"@method\" is not covered",
        ),
        (
            covering(r#""@path" "@method" "authorization""#),
            "\"content-digest\" is not covered",
        ),
        (
            covering(r#""@path" "@method" "content-digest""#),
            "\"authorization\" is not covered",
        ),
        (
            covering(full).with("idempotency-key", "k"),
            "\"idempotency-key\" is not covered",
        ),
        (
            covering(&format!("{full} \"@path\"")),
            "\"@path\" is covered twice",
        ),
        (
            covering(&format!("{full} \"@status\"")),
            "\"@status\" is not supported",
        ),
        (
            covering(&format!("{full} \"@query-param\";name=\"x\"")),
            "\"@query-param\" has parameters, which are not supported",
        ),
        (
            covering(r#""@path" "@method" "content-digest";req "authorization""#),
            "\"content-digest\" has parameters, which are not supported",
        ),
        (
            covering(&format!("{full} \"x-absent\"")),
            "\"x-absent\" is covered but not sent",
        ),
        (
            covering(&format!("{full} \"X-Trace\"")),
            "a covered component must be a string in lower case",
        ),
        (
            covering(&format!("{full} \"x\\\"y\"")),
            "a covered component must be a string in lower case",
        ),
        (
            covering(&format!("{full} date")),
            "a covered component must be a string in lower case",
        ),
        (
            covering(&format!("{full} \"\"")),
            "a covered component must be a string in lower case",
        ),
        (
            covering(&format!("{full} \"x-name\"")).with("x-name", "é"),
            "the value of \"x-name\" is not ASCII",
        ),
        (
            covering(full)
                .without("content-digest")
                .with("content-digest", "sha-512=:AAAA:"),
            "content-digest has no sha-256",
        ),
        (
            covering(full)
                .without("content-digest")
                .with("content-digest", "sha-256=abc"),
            "the Content-Digest header is not well-formed",
        ),
        (
            covering(full)
                .without("content-digest")
                .with("content-digest", "sha-256=:AAAA:"),
            "content-digest does not match the body",
        ),
    ] {
        assert_eq!(request.refusal(), format!("invalid signature: {reason}"));
    }
}

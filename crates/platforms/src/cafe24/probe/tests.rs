use std::time::Duration;

use serde_json::json;

use super::*;
use crate::adapter::PlatformAdapter;
use crate::cafe24::Cafe24;
use crate::loopback::{Peer, client};

#[tokio::test]
async fn a_probe_presents_the_token_and_reads_status_and_message() {
    let peer = Peer::listen().await;
    let origin = format!("{}/cafe24/demomall", peer.origin());
    let credential = Credential::AccessToken {
        access_token: "t0ken".into(),
    };
    let refusal = |code: u16, message: &str| {
        json!({"error": {"code": code, "message": message, "more_info": {}}}).to_string()
    };
    let deleted = "This app has been deleted. Please accept the operator's consent again.";
    for (status, body, liveness) in [
        (200, r#"{"apps":[]}"#.to_owned(), Liveness::Alive),
        (403, refusal(403, "Insufficient scope"), Liveness::Alive),
        (403, refusal(403, deleted), Liveness::Dead),
        (403, refusal(403, "This app has expired."), Liveness::Dead),
        (401, refusal(401, "Invalid access_token"), Liveness::Dead),
        (
            401,
            refusal(401, "access_token time expired"),
            Liveness::Unknown,
        ),
        (401, "<html>".to_owned(), Liveness::Unknown),
        (403, "<html>".to_owned(), Liveness::Unknown),
        (404, refusal(404, "not found"), Liveness::Unknown),
        (429, refusal(429, deleted), Liveness::Unknown),
        (503, String::new(), Liveness::Unknown),
    ] {
        let client = client();
        let request = ProbeRequest {
            origin: &origin,
            credential: &credential,
            timeout: Duration::from_secs(10),
        };
        let probe = Cafe24.probe().unwrap();
        let (received, said) = tokio::join!(
            peer.serve([(status, body.as_str())]),
            probe.probe(&client, request)
        );
        assert_eq!(said, liveness, "{status} {body}");
        let head = &received[0];
        assert!(
            head.starts_with("GET /cafe24/demomall/api/v2/admin/apps HTTP/1.1"),
            "{head}"
        );
        assert!(head.contains("authorization: Bearer t0ken\r\n"), "{head}");
    }
}

//! A seller with a browser, and the proxy between that browser and the broker.

use super::Address;
use super::settings::PUBLIC_URL;
use crate::harness::{Answer, Decision};

/// Where every callback to the broker begins.
pub(crate) const CALLBACKS: &str = "https://auth.example/v1/auth/";

/// Somebody with a browser that follows no redirect by itself.
#[derive(Clone)]
pub(crate) struct Seller {
    pub(crate) http: reqwest::Client,
}

impl Seller {
    /// Opens a link, decides, and returns the callback to which the platform sends the browser.
    pub(crate) async fn decide(&self, auth_url: &str, decision: Decision) -> String {
        let consent = sandbox::consent_url(auth_url).expect("a platform's page");
        let shown = Answer::of(self.http.get(&consent).send().await.unwrap()).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let form = match decision {
            Decision::Approve => "decision=approve",
            Decision::Deny => "decision=deny",
        };
        let request = self
            .http
            .post(&consent)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let decided = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(decided.status, 303, "{}", decided.text);
        let callback = decided.header("location").unwrap();
        assert!(callback.starts_with(CALLBACKS), "{callback}");
        callback.to_owned()
    }

    /// What a callback shows.
    pub(crate) async fn open(&self, serve: &Address, callback: &str) -> Answer {
        self.try_open(serve, callback).await.expect("an answer")
    }

    /// What a callback shows, if the broker lives to answer.
    pub(crate) async fn try_open(&self, serve: &Address, callback: &str) -> Option<Answer> {
        let path = callback
            .strip_prefix(PUBLIC_URL)
            .expect("an address of the broker");
        let response = self.http.get(serve.url(path)).send().await.ok()?;
        Answer::try_of(response).await
    }
}

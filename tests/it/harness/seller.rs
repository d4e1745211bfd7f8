//! A seller with a browser.

use super::{Answer, TestApp};

/// What a seller says on the platform's consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Deny,
}

impl TestApp {
    /// Opens a link, decides, and returns the callback to which the platform sends the browser.
    pub(crate) async fn decide(&self, auth_url: &str, decision: Decision) -> String {
        let consent = sandbox::consent_url(auth_url).expect("a platform's page");
        let page = self.visit(&consent).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let form = match decision {
            Decision::Approve => "decision=approve",
            Decision::Deny => "decision=deny",
        };
        let request = self
            .http
            .post(&consent)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("location").unwrap().to_owned()
    }

    pub(crate) async fn approve(&self, auth_url: &str) -> String {
        self.decide(auth_url, Decision::Approve).await
    }

    /// What the address shows, redirects not followed.
    pub(crate) async fn visit(&self, url: &str) -> Answer {
        Answer::of(self.http.get(url).send().await.unwrap()).await
    }
}

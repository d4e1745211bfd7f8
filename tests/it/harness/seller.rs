//! A seller with a browser.

use std::sync::Mutex;

use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};

use super::{Answer, TestApp};

/// What a seller says on the platform's consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Deny,
}

impl Decision {
    const fn form(self) -> &'static str {
        match self {
            Self::Approve => "decision=approve",
            Self::Deny => "decision=deny",
        }
    }
}

/// A browser that follows no redirect by itself, and keeps the cookies of the broker's host.
pub(crate) struct Browser {
    http: reqwest::Client,
    base_url: String,
    /// Names and values.
    cookies: Mutex<Vec<(String, String)>>,
}

impl Browser {
    /// One that was never anywhere.
    pub(crate) fn new(http: reqwest::Client, base_url: &str) -> Self {
        Self {
            http,
            base_url: base_url.to_owned(),
            cookies: Mutex::default(),
        }
    }

    /// The cookies as they are sent.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        self.cookies.lock().unwrap().clone()
    }

    /// What the address shows, redirects not followed.
    pub(crate) async fn visit(&self, url: &str) -> Answer {
        self.send(url, self.http.get(url)).await
    }

    /// Sends a form as a page of ours does.
    pub(crate) async fn submit(&self, url: &str, form: &str) -> Answer {
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned());
        self.send(url, request).await
    }

    /// Goes on from the page behind a hosted link; returns where the browser is sent.
    pub(crate) async fn follow(&self, link: &str) -> String {
        let answer = self.submit(&format!("{link}/continue"), "").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("location").unwrap().to_owned()
    }

    /// Decides on the platform's consent page with this form; returns the callback to which the platform sends
    /// the browser.
    pub(crate) async fn consent(&self, auth_url: &str, form: &str) -> String {
        let consent = sandbox::consent_url(auth_url).expect("a platform's page");
        let page = self.visit(&consent).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let answer = self.submit(&consent, form).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("location").unwrap().to_owned()
    }

    /// Opens a link, by way of our own page where it leads there, and decides.
    pub(crate) async fn decide(&self, auth_url: &str, decision: Decision) -> String {
        if auth_url.starts_with(&format!("{}/go/", self.base_url)) {
            let page = self.visit(auth_url).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let auth_url = self.follow(auth_url).await;
            return self.consent(&auth_url, decision.form()).await;
        }
        self.consent(auth_url, decision.form()).await
    }

    async fn send(&self, url: &str, mut request: reqwest::RequestBuilder) -> Answer {
        let is_ours = url.starts_with(&self.base_url);
        let sent = self.cookies();
        if is_ours && !sent.is_empty() {
            let pairs: Vec<_> = sent
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        if is_ours {
            self.keep(&answer);
        }
        answer
    }

    fn keep(&self, answer: &Answer) {
        let mut cookies = self.cookies.lock().unwrap();
        for set in answer.headers.get_all(SET_COOKIE) {
            let mut parts = set.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            cookies.retain(|(known, _)| known != name);
            if !parts.any(|part| part == "Max-Age=0") {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

impl TestApp {
    /// Opens a link, decides, and returns the callback to which the platform sends the browser.
    pub(crate) async fn decide(&self, auth_url: &str, decision: Decision) -> String {
        self.browser.decide(auth_url, decision).await
    }

    pub(crate) async fn approve(&self, auth_url: &str) -> String {
        self.decide(auth_url, Decision::Approve).await
    }

    /// What the address shows, redirects not followed.
    pub(crate) async fn visit(&self, url: &str) -> Answer {
        self.browser.visit(url).await
    }

    /// A browser of somebody else.
    pub(crate) fn another_browser(&self) -> Browser {
        Browser::new(self.http.clone(), &self.base_url)
    }
}

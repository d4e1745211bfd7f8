//! The seller, played over HTTP as a browser would.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use url::Url;

/// What the seller does on the platform's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Approve,
    Deny,
}

/// A seller with a browser. It follows no redirect by itself, so that each step can be looked at.
pub(super) struct Seller {
    http: reqwest::Client,
}

/// Where the browser ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) status: u16,
    /// Where it was sent from there.
    pub(super) location: Option<Url>,
}

/// A browser that went on from our page.
pub(super) struct Away {
    /// The platform's page.
    pub(super) auth_url: String,
    /// What it has to bring back.
    cookie: String,
}

/// The seller could not do what was asked. No variant holds a URL: a callback carries a code.
#[derive(Debug, thiserror::Error)]
pub(super) enum SellerError {
    #[error("no platform has a page at the auth_url")]
    NoPage,
    #[error("the browser got no answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("the platform's consent page answered {0}")]
    Consent(StatusCode),
    #[error("a redirect leads nowhere")]
    Location,
    #[error("the page of the launch answered {0} and asks nothing")]
    NoQuestion(StatusCode),
}

impl Seller {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http }
    }

    /// Opens the link, decides, and returns the callback to which the platform sends the browser.
    pub(super) async fn decide(
        &self,
        auth_url: &str,
        decision: Decision,
    ) -> Result<Url, SellerError> {
        let form = match decision {
            Decision::Approve => "decision=approve",
            Decision::Deny => "decision=deny",
        };
        self.consent(auth_url, form).await
    }

    /// Decides on the platform's page with this form.
    pub(super) async fn consent(&self, auth_url: &str, form: &str) -> Result<Url, SellerError> {
        let consent = sandbox::consent_url(auth_url).ok_or(SellerError::NoPage)?;
        let shown = send(self.http.get(&consent)).await?;
        if shown.status() != StatusCode::OK {
            return Err(SellerError::Consent(shown.status()));
        }
        let decided = self
            .http
            .post(&consent)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned());
        let decided = send(decided).await?;
        let status = decided.status();
        location(&decided)?.ok_or(SellerError::Consent(status))
    }

    /// Opens a callback.
    pub(super) async fn open(&self, callback: &Url) -> Result<Page, SellerError> {
        page(&send(self.http.get(callback.clone())).await?)
    }

    /// Opens a hosted link, and goes on from the page there.
    pub(super) async fn follow(&self, link: &str) -> Result<Away, SellerError> {
        let shown = send(self.http.get(link)).await?;
        if shown.status() != StatusCode::OK {
            return Err(SellerError::NoQuestion(shown.status()));
        }
        let gone = send(self.http.post(format!("{link}/continue"))).await?;
        let auth_url = gone.headers().get(LOCATION);
        let auth_url = auth_url.and_then(|value| value.to_str().ok());
        let auth_url = auth_url.ok_or(SellerError::Location)?.to_owned();
        let cookie = cookie_of(&gone).ok_or(SellerError::NoQuestion(gone.status()))?;
        Ok(Away { auth_url, cookie })
    }

    /// Opens a callback in the browser that went away from our page.
    pub(super) async fn come_back(&self, callback: &Url, away: &Away) -> Result<Page, SellerError> {
        let request = self.http.get(callback.clone()).header(COOKIE, &away.cookie);
        page(&send(request).await?)
    }

    /// Presses the other button of the page behind a hosted link.
    pub(super) async fn decline(&self, link: &str) -> Result<Page, SellerError> {
        page(&send(self.http.post(format!("{link}/decline"))).await?)
    }

    /// Pastes a key on the page behind a hosted link, as this form, and is led back to the page.
    pub(super) async fn paste(&self, link: &str, form: String) -> Result<Page, SellerError> {
        let shown = send(self.http.get(link)).await?;
        if shown.status() != StatusCode::OK {
            return Err(SellerError::NoQuestion(shown.status()));
        }
        let address = shown.url().clone();
        let pasted = self
            .http
            .post(format!("{link}/key"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let pasted = send(pasted).await?;
        let back = pasted.headers().get(LOCATION);
        let back = back.and_then(|value| value.to_str().ok());
        let back = back.ok_or(SellerError::NoQuestion(pasted.status()))?;
        let back = address.join(back).map_err(|_| SellerError::Location)?;
        self.open(&back).await
    }

    /// Opens the app on the platform and confirms what the page asks; returns where the browser goes on.
    pub(super) async fn confirm_launch(&self, launch: &str) -> Result<String, SellerError> {
        let shown = send(self.http.get(launch)).await?;
        let status = shown.status();
        let asked = || SellerError::NoQuestion(status);
        let address = shown.url().clone();
        let cookie = cookie_of(&shown).ok_or_else(asked)?;
        let page = shown.text().await;
        let page = page.map_err(|error| SellerError::NoAnswer(error.without_url()))?;
        let value = |before: &str| {
            let (_, rest) = page.split_once(before)?;
            rest.split('"').next()
        };
        let (Some(action), Some(launch), Some(token)) = (
            value("action=\""),
            value("name=\"launch\" value=\""),
            value("name=\"token\" value=\""),
        ) else {
            return Err(asked());
        };
        let action = address.join(action).map_err(|_| SellerError::Location)?;
        let confirmed = self
            .http
            .post(action)
            .header(COOKIE, cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("launch={launch}&token={token}"));
        let confirmed = send(confirmed).await?;
        // As it stands there: a browser takes a query behind the fragment for what it is.
        let location = confirmed.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        location.map(str::to_owned).ok_or(SellerError::Location)
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<reqwest::Response, SellerError> {
    let sent = request.send().await;
    sent.map_err(|error| SellerError::NoAnswer(error.without_url()))
}

fn page(answer: &reqwest::Response) -> Result<Page, SellerError> {
    Ok(Page {
        status: answer.status().as_u16(),
        location: location(answer)?,
    })
}

fn cookie_of(answer: &reqwest::Response) -> Option<String> {
    let cookie = answer.headers().get(SET_COOKIE)?;
    let (pair, _) = cookie.to_str().ok()?.split_once(';')?;
    Some(pair.to_owned())
}

fn location(answer: &reqwest::Response) -> Result<Option<Url>, SellerError> {
    let Some(value) = answer.headers().get(LOCATION) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| SellerError::Location)?;
    let url = text.parse().map_err(|_| SellerError::Location)?;
    Ok(Some(url))
}

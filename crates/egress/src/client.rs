//! The guarded HTTP client.

use std::error::Error;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use prometheus_client::registry::Registry;
use url::Url;

use crate::measure::{Measures, Purpose};
use crate::policy::{AddressRefused, Policy, Reach, UrlRefused};
use crate::resolver::{Lookup, VettingResolver};

/// Sends one request to a host that a user chose, or refuses to. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    policy: Arc<Policy>,
    /// Two pools, so that a connection is only ever reused under the rule it was dialled under.
    open: reqwest::Client,
    confined: reqwest::Client,
    measures: Measures,
}

/// What to send, and how much of an answer to wait for.
#[derive(Clone)]
pub struct Request {
    /// What the call is counted as.
    pub purpose: Purpose,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The limit for everything together: name resolution, connection, request and the answer's body.
    pub timeout: Duration,
    /// How many bytes of the answer's body are taken into memory.
    pub max_response_bytes: usize,
    pub oversize: Oversize,
}

/// What becomes of an answer whose body is longer than the request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oversize {
    /// The call fails with [`EgressError::TooLarge`]: half a document is worth nothing.
    Fail,
    /// The call succeeds with the beginning of the body: the status is what counts.
    Cut,
}

/// What came back, whatever its status; a redirect is an answer like any other.
#[derive(Clone)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer may carry tokens in its headers and its body, so neither is printed.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no answer, by what the caller may do next. It names no URL, header or body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// Nothing was sent, and nothing will be until the URL, its name's addresses or the policy change.
    #[error(transparent)]
    Refused(#[from] UrlRefused),
    /// The name did not resolve, or the connection or its TLS handshake failed. No byte of the request
    /// has left, so that even a one-time code may be sent again.
    #[error("the connection could not be made")]
    ConnectFailed,
    /// The request may have been received and acted upon.
    #[error("no complete answer in time")]
    TimedOut,
    /// The request was received and answered at greater length than it asked for.
    #[error("the answer is too large")]
    TooLarge,
    /// The connection broke or its peer did not speak HTTP; the request may have been received.
    #[error("the connection broke before a complete answer")]
    Interrupted,
}

/// The client could not be set up, usually because the system has no certificate authorities.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up")]
pub struct BuildError(#[source] reqwest::Error);

impl Client {
    /// A client that obeys `policy`, trusting the certificate authorities of the system.
    ///
    /// The process gets ring as its default rustls provider, unless it already has one.
    pub fn new(policy: Policy) -> Result<Self, BuildError> {
        Self::with_lookup(policy, &Lookup::System)
    }

    pub(crate) fn with_lookup(policy: Policy, lookup: &Lookup) -> Result<Self, BuildError> {
        let policy = Arc::new(policy);
        let open = dialler(&policy, Reach::Open, lookup)?;
        let confined = dialler(&policy, Reach::Confined, lookup)?;
        Ok(Self {
            policy,
            open,
            confined,
            measures: Measures::default(),
        })
    }

    /// The URL in its normal form, or what can be said against it before any name is resolved: scheme,
    /// user name, port, address literals in every notation, hosts that are empty or end in a dot.
    ///
    /// A URL that passes can still be refused when it is called, by where its name leads then.
    pub fn check_url(&self, url: &str) -> Result<Url, UrlRefused> {
        self.policy.parse(url)
    }

    /// The answer to `request`, or why there is none; see [`EgressError`] for what may be sent again.
    ///
    /// The URL is checked again, so that one from the database is judged by today's policy.
    pub async fn send(&self, request: Request) -> Result<Response, EgressError> {
        let (purpose, started) = (request.purpose, Instant::now());
        let outcome = self.call(request).await;
        self.measures.called(purpose, &outcome, started.elapsed());
        outcome
    }

    /// Adds what is counted about the calls of this client and of its clones.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.measures.register(registry);
    }

    async fn call(&self, request: Request) -> Result<Response, EgressError> {
        let dialler = match self.policy.reach(&request.url)? {
            Reach::Open => &self.open,
            Reach::Confined => &self.confined,
        };
        match tokio::time::timeout(request.timeout, exchange(dialler, request)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(EgressError::TimedOut),
        }
    }
}

/// Idle connections are given up early: most hosts are called rarely, there are many of them, and a
/// request that meets a connection which the peer is just closing ends as `Interrupted`.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const POOL_MAX_IDLE_PER_HOST: usize = 16;

#[expect(
    clippy::disallowed_methods,
    reason = "the guarded client is built here and nowhere else"
)]
fn dialler(
    policy: &Arc<Policy>,
    reach: Reach,
    lookup: &Lookup,
) -> Result<reqwest::Client, BuildError> {
    // Losing the race to another installer is as good as winning it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    // The retries that reqwest makes by itself are left on: it repeats only what HTTP/2 declares
    // unprocessed (REFUSED_STREAM, GOAWAY), and each dial asks the resolver again.
    reqwest::Client::builder()
        .dns_resolver(VettingResolver {
            policy: Arc::clone(policy),
            reach,
            lookup: lookup.clone(),
        })
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(policy.connect_timeout)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST)
        // Shops behind a web application firewall often turn away callers without a name.
        .user_agent(concat!("Shopgrant/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(BuildError)
}

async fn exchange(dialler: &reqwest::Client, request: Request) -> Result<Response, EgressError> {
    let Request {
        purpose: _,
        method,
        url,
        mut headers,
        body,
        timeout: _,
        max_response_bytes,
        oversize,
    } = request;
    let target = Target {
        host: url.host_str().unwrap_or_default().to_owned(),
        is_plain: url.scheme() == "http",
    };

    // hyper leaves the length out when there is no body, and some servers answer such a POST with 411,
    // see https://www.rfc-editor.org/rfc/rfc9110.html#section-8.6.
    if body.is_empty() && (method == Method::POST || method == Method::PUT) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut outgoing = reqwest::Request::new(method, url);
    *outgoing.headers_mut() = headers;
    *outgoing.body_mut() = Some(body.into());
    let mut answer = dialler
        .execute(outgoing)
        .await
        .map_err(|error| target.classify(&error))?;

    let mut body = BytesMut::new();
    loop {
        let room = max_response_bytes - body.len();
        if room == 0 && oversize == Oversize::Cut {
            break;
        }
        let next = answer.chunk().await;
        let Some(chunk) = next.map_err(|error| target.classify(&error))? else {
            break;
        };
        if chunk.len() <= room {
            body.extend_from_slice(&chunk);
            continue;
        }
        match oversize {
            Oversize::Fail => return Err(EgressError::TooLarge),
            Oversize::Cut => body.extend_from_slice(&chunk[..room]),
        }
    }
    Ok(Response {
        status: answer.status(),
        headers: std::mem::take(answer.headers_mut()),
        body: body.freeze(),
    })
}

/// As much of a URL as may be remembered for the log and for the words of a refusal.
struct Target {
    host: String,
    is_plain: bool,
}

impl Target {
    /// What a failure means for the caller. The details, such as why a certificate was not accepted, go
    /// to the log at debug level; they are the causes below reqwest's own error, which holds the URL.
    fn classify(&self, error: &reqwest::Error) -> EgressError {
        let causes: Vec<_> = iter::successors(error.source(), |&cause| cause.source()).collect();
        let refused = causes
            .iter()
            .find_map(|cause| cause.downcast_ref::<AddressRefused>());
        let detail: Vec<String> = causes.iter().map(ToString::to_string).collect();
        tracing::debug!(
            host = self.host,
            causes = detail.join(": "),
            "outgoing call failed"
        );

        match refused {
            Some(AddressRefused::Forbidden) => UrlRefused::Address.into(),
            Some(AddressRefused::NotAllowed) if self.is_plain => UrlRefused::Scheme.into(),
            Some(AddressRefused::NotAllowed) => UrlRefused::Port.into(),
            // This covers the connect timeout, which strikes before anything is sent.
            None if error.is_connect() => EgressError::ConnectFailed,
            None => EgressError::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests;

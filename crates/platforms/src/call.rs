//! One call to a platform, and what its answer is worth.

use std::time::Duration;

use bytes::Bytes;
use egress::{Client, Oversize, Purpose, Request, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::failure::PlatformFailure;

/// Far above every answer that is asked for here, and small enough to be held in memory.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What is sent to a platform. It may carry secrets anywhere, so it cannot be printed.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: json_headers(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn post_json(url: Url, body: &Value) -> Self {
        let mut headers = json_headers();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Self {
            method: Method::POST,
            url,
            headers,
            body: body.to_string().into(),
        }
    }

    pub(crate) fn post_form(url: Url, fields: &[(&str, &str)]) -> Self {
        let mut headers = json_headers();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        Self {
            method: Method::POST,
            url,
            headers,
            body: form.finish().into(),
        }
    }

    /// The answer, whatever its status.
    pub(crate) async fn send(
        self,
        egress: &Client,
        timeout: Duration,
    ) -> Result<Response, PlatformFailure> {
        let request = Request {
            purpose: Purpose::Platform,
            method: self.method,
            url: self.url,
            headers: self.headers,
            body: self.body,
            timeout,
            max_response_bytes: MAX_ANSWER_BYTES,
            oversize: Oversize::Fail,
        };
        Ok(egress.send(request).await?)
    }
}

fn json_headers() -> HeaderMap {
    let accept = HeaderValue::from_static("application/json");
    HeaderMap::from_iter([(header::ACCEPT, accept)])
}

/// A header that no debug output shows; `None` where the text cannot be a header's.
pub(crate) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A URL built from a host and a path of ours. One that does not parse leads nowhere.
pub(crate) fn parse_url(text: &str) -> Result<Url, PlatformFailure> {
    Url::parse(text).map_err(|_| PlatformFailure::Unreachable)
}

/// Whether an answer of this status says anything about what was asked. A platform in trouble, one
/// that asks for patience and one that points elsewhere do not.
pub(crate) fn says_nothing(status: StatusCode) -> bool {
    status.is_server_error() || status.is_redirection() || status == StatusCode::TOO_MANY_REQUESTS
}

/// A body as JSON. What is none comes from something in between, as a page of a firewall does.
pub(crate) fn read_json(body: &[u8]) -> Result<Value, PlatformFailure> {
    serde_json::from_slice(body).map_err(|_| PlatformFailure::Unreachable)
}

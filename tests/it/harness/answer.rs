//! What a call was answered.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// An answer with everything that a test may look at.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        Self::try_of(response).await.expect("a whole answer")
    }

    /// Nothing if whoever answers dies over it.
    pub(crate) async fn try_of(response: reqwest::Response) -> Option<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.ok()?;
        Some(Self {
            status,
            headers,
            text,
        })
    }

    /// The status and the whole body, as [`ok`] and [`refused`] write them down.
    pub(crate) fn whole(&self) -> (u16, Value) {
        let body = serde_json::from_str(&self.text);
        let body = body.unwrap_or_else(|_| panic!("{} {:?}", self.status, self.text));
        (self.status, body)
    }

    /// The data of a success.
    pub(crate) fn data(&self) -> Value {
        let (status, mut body) = self.whole();
        let data = body["data"].take();
        let head = json!({"code": 200, "message": "SUCCESS", "data": null});
        assert_eq!((status, body), (200, head));
        data
    }

    /// A page's text without the id of the request, which differs between any two answers.
    pub(crate) fn page(&self) -> String {
        let request_id = self.header("x-request-id").expect("every answer has one");
        self.text.replace(request_id, "…")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The whole answer of a call that did what it says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is always made on the spot"
)]
pub(crate) fn ok(data: Value) -> (u16, Value) {
    (
        200,
        json!({"code": 200, "message": "SUCCESS", "data": data}),
    )
}

/// The whole answer of a call that changed nothing.
pub(crate) fn refused(code: u32, message: &str) -> (u16, Value) {
    let status = match code {
        900_000 => 500,
        0..1000 => u16::try_from(code).unwrap(),
        _ => 200,
    };
    (
        status,
        json!({"code": code, "message": message, "data": null}),
    )
}

//! The other side of the wire, in a process of its own: the simulated platforms, a receiver that verifies
//! and counts webhooks, and two endpoints that do as little as an endpoint can.
#![expect(
    clippy::future_not_send,
    reason = "actix runs a handler on the thread that took the request"
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use broker::{Clock, SystemClock};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncReadExt, stdin};

use crate::command::{Failure, simulated_platforms};
use crate::output;
use crate::signal::EndSignals;
use crate::signing::{Unsigned, sign};
use crate::webhook::{Webhook, WebhookKey};

/// A free port of this machine.
const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// An endpoint whose webhooks are verified from now on.
#[derive(Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) number: u32,
    pub(super) secret: String,
}

/// Whose signed calls the signed endpoint takes.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Signer {
    pub(super) app_id: String,
    pub(super) app_secret: String,
}

/// What was received about one event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) event: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    /// The store that it is about and how that stands, if it is about one.
    pub(super) store: Option<String>,
    pub(super) status: Option<String>,
    pub(super) times: u32,
    /// When it came first, and when its change was made, in microseconds since 1970.
    pub(super) first_at_us: i64,
    pub(super) event_at_us: i64,
}

/// What was received since the counts were last taken back to zero.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) events: u64,
    /// More often than once.
    pub(super) doubled: u64,
    /// With a wrong signature.
    pub(super) refused: u64,
    /// Before the secret was known here.
    pub(super) early: u64,
}

#[derive(Default)]
struct Sink {
    keys: RwLock<HashMap<u32, WebhookKey>>,
    book: Mutex<Book>,
    signer: RwLock<Option<Signer>>,
}

#[derive(Default)]
struct Book {
    counts: Counts,
    receipts: HashMap<String, Receipt>,
}

impl Sink {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the input ends, as it does when the process that started this one is gone.
pub(crate) async fn run() -> Result<(), Failure> {
    let mut signals = EndSignals::catch()?;
    let platforms = sandbox::start(simulated_platforms(), ANY_PORT.into())?;
    let listener = TcpListener::bind(ANY_PORT)?;
    let address = listener.local_addr()?;
    let shared = web::Data::new(Sink::default());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::clone(&shared))
            .route("/hook/{number}", web::post().to(receive))
            .route("/bare", web::post().to(answer_bare))
            .route("/signed", web::post().to(answer_signed))
            .route("/control/signer", web::post().to(set_signer))
            .route("/control/endpoint", web::post().to(add_endpoint))
            .route("/control/reset", web::post().to(reset))
            .route("/control/counts", web::get().to(counts))
            .route("/control/receipts", web::get().to(receipts))
    })
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    output::remark(format_args!(
        "listening on http://{address}, platforms on http://{}",
        platforms.address
    ));
    let mut input = stdin();
    let mut ignored = [0; 64];
    let end_of_input = async { while !matches!(input.read(&mut ignored).await, Ok(0) | Err(_)) {} };
    tokio::select! {
        ended = server => ended?,
        ended = platforms.server => ended?,
        () = end_of_input => {}
        () = signals.recv() => {}
    }
    Ok(())
}

/// The answer is 200 even to a forged webhook: it is counted, and a second attempt would only blur that.
async fn receive(
    request: HttpRequest,
    number: web::Path<u32>,
    body: Bytes,
    sink: web::Data<Sink>,
) -> HttpResponse {
    #[derive(Deserialize)]
    struct Told {
        #[serde(rename = "type")]
        event_type: String,
        timestamp: DateTime<Utc>,
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        store_id: Option<String>,
        auth_status: Option<String>,
    }
    let now = SystemClock.now();
    let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let (Some(id), Some(timestamp), Some(signature)) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    ) else {
        return HttpResponse::BadRequest().finish();
    };
    let told = serde_json::from_slice::<Told>(&body);
    let webhook = Webhook {
        id,
        timestamp,
        signature,
        body,
    };
    let verified = {
        let keys = sink.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&number).map(|key| key.verify(&webhook, now))
    };
    let mut book = sink.book();
    let book = &mut *book;
    match (verified, told) {
        (None, _) => book.counts.early += 1,
        (Some(Err(_)), _) | (_, Err(_)) => book.counts.refused += 1,
        (Some(Ok(())), Ok(told)) => {
            let event = webhook.id;
            let receipt = book
                .receipts
                .entry(event)
                .or_insert_with_key(|event| Receipt {
                    event: event.clone(),
                    event_type: told.event_type,
                    store: told.data.store_id,
                    status: told.data.auth_status,
                    times: 0,
                    first_at_us: now.timestamp_micros(),
                    event_at_us: told.timestamp.timestamp_micros(),
                });
            receipt.times += 1;
            match receipt.times {
                1 => book.counts.events += 1,
                2 => book.counts.doubled += 1,
                _ => {}
            }
        }
    }
    HttpResponse::Ok().finish()
}

/// As little as an endpoint of JSON can do.
async fn answer_bare(fields: web::Json<serde_json::Value>) -> HttpResponse {
    let is_object = fields.is_object();
    HttpResponse::Ok().json(json!({"code": 200, "message": "ok", "data": {"is_object": is_object}}))
}

/// As little as an endpoint can do that takes signed calls: the signature is made once more and compared.
/// It keeps no nonces, asks no database and limits no rate.
async fn answer_signed(request: HttpRequest, body: Bytes, sink: web::Data<Sink>) -> HttpResponse {
    let signer = sink.signer.read().unwrap_or_else(PoisonError::into_inner);
    let is_right = signer
        .as_ref()
        .is_some_and(|signer| is_signed_by(signer, &request, &body));
    if !is_right {
        return HttpResponse::Unauthorized().json(json!({"code": 401, "message": "not signed"}));
    }
    let Ok(fields) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    HttpResponse::Ok().json(json!({"code": 200, "message": "ok", "data": fields}))
}

fn is_signed_by(signer: &Signer, request: &HttpRequest, body: &[u8]) -> bool {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let parameter = |name: &str| {
        let (_, behind) = header("signature-input")?.split_once(name)?;
        Some(behind.split(';').next()?.trim_matches('"'))
    };
    let created = parameter(";created=")
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let (Some(created), Some(nonce), Some(token)) =
        (created, parameter(";nonce="), header("authorization"))
    else {
        return false;
    };
    let unsigned = Unsigned {
        path: request.path(),
        body,
        authorization: &token.into(),
        created,
        nonce,
    };
    let expected = sign(&unsigned, &signer.app_id, &signer.app_secret.clone().into());
    header("content-digest") == Some(&expected.content_digest)
        && header("signature") == Some(&expected.signature)
}

async fn set_signer(signer: web::Json<Signer>, sink: web::Data<Sink>) -> HttpResponse {
    let mut place = sink.signer.write().unwrap_or_else(PoisonError::into_inner);
    *place = Some(signer.into_inner());
    HttpResponse::Ok().finish()
}

async fn add_endpoint(endpoint: web::Json<Endpoint>, sink: web::Data<Sink>) -> HttpResponse {
    let Endpoint { number, secret } = endpoint.into_inner();
    let Ok(key) = WebhookKey::parse(&secret.into()) else {
        return HttpResponse::BadRequest().finish();
    };
    let mut keys = sink.keys.write().unwrap_or_else(PoisonError::into_inner);
    keys.insert(number, key);
    HttpResponse::Ok().finish()
}

async fn reset(sink: web::Data<Sink>) -> HttpResponse {
    *sink.book() = Book::default();
    HttpResponse::Ok().finish()
}

async fn counts(sink: web::Data<Sink>) -> HttpResponse {
    HttpResponse::Ok().json(sink.book().counts)
}

async fn receipts(sink: web::Data<Sink>) -> HttpResponse {
    let receipts: Vec<Receipt> = sink.book().receipts.values().cloned().collect();
    HttpResponse::Ok().json(receipts)
}

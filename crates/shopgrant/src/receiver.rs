//! An institution's own HTTP server, as small as it can be: it takes webhooks and the seller's browser.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::{Method, StatusCode};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;

use crate::webhook::Webhook;

/// Something that reached the receiver.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    /// A POST with the headers of a webhook.
    Webhook { path: String, webhook: Webhook },
    /// A GET: the seller's browser comes back.
    Browser { path: String, query: String },
}

/// What is done with an arrival, and answered.
pub(crate) type OnArrival = Arc<dyn Fn(Arrival) -> StatusCode + Send + Sync>;

/// A receiver on `listener`, which answers as soon as the server is polled. It handles no signals.
pub(crate) fn start(
    listener: TcpListener,
    on_arrival: OnArrival,
) -> io::Result<(SocketAddr, Server)> {
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(Arc::new(Arc::clone(&on_arrival))))
            .default_service(web::to(receive))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    Ok((address, server))
}

#[expect(
    clippy::future_not_send,
    reason = "actix runs a handler on the thread that took the request"
)]
async fn receive(
    request: HttpRequest,
    body: Bytes,
    on_arrival: web::Data<OnArrival>,
) -> HttpResponse {
    let path = request.path().to_owned();
    if request.method() == Method::GET {
        let query = request.query_string().to_owned();
        let status = on_arrival(Arrival::Browser { path, query });
        return HttpResponse::build(status)
            .content_type("text/plain; charset=utf-8")
            .body("The shop's authorization has ended; the terminal shows how. You can close this page.\n");
    }
    let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let (Some(id), Some(timestamp), Some(signature)) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    ) else {
        return HttpResponse::BadRequest().finish();
    };
    let webhook = Webhook {
        id,
        timestamp,
        signature,
        body,
    };
    HttpResponse::build(on_arrival(Arrival::Webhook { path, webhook })).finish()
}

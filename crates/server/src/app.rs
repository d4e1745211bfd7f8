//! The HTTP server as a value: for any broker, on any listener.

mod process_runtime;
mod request_line;
pub(crate) mod routes;
mod unrouted;

use std::io;
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::Server;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpServer, web};
use broker::Broker;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use url::Url;

use crate::extract::Gateway;
use crate::handlers::docs::{self, Document};
use crate::handlers::{asset, hosted_link};
use crate::machine::{Duties, Machine};
use crate::measure::Measures;
use crate::request_id;

/// How long requests under way may take to end once the server was told to stop.
const DRAIN_SECS: u64 = 15;

/// What an operator decides about the HTTP side.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where institutions, sellers and platforms reach us; signatures are checked against it.
    pub public_url: Url,
    /// Whether workers run beside the server, in the same process.
    pub duties: Duties,
    pub rate: RateOptions,
    /// The proxies that may speak of a client's address.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest body that is read.
    pub max_body_bytes: usize,
}

/// How often a caller may call before it is answered 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateOptions {
    /// Signed calls.
    pub per_institution: Rate,
    /// The token call, the sellers' pages and the platforms' events.
    pub per_address: Rate,
}

/// `burst` calls at once, and `per_second` more with every second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl ServerOptions {
    /// The documented defaults.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            duties: Duties::Api,
            rate: RateOptions::default(),
            trusted_proxies: Vec::new(),
            max_body_bytes: 64 * 1024,
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            per_second: const { NonZeroU32::new(100).unwrap() },
            burst: const { NonZeroU32::new(200).unwrap() },
        }
    }
}

/// Serves the broker on the listener. The caller polls the server, inside of a Tokio runtime, and stops it
/// by its handle; signals are the caller's as well. Requests under way get 15 seconds to end.
pub fn start(broker: Broker, options: ServerOptions, listener: TcpListener) -> io::Result<Server> {
    let (duties, measures) = (options.duties, Measures::default());
    let gateway = Gateway::new(broker.clone(), options, measures.clone());
    let api = Api {
        gateway: web::Data::new(gateway),
        document: web::Data::new(Document::new()),
    };
    run(Machine::new(broker, duties, measures), Some(api), listener)
}

/// Serves machines alone, for a process of workers: whether it lives, whether it works, what is measured.
pub fn start_for_machines(broker: Broker, listener: TcpListener) -> io::Result<Server> {
    let machine = Machine::new(broker, Duties::Worker, Measures::default());
    run(machine, None, listener)
}

/// What institutions, sellers and readers of the documentation get.
#[derive(Clone)]
struct Api {
    gateway: web::Data<Gateway>,
    document: web::Data<Document>,
}

impl Api {
    fn configure(&self, config: &mut web::ServiceConfig) {
        config
            .app_data(self.gateway.clone())
            .app_data(self.document.clone());
        routes::serve(config);
        config
            .service(hosted_link::looked_for)
            .service(hosted_link::strayed)
            .service(hosted_link::strayed_to_look)
            .service(asset::sheet)
            .service(docs::openapi_json)
            .service(docs::without_slash)
            .service(docs::swagger_ui);
    }
}

fn run(machine: Machine, api: Option<Api>, listener: TcpListener) -> io::Result<Server> {
    let runtime = Handle::current();
    let request_ids = RequestIds::new(machine.broker(), &listener)?;
    let machine = web::Data::new(machine);
    let machines_only = api.is_none();
    let server = HttpServer::new(move || {
        let (request_ids, runtime) = (Arc::clone(&request_ids), runtime.clone());
        App::new()
            .app_data(machine.clone())
            .configure(|config| match &api {
                Some(api) => api.configure(config),
                None => routes::serve_machines(config),
            })
            .default_service(web::to(unrouted::refuse))
            .wrap(from_fn(request_line::write))
            .wrap(from_fn(move |request, next| {
                let id = request_ids.next();
                async move { request_id::attach(id, request, next).await }
            }))
            .wrap(from_fn(move |request, next: Next<_>| {
                process_runtime::enter(runtime.clone(), next.call(request))
            }))
    });
    // Every thread of a server costs memory, and machines ask seldom.
    let server = if machines_only {
        server.workers(1)
    } else {
        server
    };
    let server = server
        .shutdown_timeout(DRAIN_SECS)
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(server)
}

/// Ids that no other process and no earlier run has given out. They need not be hard to guess.
struct RequestIds {
    run: u64,
    count: AtomicU64,
}

impl RequestIds {
    fn new(broker: &Broker, listener: &TcpListener) -> io::Result<Arc<Self>> {
        let hash = Sha256::new()
            .chain_update(broker.now().timestamp_millis().to_be_bytes())
            .chain_update(std::process::id().to_be_bytes())
            .chain_update(listener.local_addr()?.to_string())
            .finalize();
        let mut run = [0; 8];
        run.copy_from_slice(&hash[..8]);
        Ok(Arc::new(Self {
            run: u64::from_be_bytes(run),
            count: AtomicU64::new(0),
        }))
    }

    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("req_{:016x}{count:08x}", self.run)
    }
}

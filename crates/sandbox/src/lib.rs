//! The store platforms as seen from outside, simulated and scriptable.
//!
//! Each dialect lives under a path prefix of its own, and everything after
//! `/{dialect}/{shop}` is the platform's own path, so that the broker reaches
//! it with `--host 'http://127.0.0.1:PORT/shopline/{shop}'`; MULTIVENDE, which
//! has one host for all shops, is at `/multivende`. Shops exist as
//! soon as somebody names them; platform apps, pasted tokens and API keys are
//! registered through [`Sandbox`] or, from another process, `POST /control`.
//!
//! Written from the platforms' published documentation alone. It shares no
//! code with the crate that talks to platforms, signing included: otherwise
//! tests would compare the product with itself.

#![expect(
    clippy::result_large_err,
    reason = "a refusal is a whole answer, and no path here is hot"
)]

mod cafe24;
mod call_log;
mod consent;
mod control;
mod event;
mod genstore;
mod hold;
mod launch;
mod multivende;
mod redirect;
mod registry;
mod script;
mod shop;
mod shopify;
mod shopline;
mod signature;
mod state;
mod woocommerce;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

pub use cafe24::MallOperator;
pub use call_log::Call;
pub use consent::consent_url;
pub use event::{SignedEvent, Topic};
pub use genstore::ShopUser;
pub use hold::Hold;
pub use registry::{AppRegistration, KeyPermission};
pub use script::{Fault, Rule, RuleError, Step};
pub use shop::{Dialect, InvalidShop, Shop};
pub use state::{LaunchError, Random, Sandbox, SandboxOptions};

/// A sandbox that listens, and answers as soon as `server` is polled.
pub struct RunningSandbox {
    /// Where it listens; the port is known even if it was asked for port 0.
    pub address: SocketAddr,
    /// The caller decides where this future runs; `server.handle()` stops it.
    pub server: Server,
}

/// Binds `listen` and hands back the server, which handles no signals itself.
pub fn start(sandbox: Sandbox, listen: SocketAddr) -> io::Result<RunningSandbox> {
    let http = HttpServer::new(move || App::new().configure(routes(sandbox.clone())))
        .workers(2)
        .disable_signals()
        .shutdown_timeout(1)
        // Its callers share a busy machine with it; none of them is slow on purpose.
        .client_request_timeout(Duration::from_mins(1))
        // A call that is never answered must end when its client hangs up.
        .h1_allow_half_closed(false)
        .bind(listen)?;
    let address =
        http.addrs().into_iter().next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::AddrNotAvailable, "no address was bound")
        })?;
    Ok(RunningSandbox {
        address,
        server: http.run(),
    })
}

fn routes(sandbox: Sandbox) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(sandbox))
            .route("/control", web::post().to(control::control))
            .service(shopline::scope().wrap(from_fn(call_log::record)))
            .service(genstore::scope().wrap(from_fn(call_log::record)))
            .service(cafe24::scope().wrap(from_fn(call_log::record)))
            .service(multivende::scope().wrap(from_fn(call_log::record)))
            .service(shopify::scope().wrap(from_fn(call_log::record)))
            .service(woocommerce::scope().wrap(from_fn(call_log::record)));
    }
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    #[actix_web::test]
    async fn a_started_sandbox_answers_at_its_address() {
        let sandbox = testing::sandbox();
        let running = start(sandbox.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let handle = running.server.handle();
        let server = actix_web::rt::spawn(running.server);
        let answer = web::block(move || {
            let mut stream = TcpStream::connect(running.address).unwrap();
            let request = "GET /shopline/demo/admin/oauth-web/ HTTP/1.1\r\n\
                Host: sandbox\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
        .await
        .unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(testing::outcomes(&sandbox), ["authorize page shown"]);
        handle.stop(false).await;
        server.await.unwrap().unwrap();
    }
}

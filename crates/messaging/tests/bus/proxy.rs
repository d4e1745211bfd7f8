use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::{Notify, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::variable;

/// A way to the broker that can be made silent, and that may be encrypted.
pub(crate) struct Proxy {
    address: SocketAddr,
    silent: watch::Sender<bool>,
    accepted: Arc<AtomicUsize>,
    hang_up: Arc<Notify>,
    _task: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(tls: Option<TlsAcceptor>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let silent = watch::Sender::new(false);
        let accepted = Arc::<AtomicUsize>::default();
        let hang_up = Arc::<Notify>::default();
        let mut task = JoinSet::new();
        task.spawn({
            let (silent, accepted) = (silent.subscribe(), Arc::clone(&accepted));
            let hang_up = Arc::clone(&hang_up);
            async move {
                let mut calls = JoinSet::new();
                loop {
                    tokio::select! {
                        client = listener.accept() => {
                            accepted.fetch_add(1, Ordering::Relaxed);
                            let (client, _) = client.unwrap();
                            calls.spawn(connect(client, tls.clone(), silent.clone()));
                        }
                        () = hang_up.notified() => calls.abort_all(),
                    }
                }
            }
        });
        Proxy {
            address,
            silent,
            accepted,
            hang_up,
            _task: task,
        }
    }

    /// The URL of the broker by this way; `scheme` is `amqp` or `amqps`.
    pub(crate) fn url(&self, scheme: &str) -> String {
        let url = variable("SHOPGRANT_TEST_AMQP_URL");
        let (_, rest) = url.split_once("://").unwrap();
        let (login, place) = rest.split_once('@').unwrap();
        let (_, virtual_host) = place.split_once('/').unwrap();
        format!(
            "{scheme}://{login}@localhost:{}/{virtual_host}",
            self.address.port()
        )
    }

    /// Keeps back what the broker says, or lets all of it through again.
    pub(crate) fn keep_silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }

    /// Ends every connection.
    pub(crate) fn hang_up(&self) {
        self.hang_up.notify_one();
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// A connection ends without a word when one of its sides does.
async fn connect(client: TcpStream, tls: Option<TlsAcceptor>, silent: watch::Receiver<bool>) {
    let url = variable("SHOPGRANT_TEST_AMQP_URL");
    let (_, place) = url.split_once('@').unwrap();
    let (server, _) = place.split_once('/').unwrap();
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    match tls {
        None => carry(client, server, silent).await,
        Some(tls) => {
            // A client that does not trust us goes away.
            if let Ok(client) = tls.accept(client).await {
                carry(client, server, silent).await;
            }
        }
    }
}

async fn carry(
    client: impl AsyncRead + AsyncWrite,
    server: TcpStream,
    silent: watch::Receiver<bool>,
) {
    let (mut client_says, client_hears) = tokio::io::split(client);
    let (server_says, mut server_hears) = server.into_split();
    tokio::select! {
        _ = copy(&mut client_says, &mut server_hears) => {}
        _ = pass_on(server_says, client_hears, silent) => {}
    }
}

async fn pass_on(
    mut server: OwnedReadHalf,
    mut client: impl AsyncWrite + Unpin,
    mut silent: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = server.read(&mut buffer).await?;
        if length == 0 || silent.wait_for(|silent| !silent).await.is_err() {
            return Ok(());
        }
        client.write_all(&buffer[..length]).await?;
        client.flush().await?;
    }
}

//! A door between the broker and a platform, to hold a call that is under way.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::PATIENCE;

/// Takes connections for another address, and holds each until it is let through.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    arrived: mpsc::UnboundedReceiver<()>,
    open: Arc<Semaphore>,
    _doorman: JoinSet<()>,
}

impl Gate {
    pub(crate) async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, arrived) = mpsc::unbounded_channel();
        let open = Arc::new(Semaphore::new(0));
        let tickets = Arc::clone(&open);
        let mut doorman = JoinSet::new();
        doorman.spawn(async move {
            let mut passages = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (sender, tickets) = (sender.clone(), Arc::clone(&tickets));
                passages.spawn(async move {
                    // The request is there when its first bytes are.
                    near.readable().await.ok();
                    sender.send(()).ok();
                    let Ok(ticket) = tickets.acquire().await else {
                        return;
                    };
                    ticket.forget();
                    let mut far = TcpStream::connect(target).await.unwrap();
                    copy_bidirectional(&mut near, &mut far).await.ok();
                });
            }
        });
        Self {
            address,
            arrived,
            open,
            _doorman: doorman,
        }
    }

    /// Ends when a call stands before the gate.
    pub(crate) async fn arrival(&mut self) {
        let arrived = timeout(PATIENCE, self.arrived.recv()).await;
        arrived.expect("nobody came to the gate").unwrap();
    }

    /// Lets one call through, now or when it comes.
    pub(crate) fn let_one_through(&self) {
        self.open.add_permits(1);
    }
}

//! A broker at work: its HTTP server and its workers, from start to drain.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use broker::Broker;
use server::ServerOptions;
use storage::Storage;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests, exchanges and deliveries under way may take to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// The shortest and the longest wait before the database is watched again after it failed.
const WATCH_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The HTTP side of a process.
pub(crate) struct Http {
    pub(crate) listener: TcpListener,
    pub(crate) options: ServerOptions,
}

/// Everything that runs on behalf of one broker.
pub(crate) struct Process {
    broker: Broker,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// Cancelled when a part ends that should run for as long as the process.
    broken: CancellationToken,
    server: Option<ServerHandle>,
}

impl Process {
    /// Starts the watch over other processes' commits; a server and workers are added to it.
    pub(crate) fn start(broker: Broker, storage: Storage) -> Self {
        let process = Self {
            broker,
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            broken: CancellationToken::new(),
            server: None,
        };
        process
            .tasks
            .spawn(watch_other_processes(storage, process.shutdown.clone()));
        process
    }

    /// Serves HTTP from now on.
    pub(crate) fn serve(&mut self, http: Http) -> io::Result<()> {
        let server = server::start(self.broker.clone(), http.options, http.listener)?;
        self.run(server);
        Ok(())
    }

    /// Answers supervisors and monitors from now on, and nobody else.
    pub(crate) fn serve_machines(&mut self, listener: TcpListener) -> io::Result<()> {
        let server = server::start_for_machines(self.broker.clone(), listener)?;
        self.run(server);
        Ok(())
    }

    fn run(&mut self, server: Server) {
        self.server = Some(server.handle());
        let guard = self.broken.clone().drop_guard();
        self.tasks.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the HTTP server failed");
            }
            drop(guard);
        });
    }

    /// Runs every worker from now on.
    pub(crate) fn work(&self) {
        let guard = self.broken.clone().drop_guard();
        let workers = self.broker.clone();
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            workers.run_workers(shutdown).await;
            drop(guard);
        });
    }

    /// Returns when a part has ended by itself, which none should.
    pub(crate) async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Takes no more requests and no more work, and waits for what is under way; not for ever, since
    /// everything that matters is in the database and is taken up again.
    pub(crate) async fn drain(self) {
        let drained = async {
            self.shutdown.cancel();
            // Or the server would wait for those who wait for an event.
            self.broker.stop_waiting();
            if let Some(server) = &self.server {
                server.stop(true).await;
            }
            self.broker.shut_down().await;
            self.tasks.close();
            self.tasks.wait().await;
        };
        if tokio::time::timeout(DRAIN_LIMIT, drained).await.is_err() {
            tracing::warn!("ending although work is under way; it will be taken up again");
        }
    }
}

async fn watch_other_processes(storage: Storage, shutdown: CancellationToken) {
    let (shortest, longest) = WATCH_AGAIN;
    let mut wait = shortest;
    loop {
        let began = Instant::now();
        tokio::select! {
            () = shutdown.cancelled() => return,
            error = storage.watch_other_processes() => {
                tracing::warn!(%error, "commits of other processes are noticed late for now");
            }
        }
        wait = if began.elapsed() > longest {
            shortest
        } else {
            (wait * 2).min(longest)
        };
        if tokio::time::timeout(wait, shutdown.cancelled())
            .await
            .is_ok()
        {
            return;
        }
    }
}

//! Keeps what a request opens alive for longer than the thread that serves it.

use std::future::poll_fn;
use std::pin::pin;

use tokio::runtime::Handle;

/// Runs `future` here, but as a part of `runtime`. Each thread of the server has a runtime of its own, and
/// a connection belongs to the one in which it was opened: those of the database's pool would die with the
/// server, under workers and exchanges that still have something to save.
pub(super) async fn enter<F: Future>(runtime: Handle, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _entered = runtime.enter();
        future.as_mut().poll(context)
    })
    .await
}

//! A platform's answer that comes when the test says so.

use sandbox::{Dialect, Fault, Hold, Rule, Sandbox, Step};
use tokio::time::timeout;

use super::PATIENCE;

/// The next answer of a platform, held back after the call took effect. What asks waits for it no longer than
/// it does for any answer, which is ten seconds and more.
pub(crate) struct HeldAnswer(Hold);

impl HeldAnswer {
    pub(crate) fn of(sandbox: &Sandbox, dialect: Dialect, step: Step) -> Self {
        let hold = Hold::new();
        let rule = Rule {
            dialect,
            shop: None,
            step,
            fault: Fault::Held(hold.clone()),
            sticky: false,
        };
        sandbox.script(rule).unwrap();
        Self(hold)
    }

    /// Ends when the platform has been asked and holds its answer back.
    pub(crate) async fn reached(&self) {
        let reached = timeout(PATIENCE, self.0.reached()).await;
        reached.expect("nobody asked the platform");
    }

    pub(crate) fn release(&self) {
        self.0.release();
    }
}

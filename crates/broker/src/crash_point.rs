//! Named steps at which a test kills this process, to see what a crash there leaves behind.
//!
//! Without the feature `crash-points` there is nothing here but an empty function.

use crate::Broker;

/// A step after which a crash would hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// A key that was handed in is saved, or one that was held is given to its attempt; whoever brought it or came
    /// back for it was not answered.
    KeyTaken,
    /// The state is claimed; the code is not yet spent.
    Claimed,
    /// The platform has answered; nothing is saved.
    Exchanged,
    /// The result is committed; nobody was told.
    Committed,
    /// The bus has the event; the outbox does not know.
    Published,
    /// The receiver has answered; the attempt is not recorded.
    Delivered,
    /// The platform has renewed a grant; nothing is saved.
    Refreshed,
    /// The renewal is saved.
    RefreshSaved,
    /// The platform has given a credential up; nothing is saved.
    Revoked,
}

#[cfg(feature = "crash-points")]
impl std::str::FromStr for CrashPoint {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "key_taken" => Self::KeyTaken,
            "claimed" => Self::Claimed,
            "exchanged" => Self::Exchanged,
            "committed" => Self::Committed,
            "published" => Self::Published,
            "delivered" => Self::Delivered,
            "refreshed" => Self::Refreshed,
            "refresh_saved" => Self::RefreshSaved,
            "revoked" => Self::Revoked,
            _ => return Err(()),
        })
    }
}

impl Broker {
    #[cfg(feature = "crash-points")]
    pub(crate) fn reach(&self, point: CrashPoint) {
        if self.options().crash_point == Some(point) {
            let this = rustix::process::getpid();
            tracing::error!(?point, "killing this process, as the test asks");
            // SIGKILL leaves no time for anything: no destructor, no flush, no answer.
            rustix::process::kill_process(this, rustix::process::Signal::KILL).ok();
        }
    }

    #[cfg(not(feature = "crash-points"))]
    #[expect(
        clippy::unused_self,
        reason = "the other form of this function needs it"
    )]
    pub(crate) fn reach(&self, _point: CrashPoint) {}
}

//! Deletes what nobody needs any more, a batch at a time.

use storage::{Tx, retention};

use crate::Broker;
use crate::internal::Internal;
use crate::workers::Progress;

const BATCH: u64 = 500;

impl Broker {
    pub async fn retention_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        let before = now - self.options().webhook_retention;
        let deleted = self
            .storage()
            .write(async |tx: &Tx| {
                retention::delete_expired_for_worker(tx, now).await?;
                let events = retention::delete_events_for_worker(tx, before, BATCH).await?;
                let ended = retention::delete_ended_for_worker(tx, before, BATCH).await?;
                Ok::<_, Internal>(events + ended)
            })
            .await?;
        Ok(if deleted == 0 {
            Progress::Idle
        } else {
            Progress::Worked
        })
    }
}

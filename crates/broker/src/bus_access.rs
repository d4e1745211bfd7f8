//! Lets institutions read their events from the message broker, or no longer.

use domain::institution::BusAccess;
use messaging::Readers;
use storage::institutions;

use crate::Broker;
use crate::internal::{Internal, chain};
use crate::workers::Progress;

impl Broker {
    /// Sees to it that exactly those institutions have an exchange that may. Every worker may do it; a
    /// broker that is away is waited for and is no failure of the step.
    pub async fn bus_access_step(&self) -> Result<Progress, Internal> {
        let Some(control) = self.bus().control() else {
            return Ok(Progress::Idle);
        };
        let mut readers = Readers::default();
        for (app_id, access) in institutions::list_bus_access_for_worker(self.storage()).await? {
            let app_id = app_id.as_str().to_owned();
            match access {
                BusAccess::Granted => readers.granted.push(app_id),
                BusAccess::Revoked => readers.revoked.push(app_id),
                BusAccess::None => {}
            }
        }
        match control.apply(&readers).await {
            Ok(()) => Ok(Progress::Idle),
            Err(error) => {
                let cause = chain(&error);
                tracing::warn!(cause, "institutions' exchanges are not as they should be");
                Ok(Progress::Stuck)
            }
        }
    }
}

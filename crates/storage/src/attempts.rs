//! One HTTP try of a delivery.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::DeliveryId;
use domain::delivery::AttemptError;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryTrait};
use uuid::Uuid;

use crate::error::StorageError;
use crate::executor::{Tx, Write};
use crate::instant::to_millis;
use crate::row::attempt;
use crate::shape::filled;

/// What was sent and what came back.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub id: Uuid,
    pub delivery: DeliveryId,
    pub started_at: DateTime<Utc>,
    pub duration: Duration,
    pub status_code: Option<u16>,
    pub error: Option<AttemptError>,
    /// The `webhook-timestamp` that was sent, in seconds since 1970.
    pub webhook_timestamp: i64,
    /// The `webhook-signature` that was sent.
    pub signature: String,
    /// The beginning of the answer; for operators alone.
    pub answer_excerpt: Option<Vec<u8>>,
}

pub async fn insert_for_worker(tx: &Tx, attempts: &[Attempt]) -> Result<(), StorageError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let rows = attempts.iter().map(|attempt| {
        attempt::Model {
            id: attempt.id,
            delivery_id: attempt.delivery.uuid(),
            started_at: to_millis(attempt.started_at),
            duration_ms: i64::try_from(attempt.duration.as_millis()).unwrap_or(i64::MAX),
            status_code: attempt.status_code.map(i64::from),
            error_class: attempt.error.map(|error| error.code().to_owned()),
            webhook_timestamp: attempt.webhook_timestamp,
            signature: attempt.signature.clone(),
            answer_excerpt: attempt.answer_excerpt.clone(),
        }
        .into_active_model()
        .reset_all()
    });
    let insert = attempt::Entity::insert_many(filled(rows))
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .into_query();
    tx.write_later(Write::any("attempts", insert)).await
}

//! What is waiting for a worker, and since when. A monitor asks for it every few seconds, so each question is
//! one walk along an index that ends after [`MOST_COUNTED`] rows, however many there are.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use crate::error::StorageError;
use crate::executor::Executor;
use crate::instant::{from_millis, to_millis};

/// Beyond this a backlog is not counted: it is long.
pub const MOST_COUNTED: u64 = 10_001;

/// How much is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// At most [`MOST_COUNTED`].
    pub count: u64,
    /// Since when the oldest has been waiting; exact, also where not everything is counted.
    pub oldest: Option<DateTime<Utc>>,
}

/// Everything that waits for a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Events that have had no effect yet, since they were committed.
    pub events: Waiting,
    /// Deliveries to endpoints that take any, since they became due; those under way are among them.
    pub deliveries: Waiting,
    /// Pasted keys to prove, since they became due; those under way are among them.
    pub key_proofs: Waiting,
    /// Attempts past their deadline that nobody has ended, since their deadline.
    pub overdue: Waiting,
}

/// What is waiting now.
pub async fn read_for_worker(
    db: &impl Executor,
    now: DateTime<Utc>,
) -> Result<Backlog, StorageError> {
    let now = to_millis(now);
    let events = Question {
        table: "outbox",
        since: "created_at",
        condition: "effect_at IS NULL".to_owned(),
        order: "lease_until",
    };
    let deliveries = Question {
        table: "deliveries",
        since: "next_attempt_at",
        condition: format!(
            // Asked of each delivery alone. A list or a join could be taken for the way in, and then everything
            // would be read that ever went to these endpoints.
            "status = 'PENDING' AND next_attempt_at <= {now} AND (SELECT status <> 'DISABLED' \
             AND deleted_at IS NULL FROM endpoints WHERE id = endpoint_id)"
        ),
        order: "next_attempt_at",
    };
    let key_proofs = Question {
        table: "authorizations",
        since: "next_attempt_at",
        condition: format!("status = 'PENDING' AND auth_type = 'KEY' AND next_attempt_at <= {now}"),
        order: "next_attempt_at",
    };
    let overdue = Question {
        table: "authorizations",
        since: "deadline_at",
        condition: format!("status = 'PENDING' AND deadline_at <= {now}"),
        order: "deadline_at",
    };
    Ok(Backlog {
        events: events.ask(db).await?,
        deliveries: deliveries.ask(db).await?,
        key_proofs: key_proofs.ask(db).await?,
        overdue: overdue.ask(db).await?,
    })
}

/// Which rows of a table are waiting. The values that its partial indexes are made for stand in the text:
/// behind a parameter of a prepared statement they would not lead to those indexes.
struct Question {
    table: &'static str,
    since: &'static str,
    condition: String,
    /// The column of the index that is walked, the oldest first.
    order: &'static str,
}

impl Question {
    async fn ask(self, db: &impl Executor) -> Result<Waiting, StorageError> {
        let Self {
            table,
            since,
            condition,
            order,
        } = self;
        let text = format!(
            "SELECT COUNT(*), MIN(since) FROM (SELECT {since} AS since FROM {table} \
             WHERE {condition} ORDER BY {order} LIMIT {MOST_COUNTED}) AS waiting"
        );
        let connection = db.connection();
        let question = Statement::from_string(connection.get_database_backend(), text);
        let answer = connection.query_one_raw(question).await?;
        let answer = answer.ok_or_else(|| StorageError::corrupt(table, "-", "it has no count"))?;
        let count: i64 = answer.try_get_by_index(0)?;
        let oldest: Option<i64> = answer.try_get_by_index(1)?;
        Ok(Waiting {
            count: u64::try_from(count).unwrap_or_default(),
            oldest: oldest
                .map(|millis| from_millis(millis, table, "the oldest"))
                .transpose()?,
        })
    }
}

//! What an operator wants to know about a database before trusting it; nothing here is for an institution.

use std::path::PathBuf;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{EndpointId, GrantId, InstitutionId, InstitutionKeyId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryResult,
    QuerySelect, Statement,
};
use sqlx::sqlite::SqliteConnectOptions;
use uuid::Uuid;

use crate::database::Storage;
use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::nonces;
use crate::row::{endpoint, grant, institution_key, nonce};
use crate::sealing::{Keyring, Place, Sealed};

/// Which database it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub product: Product,
    /// As it says itself, such as `15.18`.
    pub version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Sqlite,
    Postgres,
}

/// What PostgreSQL was told about durability and connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresSettings {
    /// The names and values of the settings that, switched off, lose what was committed.
    pub durability: Vec<(String, String)>,
    pub max_connections: u32,
    /// Those that are in use now, by everybody.
    pub connections: u32,
    /// How many this process may take.
    pub per_process: u32,
}

/// The file that a `sqlite://` URL names; `None` for every other URL, and for a database in memory.
pub fn sqlite_file(database_url: &str) -> Option<PathBuf> {
    if !database_url.starts_with("sqlite:") || database_url.contains(":memory:") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(database_url).ok()?;
    Some(options.get_filename().to_owned())
}

/// Asks which database this is.
pub async fn server(db: &impl Executor) -> Result<Server, StorageError> {
    let (product, question) = if is_sqlite(db) {
        (Product::Sqlite, "SELECT sqlite_version()")
    } else {
        (
            Product::Postgres,
            "SELECT current_setting('server_version')",
        )
    };
    let version = one(db, question).await?.try_get_by_index(0)?;
    Ok(Server { product, version })
}

/// The time by the database's own clock. Only to compare the clocks: what is stored and compared comes
/// from the process's clock alone.
pub async fn database_time(db: &impl Executor) -> Result<DateTime<Utc>, StorageError> {
    let question = if is_sqlite(db) {
        "SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"
    } else {
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
    let millis: i64 = one(db, question).await?.try_get_by_index(0)?;
    DateTime::from_timestamp_millis(millis).ok_or_else(|| unanswered("the time").into())
}

/// The steps of the schema that only a newer version of the program knows.
pub async fn unknown_steps(db: &impl Executor) -> Result<Vec<String>, StorageError> {
    Ok(migrations::unknown_steps(db.connection()).await?)
}

/// What PostgreSQL was told; to be asked of PostgreSQL alone.
pub async fn postgres_settings(storage: &Storage) -> Result<PostgresSettings, StorageError> {
    let connection = storage.connection();
    let durability = "SELECT name, setting FROM pg_settings \
         WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name";
    let statement = Statement::from_string(connection.get_database_backend(), durability);
    let rows = connection.query_all_raw(statement).await?;
    let durability = rows
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect::<Result<_, StorageError>>()?;
    let pool = storage.connection().get_postgres_connection_pool();
    let counts = one(
        storage,
        "SELECT CAST(current_setting('max_connections') AS BIGINT), \
         (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
    )
    .await?;
    let count = |index: usize| -> Result<u32, StorageError> {
        let count: i64 = counts.try_get_by_index(index)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    };
    Ok(PostgresSettings {
        durability,
        max_connections: count(0)?,
        connections: count(1)?,
        per_process: pool.options().get_max_connections(),
    })
}

/// A commit that waits for the disk as every other does and leaves nothing behind: a nonce of no
/// institution is written and deleted again before anybody can see it.
pub async fn commit_once(
    storage: &Storage,
    nonce_hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let nobody = InstitutionId::new(Uuid::nil());
    storage
        .write(async |tx: &Tx| {
            nonces::consume(tx, nobody, nonce_hash, now).await?;
            nonce::Entity::delete_many()
                .filter(nonce::Column::InstitutionId.eq(nobody.uuid()))
                .filter(nonce::Column::NonceHash.eq(nonce_hash.to_vec()))
                .exec(tx.connection())
                .await?;
            Ok(())
        })
        .await
}

/// Tries the keyring on one sealed value of each kind that the database holds, and says which kinds it
/// opened and which not.
pub async fn try_keyring(
    db: &impl Executor,
    keyring: &Keyring,
) -> Result<KeyringTrial, StorageError> {
    let mut trial = KeyringTrial::default();
    let connection = db.connection();
    let key = institution_key::Entity::find()
        .limit(1)
        .one(connection)
        .await?;
    if let Some(row) = key {
        let place = Place::InstitutionSecret(InstitutionKeyId::new(row.id));
        trial.note(
            "institutions' secrets",
            keyring.open(place, &Sealed(row.secret)).is_ok(),
        );
    }
    let endpoint = endpoint::Entity::find().limit(1).one(connection).await?;
    if let Some(row) = endpoint {
        let place = Place::EndpointSecret(EndpointId::new(row.id));
        trial.note(
            "webhook secrets",
            keyring.open(place, &Sealed(row.secret)).is_ok(),
        );
    }
    let held = grant::Entity::find()
        .filter(grant::Column::Credential.is_not_null())
        .limit(1)
        .one(connection)
        .await?;
    if let Some((id, sealed)) = held.and_then(|row| Some((row.id, row.credential?))) {
        let place = Place::GrantCredential(GrantId::new(id));
        trial.note(
            "stores' credentials",
            keyring.open(place, &Sealed(sealed)).is_ok(),
        );
    }
    Ok(trial)
}

/// Which kinds of sealed values a keyring opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyringTrial {
    pub opened: Vec<&'static str>,
    pub closed: Vec<&'static str>,
}

impl KeyringTrial {
    fn note(&mut self, kind: &'static str, is_open: bool) {
        if is_open {
            self.opened.push(kind);
        } else {
            self.closed.push(kind);
        }
    }
}

async fn one(db: &impl Executor, question: &'static str) -> Result<QueryResult, StorageError> {
    let connection = db.connection();
    let statement = Statement::from_string(connection.get_database_backend(), question);
    let row = connection.query_one_raw(statement).await?;
    row.ok_or_else(|| unanswered("a question about itself").into())
}

fn unanswered(what: &str) -> DbErr {
    DbErr::Custom(format!("the database did not answer {what}"))
}

fn is_sqlite(db: &impl Executor) -> bool {
    db.connection().get_database_backend() == DbBackend::Sqlite
}

//! Whether the database can be used, is the right one, keeps what it commits, and answers quickly.

mod sqlite_file;

use std::time::{Duration, Instant};

use broker::{Clock, Entropy, SystemClock, SystemEntropy};
use secrecy::ExposeSecret;
use storage::diagnosis::{self, Product, Server};
use storage::sealing::Keyring;
use storage::{OpenError, Storage, StorageError};

use super::Finding;
use crate::settings::Settings;
use crate::wiring;

const CHECK: &str = "database";

/// What a look-up may take within one data centre, many times over.
const SLOW_READ: Duration = Duration::from_millis(20);
/// What a busy disk may need.
const SLOW_COMMIT: Duration = Duration::from_millis(100);

/// Looks at the database; it is handed on if it has a schema to work with.
pub(super) async fn examine(settings: &Settings) -> (Vec<Finding>, Option<Storage>) {
    let mut findings = Vec::new();
    if let Some(file) = diagnosis::sqlite_file(settings.database_url.expose_secret()) {
        // To open it would create it.
        if !file.exists() {
            return (vec![sqlite_file::examine_place(&file)], None);
        }
        findings.extend(sqlite_file::examine(&file));
    }
    let storage = match wiring::connect(settings).await {
        Ok(storage) => storage,
        Err(error) => {
            findings.push(Finding::of_error(CHECK, &error));
            return (findings, None);
        }
    };
    let is_usable = match look_into(settings, &storage, &mut findings).await {
        Ok(is_usable) => is_usable,
        Err(error) => {
            findings.push(Finding::of_error(CHECK, &error));
            false
        }
    };
    (findings, is_usable.then_some(storage))
}

/// Whether the tables are there that the other checks read.
async fn look_into(
    settings: &Settings,
    storage: &Storage,
    findings: &mut Vec<Finding>,
) -> Result<bool, StorageError> {
    let server = diagnosis::server(storage).await?;
    findings.push(Finding::ok(CHECK, in_words(&server)));
    if server.product == Product::Postgres {
        findings.extend(examine_postgres(storage).await?);
    }
    let is_current = match storage.check_schema().await {
        Ok(()) => true,
        Err(OpenError::SchemaIsOld) => false,
        Err(error) => {
            findings.push(Finding::fail("schema", "it cannot be read", error.advice()));
            return Ok(false);
        }
    };
    let newer = diagnosis::unknown_steps(storage).await?;
    findings.push(judge_schema(settings, is_current, &newer));
    if is_current {
        findings.push(measure(storage).await?);
    }
    Ok(is_current)
}

fn in_words(server: &Server) -> String {
    let product = match server.product {
        Product::Sqlite => "SQLite",
        Product::Postgres => "PostgreSQL",
    };
    format!("{product} {}", server.version)
}

fn judge_schema(settings: &Settings, is_current: bool, newer: &[String]) -> Finding {
    const CHECK: &str = "schema";
    if !is_current {
        return if settings.migrate_on_start {
            Finding::ok(
                CHECK,
                "older than this program; `serve` brings it up to date",
            )
        } else {
            Finding::fail(
                CHECK,
                "older than this program",
                "run `shopgrant migrate`, since `migrate_on_start` is off",
            )
        };
    }
    if newer.is_empty() {
        return Finding::ok(CHECK, "up to date");
    }
    Finding::warn(
        CHECK,
        format!("a newer version has taken {}", newer.join(", ")),
        "this version works on it during a rolling upgrade; finish the upgrade",
    )
}

async fn examine_postgres(storage: &Storage) -> Result<Vec<Finding>, StorageError> {
    let settings = diagnosis::postgres_settings(storage).await?;
    let off: Vec<_> = settings
        .durability
        .iter()
        .filter(|(_, value)| value == "off")
        .map(|(name, _)| format!("{name}=off"))
        .collect();
    let durability = if off.is_empty() {
        Finding::ok("durability", "PostgreSQL keeps what it commits")
    } else {
        Finding::warn(
            "durability",
            off.join(", "),
            "what was told may be lost when the machine fails; switch it on for anything but tests",
        )
    };
    let found = format!(
        "{} of {} connections are in use",
        settings.connections, settings.max_connections
    );
    let free = settings
        .max_connections
        .saturating_sub(settings.connections);
    let connections = if free < settings.per_process {
        Finding::warn(
            "connections",
            found,
            format!(
                "one process takes up to {}; raise max_connections of PostgreSQL",
                settings.per_process
            ),
        )
    } else {
        Finding::ok("connections", found)
    };
    Ok(vec![durability, connections])
}

/// How long one read and one commit take, once the connections are there.
async fn measure(storage: &Storage) -> Result<Finding, StorageError> {
    let mut nonce = [0; 32];
    SystemEntropy.fill(&mut nonce);
    let mut taken = [Duration::ZERO; 2];
    // The first round opens connections and fills caches.
    for _ in 0..2 {
        let began = Instant::now();
        diagnosis::server(storage).await?;
        taken[0] = began.elapsed();
        let began = Instant::now();
        diagnosis::commit_once(storage, nonce, SystemClock.now()).await?;
        taken[1] = began.elapsed();
    }
    Ok(judge_speed(taken))
}

fn judge_speed([read, commit]: [Duration; 2]) -> Finding {
    const CHECK: &str = "latency";
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let found = format!(
        "a read takes {:.1} ms, a commit {:.1} ms",
        millis(read),
        millis(commit)
    );
    if read > SLOW_READ {
        return Finding::warn(
            CHECK,
            found,
            "the database is far away or busy; run this program in the same data centre",
        );
    }
    if commit > SLOW_COMMIT {
        return Finding::warn(
            CHECK,
            found,
            "the disk is slow or busy, and every call waits for it; give the database a disk of its own",
        );
    }
    Finding::ok(CHECK, found)
}

/// Whether the master key is the one with which the database's secrets were sealed.
pub(super) async fn try_keyring(storage: &Storage, keyring: &Keyring) -> Finding {
    const CHECK: &str = "master key";
    let trial = match diagnosis::try_keyring(storage, keyring).await {
        Ok(trial) => trial,
        Err(error) => return Finding::of_error(CHECK, &error),
    };
    if !trial.closed.is_empty() {
        return Finding::fail(
            CHECK,
            format!(
                "it does not open the {} in the database",
                trial.closed.join(", ")
            ),
            "they were sealed with another key; name its file in `master_key_file`",
        );
    }
    if trial.opened.is_empty() {
        return Finding::ok(CHECK, "readable; nothing in the database is sealed yet");
    }
    Finding::ok(CHECK, format!("it opens the {}", trial.opened.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_slow_database_is_told() {
        let verdict = |read, commit| {
            let taken = [Duration::from_millis(read), Duration::from_millis(commit)];
            judge_speed(taken).verdict
        };
        assert_eq!(verdict(1, 5), Verdict::Ok);
        assert_eq!(verdict(21, 5), Verdict::Warn);
        assert_eq!(verdict(1, 101), Verdict::Warn);
    }
}

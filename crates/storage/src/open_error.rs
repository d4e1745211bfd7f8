//! A database that cannot be used, in the words of whoever has to mend it.

use std::io;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;

use crate::database::OpenError;

impl OpenError {
    /// What is wrong and what to do about it, in one line. It repeats nothing of the URL, which may hold a
    /// password.
    pub fn advice(&self) -> String {
        match self {
            Self::Scheme | Self::SchemaIsOld => self.to_string(),
            Self::Url => "a part of the URL cannot be read: write sqlite://FILE or \
                 postgres://USER:PASSWORD@HOST/DATABASE, with every reserved character of the \
                 password percent-encoded"
                .to_owned(),
            Self::Connect(error) => of_sqlx(error).unwrap_or_else(|| self.to_string()),
            Self::Migrate(error) => of_migration(error).unwrap_or_else(|| self.to_string()),
        }
    }
}

fn of_migration(error: &DbErr) -> Option<String> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other variants are not of the database's making"
    )]
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => of_sqlx(error),
        _ => None,
    }
}

fn of_sqlx(error: &sqlx::Error) -> Option<String> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "sqlx may add variants; the rest speak for themselves"
    )]
    match error {
        sqlx::Error::Database(error) => of_database(error.as_ref()),
        sqlx::Error::Io(error) => Some(of_io(error)),
        sqlx::Error::Tls(error) => Some(of_tls(&error.to_string())),
        sqlx::Error::PoolTimedOut => {
            Some("the database answers, but gave no connection in time".to_owned())
        }
        _ => None,
    }
}

fn of_io(error: &io::Error) -> String {
    let words = error.to_string();
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return "nothing listens at this host and port: start PostgreSQL there, or correct the \
                address"
            .to_owned();
    }
    // The resolver's errors have no kind of their own.
    if words.contains("failed to lookup address") {
        return format!("the name of the host cannot be resolved: correct it ({words})");
    }
    format!("the connection to PostgreSQL failed: {words}")
}

fn of_tls(words: &str) -> String {
    if words.contains("does not support TLS") {
        return "PostgreSQL offers no TLS, which `sslmode` in the URL asks for: switch it on there"
            .to_owned();
    }
    format!(
        "TLS with PostgreSQL failed ({words}): `sslrootcert` in the URL names the file of the \
         authority, and `sslmode` how much is verified"
    )
}

fn of_database(error: &dyn DatabaseError) -> Option<String> {
    let code = error.code()?;
    if error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        return of_sqlite(code.parse().ok()?);
    }
    Some(of_postgres(&code, error.message()))
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_postgres(code: &str, message: &str) -> String {
    // The server's message names the user and the database and never the password.
    let advice = match code {
        "28P01" => "correct the password here, or change it there with ALTER ROLE",
        "28000" if message.ends_with("no encryption") => {
            "pg_hba.conf takes this user only over TLS: put ?sslmode=require, or better verify-full, \
             behind the URL"
        }
        "28000" => "create the user, or let it in by pg_hba.conf",
        "3D000" => "create it with `createdb`, or correct the name",
        "42501" => {
            "the user may not do this: give it the database or the schema, such as by GRANT CREATE \
             ON SCHEMA public"
        }
        "53300" => "raise max_connections, or run fewer processes",
        "57P03" => "PostgreSQL is starting or stopping: try again when it is ready",
        "3F000" => {
            "the `search_path` of this user names no schema that is there: create it, or correct it"
        }
        _ => return format!("PostgreSQL says \"{message}\" ({code})"),
    };
    format!("PostgreSQL says \"{message}\": {advice}")
}

/// <https://www.sqlite.org/rescode.html>; the higher bits of an extended code say more exactly why.
fn of_sqlite(code: u32) -> Option<String> {
    let words = match code & 0xff {
        5 => "another process keeps the SQLite file locked: end it, or wait until it has written",
        8 => {
            "the SQLite file may not be written by this user: it needs the right to write to the \
             file and to its directory"
        }
        10 => "the disk under the SQLite file does not work: see the system's log",
        11 => "the SQLite file is damaged: restore it from a backup",
        13 => "the disk of the SQLite file is full: make room",
        14 => {
            "the SQLite file cannot be opened: its directory is missing, or this user may not read \
             and write there"
        }
        26 => "the file is no SQLite database: name another one",
        _ => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_postgresql_has_a_way_out() {
        let told = of_postgres;
        let refused = "no pg_hba.conf entry for host \"::1\", user \"u\", database \"d\"";
        assert!(told("28000", &format!("{refused}, no encryption")).ends_with("behind the URL"));
        assert!(told("28000", "role \"u\" does not exist").ends_with("by pg_hba.conf"));
        assert!(told("28P01", "x").contains("ALTER ROLE"));
        assert!(told("3D000", "x").contains("createdb"));
        assert!(told("42501", "x").contains("GRANT"));
        assert!(told("53300", "x").contains("max_connections"));
        assert!(told("57P03", "x").contains("try again"));
        assert!(told("3F000", "x").contains("search_path"));
        assert_eq!(told("XX000", "x"), "PostgreSQL says \"x\" (XX000)");
    }

    #[test]
    fn extended_codes_of_sqlite_are_read_by_their_kind() {
        // SQLITE_READONLY_DIRECTORY and SQLITE_IOERR_READ
        assert!(of_sqlite(1544).unwrap().contains("may not be written"));
        assert!(of_sqlite(266).unwrap().contains("disk"));
        assert_eq!(of_sqlite(1), None);
    }

    #[tokio::test]
    async fn no_advice_repeats_the_url() {
        for url in [
            "postgres://u:geheim@h/d?sslmode=geheim",
            "geheim://x",
            "sqlite://x?mode=geheim",
        ] {
            let error = crate::Storage::open(url).await.unwrap_err();
            assert!(!error.advice().contains("geheim"), "{}", error.advice());
        }
    }
}

//! The words in which SQLite and PostgreSQL differ.

use sea_orm_migration::prelude::{ConnectionTrait, DbErr, SchemaManager};
use sea_orm_migration::sea_orm::DbBackend;

/// Runs the statements of `text`, which are divided by empty lines, with these words filled in:
///
/// | word | SQLite | PostgreSQL |
/// |---|---|---|
/// | `{uuid}` | `BLOB` | `UUID` |
/// | `{bytes}` | `BLOB` | `BYTEA` |
/// | `{int}` | `INTEGER` | `BIGINT` |
/// | `{strict}` | `STRICT` | – |
///
/// SQLite checks column types only in `STRICT` tables.
pub(crate) async fn run(manager: &SchemaManager<'_>, text: &str) -> Result<(), DbErr> {
    let words: [(&str, &str); 4] = if manager.get_database_backend() == DbBackend::Sqlite {
        [
            ("{uuid}", "BLOB"),
            ("{bytes}", "BLOB"),
            ("{int}", "INTEGER"),
            ("{strict}", "STRICT"),
        ]
    } else {
        [
            ("{uuid}", "UUID"),
            ("{bytes}", "BYTEA"),
            ("{int}", "BIGINT"),
            ("{strict}", ""),
        ]
    };
    for statement in text
        .split("\n\n")
        .filter(|statement| !statement.trim().is_empty())
    {
        let sql = words
            .iter()
            .fold(statement.to_owned(), |sql, (word, replacement)| {
                sql.replace(word, replacement)
            });
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

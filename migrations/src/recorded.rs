//! The steps that a database has recorded, of which a newer version may have taken more than this one
//! knows.
//!
//! During a rolling upgrade the new version has migrated already while the old one still runs and may have
//! to start again. Steps expand first, so that the old version can work on the newer schema; sea-orm would
//! refuse to look at it.

use std::collections::HashSet;

use sea_orm_migration::prelude::{ConnectionTrait, DbErr, MigratorTrait};
use sea_orm_migration::sea_orm::{DbBackend, EntityTrait, Statement};
use sea_orm_migration::seaql_migrations::{Entity, Model};

use crate::Migrator;

/// What is recorded; nothing where no step was ever taken. Changes nothing.
pub(crate) async fn all<C: ConnectionTrait>(db: &C) -> Result<Vec<Model>, DbErr> {
    let backend = db.get_database_backend();
    let question = if backend == DbBackend::Sqlite {
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
    } else {
        "SELECT 1 WHERE to_regclass('seaql_migrations') IS NOT NULL"
    };
    let table = db.query_one_raw(Statement::from_string(backend, question));
    if table.await?.is_none() {
        return Ok(Vec::new());
    }
    Entity::find().all(db).await
}

/// What is recorded of the steps of this version.
pub(crate) async fn known<C: ConnectionTrait>(db: &C) -> Result<Vec<Model>, DbErr> {
    let steps = names();
    let mut recorded = all(db).await?;
    recorded.retain(|step| steps.contains(&step.version));
    Ok(recorded)
}

/// The recorded steps that only a newer version has, in order.
pub(crate) async fn unknown<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let steps = names();
    let recorded = all(db).await?.into_iter().map(|step| step.version);
    let mut unknown: Vec<_> = recorded.filter(|name| !steps.contains(name)).collect();
    unknown.sort();
    Ok(unknown)
}

fn names() -> HashSet<String> {
    let steps = Migrator::migrations();
    steps.iter().map(|step| step.name().to_owned()).collect()
}

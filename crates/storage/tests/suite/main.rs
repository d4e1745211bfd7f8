//! What the storage promises, asked of SQLite and of PostgreSQL alike.
//!
//! PostgreSQL is the server behind `SHOPGRANT_TEST_DATABASE_URL`; each test gets a database of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Makes two tests of each `async fn(&TestDatabase)`, one per database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    let database = crate::database::TestDatabase::sqlite();
                    super::$name(&database).await;
                    database.delete().await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    let database = crate::database::TestDatabase::postgres().await;
                    super::$name(&database).await;
                    database.delete().await;
                }
            )*
        }
    };
}

mod authorizations;
mod backlog;
mod brands;
mod claims;
mod constraints;
mod corruption;
mod database;
mod deliveries;
mod diagnosis;
mod feed;
mod given_up;
mod group_commit;
mod handed_out;
mod hosted_links;
mod institutions;
mod lock_order;
mod one_asks;
mod operators;
mod optimistic;
mod outbox;
mod plans;
mod platform_initiated;
mod refreshes;
mod retention;
mod round_trips;
mod single_use;
mod stores;
mod transactions;
mod upgrade;
mod wakeup;
mod world;

//! The whole system in this process, and everybody who talks to it.

mod answer;
mod app;
mod channels;
mod database;
mod gate;
mod institution;
mod platform;
mod process;
mod receiver;
mod seller;
mod signature;

use std::time::Duration;

pub(crate) use answer::{Answer, ok, refused};
pub(crate) use app::{Setup, TestApp};
pub(crate) use database::{Database, TestDatabase};
pub(crate) use gate::Gate;
pub(crate) use institution::{Endpoint, Institution, Store};
pub(crate) use platform::{GENSTORE, PlatformCase, SHOPLINE, SHOPLINE_EU};
pub(crate) use receiver::{Receiver, Reply, Webhook};
pub(crate) use seller::Decision;
pub(crate) use signature::{Signing, sign_query, webhook_signature};

/// No test waits longer than this for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Makes two tests of each `async fn(&TestApp)`, one per database. After `with` stands the function that says
/// what the application is set up with.
macro_rules! on_both {
    (@make $setup:expr => $($name:ident),*) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let database = $crate::harness::Database::Sqlite;
                    let app = $crate::harness::TestApp::start(database, $setup).await;
                    super::$name(&app).await;
                    app.finish().await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let database = $crate::harness::Database::Postgres;
                    let app = $crate::harness::TestApp::start(database, $setup).await;
                    super::$name(&app).await;
                    app.finish().await;
                }
            )*
        }
    };
    (with $setup:ident: $($name:ident),* $(,)?) => {
        on_both!(@make super::$setup() => $($name),*);
    };
    ($($name:ident),* $(,)?) => {
        on_both!(@make $crate::harness::Setup::default() => $($name),*);
    };
}

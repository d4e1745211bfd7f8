//! The whole system in this process, and everybody who talks to it.

mod answer;
mod app;
mod bus;
mod channels;
mod database;
mod environment;
mod gate;
mod held;
mod institution;
mod platform;
mod process;
mod receiver;
mod seller;
mod signature;

use std::time::Duration;

pub(crate) use answer::{Answer, ok, refused};
pub(crate) use app::{Setup, TestApp};
pub(crate) use bus::Bus;
pub(crate) use database::{Database, TestDatabase};
pub(crate) use environment::{moderate_or_long, number, variable};
pub(crate) use gate::Gate;
pub(crate) use held::HeldAnswer;
pub(crate) use institution::{Endpoint, Institution, REDIRECT, Store};
pub(crate) use platform::{CAFE24, GENSTORE, MULTIVENDE, PlatformCase, SHOPLINE, SHOPLINE_EU};
pub(crate) use receiver::{Receiver, Reply, Webhook};
pub(crate) use seller::{Browser, Decision};
pub(crate) use signature::{Signing, sign_query, webhook_signature};

/// No test waits longer than this for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Lets time pass, where a time is what is promised, what an outage takes or what chance chose; never for
/// something to get done, which is waited for itself.
pub(crate) async fn let_pass(time: Duration) {
    tokio::time::timeout(time, std::future::pending::<()>())
        .await
        .ok();
}

/// Makes two tests of each `async fn(&TestApp)`: with all in one process on SQLite, and on PostgreSQL and
/// RabbitMQ. After `with` stands the function that says what the application is set up with.
macro_rules! on_both {
    (with $setup:ident: $($name:ident),* $(,)?) => {
        application!(sqlite: Sqlite, super::$setup() => $($name),*);
        application!(postgres_and_rabbitmq: Postgres, super::$setup() => $($name),*);
    };
    ($($name:ident),* $(,)?) => {
        application!(sqlite: Sqlite, $crate::harness::Setup::default() => $($name),*);
        application!(postgres_and_rabbitmq: Postgres, $crate::harness::Setup::default() => $($name),*);
    };
}

/// Makes a third test of those whose events take another way on PostgreSQL where no RabbitMQ is.
macro_rules! on_postgres_alone {
    ($($name:ident),* $(,)?) => {
        application!(
            postgres_alone: Postgres,
            $crate::harness::Setup {
                bus: Some($crate::harness::Bus::InProcess),
                ..$crate::harness::Setup::default()
            } => $($name),*
        );
    };
}

macro_rules! application {
    ($module:ident: $database:ident, $setup:expr => $($name:ident),*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let database = $crate::harness::Database::$database;
                    let app = $crate::harness::TestApp::start(database, $setup).await;
                    super::$name(&app).await;
                    app.finish().await;
                }
            )*
        }
    };
}

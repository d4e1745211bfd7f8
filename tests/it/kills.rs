//! Processes are killed at moments that nobody chose, while many authorizations go on. Whatever they were in the
//! middle of, every store ends with one status, and every change of it is told.

use std::time::Duration;

use broker::{Entropy, SeededEntropy, SystemEntropy};

use crate::harness::{Database, let_pass, moderate_or_long, number};
use crate::process::{Bus, Fleet, Installation, Role, Traffic, consumer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_processes_on_postgres_and_rabbitmq() {
    let roles = [
        Role::Api,
        Role::Api,
        Role::Worker,
        Role::Worker,
        Role::Worker,
    ];
    check(Database::Postgres, Bus::RabbitMq, &roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_only_process_on_sqlite() {
    check(Database::Sqlite, Bus::InProcess, &[Role::All]).await;
}

async fn check(database: Database, bus: Bus, roles: &[Role]) {
    let (flows, kills) = moderate_or_long((150, 10), (10_000, 500));
    let mut installation = Installation::new(database, bus).await;
    // How long a delivery stays with the dead depends on it.
    let settings = installation.settings.with("webhooks.timeout_seconds", "2");
    installation.settings = settings.unlimited();
    let fleet = Fleet::start(&installation.settings, roles).await;
    let consumer = match &installation.virtual_host {
        Some(host) => Some(consumer(&host.url, "#").await),
        None => None,
    };
    let address = fleet.api(0).await;
    let institution = installation.institution(&address, "Killing Pay").await;
    let url = installation.receiver.url("/hook");
    let endpoint = institution.endpoint(&address, &url).await;
    let traffic = Traffic::new(&installation, &fleet, &institution).await;

    tokio::join!(
        traffic.run(flows),
        kill_at_random(&fleet, &traffic, flows, kills)
    );

    let audit = traffic.audit(&endpoint).await;
    if let Some(consumer) = consumer {
        audit.check_consumer(&consumer).await;
    }
    fleet.stop().await;
    installation.remove().await;
}

/// Kills one process after another, each after a number of flows and a moment that chance chose, and starts
/// another in its place.
async fn kill_at_random(fleet: &Fleet, traffic: &Traffic<'_>, flows: usize, kills: usize) {
    let seed = number("SHOPGRANT_TEST_SEED").unwrap_or_else(|| {
        let mut bytes = [0; 8];
        SystemEntropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    });
    #[expect(
        clippy::print_stderr,
        reason = "it is shown if the test fails, to be repeated"
    )]
    {
        eprintln!("SHOPGRANT_TEST_SEED={seed}");
    }
    let chance = Chance(SeededEntropy::new(seed));
    // The last ones fall before the last flows begin, so that something goes on at each.
    let mut moments: Vec<usize> = (0..kills)
        .map(|_| chance.below(flows - flows / 10))
        .collect();
    moments.sort_unstable();
    for moment in moments {
        traffic.finished(moment).await;
        let pause = Duration::from_millis(chance.below(200) as u64);
        let_pass(pause).await;
        let victim = chance.below(fleet.len());
        fleet.kill(victim).await;
        fleet.start_again(victim).await;
    }
}

struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, limit: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) as usize % limit
    }
}

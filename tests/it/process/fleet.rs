//! Several processes of one broker, each of which may die and be started again.

use tokio::sync::{Mutex, watch};

use super::{Address, Running, Serve, Settings};

/// What a process of a fleet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    All,
    Api,
    Worker,
}

pub(crate) struct Fleet {
    settings: Settings,
    members: Vec<Member>,
    /// By member, where it can be called.
    addresses: watch::Sender<Vec<Option<Address>>>,
}

struct Member {
    role: Role,
    process: Mutex<Option<Running>>,
}

impl Fleet {
    pub(crate) async fn start(settings: &Settings, roles: &[Role]) -> Self {
        let members = roles.iter().map(|&role| Member {
            role,
            process: Mutex::default(),
        });
        let fleet = Self {
            settings: settings.clone(),
            members: members.collect(),
            addresses: watch::Sender::new(vec![None; roles.len()]),
        };
        for index in 0..fleet.len() {
            fleet.start_again(index).await;
        }
        fleet
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Kills a process that runs, in the middle of whatever it does.
    pub(crate) async fn kill(&self, index: usize) {
        self.addresses
            .send_modify(|addresses| addresses[index] = None);
        let process = self.members[index].process.lock().await.take();
        process.expect("it runs").kill().await;
    }

    /// Starts a process in place of one that was killed.
    pub(crate) async fn start_again(&self, index: usize) {
        let member = &self.members[index];
        let role = match member.role {
            Role::All => "all",
            Role::Api => "api",
            Role::Worker => "worker",
        };
        let Serve { process, address } = self.settings.clone().with("role", role).serve().await;
        let address = (member.role != Role::Worker).then_some(address);
        *member.process.lock().await = Some(process);
        self.addresses
            .send_modify(|addresses| addresses[index] = address);
    }

    /// A process to call, another one at each turn, as soon as there is one.
    pub(crate) async fn api(&self, turn: usize) -> Address {
        let mut addresses = self.addresses.subscribe();
        let up = addresses.wait_for(|addresses| addresses.iter().any(Option::is_some));
        let up = up.await.expect("it lives as long as the fleet");
        let up: Vec<Address> = up.iter().copied().flatten().collect();
        up[turn % up.len()]
    }

    /// Asks every process to end, and expects that it does so in good order.
    pub(crate) async fn stop(self) {
        for member in self.members {
            if let Some(process) = member.process.into_inner() {
                process.stop().await;
            }
        }
    }
}

//! Name resolution that hands out vetted addresses only.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::policy::{Policy, Reach};

/// Where the addresses of a name come from.
#[derive(Debug, Clone)]
pub(crate) enum Lookup {
    /// The resolver of the operating system, with its hosts file.
    System,
    /// One prepared answer per lookup, in order; then none.
    #[cfg(test)]
    Scripted(Arc<std::sync::Mutex<std::collections::VecDeque<Vec<SocketAddr>>>>),
}

impl Lookup {
    async fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        match self {
            // Port 0 is replaced by the connector with the one of the URL.
            Self::System => Ok(tokio::net::lookup_host((name, 0)).await?.collect()),
            #[cfg(test)]
            Self::Scripted(answers) => {
                let next = answers.lock().unwrap().pop_front();
                Ok(next.unwrap_or_default())
            }
        }
    }
}

/// The resolver of one of the two inner clients. It is asked once per dial, and what it returns is
/// dialled without another lookup, which leaves no gap for a name that changes its mind.
pub(crate) struct VettingResolver {
    pub(crate) policy: Arc<Policy>,
    pub(crate) reach: Reach,
    pub(crate) lookup: Lookup,
}

impl Resolve for VettingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let reach = self.reach;
        let lookup = self.lookup.clone();
        Box::pin(async move {
            let answer = lookup.addresses(name.as_str()).await?;
            if answer.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            policy.vet(reach, &answer)?;
            let vetted: Addrs = Box::new(answer.into_iter());
            Ok(vetted)
        })
    }
}

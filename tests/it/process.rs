//! The program as its users have it: processes with settings in their environment, and around them a
//! database, a RabbitMQ if they need one, the platforms and a receiver of webhooks.

mod installation;
mod institution;
mod referee;
mod running;
mod seller;
mod settings;
mod virtual_host;

pub(crate) use installation::{Bus, Installation, http_client};
pub(crate) use institution::{Endpoint, Institution, Store, redirect_of};
pub(crate) use referee::{ask, node, python};
pub(crate) use running::{Finished, Running};
pub(crate) use seller::Seller;
pub(crate) use settings::{MASTER_KEY, PUBLIC_URL, Serve, Settings, executable};
pub(crate) use virtual_host::VirtualHost;

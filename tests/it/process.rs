//! The program as its users have it: processes with settings in their environment, and around them a
//! database, a RabbitMQ if they need one, the platforms and a receiver of webhooks.

mod fleet;
mod installation;
mod institution;
mod own_service;
mod referee;
mod running;
mod seller;
mod settings;
mod traffic;
mod virtual_host;

pub(crate) use crate::harness::Bus;
pub(crate) use fleet::{Fleet, Role};
pub(crate) use installation::{Installation, http_client};
pub(crate) use institution::{Endpoint, Institution, Store, redirect_of};
pub(crate) use own_service::OwnService;
pub(crate) use referee::{ask, browser, chromium, consumer, node, python};
pub(crate) use running::{Finished, Running};
pub(crate) use seller::Seller;
pub(crate) use settings::{Address, MASTER_KEY, PUBLIC_URL, Serve, Settings, executable};
pub(crate) use traffic::Traffic;
pub(crate) use virtual_host::{VirtualHost, control};

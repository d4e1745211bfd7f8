//! The paths, one module for each noun. A handler takes what was checked, calls a use case, and converts
//! its answer.

pub(crate) mod asset;
pub(crate) mod callback;
pub(crate) mod client;
#[cfg(test)]
mod contract;
pub(crate) mod credential;
pub(crate) mod docs;
pub(crate) mod event;
pub(crate) mod health;
pub(crate) mod hosted_key;
pub(crate) mod hosted_link;
pub(crate) mod key_push;
pub(crate) mod launch;
pub(crate) mod operator_scopes;
pub(crate) mod platform;
pub(crate) mod platform_event;
mod reading;
pub(crate) mod session;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod webhook;

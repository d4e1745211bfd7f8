//! The tables as sea-orm sees them. Nothing of this leaves the crate.

pub(crate) mod access_token;
pub(crate) mod attempt;
pub(crate) mod authorization;
pub(crate) mod claim;
pub(crate) mod client;
pub(crate) mod counter;
pub(crate) mod credential_request;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod grant;
pub(crate) mod hosted_link;
pub(crate) mod idempotency_key;
pub(crate) mod institution;
pub(crate) mod institution_brand;
pub(crate) mod institution_key;
pub(crate) mod launch;
pub(crate) mod link_click;
pub(crate) mod nonce;
pub(crate) mod online_exchange;
pub(crate) mod online_token;
pub(crate) mod outbox;
pub(crate) mod platform_app;
pub(crate) mod platform_event;
pub(crate) mod pushed_code;
pub(crate) mod revocation;
pub(crate) mod store;

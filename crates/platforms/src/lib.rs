//! What each store platform says and expects.
//!
//! Every platform is a [`PlatformAdapter`], found by [`adapter()`]; an ability that a platform lacks is
//! absent there, so that it cannot be called. Each flow has a pure half (build a URL, read a callback,
//! sign a call, read an answer) that is tried with tables, and a thin asynchronous half that goes out
//! through [`egress`].
//!
//! - A callback is verified on the raw query, and nothing is read out of it before.
//! - What is built into a host name is a [`domain::ShopLabel`], never a seller's text.
//! - What a platform answers is told as a [`PlatformFailure`]; its own words stay here, and no URL,
//!   body or header gets into an error.
#![warn(clippy::future_not_send)]

mod adapter;
mod cafe24;
mod call;
mod code_flow;
mod events;
mod facts;
mod failure;
mod genstore;
mod granted_scopes;
mod instant;
mod jwt;
mod key_flow;
mod launch;
#[cfg(test)]
mod loopback;
mod multivende;
mod probe;
mod proof;
mod query;
mod refresh;
mod registry;
mod revoke;
mod session;
mod shopify;
mod shopline;
mod signature;
mod standard;
mod woocommerce;

pub use adapter::{App, PlatformAdapter};
pub use code_flow::{
    AuthorizeRequest, Callback, CallbackAnswer, CallbackError, CodeFlow, ExchangeRequest, Signed,
};
pub use events::{
    EventNotVerified, EventProof, EventRequest, PlatformEvent, PlatformEvents, PushedCode,
};
pub use facts::{
    AppNeed, KeyShape, LabelShape, Lifetimes, LinkRule, NotALabel, NotAStoreUrl, PlatformFacts,
    SellerIdNeed, SellerIdRule, StoreUrlRule,
};
pub use failure::{PlatformFailure, RefreshVerdict};
pub use granted_scopes::ScopeReader;
pub use key_flow::{
    KeyDecision, KeyField, KeyFlow, KeyGuide, KeyPart, KeyPush, KeyPushRequest, KeyReturn,
    ProveRequest, PushedKey,
};
pub use launch::{Launch, LaunchError, LaunchOperator, LaunchedShop};
pub use probe::{Liveness, Probe, ProbeRequest};
pub use proof::{Proof, RefreshToken};
pub use refresh::{Refresh, RefreshRequest, RefreshStrategy, Refreshed};
pub use registry::adapter;
pub use revoke::{Revoke, RevokeReach, RevokeRequest};
pub use session::{
    SessionAccess, SessionExchange, SessionProof, SessionRequest, SessionTokenError, SessionUser,
};

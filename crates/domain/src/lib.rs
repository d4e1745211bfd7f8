//! What a store, an authorization, a grant and a claim are, and which changes are allowed.
//!
//! Nothing here waits, reads a clock or draws a random number: time and ids are arguments, so that
//! every rule can be tried with a table of values.
#![warn(clippy::future_not_send)]

pub mod authorization;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod grant;
pub mod id;
pub mod institution;
pub mod platform;
pub mod reason;
pub mod scope;
pub mod shop;
pub mod store;

pub use authorization::{Authorization, AuthorizationState};
pub use event::EventType;
pub use grant::{Credential, Grant};
pub use id::{
    AuthorizationId, ClientId, DeliveryId, EndpointId, EventId, GrantId, InstitutionId,
    InstitutionKeyId, LeaseId, PlatformAppId, StoreId,
};
pub use institution::{AppId, Client, Institution};
pub use platform::{AuthType, IdentityRealm, Platform};
pub use reason::{Actor, FailReason};
pub use scope::{Scope, ScopeGrant, Scopes, WriteScope};
pub use shop::{ProvenShop, ShopIdentity, ShopLabel};
pub use store::{AuthStatus, Authorized, Store, StoreState, TransitionError};

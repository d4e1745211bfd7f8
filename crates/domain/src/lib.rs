//! What a store, an authorization, a grant and a claim are, and which changes are allowed.
//!
//! Nothing here waits, reads a clock or draws a random number: time and ids are arguments, so that
//! every rule can be tried with a table of values.
#![warn(clippy::future_not_send)]

pub mod authorization;
pub mod brand;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod grant;
pub mod id;
pub mod institution;
pub mod operator;
pub mod operator_scopes;
pub mod platform;
pub mod platform_event;
pub mod reason;
pub mod reference;
pub mod scope;
pub mod shop;
pub mod store;

pub use authorization::{Authorization, AuthorizationState};
pub use brand::{Brand, BrandChange, Colour, Logo, LogoFormat};
pub use event::EventType;
pub use grant::{Credential, Disclosure, Grant, Health, Renewal, ScopeCoverage, Upkeep};
pub use id::{
    AuthorizationId, ClientId, CredentialRequestId, DeliveryId, EndpointId, EventId, GrantId,
    InstitutionId, InstitutionKeyId, LaunchId, LeaseId, LinkClickId, OnlineTokenId, PlatformAppId,
    PlatformEventId, RevocationId, StoreId,
};
pub use institution::{AppId, Client, CredentialAccess, Institution, Links};
pub use operator::{GrantedCodes, OperatorPermissions, OperatorRole, Permission};
pub use operator_scopes::{OperatorScopes, OperatorScopesError};
pub use platform::{AuthType, IdentityRealm, Platform};
pub use platform_event::{NamedShop, PlatformEventKind, PlatformEventOutcome};
pub use reason::{Actor, FailReason};
pub use reference::Reference;
pub use scope::{
    AskedScope, AssessedScopes, GrantedScopes, RequiredScope, Scope, ScopeAccess, ScopeGrant,
    Scopes, ShopResource, UnreadableScopes, WriteScope,
};
pub use shop::{ProvenShop, ShopIdentity, ShopLabel};
pub use store::{
    AuthStatus, Authorized, Reauthorization, Renewed, Store, StoreState, TransitionError,
};

//! The use cases of Shopgrant, one module each, and the workers that finish what they start.
//!
//! [`Broker`] is what a process has of it: cloneable, and all its clones are one. A use case takes the
//! actor first; only whoever verified a signature can make a [`Caller`].
#![warn(clippy::future_not_send)]

mod asker;
mod broker;
mod bus_access;
mod caller;
mod change;
mod claimed_attempt;
mod clock;
mod complete_callback;
mod crash_point;
mod create_store;
mod credentials;
mod deadlines;
mod delivery;
mod diagnosis;
mod directory;
mod endpoints;
mod entropy;
mod event;
mod expiry;
mod fan_out;
mod field;
mod finish_authorization;
mod hosted_link;
mod institutions;
mod internal;
mod key_link;
mod key_proof;
mod key_push;
mod launch;
mod list_events;
mod list_platforms;
mod list_stores;
mod look_up;
mod measure;
mod options;
mod outcome;
mod platform_apps;
mod platform_events;
mod pulse;
mod query_store;
mod readiness;
mod reauthorization;
mod redirect;
mod refresh;
mod register_client;
mod relay;
mod retention;
mod revocation;
mod scopes;
mod secret_text;
mod session;
mod snapshot;
mod start_authorization;
mod store_request;
mod store_scopes;
mod token;
mod unbind_store;
mod update_store;
mod upkeep;
mod webhook_signature;
mod workers;

pub use asker::Asker;
pub use broker::{Broker, Parts};
pub use caller::{CallError, Caller, Idempotency, Operator};
pub use clock::{Clock, ManualClock, SystemClock};
pub use complete_callback::{Callback, CallbackRefused, Unbound, WhyUnbound};
pub use crash_point::CrashPoint;
pub use create_store::{CreateStore, CreateStoreError};
pub use credentials::{GetCredential, GetCredentialError, HandedOut};
pub use diagnosis::ExaminedApp;
pub use endpoints::{CreateEndpoint, CreateEndpointError, CreatedEndpoint, UnknownEndpoint};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use field::FieldError;
pub use hosted_link::{Declined, Departure, LinkRefused, LinkVisit, OpenLink, WentOn};
pub use institutions::{
    ChangeInstitution, CreateInstitution, NewInstitution, OperatorError, read_logo,
};
pub use internal::Internal;
pub use key_link::{HandedIn, KeyProblem, PastedKey, WantedKey};
pub use key_push::{KeyPushRefused, ShopReturn};
pub use launch::{
    ConfirmLaunch, Continued, LaunchOffer, LaunchRefused, LaunchVisit, LaunchVisitor, Opened,
};
pub use list_events::{EventPage, ListEvents, ListEventsError};
pub use list_platforms::PlatformListing;
pub use list_stores::{ListStores, ListStoresError, StorePage};
pub use look_up::{AttemptName, FoundAttempt};
pub use options::{Options, PlainHttp, ReadyLinks};
pub use outcome::{Next, Outcome, Shown};
pub use platform_apps::{ConfigurePlatformApp, ConfiguredApp};
pub use platform_events::{EventRefused, ReceivedEvent};
pub use platforms::{KeyField, KeyGuide, KeyPart, LaunchOperator, SessionAccess, SessionUser};
pub use query_store::{QueryStore, QueryStoreError};
pub use readiness::Hindrance;
pub use register_client::{RegisterClient, RegisterClientError};
pub use session::{OnlineAccess, SessionStarted, StartSession, StartSessionError};
pub use snapshot::Snapshot;
pub use start_authorization::{Means, StartAuthorization, StartAuthorizationError, Started};
pub use storage::claims::Uniqueness;
pub use store_scopes::{ReadStoreScopes, ReadStoreScopesError};
pub use token::{AuthenticateError, Authenticated, IssueTokenError, IssuedToken};
pub use unbind_store::{UnbindStore, UnbindStoreError};
pub use update_store::{UpdateStore, UpdateStoreError};
pub use webhook_signature::sign_webhook;
pub use workers::Progress;

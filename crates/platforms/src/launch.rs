//! The seller opens our app in the shop's back office, and the platform sends the browser to us.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::{GrantedCodes, OperatorRole, ShopIdentity, ShopLabel};

use crate::adapter::App;
use crate::code_flow::CallbackError;

/// How a platform signs what it sends a browser with that opens our app.
pub trait Launch: Send + Sync {
    /// What the launch says, once its signature is verified on the raw bytes of the query with any of the
    /// app's secrets. How old it may be, and whether it was used before, is for the caller to judge.
    fn read_launch(&self, raw_query: &str, app: &App) -> Result<LaunchedShop, LaunchError>;

    /// Whether launches tell who of the shop opened the app, so that there may be a tree of what such people
    /// can be let use.
    fn names_operators(&self) -> bool;
}

/// What a verified launch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchedShop {
    pub shop: ShopLabel,
    /// The shop's stable id, where the launch names it.
    pub identity: Option<ShopIdentity>,
    pub signed_at: DateTime<Utc>,
    /// The seller's language as the platform names it, where it does.
    pub language: Option<String>,
    /// Who opened the app; `None` where the platform does not say.
    pub operator: Option<LaunchOperator>,
    /// The signature's bytes. A query can be spelled anew without breaking its signature (the order of its
    /// parameters, the case of the hex), so that these bytes, and not the query's, tell that it comes again.
    pub signature: Vec<u8>,
}

/// Who of a shop opened our app.
#[derive(Clone, PartialEq, Eq)]
pub struct LaunchOperator {
    pub role: OperatorRole,
    /// The person's id at the platform, as it may be shown. Personal: for the page alone.
    pub id: Option<String>,
    /// The person's name, as it may be shown. Personal: for the page alone.
    pub name: Option<String>,
    /// What the shop switched on for a person to whom it does that; `None` for everybody else.
    pub granted: Option<GrantedCodes>,
}

impl fmt::Debug for LaunchOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LaunchOperator({}, ..)", self.role.code())
    }
}

/// A launch that leads nowhere. Both kinds lead to the same page, and neither quotes its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    #[error("the launch is not signed by the platform")]
    NotVerified,
    #[error("the launch is not of the platform's form")]
    Malformed,
}

impl From<CallbackError> for LaunchError {
    fn from(error: CallbackError) -> Self {
        match error {
            CallbackError::NotVerified => Self::NotVerified,
            CallbackError::Malformed => Self::Malformed,
        }
    }
}

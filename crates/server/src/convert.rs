//! From the words of the use cases to those of the API.

use std::convert::Infallible;
use std::error::Error;
use std::iter::successors;

use broker::{
    Asker, AuthenticateError, CallError, CreateEndpointError, CreateStoreError, FieldError,
    GetCredentialError, Internal, IssueTokenError, ListEventsError, ListStoresError, Outcome,
    QueryStoreError, ReadStoreScopesError, RegisterClientError, StartAuthorizationError,
    StartSessionError, UnbindStoreError, UnknownEndpoint, UpdateStoreError,
};
use domain::{AuthStatus, FailReason};

use crate::api_error::ApiError;
use crate::code::Code;
use crate::page::{self, Frame, Verdict};

/// 900000, and the cause with all of its causes in the log, once.
pub(crate) fn system_error(error: &(dyn Error + 'static)) -> ApiError {
    let chain: Vec<_> = successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect();
    tracing::error!(error = chain.join(": "), "a request failed on our side");
    ApiError::system_error()
}

impl From<Internal> for ApiError {
    fn from(internal: Internal) -> Self {
        system_error(&internal)
    }
}

impl From<Infallible> for ApiError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::illegal_param(error.to_string())
    }
}

impl<E> From<CallError<E>> for ApiError
where
    Self: From<E>,
{
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::NonceUsed => Self::nonce_already_used(),
            CallError::IdempotencyKeyReused => {
                Self::illegal_param("Idempotency-Key was used with another body")
            }
            CallError::Refused(refusal) => refusal.into(),
            CallError::Internal(internal) => internal.into(),
        }
    }
}

impl From<IssueTokenError> for ApiError {
    fn from(error: IssueTokenError) -> Self {
        match error {
            IssueTokenError::InvalidClient => Self::invalid_client(),
            IssueTokenError::Internal(internal) => internal.into(),
        }
    }
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::InvalidToken => Self::invalid_token(),
            AuthenticateError::Internal(internal) => internal.into(),
        }
    }
}

impl From<RegisterClientError> for ApiError {
    fn from(error: RegisterClientError) -> Self {
        match error {
            RegisterClientError::OtherDetails => Self::new(Code::UserAlreadyExist),
        }
    }
}

impl From<CreateStoreError> for ApiError {
    fn from(error: CreateStoreError) -> Self {
        match error {
            CreateStoreError::UnknownClient => Self::new(Code::UserNotExist),
            CreateStoreError::Field(error) => error.into(),
        }
    }
}

impl From<UpdateStoreError> for ApiError {
    fn from(error: UpdateStoreError) -> Self {
        match error {
            UpdateStoreError::UnknownStore => Self::new(Code::StoreNotExist),
            UpdateStoreError::Field(error) => error.into(),
        }
    }
}

impl From<StartAuthorizationError> for ApiError {
    fn from(error: StartAuthorizationError) -> Self {
        match error {
            StartAuthorizationError::UnknownStore => Self::new(Code::StoreNotExist),
            StartAuthorizationError::AlreadyAuthorized => Self::new(Code::RepeatAuthorized),
            StartAuthorizationError::ShopHeld => {
                Self::with_message(Code::AlreadyClaimed, "seller id already authorized".into())
            }
            StartAuthorizationError::CredentialHeld => {
                Self::with_message(Code::AlreadyClaimed, "auth info already authorized".into())
            }
            StartAuthorizationError::Field(error) => error.into(),
        }
    }
}

impl From<GetCredentialError> for ApiError {
    fn from(error: GetCredentialError) -> Self {
        match error {
            GetCredentialError::Forbidden => no_credentials(),
            GetCredentialError::UnknownStore => Self::new(Code::StoreNotExist),
            GetCredentialError::NotAuthorized { status, reason } => not_authorized(status, reason),
            GetCredentialError::NoAccessToken => Self::illegal_param(
                "store_id is authorized by api_key and api_secret, which are no access token",
            ),
            GetCredentialError::Undisclosed => Self::illegal_param(
                "store_id is authorized by a key that its seller handed in, which is not disclosed",
            ),
            GetCredentialError::Unavailable { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::illegal_param(
                    "store_id has no living token, and the platform gave no newer one yet",
                )
            },
        }
    }
}

impl From<StartSessionError> for ApiError {
    fn from(error: StartSessionError) -> Self {
        match error {
            StartSessionError::Forbidden => no_credentials(),
            StartSessionError::UnknownStore => Self::new(Code::StoreNotExist),
            StartSessionError::AlreadyAuthorized => Self::new(Code::RepeatAuthorized),
            StartSessionError::ShopHeld => {
                Self::with_message(Code::AlreadyClaimed, "seller id already authorized".into())
            }
            StartSessionError::NotAuthorized { status } => not_authorized(status, None),
            StartSessionError::NotExchanged {
                reason,
                retry_after,
            } => Self {
                retry_after,
                ..Self::illegal_param(format!("session_token was not exchanged: {reason}"))
            },
            StartSessionError::Field(error) => error.into(),
        }
    }
}

impl From<ReadStoreScopesError> for ApiError {
    fn from(error: ReadStoreScopesError) -> Self {
        match error {
            ReadStoreScopesError::UnknownStore => Self::new(Code::StoreNotExist),
            ReadStoreScopesError::NotAuthorized { status, reason } => {
                not_authorized(status, reason)
            }
            ReadStoreScopesError::NotOffered { platform } => Self::illegal_param(format!(
                "store_id is of {platform}, which cannot be asked for scopes"
            )),
            ReadStoreScopesError::NotTold { needs_any_of } => Self::illegal_param(format!(
                "store_id has a grant that may not ask for its scopes; it would take one of {}",
                needs_any_of.join(", ")
            )),
            ReadStoreScopesError::Unavailable { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::illegal_param("the scopes of store_id could not be read yet")
            },
        }
    }
}

fn no_credentials() -> ApiError {
    let message = "Forbidden: the institution may not have credentials";
    ApiError::with_message(Code::Forbidden, message.into())
}

fn not_authorized(status: AuthStatus, reason: Option<FailReason>) -> ApiError {
    let status = status.code();
    ApiError::illegal_param(match reason {
        Some(reason) => format!("store_id is not authorized: it is {status} with {reason}"),
        None => format!("store_id is not authorized: it is {status}"),
    })
}

impl From<UnbindStoreError> for ApiError {
    fn from(error: UnbindStoreError) -> Self {
        match error {
            UnbindStoreError::UnknownClient => Self::new(Code::UserNotExist),
            UnbindStoreError::UnknownStore => Self::new(Code::StoreNotExist),
        }
    }
}

impl From<CreateEndpointError> for ApiError {
    fn from(error: CreateEndpointError) -> Self {
        match error {
            CreateEndpointError::Field(error) => error.into(),
        }
    }
}

impl From<UnknownEndpoint> for ApiError {
    fn from(UnknownEndpoint: UnknownEndpoint) -> Self {
        Self::illegal_param("endpoint_id is unknown")
    }
}

impl From<QueryStoreError> for ApiError {
    fn from(error: QueryStoreError) -> Self {
        match error {
            QueryStoreError::UnknownClient => Self::new(Code::UserNotExist),
            QueryStoreError::UnknownStore => Self::new(Code::StoreNotExist),
            QueryStoreError::Internal(internal) => internal.into(),
        }
    }
}

impl From<ListStoresError> for ApiError {
    fn from(error: ListStoresError) -> Self {
        match error {
            ListStoresError::UnknownClient => Self::new(Code::UserNotExist),
            ListStoresError::Cursor => Self::illegal_param("cursor is not one of ours"),
            ListStoresError::Internal(internal) => internal.into(),
        }
    }
}

impl From<ListEventsError> for ApiError {
    fn from(error: ListEventsError) -> Self {
        match error {
            ListEventsError::Cursor => Self::illegal_param("after is not one of our cursors"),
            ListEventsError::CursorExpired => Self::illegal_param("cursor expired"),
            ListEventsError::Internal(internal) => internal.into(),
        }
    }
}

/// The frame of a page about an attempt: it shows whose that is, and by what support finds it.
pub(crate) fn about<'a>(frame: Frame<'a>, asker: &'a Asker, reference: &'a str) -> Frame<'a> {
    let brand = page::Brand {
        name: &asker.name,
        colour: asker.brand.colour,
        logo: asker.brand.logo.as_ref().map(|logo| page::Logo {
            media_type: logo.format.media_type(),
            bytes: &logo.bytes,
        }),
    };
    Frame {
        brand: Some(brand),
        reference: Some(reference),
        ..frame
    }
}

/// How an authorization ended, in the words of the result page.
pub(crate) fn outcome<'a>(outcome: &'a Outcome, asker: &'a Asker) -> page::Outcome<'a> {
    page::Outcome {
        platform: outcome.platform_name,
        institution: &asker.name,
        shop: outcome.seller_id.as_deref(),
        verdict: match outcome.failed_beside {
            Some(reason) => Verdict::Kept(reason),
            None => verdict(outcome.auth_status, outcome.fail_reason),
        },
    }
}

fn verdict(status: AuthStatus, reason: Option<FailReason>) -> Verdict {
    match (status, reason) {
        (AuthStatus::Success, _) => Verdict::Authorized,
        (_, Some(reason)) => Verdict::Failed(reason),
        (AuthStatus::Unauthorized | AuthStatus::Processing | AuthStatus::Failed, None) => {
            Verdict::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check<E>(error: E, code: u32, message: &str)
    where
        ApiError: From<E>,
    {
        let error = ApiError::from(error);
        assert_eq!((error.code.number(), &*error.message), (code, message));
    }

    #[test]
    fn each_refusal_has_its_code() {
        let field = || FieldError {
            field: "store_url",
            problem: "must start with https://".into(),
        };
        let told = "store_url must start with https://";
        check(IssueTokenError::InvalidClient, 401, "invalid client");
        check(AuthenticateError::InvalidToken, 401, "invalid token");
        check(
            RegisterClientError::OtherDetails,
            910_000,
            "user already exist",
        );
        check(CreateStoreError::UnknownClient, 910_001, "user not exist");
        check(CreateStoreError::Field(field()), 900_002, told);
        check(UpdateStoreError::UnknownStore, 940_002, "store not exist");
        check(UpdateStoreError::Field(field()), 900_002, told);
        check(
            StartAuthorizationError::UnknownStore,
            940_002,
            "store not exist",
        );
        check(
            StartAuthorizationError::AlreadyAuthorized,
            900_004,
            "repeat authorized",
        );
        check(
            StartAuthorizationError::ShopHeld,
            900_003,
            "seller id already authorized",
        );
        check(
            StartAuthorizationError::CredentialHeld,
            900_003,
            "auth info already authorized",
        );
        check(StartAuthorizationError::Field(field()), 900_002, told);
        check(GetCredentialError::UnknownStore, 940_002, "store not exist");
        check(StartSessionError::UnknownStore, 940_002, "store not exist");
        check(
            StartSessionError::AlreadyAuthorized,
            900_004,
            "repeat authorized",
        );
        check(
            StartSessionError::ShopHeld,
            900_003,
            "seller id already authorized",
        );
        check(StartSessionError::Field(field()), 900_002, told);
        check(
            ReadStoreScopesError::UnknownStore,
            940_002,
            "store not exist",
        );
        check(UnbindStoreError::UnknownClient, 910_001, "user not exist");
        check(UnbindStoreError::UnknownStore, 940_002, "store not exist");
        check(CreateEndpointError::Field(field()), 900_002, told);
        check(UnknownEndpoint, 900_002, "endpoint_id is unknown");
        check(QueryStoreError::UnknownClient, 910_001, "user not exist");
        check(QueryStoreError::UnknownStore, 940_002, "store not exist");
        check(ListStoresError::UnknownClient, 910_001, "user not exist");
        check(
            ListStoresError::Cursor,
            900_002,
            "cursor is not one of ours",
        );
        check(
            ListEventsError::Cursor,
            900_002,
            "after is not one of our cursors",
        );
        check(ListEventsError::CursorExpired, 900_002, "cursor expired");
    }

    #[test]
    fn what_is_not_handed_out_is_told_with_what_to_do() {
        let forbidden = "Forbidden: the institution may not have credentials";
        check(GetCredentialError::Forbidden, 403, forbidden);
        check(StartSessionError::Forbidden, 403, forbidden);
        let not_authorized = |status, reason| GetCredentialError::NotAuthorized { status, reason };
        check(
            not_authorized(AuthStatus::Processing, None),
            900_002,
            "store_id is not authorized: it is PROCESSING",
        );
        check(
            not_authorized(AuthStatus::Failed, Some(FailReason::AuthRevoked)),
            900_002,
            "store_id is not authorized: it is FAILED with AUTH_REVOKED",
        );
        check(
            StartSessionError::NotAuthorized {
                status: AuthStatus::Unauthorized,
            },
            900_002,
            "store_id is not authorized: it is UNAUTHORIZED",
        );
        check(
            GetCredentialError::NoAccessToken,
            900_002,
            "store_id is authorized by api_key and api_secret, which are no access token",
        );
        check(
            ReadStoreScopesError::NotAuthorized {
                status: AuthStatus::Failed,
                reason: Some(FailReason::AuthExpired),
            },
            900_002,
            "store_id is not authorized: it is FAILED with AUTH_EXPIRED",
        );
        let wait = Duration::from_secs(7);
        let dead = ApiError::from(GetCredentialError::Unavailable { retry_after: wait });
        assert_eq!(
            (dead.code, dead.retry_after),
            (Code::IllegalParam, Some(wait))
        );
        let down = ApiError::from(StartSessionError::NotExchanged {
            reason: FailReason::PlatformUnreachable,
            retry_after: Some(wait),
        });
        assert_eq!(
            (&*down.message, down.retry_after),
            (
                "session_token was not exchanged: PLATFORM_UNREACHABLE",
                Some(wait)
            )
        );
    }

    #[test]
    fn a_call_counts_once() {
        type Error = CallError<UnbindStoreError>;
        check(Error::NonceUsed, 401, "nonce already used");
        let reused = "Idempotency-Key was used with another body";
        check(Error::IdempotencyKeyReused, 900_002, reused);
        check(
            Error::Refused(UnbindStoreError::UnknownClient),
            910_001,
            "user not exist",
        );
    }

    /// The messages are those of the table, from which the docs are made.
    #[test]
    fn claims_are_told_in_the_tables_words() {
        for error in [
            StartAuthorizationError::ShopHeld,
            StartAuthorizationError::CredentialHeld,
        ] {
            let error = ApiError::from(error);
            assert!(error.code.messages().contains(&&*error.message));
        }
    }

    #[test]
    fn a_system_error_tells_nothing() {
        let cause = std::io::Error::other("password=hunter2");
        assert_eq!(system_error(&cause), ApiError::new(Code::SystemError));
    }

    #[test]
    fn the_page_shows_how_it_ended() {
        assert_eq!(verdict(AuthStatus::Success, None), Verdict::Authorized);
        assert_eq!(
            verdict(AuthStatus::Failed, Some(FailReason::UserDenied)),
            Verdict::Failed(FailReason::UserDenied)
        );
        assert_eq!(verdict(AuthStatus::Processing, None), Verdict::Pending);
        assert_ne!(
            Verdict::Kept(FailReason::UserDenied),
            Verdict::Failed(FailReason::UserDenied)
        );
    }
}

//! Who acts, and how a changing call can end.

use domain::Institution;
use storage::StorageError;

use crate::internal::Internal;

/// An institution that calls, with what makes its call count once. Whoever makes one has verified token
/// and signature.
#[derive(Clone, Debug)]
pub struct Caller {
    pub institution: Institution,
    /// The nonce of the signature.
    pub nonce: String,
    pub idempotency: Option<Idempotency>,
}

/// The `Idempotency-Key` of a call, with the body that it stands for.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub key: String,
    pub body_hash: [u8; 32],
}

/// Whoever runs the broker, at its command line.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

/// How a changing call ends when it changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    #[error("nonce already used")]
    NonceUsed,
    #[error("Idempotency-Key was used with another body")]
    IdempotencyKeyReused,
    /// The use case says no.
    #[error("refused")]
    Refused(E),
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl<E> From<StorageError> for CallError<E> {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NonceUsed => Self::NonceUsed,
            other @ (StorageError::Database(_)
            | StorageError::Commit(_)
            | StorageError::NeedsTransaction
            | StorageError::Corrupt { .. }
            | StorageError::Stale { .. }
            | StorageError::Unsealable { .. }) => Self::Internal(other.into()),
        }
    }
}

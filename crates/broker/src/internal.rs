//! Failures that are ours.

use std::fmt;

use storage::StorageError;

/// Something of ours failed. Whoever called is told so and nothing more; the source is for the log.
#[derive(Debug)]
pub struct Internal {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Internal {
    pub(crate) fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }

    /// Whether the database answered, and refused what was asked of it: another transaction may do.
    pub(crate) fn is_refusal(&self) -> bool {
        self.source
            .downcast_ref::<StorageError>()
            .is_some_and(StorageError::is_refusal)
    }
}

impl fmt::Display for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("system error")
    }
}

impl std::error::Error for Internal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<StorageError> for Internal {
    fn from(error: StorageError) -> Self {
        Self::new(error)
    }
}

/// An error with its causes on one line, for the log.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

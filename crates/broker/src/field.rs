//! A field of a call that cannot be taken.

use std::borrow::Cow;

/// Which field, and what to mend; together a sentence that the institution reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    pub field: &'static str,
    pub problem: Cow<'static, str>,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }
}

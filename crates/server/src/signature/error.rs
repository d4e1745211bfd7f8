//! What is wrong with a signature, in the words that the institution reads.

use crate::api_error::ApiError;

/// Why a request does not count as signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("a query string is not allowed")]
    QueryString,
    #[error("the {0} header is missing")]
    NoHeader(&'static str),
    #[error("the {0} header is too long")]
    TooLong(&'static str),
    #[error("the {0} header is not well-formed")]
    Malformed(&'static str),
    #[error("the {0} header has a label twice")]
    LabelTwice(&'static str),
    #[error("no label is in both Signature-Input and Signature")]
    NoLabel,
    #[error("several signatures have this keyid")]
    Ambiguous,
    #[error("{0} is missing")]
    NoParameter(&'static str),
    #[error("{0} must be a string")]
    NotAString(&'static str),
    #[error("{0} must be an integer of Unix seconds")]
    NotATime(&'static str),
    #[error("keyid is not the app_id of the token")]
    OtherKeyid,
    #[error("alg must be hmac-sha256 or absent")]
    OtherAlgorithm,
    #[error("nonce must have 1 to 256 characters")]
    NonceLength,
    #[error("a covered component must be a string in lower case")]
    NotAComponent,
    #[error("\"{0}\" is covered twice")]
    CoveredTwice(String),
    #[error("\"{0}\" has parameters, which are not supported")]
    ComponentParameters(String),
    #[error("\"{0}\" is not supported")]
    UnknownComponent(String),
    #[error("\"{0}\" is covered but not sent")]
    NotSent(String),
    #[error("the value of \"{0}\" is not ASCII")]
    NotAscii(String),
    #[error("\"{0}\" is not covered")]
    NotCovered(&'static str),
    #[error("neither \"@path\" nor \"@target-uri\" is covered")]
    PathNotCovered,
    #[error("content-digest has no sha-256")]
    NoSha256,
    #[error("content-digest does not match the body")]
    DigestMismatch,
    /// None of the secrets made it.
    #[error("the signature does not match")]
    Mismatch,
    #[error("signature expired")]
    Expired,
}

impl SignatureError {
    /// The kind of reason, for who counts refusals.
    pub(crate) const fn class(&self) -> &'static str {
        match self {
            Self::QueryString => "query_string",
            Self::NoHeader(_) | Self::NoLabel | Self::NoParameter(_) | Self::NotSent(_) => {
                "missing"
            }
            Self::TooLong(_)
            | Self::Malformed(_)
            | Self::LabelTwice(_)
            | Self::Ambiguous
            | Self::NotAString(_)
            | Self::NotATime(_)
            | Self::NonceLength
            | Self::NotAComponent
            | Self::CoveredTwice(_)
            | Self::ComponentParameters(_)
            | Self::UnknownComponent(_)
            | Self::NotAscii(_) => "malformed",
            Self::OtherKeyid | Self::OtherAlgorithm => "other_key",
            Self::NotCovered(_) | Self::PathNotCovered => "not_covered",
            Self::NoSha256 | Self::DigestMismatch => "digest",
            Self::Mismatch => "mismatch",
            Self::Expired => "expired",
        }
    }
}

impl From<SignatureError> for ApiError {
    fn from(error: SignatureError) -> Self {
        if error == SignatureError::Expired {
            return Self::signature_expired();
        }
        Self::invalid_signature(&error.to_string())
    }
}

//! One line for each step, and a summary.

use std::fmt::{self, Display, Formatter};

use crate::api_client::ApiError;
use crate::command::in_one_line;
use crate::demo::channels::{Channels, Told};
use crate::demo::seller::SellerError;
use crate::output::{self, OutputError};

/// What a step showed when all was as it should be.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// A result on all its channels.
    Result(Box<Channels>),
    /// A call that was refused, as it should be.
    Refusal { code: u32, message: String },
    /// Anything else, in words.
    Remark(String),
}

/// Why a step did not go as it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Seller(#[from] SellerError),
    #[error("{call} answered {code} {message}")]
    Refused {
        call: &'static str,
        code: u32,
        message: String,
    },
    #[error("{0}")]
    Unexpected(String),
}

/// Counts what it prints.
#[derive(Debug, Default)]
pub(super) struct Report {
    steps: u32,
    failed: u32,
}

/// The steps that are taken on one platform in one way.
pub(super) struct Section<'a> {
    report: &'a mut Report,
    platform: &'static str,
    auth_type: &'static str,
}

impl Section<'_> {
    /// Prints a step and what came of it. Fails only when it cannot be printed.
    pub(super) fn step(
        &mut self,
        step: &str,
        outcome: Result<Seen, StepError>,
    ) -> Result<(), OutputError> {
        let Self {
            report,
            platform,
            auth_type,
        } = self;
        report.steps += 1;
        let (mark, seen) = match outcome {
            Ok(seen) => ("ok", seen.to_string()),
            Err(error) => {
                report.failed += 1;
                ("FAIL", in_one_line(&error))
            }
        };
        output::line(format_args!(
            "{mark:<4}  {platform:<11}  {auth_type}  {step:<35}  {seen}"
        ))
    }
}

impl Report {
    pub(super) fn section(
        &mut self,
        platform: &'static str,
        auth_type: &'static str,
    ) -> Section<'_> {
        Section {
            report: self,
            platform,
            auth_type,
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.steps > 0 && self.failed == 0
    }

    pub(super) fn summarize(&self) -> Result<(), OutputError> {
        let Self { steps, failed } = self;
        if self.is_clean() {
            return output::line(format_args!(
                "\n{steps} steps: every result arrived on all its channels, and all of them agreed."
            ));
        }
        output::line(format_args!("\n{failed} of {steps} steps failed."))
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(channels) => {
                let Channels {
                    redirect,
                    webhook,
                    query,
                } = &**channels;
                let redirect = redirect.as_ref().map_or("-", Told::word);
                write!(
                    f,
                    "redirect {redirect:<25}  webhook #{} {:<25}  query #{} {}",
                    webhook.sequence,
                    webhook.told.word(),
                    query.sequence,
                    query.told.word(),
                )
            }
            Self::Refusal { code, message } => write!(f, "call {code} {message}"),
            Self::Remark(text) => f.write_str(text),
        }
    }
}

impl From<String> for StepError {
    fn from(text: String) -> Self {
        Self::Unexpected(text)
    }
}

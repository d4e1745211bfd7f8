//! What commands say: results to stdout, remarks to stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Nobody reads any more, as when `shopgrant … | head` has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("the output cannot be written")]
pub(crate) struct OutputError(#[from] io::Error);

impl OutputError {
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Prints one line of a command's result.
pub(crate) fn line(text: impl Display) -> Result<(), OutputError> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Prints bytes as they came, and a newline after them.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), OutputError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.write_all(b"\n")?;
    Ok(())
}

/// Tells the person at the terminal something that is no result. That it cannot be told stops nothing.
pub(crate) fn remark(text: impl Display) {
    writeln!(io::stderr().lock(), "shopgrant: {text}").ok();
}

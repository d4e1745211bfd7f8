//! What is set for Cafe24 alone.

use std::fs;
use std::path::PathBuf;

use domain::OperatorScopes;
use serde::Deserialize;

use super::{SettingsError, refusal, value};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cafe24 {
    #[serde(default, deserialize_with = "value::optional")]
    operator_scopes_file: Option<PathBuf>,
}

impl Cafe24 {
    /// What the file holds, if one is named.
    pub(crate) fn operator_scopes(&self) -> Result<Option<OperatorScopes>, SettingsError> {
        let Some(path) = &self.operator_scopes_file else {
            return Ok(None);
        };
        let text = fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
            path: path.clone(),
            source,
        })?;
        OperatorScopes::parse(&text).map(Some).map_err(|error| {
            let problem = format!("{}: {error}", path.display());
            refusal("cafe24.operator_scopes_file", problem)
        })
    }
}

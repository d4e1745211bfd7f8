//! What is right and what is wrong with an installation, found without changing it.

mod bus;
mod clock;
mod database;
mod egress;
mod platform_apps;
mod process;
mod settings;

use std::path::Path;

use crate::command::in_one_line;
use crate::settings::Settings;
use crate::wiring;

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            found: found.into(),
            advice: None,
        }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Warn,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Fail,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    /// What an error says of itself, which names the setting and the way out.
    fn of_error(check: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self {
            check,
            verdict: Verdict::Fail,
            found: in_one_line(error),
            advice: None,
        }
    }
}

/// Looks at everything that the settings name, in the order in which a start needs it.
pub(crate) async fn examine(config: Option<&Path>) -> Vec<Finding> {
    let settings = match Settings::load(config) {
        Ok(settings) => settings,
        Err(error) => return vec![Finding::of_error("settings", &error)],
    };
    let mut findings = settings::examine(&settings);
    findings.push(process::examine());
    let keyring = match wiring::keyring(&settings) {
        Ok(keyring) => Some(keyring),
        Err(error) => {
            findings.push(Finding::of_error("master key", &error));
            None
        }
    };
    let (of_database, storage) = database::examine(&settings).await;
    findings.extend(of_database);
    if let Some(storage) = &storage {
        findings.push(clock::examine(storage).await);
    }
    findings.push(bus::examine(&settings).await);
    findings.extend(egress::examine(&settings));
    if let (Some(storage), Some(keyring)) = (storage, keyring) {
        findings.push(database::try_keyring(&storage, &keyring).await);
        findings.extend(platform_apps::examine(&settings, storage, keyring).await);
    }
    findings
}

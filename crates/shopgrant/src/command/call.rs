//! `shopgrant call`

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use broker::SystemClock;
use clap::Args;
use url::Url;

use crate::api_client::{ApiClient, http_client};
use crate::command::{Failure, settings_of_short_command};
use crate::{output, secret_file};

/// Make a signed call to the institution API and print the answer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant call store/query '{\"client_id\":\"cl_…\",\"store_id\":\"st_…\"}' --app-id app_… --secret-file app.secret
  shopgrant call platform/list --url https://auth.example.com --app-id app_… --secret-file app.secret
  cat store.json | shopgrant call store/create - --app-id app_… --secret-file app.secret

It ends with 0 if the answer's code is 200, and with 1 otherwise.")]
pub(crate) struct Call {
    /// Which call, such as store/auth
    #[arg(value_name = "NOUN/VERB", value_parser = parse_call)]
    name: String,
    /// The fields; - reads them from stdin
    #[arg(value_name = "JSON", default_value = "{}")]
    fields: String,
    /// Where the broker is; the settings' `public_url` or `listen` if absent
    #[arg(long)]
    url: Option<Url>,
    /// The institution
    #[arg(long)]
    app_id: String,
    /// The file with its secret
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
}

impl Call {
    pub(crate) async fn run(self, config: Option<&Path>) -> Result<ExitCode, Failure> {
        let settings = settings_of_short_command(config)?;
        let url = self
            .url
            .unwrap_or_else(|| settings.public_url(settings.listen));
        let secret = secret_file::read(&self.secret_file)?;
        let fields = match self.fields.as_str() {
            "-" => read_stdin()?,
            fields => fields.as_bytes().to_vec(),
        };
        let client = ApiClient::new(
            http_client()?,
            url,
            self.app_id,
            secret,
            Arc::new(SystemClock),
        );
        let answer = client.call(&self.name, fields).await?;
        output::bytes(&answer.body)?;
        Ok(if answer.is_success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut fields = Vec::new();
    std::io::stdin().lock().read_to_end(&mut fields)?;
    Ok(fields)
}

fn parse_call(text: &str) -> Result<String, &'static str> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match text.split_once('/') {
        Some((noun, verb)) if is_word(noun) && is_word(verb) => Ok(text.to_owned()),
        _ => Err("a call is a noun and a verb, such as store/auth"),
    }
}

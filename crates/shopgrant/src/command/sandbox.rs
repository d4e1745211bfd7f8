//! `shopgrant sandbox`

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use broker::{Clock, Entropy, SystemClock, SystemEntropy};
use clap::Args;
use sandbox::{AppRegistration, Dialect, Sandbox, SandboxOptions};
use secrecy::SecretString;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use crate::command::{Failure, log_as_text};
use crate::signal::EndSignals;
use crate::{output, secret_file};

/// What the simulated platforms call our app.
const CLIENT_ID: &str = "sandbox-app";

/// Run the simulated platforms as a process of their own
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  shopgrant sandbox --listen 127.0.0.1:9100

It prints the commands that lead a broker there.")]
pub(crate) struct RunSandbox {
    /// Where the platforms listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Where the broker is: the only place to which sellers are sent back
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    broker: Url,
    /// The file with our app's secret; it is made if it is missing
    #[arg(long, value_name = "FILE", default_value = "sandbox.secret")]
    secret_file: PathBuf,
}

impl RunSandbox {
    pub(crate) async fn run(self) -> Result<ExitCode, Failure> {
        log_as_text(LevelFilter::WARN)?;
        let mut signals = EndSignals::catch()?;
        let secret = read_or_make_secret(&self.secret_file)?;
        let sandbox = simulated_platforms();
        let back = format!("{}*", self.broker);
        for dialect in [
            Dialect::Shopline,
            Dialect::Genstore,
            Dialect::Cafe24,
            Dialect::Multivende,
        ] {
            sandbox.register_app(AppRegistration {
                dialect,
                client_id: CLIENT_ID.to_owned(),
                client_secret: secret.clone(),
                redirect_uris: vec![back.clone()],
                name: "Shopgrant".to_owned(),
            });
        }
        // One file is enough for trying: the key beside Cafe24's events is the app's secret here.
        sandbox.set_event_key(CLIENT_ID, secret);
        let running = sandbox::start(sandbox, self.listen)
            .map_err(|error| format!("{} cannot be bound: {error}", self.listen))?;
        print_directions(running.address, &self.secret_file)?;
        let handle = running.server.handle();
        tokio::select! {
            ended = running.server => ended?,
            () = signals.recv() => handle.stop(false).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Simulated platforms with the time and the chance of this machine, without any app.
pub(crate) fn simulated_platforms() -> Sandbox {
    Sandbox::new(SandboxOptions {
        now: Arc::new(|| SystemClock.now()),
        random: Arc::new(|bytes| SystemEntropy.fill(bytes)),
    })
}

fn print_directions(address: SocketAddr, secret_file: &Path) -> Result<(), Failure> {
    let secret_file = secret_file.display();
    output::line(format_args!(
        "The platforms listen on http://{address}. To lead a broker there (its `egress.allow` must\n\
         cover {}):\n",
        address.ip()
    ))?;
    let event_key = format!(" --event-key-file {secret_file}");
    for (platform, dialect, more) in [
        ("SHOPLINE", "shopline", ""),
        ("SHOPLINE_EU", "shopline", ""),
        ("GENSTORE", "genstore", ""),
        ("CAFE24", "cafe24", &event_key),
    ] {
        output::line(format_args!(
            "  shopgrant platform configure {platform} --client-id {CLIENT_ID} --client-secret-file {secret_file}{more} --host 'http://{address}/{dialect}/{{shop}}'"
        ))?;
    }
    output::line(format_args!(
        "  shopgrant platform configure MULTIVENDE --client-id {CLIENT_ID} --client-secret-file {secret_file} --host 'http://{address}/multivende'\n\
         \x20 shopgrant platform configure SHOPIFY --host 'http://{address}/shopify/{{shop}}'\n\n\
         WOOCOMMERCE needs no app: its stores' store_url is http://{address}/woocommerce/SHOP.\n\n\
         A key must be known to the platform before it can be proven:\n\n\
         \x20 curl http://{address}/control -H 'content-type: application/json' -d '{{\"action\":\"register_token\",\"shop\":\"demo-shop\",\"token\":\"shpat_demo\",\"scopes\":[\"read_orders\"]}}'\n\
         \x20 curl http://{address}/control -H 'content-type: application/json' -d '{{\"action\":\"register_key\",\"shop\":\"demo-shop\",\"key\":\"ck_demo\",\"secret\":\"cs_demo\",\"permission\":\"read\"}}'"
    ))?;
    Ok(())
}

/// The file is made for its owner alone. Of two processes that make it at once, one reads what the
/// other one wrote.
fn read_or_make_secret(path: &Path) -> Result<SecretString, Failure> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(mut file) => {
            let mut bytes = [0; 24];
            SystemEntropy.fill(&mut bytes);
            writeln!(file, "{}", hex::encode(bytes))?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(format!("{} cannot be made: {error}", path.display()).into()),
    }
    Ok(secret_file::read(path)?)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sandbox.secret");
        let made = read_or_make_secret(&path).unwrap();
        let read = read_or_make_secret(&path).unwrap();
        assert_eq!(made.expose_secret(), read.expose_secret());
        assert_eq!(made.expose_secret().len(), 48);
        let permissions = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(permissions, 0o600);
    }
}

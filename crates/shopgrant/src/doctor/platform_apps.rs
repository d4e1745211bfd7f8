//! Our registrations at the platforms, and whether their hosts can be found.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use broker::{ExaminedApp, Operator};
use messaging::InProcessBus;
use storage::Storage;
use storage::sealing::Keyring;

use super::Finding;
use crate::settings::Settings;
use crate::wiring;

const CHECK: &str = "platform app";
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn examine(
    settings: &Settings,
    storage: Storage,
    keyring: Keyring,
) -> Vec<Finding> {
    let public_url = settings.public_url(settings.listen);
    let bus = Arc::new(InProcessBus::new());
    let broker = match wiring::assemble(settings, storage, keyring, bus, public_url) {
        Ok(broker) => broker,
        Err(error) => return vec![Finding::of_error(CHECK, &error)],
    };
    let apps = match broker.examine_platform_apps(&Operator).await {
        Ok(apps) => apps,
        Err(error) => return vec![Finding::of_error(CHECK, &error)],
    };
    if apps.is_empty() {
        return vec![Finding::warn(
            CHECK,
            "none is configured",
            "`store/auth` answers 900002 for every platform that needs one; see `shopgrant platform \
             configure --help`",
        )];
    }
    let mut findings: Vec<_> = apps.iter().map(judge).collect();
    // Several apps of a platform have one host.
    let mut hosts: HashMap<&str, &str> = HashMap::new();
    for app in &apps {
        if let Some(host) = &app.host {
            hosts.insert(host, app.app.app.platform.code());
        }
    }
    let mut hosts: Vec<_> = hosts.into_iter().collect();
    hosts.sort_unstable();
    for (host, platform) in hosts {
        findings.push(look_up(host, platform).await);
    }
    findings
}

fn judge(examined: &ExaminedApp) -> Finding {
    let app = &examined.app.app;
    let name = format!("{} {}", app.platform, app.id);
    if !examined.opens {
        return Finding::fail(
            CHECK,
            format!("{name}: the master key does not open its client secret"),
            "name the right `master_key_file`, or configure the app again with its secret",
        );
    }
    if let Some(refused) = examined.refused {
        return Finding::fail(
            CHECK,
            format!("{name}: its host may not be called, since {refused}"),
            "correct it by `shopgrant platform configure --host`, or open its network by `egress.allow`",
        );
    }
    match &examined.app.callback_url {
        Some(url) => Finding::ok(CHECK, format!("{name}, callback {url}")),
        None => Finding::ok(CHECK, name),
    }
}

async fn look_up(host: &str, platform: &str) -> Finding {
    const CHECK: &str = "resolver";
    let lookup = tokio::net::lookup_host((host, 443));
    let problem = match tokio::time::timeout(LOOKUP_LIMIT, lookup).await {
        Ok(Ok(_)) => return Finding::ok(CHECK, format!("{host} ({platform}) is found")),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    Finding::warn(
        CHECK,
        format!("{host} ({platform}) is not found: {problem}"),
        "stores there cannot be authorized; see to the name servers of this machine",
    )
}

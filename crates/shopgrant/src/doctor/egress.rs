//! Whether outgoing calls can be made as the settings say.

use super::Finding;
use super::settings::is_loopback;
use crate::settings::{self, Settings};
use crate::wiring;

const CHECK: &str = "egress";

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    match wiring::egress(settings) {
        Ok(_) => findings.push(examine_policy(settings)),
        Err(error) => findings.push(Finding::of_error(CHECK, &error)),
    }
    let proxies = settings::proxy_variables();
    if !proxies.is_empty() {
        findings.push(Finding::warn(
            CHECK,
            format!("{} is set and not used", proxies.join(", ")),
            "outgoing calls are dialled directly, since a proxy could not be held to the addresses \
             that were judged; let this machine out by its firewall",
        ));
    }
    findings
}

fn examine_policy(settings: &Settings) -> Finding {
    let allowed = &settings.egress.allow;
    if allowed.is_empty() {
        return Finding::ok(CHECK, "public addresses over https alone");
    }
    let networks: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    let networks = networks.join(", ");
    if is_loopback(&settings.public_url(settings.listen)) {
        return Finding::ok(CHECK, format!("open for development: {networks}"));
    }
    Finding::warn(
        CHECK,
        format!(
            "`egress.allow` opens {networks} to addresses that institutions and sellers choose"
        ),
        "take it away unless this is a machine for development",
    )
}

//! Settings that are allowed, and are seldom meant.

use url::{Host, Url};

use super::Finding;
use crate::settings::Settings;

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let public_url = settings.public_url(settings.listen);
    let mut findings = vec![Finding::ok("settings", "no contradiction")];
    // A worker need not know where the others are reached.
    if settings.role.serves_http() || settings.public_url.is_some() {
        findings.push(examine_public_url(&public_url));
    }
    findings.extend(examine_proxies(settings, &public_url));
    findings
}

fn examine_public_url(url: &Url) -> Finding {
    if url.scheme() == "https" || is_loopback(url) {
        return Finding::ok("public_url", url.as_str());
    }
    Finding::warn(
        "public_url",
        format!("{url} is not https"),
        "platforms refuse such a callback, and codes and tokens travel in the clear; put a proxy with \
         TLS in front and name its address",
    )
}

fn examine_proxies(settings: &Settings, public_url: &Url) -> Option<Finding> {
    const CHECK: &str = "proxies";
    if let Some(network) = settings
        .trusted_proxies
        .iter()
        .find(|network| network.prefix_len() == 0)
    {
        return Some(Finding::warn(
            CHECK,
            format!("`trusted_proxies` has {network}, which is everybody"),
            "whoever calls may claim any address and so escape `rate_limit.per_address`; name the \
             proxy's own network",
        ));
    }
    // The program speaks plain HTTP, so that something else has the certificate.
    if public_url.scheme() == "https" && settings.trusted_proxies.is_empty() {
        return Some(Finding::warn(
            CHECK,
            "`public_url` is https, so there is a proxy, and `trusted_proxies` is empty",
            "all clients count as one address for `rate_limit.per_address`; name the proxy's network",
        ));
    }
    None
}

/// Whether only this machine can call it.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::settings::Role;

    fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings::compiled_in().unwrap();
        change(&mut settings);
        settings
    }

    #[test]
    fn what_is_seldom_meant_is_told() {
        let url = |text: &str| Some(Url::parse(text).unwrap());
        for (settings, verdicts) in [
            (settings(|_| {}), vec![Verdict::Ok, Verdict::Ok]),
            (
                settings(|settings| settings.role = Role::Worker),
                vec![Verdict::Ok],
            ),
            (
                settings(|settings| settings.public_url = url("http://auth.example")),
                vec![Verdict::Ok, Verdict::Warn],
            ),
            (
                settings(|settings| settings.public_url = url("https://auth.example")),
                vec![Verdict::Ok, Verdict::Ok, Verdict::Warn],
            ),
            (
                settings(|settings| {
                    settings.public_url = url("https://auth.example");
                    settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
                }),
                vec![Verdict::Ok, Verdict::Ok],
            ),
            (
                settings(|settings| settings.trusted_proxies = vec!["::/0".parse().unwrap()]),
                vec![Verdict::Ok, Verdict::Ok, Verdict::Warn],
            ),
        ] {
            let findings = examine(&settings);
            let found: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
            assert_eq!(found, verdicts, "{findings:#?}");
        }
    }
}

//! What an operator's look at the installation finds out from the adapters.

use egress::UrlRefused;
use platforms::adapter;
use storage::platform_apps::{self, PlatformApp};
use url::{Host, Url};

use crate::Broker;
use crate::caller::Operator;
use crate::institutions::OperatorError;
use crate::platform_apps::ConfiguredApp;

/// A platform app, and whether it could be used.
#[derive(Debug)]
pub struct ExaminedApp {
    pub app: ConfiguredApp,
    /// Whether our master key opens its client secret; so it is where there is none.
    pub opens: bool,
    /// Why its host may not be called.
    pub refused: Option<UrlRefused>,
    /// The name under which the platform is found, without a shop's label. `None` where the host is an
    /// address, or each store's own.
    pub host: Option<String>,
}

impl Broker {
    /// Looks at every configured app. Nothing is called and nothing is changed.
    pub async fn examine_platform_apps(
        &self,
        _: &Operator,
    ) -> Result<Vec<ExaminedApp>, OperatorError> {
        let apps = platform_apps::list(self.storage()).await?;
        Ok(apps.into_iter().map(|app| self.examine(app)).collect())
    }

    fn examine(&self, app: PlatformApp) -> ExaminedApp {
        let own = adapter(app.platform).facts().host;
        let pattern = app.host.as_deref().or(own);
        // What stands for the shop is a label of letters and digits, whichever shop it is.
        let url = pattern.map(|pattern| pattern.replace("{shop}", "sample"));
        let refused = url.and_then(|url| self.egress().check_url(&url).err());
        ExaminedApp {
            opens: self.open_app(&app).is_ok(),
            refused,
            host: pattern.and_then(host_without_shop),
            app: self.configured(app),
        }
    }
}

fn host_without_shop(pattern: &str) -> Option<String> {
    let url = Url::parse(&pattern.replace("{shop}.", "").replace("{shop}", "sample")).ok()?;
    match url.host()? {
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_looked_up_without_the_shop() {
        for (pattern, host) in [
            ("https://{shop}.myshopline.com", Some("myshopline.com")),
            ("https://staging.example/{shop}", Some("staging.example")),
            ("http://127.0.0.1:9100/shopline/{shop}", None),
        ] {
            assert_eq!(host_without_shop(pattern).as_deref(), host, "{pattern}");
        }
    }
}

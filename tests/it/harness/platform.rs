//! The platforms as they are registered on both sides, and what a platform signs.

use std::net::SocketAddr;

use broker::{Broker, Clock, ConfigurePlatformApp, ManualClock, Operator};
use domain::Platform;
use sandbox::{AppRegistration, Dialect, Sandbox, Shop};

use super::sign_query;

/// A platform that is authorized by URL, with the app that is registered there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlatformCase {
    pub(crate) code: &'static str,
    pub(crate) platform: Platform,
    pub(crate) dialect: Dialect,
    pub(crate) client_id: &'static str,
    pub(crate) secret: &'static str,
    /// The name of the parameter that hands our state through.
    pub(crate) state: &'static str,
    pub(crate) signature: &'static str,
    pub(crate) domain: &'static str,
}

pub(crate) const SHOPLINE: PlatformCase = PlatformCase {
    code: "SHOPLINE",
    platform: Platform::Shopline,
    dialect: Dialect::Shopline,
    client_id: "shopline-app",
    secret: "the secret of the app at shopline",
    state: "customField",
    signature: "sign",
    domain: "myshopline.com",
};

pub(crate) const SHOPLINE_EU: PlatformCase = PlatformCase {
    code: "SHOPLINE_EU",
    platform: Platform::ShoplineEu,
    client_id: "shopline-eu-app",
    secret: "the secret of the app at shopline in europe",
    ..SHOPLINE
};

pub(crate) const GENSTORE: PlatformCase = PlatformCase {
    code: "GENSTORE",
    platform: Platform::Genstore,
    dialect: Dialect::Genstore,
    client_id: "genstore-app",
    secret: "the secret of the app at genstore",
    state: "state",
    signature: "hmac",
    domain: "genmystore.com",
};

pub(crate) const CAFE24: PlatformCase = PlatformCase {
    code: "CAFE24",
    platform: Platform::Cafe24,
    dialect: Dialect::Cafe24,
    client_id: "cafe24-app",
    secret: "the secret of the app at cafe24",
    state: "state",
    signature: "",
    domain: "cafe24.com",
};

pub(crate) const MULTIVENDE: PlatformCase = PlatformCase {
    code: "MULTIVENDE",
    platform: Platform::Multivende,
    dialect: Dialect::Multivende,
    client_id: "123456789012",
    secret: "the secret of the app at multivende",
    state: "state",
    signature: "",
    domain: "merchant.example",
};

impl PlatformCase {
    pub(crate) fn store_url(&self, shop: &str) -> String {
        format!("https://{shop}.{}", self.domain)
    }

    /// Two scopes of the platform's, as the operator writes them.
    pub(crate) fn two_scopes(&self) -> &'static str {
        match self.dialect {
            Dialect::Cafe24 => "mall.read_order,mall.read_product",
            Dialect::Multivende => "read:checkouts,read:stocks",
            Dialect::Shopline | Dialect::Genstore | Dialect::Shopify | Dialect::Woocommerce => {
                "read_orders,read_products"
            }
        }
    }

    /// The path that browsers come back to.
    pub(crate) fn callback_path(&self) -> String {
        format!("/v1/auth/{}/callback", self.code.to_lowercase())
    }

    /// The path that browsers are sent to which open the app on the platform.
    pub(crate) fn launch_path(&self) -> String {
        format!("/v1/auth/{}/launch", self.code.to_lowercase())
    }

    /// The path that the platform tells its events to.
    pub(crate) fn events_path(&self) -> String {
        format!("/v1/auth/{}/events", self.code.to_lowercase())
    }

    pub(crate) fn host(&self, address: SocketAddr) -> String {
        let dialect = match self.dialect {
            Dialect::Shopline => "shopline",
            Dialect::Genstore => "genstore",
            Dialect::Cafe24 => "cafe24",
            // One host for all merchants.
            Dialect::Multivende => return format!("http://{address}/multivende"),
            Dialect::Shopify => "shopify",
            Dialect::Woocommerce => "woocommerce",
        };
        format!("http://{address}/{dialect}/{{shop}}")
    }

    /// How the operator registers the app of the platform that answers at `address`.
    pub(crate) fn configuration(&self, address: SocketAddr) -> ConfigurePlatformApp {
        ConfigurePlatformApp {
            platform: self.platform,
            client_id: self.client_id.to_owned(),
            secret: Some(self.secret.into()),
            scopes: Vec::new(),
            institution: None,
            host: Some(self.host(address)),
            event_key: None,
            operator_scopes: None,
        }
    }

    /// How the platform knows the app.
    pub(crate) fn registration(&self, callback_url: String) -> AppRegistration {
        AppRegistration {
            dialect: self.dialect,
            client_id: self.client_id.to_owned(),
            client_secret: self.secret.into(),
            redirect_uris: vec![callback_url],
            name: "Shopgrant".to_owned(),
        }
    }

    /// The identity that a proven shop has.
    pub(crate) fn identity(&self, shop: &str) -> String {
        match self.dialect {
            Dialect::Genstore => shop.parse::<Shop>().map_or(1, |shop| shop.id()).to_string(),
            Dialect::Multivende => merchant_id(shop),
            Dialect::Shopline | Dialect::Cafe24 | Dialect::Shopify | Dialect::Woocommerce => {
                shop.to_owned()
            }
        }
    }

    /// What an institution names the shop by whose `store_url` does not.
    pub(crate) fn seller_id(&self, shop: &str) -> Option<String> {
        (self.dialect == Dialect::Multivende).then(|| merchant_id(shop))
    }

    /// The state in a link.
    pub(crate) fn state_of(&self, auth_url: &str) -> String {
        let (_, query) = auth_url.split_once('?').expect("a link with a query");
        let state = query.split('&').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name == self.state).then(|| value.to_owned())
        });
        state.expect("a link with a state")
    }

    /// The query of a callback about `shop`, signed now by the platform if it signs, with `more` in it.
    pub(crate) fn query(
        &self,
        clock: &ManualClock,
        shop: &str,
        state: &str,
        more: &[(&str, &str)],
    ) -> String {
        let timestamp = clock.now().timestamp_millis().to_string();
        let id = self.identity(shop);
        let mut parameters = match self.dialect {
            Dialect::Genstore => vec![("shop", shop), ("shopId", id.as_str())],
            Dialect::Shopline | Dialect::Shopify | Dialect::Woocommerce => {
                vec![("appkey", self.client_id), ("handle", shop)]
            }
            Dialect::Cafe24 | Dialect::Multivende => Vec::new(),
        };
        parameters.push((self.state, state));
        parameters.extend_from_slice(more);
        let signature;
        if !self.signature.is_empty() {
            parameters.push(("timestamp", timestamp.as_str()));
            signature = sign_query(self.secret, &parameters);
            parameters.push((self.signature, signature.as_str()));
        }
        let pairs: Vec<_> = parameters
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join("&")
    }
}

/// Multivende's id of the merchant whom the sandbox knows by this name.
pub(crate) fn merchant_id(name: &str) -> String {
    name.parse::<Shop>().expect("a shop").uuid()
}

/// Registers every platform's app with the broker and with the sandbox.
pub(crate) async fn register(broker: &Broker, sandbox: &Sandbox, address: SocketAddr) {
    for case in [SHOPLINE, SHOPLINE_EU, GENSTORE, CAFE24, MULTIVENDE] {
        let configured = broker
            .configure_platform_app(&Operator, case.configuration(address))
            .await
            .unwrap();
        sandbox.register_app(case.registration(configured.callback_url.unwrap()));
    }
    let shopify = ConfigurePlatformApp {
        platform: Platform::Shopify,
        client_id: String::new(),
        secret: None,
        scopes: Vec::new(),
        institution: None,
        host: Some(format!("http://{address}/shopify/{{shop}}")),
        event_key: None,
        operator_scopes: None,
    };
    broker
        .configure_platform_app(&Operator, shopify)
        .await
        .unwrap();
}

//! Which adapter speaks for which platform: the only `match` over platforms in the product.

use domain::Platform;

use crate::adapter::PlatformAdapter;
use crate::{cafe24, genstore, multivende, shopify, shopline, woocommerce};

/// The adapter of a platform.
pub fn adapter(platform: Platform) -> &'static dyn PlatformAdapter {
    match platform {
        Platform::Cafe24 => &cafe24::Cafe24,
        Platform::Genstore => &genstore::GENSTORE,
        Platform::Multivende => &multivende::Multivende,
        Platform::Shopify => &shopify::Shopify,
        Platform::Shopline => &shopline::SHOPLINE,
        Platform::ShoplineEu => &shopline::SHOPLINE_EU,
        Platform::Woocommerce => &woocommerce::Woocommerce,
    }
}

#[cfg(test)]
mod tests {
    use domain::AuthType;
    use url::Url;

    use super::*;
    use crate::adapter::App;
    use crate::code_flow::AuthorizeRequest;

    /// What ends, moves or hides a host in one parser or another.
    const HOSTILE: [&str; 47] = [
        ".", "..", "/", "//", "\\", "@", ":", ":443", "#", "?", ";", "&", "=", "*", "_", "-", "--",
        "[", "]", "[::1]", "{shop}", "%2e", "%2f", "%40", "%00", "\0", "\t", "\n", "\r\n", " ",
        "\u{a0}", "\u{ad}", "\u{200d}", "\u{202e}", "\u{2044}", "\u{2100}", "\u{3002}", "\u{ff0e}",
        "\u{ff0f}", "\u{ff20}", "\u{ff61}", "\u{df}", "xn--", "/2", "/02", "/2/3", "/99999",
    ];

    #[test]
    fn every_platform_has_exactly_the_flows_that_it_lists() {
        for platform in Platform::ALL {
            let adapter = adapter(platform);
            let facts = adapter.facts();
            assert_eq!(facts.platform, platform);
            assert_eq!(
                adapter.code_flow().is_some(),
                facts.auth_types.contains(&AuthType::Url),
                "{platform}"
            );
            let takes_keys = facts.auth_types.contains(&AuthType::Key);
            assert_eq!(adapter.key_flow().is_some(), takes_keys, "{platform}");
            assert_eq!(facts.key_shape.is_some(), takes_keys, "{platform}");
        }
    }

    /// Whatever an adapter takes for a label, each address that is made of it stays with the platform.
    #[test]
    fn no_label_leads_out_of_the_platform_s_domain() {
        let long = "a".repeat(300);
        let mut texts = vec![
            String::new(),
            long,
            "evil.com/".to_owned(),
            "a.b".to_owned(),
        ];
        for before in ["", "d", "demo", "demo-shop", "evil.com", "127.0.0.1"] {
            for hostile in HOSTILE {
                for after in [
                    "",
                    "d",
                    "demo",
                    "evil.com",
                    "evil.com/",
                    "demo.evil.com",
                    "a@evil.com",
                ] {
                    texts.push(format!("{before}{hostile}{after}"));
                }
            }
        }
        for platform in Platform::ALL {
            let adapter = adapter(platform);
            let (Some(flow), Some(host)) = (adapter.code_flow(), adapter.facts().host) else {
                continue;
            };
            // One host for all shops has no place for a label.
            if !host.contains("{shop}") {
                continue;
            }
            let app = App {
                client_id: "app".to_owned(),
                secrets: Vec::new(),
                scopes: vec!["read_orders".to_owned()],
                host: None,
                event_key: None,
            };
            let (_, domain) = host.split_once("{shop}").unwrap_or(("", host));
            let mut taken = 0;
            for text in &texts {
                let Ok(shop) = adapter.facts().parse_seller_id(text) else {
                    continue;
                };
                taken += 1;
                let base = app.base_url(host, shop.host_label());
                let page = flow.authorize_url(&AuthorizeRequest {
                    app: &app,
                    shop: Some(&shop),
                    redirect_uri: "https://grant.example/callback",
                    state: &"state".into(),
                });
                for address in [base, page] {
                    // `xn--` before what is no encoding of a name: it leads nowhere.
                    let Ok(url) = Url::parse(&address) else {
                        assert!(shop.host_label().starts_with("xn--"), "{address}");
                        continue;
                    };
                    let label = url.host_str().unwrap().strip_suffix(domain);
                    let label = label.unwrap_or_else(|| panic!("{platform}: {text:?}: {address}"));
                    assert!(!label.contains('.'), "{platform}: {text:?}: {address}");
                    assert_eq!(url.scheme(), "https");
                    assert_eq!(
                        (url.username(), url.password(), url.port()),
                        ("", None, None)
                    );
                }
            }
            assert!(taken > 0, "{platform} takes no label at all");
        }
    }
}

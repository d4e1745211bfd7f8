//! Which adapter speaks for which platform: the only `match` over platforms in the product.

use domain::Platform;

use crate::adapter::PlatformAdapter;
use crate::{cafe24, genstore, shopify, shopline, woocommerce};

/// The adapter of a platform.
pub fn adapter(platform: Platform) -> &'static dyn PlatformAdapter {
    match platform {
        Platform::Cafe24 => &cafe24::Cafe24,
        Platform::Genstore => &genstore::GENSTORE,
        Platform::Shopify => &shopify::Shopify,
        Platform::Shopline => &shopline::SHOPLINE,
        Platform::ShoplineEu => &shopline::SHOPLINE_EU,
        Platform::Woocommerce => &woocommerce::Woocommerce,
    }
}

#[cfg(test)]
mod tests {
    use domain::AuthType;

    use super::*;

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
}

use std::collections::BTreeSet;

use domain::{Platform, ScopeAccess};
use regex::Regex;

use super::*;
use crate::key_flow::KeyPart;
use crate::registry::adapter;

fn facts(platform: Platform) -> &'static PlatformFacts {
    adapter(platform).facts()
}

const LONGEST: &str = "a23456789-123456789-123456789-123456789-123456789-123456789-123";

#[test]
fn only_labels_are_labels() {
    for (text, label) in [
        ("demo-shop", Some("demo-shop")),
        ("Demo-Shop", Some("demo-shop")),
        ("8288sellerId", Some("8288sellerid")),
        ("a", Some("a")),
        (LONGEST, Some(LONGEST)),
        ("", None),
        ("-a", None),
        ("a-", None),
        ("a.b", None),
        ("..", None),
        ("a_b", None),
        ("evil.com/", None),
        ("evil.com/#", None),
        ("a/b", None),
        ("a@b", None),
        ("a:80", None),
        ("a?", None),
        ("a%2eb", None),
        (" a", None),
        ("a\n", None),
        ("shöp", None),
        ("ａ", None),
        ("demo.myshopline.com", None),
    ] {
        let parsed = facts(Platform::Shopline).parse_seller_id(text).ok();
        assert_eq!(parsed.as_ref().map(ShopLabel::as_str), label, "{text:?}");
    }
    let too_long = format!("{LONGEST}4");
    assert_eq!(
        facts(Platform::Shopline).parse_seller_id(&too_long),
        Err(NotALabel)
    );
}

#[test]
fn a_domain_is_taken_where_the_platform_names_shops_by_it() {
    for (platform, text, label) in [
        (Platform::Shopify, "demo.myshopify.com", Some("demo")),
        (Platform::Shopify, "Demo.MyShopify.com", Some("demo")),
        (Platform::Shopify, "demo", Some("demo")),
        (Platform::Shopify, "demo.genmystore.com", None),
        (Platform::Shopify, "a.demo.myshopify.com", None),
        (Platform::Shopify, "demo.myshopify.com.evil.com", None),
        (Platform::Shopify, "demo.myshopify.com.", None),
        (Platform::Shopify, "demo.evilmyshopify.com", None),
        (Platform::Shopify, ".myshopify.com", None),
        (Platform::Shopify, "-.myshopify.com", None),
        (Platform::Shopify, "https://demo.myshopify.com", None),
        (Platform::Genstore, "demo.genmystore.com", Some("demo")),
        (Platform::Genstore, "demo", Some("demo")),
        (Platform::Genstore, "demo.myshopify.com", None),
        (Platform::Cafe24, "demomall", Some("demomall")),
        (Platform::Cafe24, "demomall/1", Some("demomall")),
        (Platform::Cafe24, "demomall/2", Some("demomall/2")),
        (
            Platform::Cafe24,
            "demo-mall-24/99999",
            Some("demo-mall-24/99999"),
        ),
        (Platform::Cafe24, "demomall/0", None),
        (Platform::Cafe24, "demomall/02", None),
        (Platform::Cafe24, "demomall/", None),
        (Platform::Cafe24, "demomall/2/3", None),
        (Platform::Cafe24, "demomall/-2", None),
        (Platform::Cafe24, "demomall/100000", None),
        (Platform::Cafe24, "demomall.cafe24.com", None),
        (Platform::Cafe24, "evil.com/1", None),
        (Platform::Cafe24, "evil@host/1", None),
        (Platform::Cafe24, "Demomall", None),
        (Platform::Cafe24, "dm", None),
        (Platform::Woocommerce, "demo", None),
    ] {
        let parsed = facts(platform).parse_seller_id(text).ok();
        assert_eq!(parsed.as_ref().map(ShopLabel::as_str), label, "{text:?}");
    }
}

/// Institutions check by the pattern what we check by hand.
#[test]
fn patterns_and_parsers_agree() {
    let too_long = format!("{LONGEST}4");
    let ids = [
        "demo-shop",
        "Demo",
        "a",
        "-a",
        "a-",
        "a.b",
        "..",
        "a_b",
        "",
        "a\n",
        "shöp",
        LONGEST,
        &too_long,
        "demo.myshopify.com",
        "demo.genmystore.com",
        "demo.myshopline.com",
        "a.demo.myshopify.com",
        "demo.myshopify.com.evil.com",
        "demomall/1",
        "demomall/2",
        "demomall/02",
        "demomall/123456",
        "demomall/",
        "ab",
        "ab/2",
        "/2",
        "-ab",
    ];
    let urls = [
        "https://demo.myshopline.com",
        "https://demo.myshopline.com/",
        "http://demo.myshopline.com",
        "https://demo.myshopline.com/admin",
        "https://demo.myshopline.com?a=1",
        "https://demo.myshopline.com#a",
        "https://demo.myshopline.com:8443",
        "https://a.demo.myshopline.com",
        "https://myshopline.com",
        "https://demo.myshopline.com.evil.com",
        "https://demo.myshopline.com@evil.com",
        "https://-a.myshopline.com",
        "https://shop.example.com",
    ];
    for platform in Platform::ALL {
        let facts = facts(platform);
        if let Some(rule) = facts.seller_id {
            let pattern = Regex::new(rule.pattern).unwrap();
            assert!(facts.parse_seller_id(rule.example).is_ok(), "{platform}");
            for id in ids {
                let parses = facts.parse_seller_id(id).is_ok();
                assert_eq!(pattern.is_match(id), parses, "{platform} {id:?}");
            }
        }
        let example = Url::parse(facts.store_url.example).unwrap();
        assert_eq!(facts.check_store_url(&example), Ok(()), "{platform}");
        if let Some(pattern) = facts.store_url.pattern {
            let pattern = Regex::new(pattern).unwrap();
            for url in urls {
                let is_ok = facts.check_store_url(&Url::parse(url).unwrap()).is_ok();
                assert_eq!(pattern.is_match(url), is_ok, "{platform} {url}");
            }
        }
    }
}

#[test]
fn any_web_address_can_be_a_store_where_nothing_stricter_holds() {
    for (url, is_ok) in [
        ("https://shop.example.com/folder", true),
        ("http://127.0.0.1:9100/woo", true),
        ("https://user@shop.example.com", false),
        ("https://:secret@shop.example.com", false),
        ("ftp://shop.example.com", false),
        ("file:///etc/passwd", false),
        ("mailto:shop@example.com", false),
    ] {
        for platform in [Platform::Genstore, Platform::Shopify, Platform::Woocommerce] {
            let checked = facts(platform).check_store_url(&Url::parse(url).unwrap());
            assert_eq!(checked.is_ok(), is_ok, "{platform} {url}");
        }
    }
}

#[test]
fn a_store_url_names_the_label_where_it_is_the_platforms() {
    for (platform, url, label) in [
        (
            Platform::Shopline,
            "https://Demo.myshopline.com",
            Some("demo"),
        ),
        (
            Platform::ShoplineEu,
            "https://demo.myshopline.com",
            Some("demo"),
        ),
        (
            Platform::Genstore,
            "https://demo.genmystore.com/x",
            Some("demo"),
        ),
        (Platform::Genstore, "https://shop.example.com", None),
        (
            Platform::Shopify,
            "https://demo.myshopify.com",
            Some("demo"),
        ),
        (Platform::Shopify, "https://a.demo.myshopify.com", None),
        (
            Platform::Cafe24,
            "https://demomall.cafe24.com/product",
            Some("demomall"),
        ),
        (Platform::Cafe24, "https://shop2.demomall.cafe24.com", None),
        (Platform::Cafe24, "https://shop.example.com", None),
        (Platform::Woocommerce, "https://shop.example.com", None),
    ] {
        let found = facts(platform).label_in_store_url(&Url::parse(url).unwrap());
        assert_eq!(found.as_ref().map(ShopLabel::as_str), label, "{url}");
    }
}

#[test]
fn only_woocommerce_needs_no_app() {
    let needing: BTreeSet<_> = Platform::ALL
        .into_iter()
        .filter(|&platform| facts(platform).needs_app == AppNeed::Never)
        .collect();
    assert_eq!(needing, BTreeSet::from([Platform::Woocommerce]));
}

#[test]
fn a_guide_has_the_fields_of_its_key() {
    for platform in Platform::ALL {
        let adapter = adapter(platform);
        let parts = adapter.key_flow().map(|flow| {
            let guide = flow.key_guide();
            assert!(!guide.place.is_empty() && guide.page.starts_with("https://"));
            guide
                .fields
                .iter()
                .map(|field| field.part)
                .collect::<Vec<_>>()
        });
        let expected = adapter.facts().key_shape.map(|shape| match shape {
            KeyShape::Token => vec![KeyPart::Token],
            KeyShape::KeyPair => vec![KeyPart::ApiKey, KeyPart::ApiSecret],
        });
        assert_eq!(parts, expected, "{platform}");
        let is_key = adapter.facts().auth_types.contains(&AuthType::Key);
        assert!(is_key || adapter.key_push().is_none(), "{platform}");
    }
}

/// What the platforms' documents and ours name, and what is asked for by default.
#[test]
fn scopes_have_a_meaning() {
    let documented: [(Platform, &[&str]); 7] = [
        (
            Platform::Cafe24,
            &[
                "mall.read_order",
                "mall.read_product",
                "mall.write_store",
                "mall.read_salesreport",
                "mall.read_application",
            ],
        ),
        (
            Platform::Genstore,
            &[
                "read_all_orders",
                "write_apps",
                "read_shops",
                "write_orders",
            ],
        ),
        (
            Platform::Multivende,
            &[
                "manage:checkouts",
                "read:stocks",
                "write:product_links",
                "read:channels",
            ],
        ),
        (Platform::Shopify, &["read_orders", "write_products"]),
        (Platform::Shopline, &["read_orders", "write_products"]),
        (Platform::ShoplineEu, &["read_orders"]),
        (Platform::Woocommerce, &["read_orders"]),
    ];
    for (platform, names) in documented {
        let facts = facts(platform);
        let names = names.iter().chain(facts.default_scopes);
        for asked in facts.asked_scopes(names.copied()) {
            assert!(
                matches!(asked, AskedScope::Known(..)),
                "{platform}: {asked:?}"
            );
        }
    }
    let unknown = facts(Platform::Cafe24).asked_scopes(["mall.read_orders"]);
    assert_eq!(
        unknown,
        [AskedScope::Unknown("mall.read_orders".to_owned())]
    );
    let changed = facts(Platform::Genstore).asked_scopes(["write_orders"]);
    assert_eq!(
        changed,
        [AskedScope::Known(
            ScopeAccess::ReadAndChange,
            ShopResource::Orders
        )]
    );
}

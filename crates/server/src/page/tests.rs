use actix_web::HttpResponse;
use actix_web::body::to_bytes;
use domain::Colour;

use super::style::source_of;
use super::*;
use crate::language::Language;

/// Of a page that nobody has a brand on.
pub(super) fn frame(language: Language) -> Frame<'static> {
    Frame {
        language,
        base_path: "",
        switch_at: None,
        chosen: None,
        brand: None,
        reference: None,
    }
}

/// The page's text, after a look at what all pages promise.
pub(super) async fn read(response: HttpResponse) -> String {
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.unwrap().to_str().unwrap().to_owned()
    };
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(header(name), value);
    }
    let (policy, referrer) = (header("content-security-policy"), header("referrer-policy"));
    let language = header("content-language");
    let body = to_bytes(response.into_body()).await.unwrap();
    let page = String::from_utf8(body.to_vec()).unwrap();

    let own_style = page.split_once("<style>").map(|(_, rest)| {
        let (style, _) = rest.split_once("</style>").unwrap();
        format!(" {}", source_of(style))
    });
    let styles = own_style.unwrap_or_default();
    let has_form = page.contains("<form");
    let form_action = if has_form { "" } else { "; form-action 'none'" };
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'self'{styles}; img-src data:; base-uri 'none'; \
             frame-ancestors 'none'{form_action}"
        )
    );
    let expected = if has_form {
        "same-origin"
    } else {
        "no-referrer"
    };
    assert_eq!(referrer, expected);
    assert!(page.starts_with(&format!("<!DOCTYPE html><html lang=\"{language}\">")));
    for forbidden in ["<script", " style=", "=\"http", "url(", " onclick"] {
        assert!(!page.contains(forbidden), "{page}");
    }
    assert!(page.len() < 30 * 1024);
    page
}

#[actix_web::test]
async fn a_page_is_its_own_text_and_one_sheet() {
    let page = read(unknown_link(&Frame {
        base_path: "/grant",
        ..frame(Language::Korean)
    }))
    .await;
    let sheet = format!(
        "<link rel=\"stylesheet\" href=\"/grant/assets/{}\">",
        *SHEET_NAME
    );
    assert!(page.contains(&sheet), "{page}");
    assert_eq!(page.matches("href=").count(), 2, "{page}");
    assert!(
        page.contains("<link rel=\"icon\" href=\"data:,\">"),
        "{page}"
    );
    assert!(!page.contains("<footer>"), "{page}");
}

#[actix_web::test]
async fn a_brand_is_a_name_a_colour_and_a_picture_of_the_page_s_own() {
    let page = read(unknown_link(&Frame {
        brand: Some(Brand {
            name: "Alpha\u{202E} <Pay>",
            colour: Some(Colour::from_number(0xff_d4_00)),
            logo: Some(Logo {
                media_type: "image/png",
                bytes: b"\x89PNG",
            }),
        }),
        ..frame(Language::English)
    }))
    .await;
    for part in [
        "<style>:root{--brand:#ffd400;--on-brand:#000000}</style>",
        "<header><img alt=\"\" src=\"data:image/png;base64,iVBORw==\">\
         <strong><bdi>Alpha &lt;Pay&gt;</bdi></strong></header>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[actix_web::test]
async fn the_switch_leads_to_the_same_page_in_each_other_language() {
    for language in Language::ALL {
        let page = read(unknown_link(&Frame {
            switch_at: Some("/grant/go/t0ken"),
            reference: Some("R-1<"),
            ..frame(language)
        }))
        .await;
        for other in Language::ALL {
            let (tag, name) = (other.tag(), other.own_name());
            let expected = if other == language {
                format!("<span lang=\"{tag}\" aria-current=\"true\">{name}</span>")
            } else {
                format!(
                    "<a href=\"/grant/go/t0ken?lang={tag}\" lang=\"{tag}\" hreflang=\"{tag}\">{name}</a>"
                )
            };
            assert!(page.contains(&expected), "{expected}: {page}");
        }
        assert!(page.contains("<code>R-1&lt;</code>"), "{page}");
    }
}

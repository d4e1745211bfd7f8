//! What the pages look like: one small sheet, and the institution's colour.

use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine};
use domain::Colour;
use sha2::{Digest, Sha256};

/// The sheet of all pages.
pub(crate) const SHEET: &str = include_str!("style.css");

/// The file's name below `/assets/`: another text has another name, so that browsers may keep it for good.
pub(crate) static SHEET_NAME: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha256::digest(SHEET);
    let mut beginning = [0; 8];
    beginning.copy_from_slice(&hash[..8]);
    format!("page.{:016x}.css", u64::from_be_bytes(beginning))
});

/// The rule that lays this colour below what is to be pressed, and on it what can be read best.
pub(super) fn rule_of(colour: Colour) -> String {
    let text = colour.text_on_it();
    format!(":root{{--brand:{colour};--on-brand:{text}}}")
}

/// How a policy names a style that stands in the page.
pub(super) fn source_of(style: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_a_colour_is_black_or_white() {
        for (colour, rule) in [
            (0xff_d4_00, ":root{--brand:#ffd400;--on-brand:#000000}"),
            (0x1f_5f_ae, ":root{--brand:#1f5fae;--on-brand:#ffffff}"),
        ] {
            assert_eq!(rule_of(Colour::from_number(colour)), rule);
        }
    }

    #[test]
    fn the_sheet_is_small_and_names_nobody_else() {
        assert!(SHEET.len() < 8 * 1024, "{}", SHEET.len());
        for outside in ["url(", "@import", "http"] {
            assert!(!SHEET.contains(outside), "{outside}");
        }
    }
}

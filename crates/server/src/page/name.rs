//! Text that somebody outside chose, on a page of ours.

use maud::{Markup, html};

/// A name: cleaned, escaped, emphasized, and set apart, so that one in another direction turns nothing but
/// itself.
pub(crate) fn name(text: &str) -> Markup {
    html! { strong { bdi { (clean(text)) } } }
}

/// Without what is not seen but changes what is: control characters become blanks, marks of direction go
/// away, and blanks in a row are one.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_mark(*c)) {
        let is_blank = c.is_whitespace() || c.is_control();
        if !is_blank {
            cleaned.push(c);
        } else if !cleaned.ends_with(' ') {
            cleaned.push(' ');
        }
    }
    cleaned.trim().to_owned()
}

/// Marks that turn, bind or hide what is beside them (Unicode standard annex 9, and what has no width). The
/// joiners U+200C and U+200D stay: Persian and emoji are written with them.
const fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{061C}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_turns_hides_and_breaks_nothing() {
        for (name, shown) in [
            ("Demo & Co", "Demo & Co"),
            ("\u{202E}gnp.exe", "gnp.exe"),
            ("a\u{202A}b\u{202B}c\u{202C}d\u{202D}e\u{202E}f", "abcdef"),
            ("a\u{2066}b\u{2067}c\u{2068}d\u{2069}e", "abcde"),
            ("a\u{200E}b\u{200F}c\u{061C}d", "abcd"),
            ("a\u{200B}b\u{FEFF}c\u{2060}d", "abcd"),
            ("a\0b\tc\r\nd\u{1B}[31me\u{85}f", "a b c d [31me f"),
            ("a\u{2028}b\u{2029}c", "a b c"),
            (" \u{A0} padded  name \u{3000}", "padded name"),
            ("متجر", "متجر"),
            ("👩\u{200D}💻", "👩\u{200D}💻"),
            ("\u{202E}", ""),
        ] {
            assert_eq!(clean(name), shown, "{name:?}");
        }
    }

    #[test]
    fn a_name_is_text_and_an_element_of_its_own() {
        let shown = name("<b>\u{202E}A&B</b>").into_string();
        assert_eq!(
            shown,
            "<strong><bdi>&lt;b&gt;A&amp;B&lt;/b&gt;</bdi></strong>"
        );
    }
}

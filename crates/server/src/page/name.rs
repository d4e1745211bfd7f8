//! Text that somebody outside chose, on a page of ours.

use maud::{Markup, html};

/// Stands for a name of which nothing can be seen.
const NO_NAME: &str = "\u{2014}";

/// A name: cleaned, escaped, emphasized, and set apart, so that one in another direction turns nothing but
/// itself.
pub(crate) fn name(text: &str) -> Markup {
    let cleaned = clean(text);
    let is_seen = cleaned.contains(|c| !is_joiner(c));
    html! { strong { bdi { @if is_seen { (cleaned) } @else { (NO_NAME) } } } }
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

/// Persian and emoji are written with them.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Marks that turn, bind or hide what is beside them (Unicode standard annex 9), and letters that show nothing:
/// without width, or blank ones of Hangul, Mongolian and Braille. The joiners stay.
const fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
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
            ("a\u{AD}b\u{34F}c\u{115F}d\u{1160}e", "abcde"),
            ("a\u{3164}b\u{FFA0}c\u{2800}d", "abcd"),
            ("a\u{180B}b\u{180E}c\u{180F}d", "abcd"),
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

    #[test]
    fn of_a_name_that_shows_nothing_something_is_seen() {
        for empty in ["", " \u{A0}", "\u{3164}", "\u{200D}\u{200C}", "\u{202E}\0"] {
            let shown = name(empty).into_string();
            assert_eq!(shown, "<strong><bdi>\u{2014}</bdi></strong>", "{empty:?}");
        }
    }
}

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeZone;
use fluent_syntax::ast::{
    CallArguments, Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey,
};

use super::*;

/// What a catalogue says under one key.
#[derive(Debug, Default)]
struct Text {
    variables: BTreeSet<String>,
    /// All text elements, those of variants as well.
    words: String,
    /// Which forms each selection by a number has, beside those for single numbers.
    forms: Vec<BTreeSet<String>>,
}

impl Text {
    fn read(&mut self, pattern: &Pattern<&str>) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => self.words.push_str(value),
                PatternElement::Placeable { expression } => self.read_expression(expression),
            }
        }
    }

    fn read_expression(&mut self, expression: &Expression<&str>) {
        match expression {
            Expression::Inline(inline) => self.read_inline(inline),
            Expression::Select { selector, variants } => {
                self.read_inline(selector);
                let mut forms = BTreeSet::new();
                for variant in variants {
                    if let VariantKey::Identifier { name } = variant.key {
                        forms.insert(name.to_owned());
                    }
                    self.read(&variant.value);
                }
                self.forms.push(forms);
            }
        }
    }

    fn read_inline(&mut self, inline: &InlineExpression<&str>) {
        match inline {
            InlineExpression::VariableReference { id } => {
                self.variables.insert(id.name.to_owned());
            }
            InlineExpression::StringLiteral { value }
            | InlineExpression::NumberLiteral { value } => {
                self.words.push_str(value);
            }
            InlineExpression::Placeable { expression } => self.read_expression(expression),
            InlineExpression::FunctionReference {
                arguments: CallArguments { .. },
                ..
            }
            | InlineExpression::MessageReference { .. }
            | InlineExpression::TermReference { .. } => {
                panic!("a message stands alone: {inline:?}");
            }
        }
    }
}

fn texts(language: Language) -> BTreeMap<String, Text> {
    let resource = FluentResource::try_new(language.source().to_owned());
    let resource = resource.unwrap_or_else(|(_, errors)| panic!("{language:?}: {errors:?}"));
    let mut texts = BTreeMap::new();
    for entry in resource.entries() {
        let message = match entry {
            Entry::Message(message) => message,
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
            Entry::Term(_) | Entry::Junk { .. } => panic!("{language:?}: {entry:?}"),
        };
        assert!(message.attributes.is_empty(), "{}", message.id.name);
        let mut text = Text::default();
        text.read(message.value.as_ref().unwrap());
        let known = texts.insert(message.id.name.to_owned(), text);
        assert!(known.is_none(), "{language:?}: {} twice", message.id.name);
    }
    texts
}

/// That none is unused is the compiler's: a `Message` that nobody says is dead code, and a warning fails the build.
#[test]
fn every_catalogue_has_every_message_and_no_other() {
    let expected: BTreeSet<&str> = Message::ALL.iter().map(|message| message.id()).collect();
    assert_eq!(expected.len(), Message::ALL.len(), "a key is there twice");
    for language in Language::ALL {
        let texts = texts(language);
        let found: BTreeSet<&str> = texts.keys().map(String::as_str).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        let unused: Vec<_> = found.difference(&expected).collect();
        assert!(missing.is_empty(), "{language:?} lacks {missing:?}");
        assert!(unused.is_empty(), "{language:?} has unused {unused:?}");
    }
}

#[test]
fn a_message_has_the_same_variables_in_every_language() {
    let english = texts(Language::English);
    for language in Language::ALL {
        for (key, text) in texts(language) {
            let expected = &english[&key].variables;
            assert_eq!(&text.variables, expected, "{language:?}: {key}");
        }
    }
}

#[test]
fn a_catalogue_is_in_its_own_language_and_has_no_markup() {
    let english = texts(Language::English);
    for language in Language::ALL {
        for (key, text) in texts(language) {
            let words = &text.words;
            assert!(!words.contains(['<', '>', '&', '"']), "{language:?}: {key}");
            assert!(!words.contains(is_place), "{language:?}: {key}");
            if language != Language::English {
                assert_ne!(
                    *words, english[&key].words,
                    "{language:?}: {key} is English"
                );
            }
            let is_latin = words.is_ascii();
            let is_written_otherwise = matches!(
                language,
                Language::SimplifiedChinese
                    | Language::TraditionalChinese
                    | Language::Korean
                    | Language::Japanese
            );
            assert!(!(is_latin && is_written_otherwise), "{language:?}: {key}");
        }
    }
}

/// Characters of which each stands for a whole series that the other script writes differently.
#[test]
fn simplified_and_traditional_chinese_are_not_mixed() {
    let simplified = "这为们来个会开关请订单销务录权应户过达还没链连设页网书语读问题";
    let traditional = "這為們來個會開關請訂單銷務錄權應戶過達還沒鏈連設頁網書語讀問題";
    for (language, foreign) in [
        (Language::SimplifiedChinese, traditional),
        (Language::TraditionalChinese, simplified),
    ] {
        let own = if foreign == simplified {
            traditional
        } else {
            simplified
        };
        for (key, text) in texts(language) {
            let strange = |c: char| foreign.contains(c) && !own.contains(c);
            assert!(!text.words.contains(strange), "{language:?}: {key}");
        }
    }
}

/// The forms that a language tells apart for whole numbers of this size, by CLDR's rules for plurals.
#[test]
fn a_count_has_the_forms_of_its_language() {
    for language in Language::ALL {
        let expected: &[&str] = match language {
            Language::English | Language::Spanish | Language::Portuguese => &["one", "other"],
            Language::SimplifiedChinese
            | Language::TraditionalChinese
            | Language::Korean
            | Language::Japanese => &["other"],
        };
        for (key, text) in texts(language) {
            // Months are selected by number, and only the last has a name of its own form.
            for forms in text.forms.iter().filter(|_| key != "moment") {
                assert!(
                    forms
                        .iter()
                        .map(String::as_str)
                        .eq(expected.iter().copied()),
                    "{language:?}: {key}: {forms:?}"
                );
            }
        }
    }
}

#[track_caller]
fn check_wait(language: Language, one: &str, several: &str) {
    for (seconds, expected) in [(1, one), (2, several), (21, &*several.replace('2', "21"))] {
        let said = language.say(Message::BusyDo, [("seconds", Slot::Count(seconds))]);
        let said = said.into_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn counts_are_said_as_the_language_says_them() {
    check_wait(Language::English, "in one second.", "in 2 seconds.");
    check_wait(Language::Spanish, "en un segundo.", "en 2 segundos.");
    check_wait(Language::Portuguese, "em um segundo.", "em 2 segundos.");
    check_wait(Language::Korean, "1초 후에", "2초 후에");
    check_wait(Language::Japanese, "1 秒後", "2 秒後");
    check_wait(Language::SimplifiedChinese, "1 秒后", "2 秒后");
    check_wait(Language::TraditionalChinese, "1 秒後", "2 秒後");
}

#[test]
fn a_moment_is_written_as_the_language_writes_it() {
    let moment = |month, day, hour, minute| {
        Utc.with_ymd_and_hms(2026, month, day, hour, minute, 59)
            .unwrap()
    };
    for (language, expected) in [
        (Language::English, "9 March 2026, 04:05 UTC"),
        (
            Language::SimplifiedChinese,
            "2026年3月9日 04:05（UTC 时间）",
        ),
        (
            Language::TraditionalChinese,
            "2026年3月9日 04:05（UTC 時間）",
        ),
        (Language::Korean, "2026년 3월 9일 04:05(UTC)"),
        (Language::Japanese, "2026年3月9日 04:05（UTC）"),
        (Language::Spanish, "9 de marzo de 2026, 04:05 UTC"),
        (Language::Portuguese, "9 de março de 2026, 04:05 UTC"),
    ] {
        let said = language.moment(moment(3, 9, 4, 5)).into_string();
        let expected = format!("<time datetime=\"2026-03-09T04:05Z\">{expected}</time>");
        assert_eq!(said, expected);
        let months: BTreeSet<String> = (1..=12)
            .map(|month| language.moment(moment(month, 1, 0, 0)).into_string())
            .map(|said| said.split_once('>').unwrap().1.to_owned())
            .collect();
        assert_eq!(months.len(), 12, "{language:?}");
    }
}

/// Names go around the catalogue, so that none can be taken for a part of a message.
#[test]
fn what_came_from_outside_is_no_message() {
    let hostile = "{ $platform } \u{E000}\u{E001} <b>{ 1 }</b> *[other]";
    let said = Language::English.say(
        Message::AskShop,
        [
            ("institution", Slot::Name(hostile)),
            ("platform", Slot::Text("A & B")),
            ("shop", Slot::Name("shop")),
        ],
    );
    assert_eq!(
        said.into_string(),
        "<strong><bdi>{ $platform } \u{E000}\u{E001} &lt;b&gt;{ 1 }&lt;/b&gt; *[other]</bdi></strong> \
         asks for access to your A &amp; B shop <strong><bdi>shop</bdi></strong>."
    );
}

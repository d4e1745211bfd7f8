//! The languages of the sellers' pages, and which of them a browser gets.
//!
//! What is said stands in `locales/`, one Fluent catalogue for each language, and [`Message`] lists what there
//! is to say. To add a message, add its row there and its text to all seven catalogues: the compiler tells of
//! one that nobody says, a test of one that a catalogue lacks.

mod catalogue;
mod message;

use actix_web::HttpRequest;
use actix_web::http::header::{AcceptLanguage, Header, LanguageTag};

pub(crate) use catalogue::Slot;
pub(crate) use message::Message;

/// A language that every page can be shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    English,
    SimplifiedChinese,
    TraditionalChinese,
    Korean,
    Japanese,
    Spanish,
    Portuguese,
}

impl Language {
    /// In the order of the switch at the foot of a page.
    pub(crate) const ALL: [Self; 7] = [
        Self::English,
        Self::SimplifiedChinese,
        Self::TraditionalChinese,
        Self::Japanese,
        Self::Korean,
        Self::Spanish,
        Self::Portuguese,
    ];

    /// The tag (BCP 47) for `lang` attributes and for `?lang=`.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::SimplifiedChinese => "zh-Hans",
            Self::TraditionalChinese => "zh-Hant",
            Self::Korean => "ko",
            Self::Japanese => "ja",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
        }
    }

    /// What its speakers call it.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::SimplifiedChinese => "简体中文",
            Self::TraditionalChinese => "繁體中文",
            Self::Korean => "한국어",
            Self::Japanese => "日本語",
            Self::Spanish => "Español",
            Self::Portuguese => "Português",
        }
    }

    /// The language that a tag names, in whatever region; `None` if we have no such pages. Some platforms
    /// write `ko_KR`, and some list several tags, of which the first that we have counts.
    pub(crate) fn of_tags(tags: &str) -> Option<Self> {
        let tags = tags.replace('_', "-");
        tags.split(',')
            .filter_map(|tag| LanguageTag::parse(tag.trim()).ok())
            .find_map(|tag| Self::of(&tag))
    }

    /// The one that the browser likes best of ours (`Accept-Language`, RFC 9110, section 12.5.4). A range
    /// that it gave no weight at all is one that it does not want.
    pub(crate) fn accepted_by(request: &HttpRequest) -> Option<Self> {
        let AcceptLanguage(mut wanted) = AcceptLanguage::parse(request).ok()?;
        wanted.retain(|range| range.quality > actix_web::http::header::Quality::ZERO);
        let ranked = AcceptLanguage(wanted).ranked();
        ranked
            .iter()
            .find_map(|range| range.item().and_then(Self::of))
    }

    fn of(tag: &LanguageTag) -> Option<Self> {
        match tag.primary_language() {
            "en" => Some(Self::English),
            "zh" | "cmn" | "yue" => Some(Self::chinese(tag)),
            "ko" => Some(Self::Korean),
            "ja" => Some(Self::Japanese),
            "es" => Some(Self::Spanish),
            "pt" => Some(Self::Portuguese),
            _ => None,
        }
    }

    /// A script that is named decides; otherwise what is usual in the place.
    fn chinese(tag: &LanguageTag) -> Self {
        match (tag.script(), tag.region()) {
            (Some("Hant"), _) | (None, Some("TW" | "HK" | "MO")) => Self::TraditionalChinese,
            (None, None) if tag.full_language().ends_with("yue") => Self::TraditionalChinese,
            _ => Self::SimplifiedChinese,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_tag_of_any_region_is_one_of_ours() {
        for (tags, expected) in [
            ("en", Some(Language::English)),
            ("en-GB", Some(Language::English)),
            ("EN-us", Some(Language::English)),
            ("zh", Some(Language::SimplifiedChinese)),
            ("zh-CN", Some(Language::SimplifiedChinese)),
            ("zh-SG", Some(Language::SimplifiedChinese)),
            ("zh-Hans-TW", Some(Language::SimplifiedChinese)),
            ("zh-hant", Some(Language::TraditionalChinese)),
            ("zh-Hant-CN", Some(Language::TraditionalChinese)),
            ("zh-TW", Some(Language::TraditionalChinese)),
            ("zh-hk", Some(Language::TraditionalChinese)),
            ("zh-MO", Some(Language::TraditionalChinese)),
            ("zh_TW", Some(Language::TraditionalChinese)),
            ("yue", Some(Language::TraditionalChinese)),
            ("yue-Hans", Some(Language::SimplifiedChinese)),
            ("cmn-Hant", Some(Language::TraditionalChinese)),
            ("ko_KR", Some(Language::Korean)),
            ("ja-JP", Some(Language::Japanese)),
            ("es-419", Some(Language::Spanish)),
            ("es-MX", Some(Language::Spanish)),
            ("pt-BR", Some(Language::Portuguese)),
            ("pt-PT", Some(Language::Portuguese)),
            ("vi-VN", None),
            ("vi-VN,ja", Some(Language::Japanese)),
            ("", None),
            ("\"><script>", None),
            ("e", None),
        ] {
            assert_eq!(Language::of_tags(tags), expected, "{tags}");
        }
        for language in Language::ALL {
            assert_eq!(Language::of_tags(language.tag()), Some(language));
        }
    }

    #[test]
    fn a_browser_gets_what_it_likes_best_of_ours() {
        for (accepted, expected) in [
            ("ko", Some(Language::Korean)),
            ("fr, es;q=0.5, ja;q=0.8", Some(Language::Japanese)),
            (
                "zh-TW,zh;q=0.9,en;q=0.8",
                Some(Language::TraditionalChinese),
            ),
            ("en;q=0.1, pt-BR;q=0.2", Some(Language::Portuguese)),
            ("ko;q=0, en;q=0.3", Some(Language::English)),
            ("ko;q=0", None),
            ("fr-CH, fr;q=0.9, *;q=0.5", None),
            ("*", None),
            ("ko;q=7, ja;q=0.1", Some(Language::Japanese)),
            ("", None),
            (";;;,,,", None),
        ] {
            let request = TestRequest::default().insert_header(("accept-language", accepted));
            let found = Language::accepted_by(&request.to_http_request());
            assert_eq!(found, expected, "{accepted}");
        }
        let request = TestRequest::default().to_http_request();
        assert_eq!(Language::accepted_by(&request), None);
    }
}

//! One catalogue for each language, read when somebody first needs it.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use chrono::{DateTime, Datelike, Utc};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use maud::{Markup, html};
use unic_langid::LanguageIdentifier;

use super::{Language, Message};
use crate::page::name::name;

type Bundle = FluentBundle<FluentResource>;

/// Each stands in a formatted message for what is put there as an element. Unicode gives these characters no
/// meaning, and no text from outside goes through a catalogue, so that nobody else brings one.
const PLACES: RangeInclusive<char> = '\u{E000}'..='\u{E00F}';

/// What is put into a message. Only a count goes through the catalogue, since it decides the words around it.
#[derive(Clone, Debug)]
pub(crate) enum Slot<'a> {
    /// Of somebody outside: cleaned, escaped, emphasized and set apart from the text's direction.
    Name(&'a str),
    /// A name of our own, such as a platform's.
    Text(&'a str),
    Count(u64),
    /// What was made by a page, another message for instance.
    Element(Markup),
}

impl Language {
    /// The message in this language. Each variable of the catalogue needs its slot.
    pub(crate) fn say<const N: usize>(
        self,
        message: Message,
        slots: [(&'static str, Slot<'_>); N],
    ) -> Markup {
        let mut arguments = FluentArgs::with_capacity(N);
        let mut elements = [const { None }; N];
        for ((variable, slot), (place, element)) in slots.into_iter().zip(PLACES.zip(&mut elements))
        {
            let shown = match slot {
                Slot::Count(count) => {
                    arguments.set(variable, count);
                    continue;
                }
                Slot::Name(text) => name(text),
                Slot::Text(text) => html! { (text) },
                Slot::Element(shown) => shown,
            };
            arguments.set(variable, place.to_string());
            *element = Some(shown);
        }
        let text = self.format(message, &arguments);
        html! {
            @for piece in text.split_inclusive(is_place) {
                @let place = piece.chars().next_back().filter(|last| is_place(*last));
                (piece.trim_end_matches(is_place))
                @for (_, element) in PLACES.zip(&elements).filter(|(known, _)| Some(*known) == place) {
                    @if let Some(element) = element { (element) }
                }
            }
        }
    }

    /// A point in time as it is written in this language, to the minute; the text says that it is UTC.
    pub(crate) fn moment(self, moment: DateTime<Utc>) -> Markup {
        let number = |number: u32| Slot::Count(number.into());
        let said = self.say(
            Message::Moment,
            [
                // As text: a year is no quantity, and no language groups its digits.
                ("year", Slot::Text(&moment.format("%Y").to_string())),
                ("month", number(moment.month())),
                ("day", number(moment.day())),
                ("time", Slot::Text(&moment.format("%H:%M").to_string())),
            ],
        );
        html! { time datetime=(moment.format("%Y-%m-%dT%H:%MZ")) { (said) } }
    }

    fn format(self, message: Message, arguments: &FluentArgs<'_>) -> String {
        let bundle = self.bundle();
        let pattern = bundle
            .get_message(message.id())
            .and_then(|found| found.value())
            .expect("a test finds every message in every catalogue");
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(arguments), &mut errors);
        debug_assert!(errors.is_empty(), "{self:?}, {}: {errors:?}", message.id());
        text.into_owned()
    }

    fn bundle(self) -> &'static Bundle {
        static BUNDLES: [OnceLock<Bundle>; Language::ALL.len()] =
            [const { OnceLock::new() }; Language::ALL.len()];
        BUNDLES[self as usize].get_or_init(|| {
            let (tag, source) = (self.tag(), self.source());
            let language: LanguageIdentifier = tag.parse().expect("a tag of ours");
            let resource = FluentResource::try_new(source.to_owned());
            let resource = resource.unwrap_or_else(|(_, errors)| panic!("{tag}: {errors:?}"));
            let mut bundle = FluentBundle::new_concurrent(vec![language]);
            // Names are set apart by elements, which need no marks around them.
            bundle.set_use_isolating(false);
            if let Err(errors) = bundle.add_resource(resource) {
                panic!("{tag}: {errors:?}");
            }
            bundle
        })
    }

    const fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("../../locales/en.ftl"),
            Self::SimplifiedChinese => include_str!("../../locales/zh-Hans.ftl"),
            Self::TraditionalChinese => include_str!("../../locales/zh-Hant.ftl"),
            Self::Korean => include_str!("../../locales/ko.ftl"),
            Self::Japanese => include_str!("../../locales/ja.ftl"),
            Self::Spanish => include_str!("../../locales/es.ftl"),
            Self::Portuguese => include_str!("../../locales/pt.ftl"),
        }
    }
}

fn is_place(c: char) -> bool {
    PLACES.contains(&c)
}

#[cfg(test)]
mod tests;

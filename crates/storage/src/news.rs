//! What a commit may have left for somebody who waits.

/// Each kind wakes only those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// An event for the relay.
    Events,
    /// A place in the feed, for a reader who waits for it.
    Feed,
    /// A delivery that is due.
    Deliveries,
    /// A key to prove, or one that is held for a browser.
    Keys,
    /// The outcome of an attempt.
    Outcomes,
    /// Something that an operator set.
    Configuration,
    /// Something that a platform told.
    PlatformEvents,
}

impl News {
    pub(crate) const ALL: [Self; 7] = [
        Self::Events,
        Self::Feed,
        Self::Deliveries,
        Self::Keys,
        Self::Outcomes,
        Self::Configuration,
        Self::PlatformEvents,
    ];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// Some of the kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewsSet(u8);

impl NewsSet {
    pub(crate) const EVERYTHING: Self = Self((1 << News::ALL.len()) - 1);

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::EVERYTHING.0)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn kinds(self) -> impl Iterator<Item = News> {
        News::ALL
            .into_iter()
            .filter(move |news| self.0 & Self::from(*news).0 != 0)
    }
}

impl From<News> for NewsSet {
    fn from(news: News) -> Self {
        Self(1 << news.index())
    }
}

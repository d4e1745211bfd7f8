use std::collections::BTreeMap;

use tokio::time::Instant;

/// The messages of one channel of which the broker does not know yet what became of them, by their
/// delivery tags.
#[derive(Default)]
pub(super) struct Ledger {
    entries: BTreeMap<u64, Entry>,
}

struct Entry {
    received_at: Instant,
    is_done: bool,
}

impl Ledger {
    pub(super) fn enter(&mut self, tag: u64, now: Instant) {
        let entry = Entry {
            received_at: now,
            is_done: false,
        };
        self.entries.insert(tag, entry);
    }

    pub(super) fn mark_done(&mut self, tag: u64) {
        if let Some(entry) = self.entries.get_mut(&tag) {
            entry.is_done = true;
        }
    }

    /// The broker has been told about this one already.
    pub(super) fn strike(&mut self, tag: u64) {
        self.entries.remove(&tag);
    }

    /// The tag up to which everything is done: one acknowledgement covers it all.
    pub(super) fn take_done(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some(entry) = self.entries.first_entry() {
            if !entry.get().is_done {
                break;
            }
            last = Some(entry.remove_entry().0);
        }
        last
    }

    /// What is done behind something that is not, and has to be acknowledged one by one.
    pub(super) fn take_stragglers(&mut self) -> Vec<u64> {
        self.entries
            .extract_if(.., |_, entry| entry.is_done)
            .map(|(tag, _)| tag)
            .collect()
    }

    /// Since when the broker has been waiting for an answer.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let (_, entry) = self.entries.first_key_value()?;
        Some(entry.received_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(tags: std::ops::RangeInclusive<u64>) -> Ledger {
        let mut ledger = Ledger::default();
        for tag in tags {
            ledger.enter(tag, Instant::now());
        }
        ledger
    }

    #[test]
    fn one_acknowledgement_covers_what_is_done_up_to_the_first_that_is_not() {
        let mut ledger = ledger(1..=5);
        for tag in [2, 1, 4, 5] {
            ledger.mark_done(tag);
        }

        assert_eq!(ledger.take_done(), Some(2));
        assert_eq!(ledger.take_done(), None);

        ledger.mark_done(3);
        assert_eq!(ledger.take_done(), Some(5));
        assert_eq!(ledger.oldest(), None);
    }

    #[test]
    fn what_was_rejected_is_never_named_again() {
        let mut ledger = ledger(1..=3);
        ledger.mark_done(1);
        ledger.mark_done(2);
        ledger.strike(3);
        ledger.strike(1);

        assert_eq!(ledger.take_done(), Some(2));
        assert_eq!(ledger.oldest(), None);
    }

    #[test]
    fn what_is_done_behind_a_kept_message_is_named_one_by_one() {
        let mut ledger = ledger(1..=4);
        ledger.mark_done(2);
        ledger.mark_done(4);

        assert_eq!(ledger.take_done(), None);
        assert_eq!(ledger.take_stragglers(), [2, 4]);
        assert_eq!(ledger.take_stragglers(), [0; 0]);

        ledger.mark_done(1);
        assert_eq!(ledger.take_done(), Some(1));
    }
}

//! The number by which a seller names an attempt to whoever can look it up.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use uuid::Uuid;

use crate::id::AuthorizationId;

/// The beginning of 2025 (UTC), from which the seconds are counted; nine digits last until 2056.
const BEGINNING_SECS: u64 = 1_735_689_600;
/// How many attempts of one second are told apart.
const PER_SECOND: u64 = 1000;
const DIGITS: usize = 12;
const GROUP: usize = 4;

/// Twelve digits, `1234-5678-9012`, that are read aloud in any language: nine for the second in which the
/// attempt began, and three from the end of its id. They are made of the id alone, so that nothing is kept for
/// them, and are no secret. Two attempts of one second have the same number once in a thousand times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference(u64);

/// A text that is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reference is twelve digits, such as 1234-5678-9012")]
pub struct NotAReference;

impl Reference {
    pub fn of(attempt: AuthorizationId) -> Self {
        let uuid = attempt.uuid();
        let began_secs = uuid.get_timestamp().map_or(0, |at| at.to_unix().0);
        let seconds = began_secs.saturating_sub(BEGINNING_SECS);
        let (_, end) = uuid.as_u64_pair();
        Self(seconds * PER_SECOND + end % PER_SECOND)
    }

    /// The first id of the attempts that it may name, and the first behind them. Those between that it names
    /// are those whose [`Reference::of`] it is.
    pub fn ids(self) -> Range<AuthorizationId> {
        // The first 48 bits of an id are the milliseconds of its making.
        let first_of = |secs: u64| {
            let millis = u128::from(secs) * 1000;
            AuthorizationId::new(Uuid::from_u128(millis << 80))
        };
        let began_secs = BEGINNING_SECS + self.0 / PER_SECOND;
        first_of(began_secs)..first_of(began_secs + 1)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0DIGITS$}", self.0);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && index % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = NotAReference;

    /// Also as people write it down: with other signs between the groups, or with none.
    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let is_between = |sign: char| sign.is_whitespace() || matches!(sign, '-' | '–' | '.');
        let digits: String = text.chars().filter(|&sign| !is_between(sign)).collect();
        let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(NotAReference);
        }
        digits.parse().map(Self).map_err(|_| NotAReference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(millis: u64, end: u64) -> AuthorizationId {
        let random = (0x7000_u128 << 64) | (0b10_u128 << 62) | u128::from(end);
        AuthorizationId::new(Uuid::from_u128((u128::from(millis) << 80) | random))
    }

    #[test]
    fn a_reference_is_made_of_the_second_and_the_end_of_an_id() {
        for (millis, end, text) in [
            (BEGINNING_SECS * 1000, 0, "0000-0000-0808"),
            (BEGINNING_SECS * 1000 + 999, 1, "0000-0000-0809"),
            (1_795_284_000_000, 345, "0595-9440-0153"),
            (1_795_284_001_000, 345, "0595-9440-1153"),
            // A clock that is far behind: nothing is below zero.
            (0, 5, "0000-0000-0813"),
        ] {
            // The variant's two bits are among those that count.
            let id = attempt(millis, end);
            let reference = Reference::of(id);
            assert_eq!(reference.to_string(), text, "{millis} {end}");
            assert_eq!(text.parse(), Ok(reference));
        }
    }

    #[test]
    fn an_attempt_is_among_the_ids_of_its_reference() {
        let second = 1_795_284_000_000;
        let id = attempt(second + 500, 77);
        let ids = Reference::of(id).ids();
        assert!(ids.contains(&id));
        assert!(ids.contains(&attempt(second, 0)));
        assert!(ids.contains(&attempt(second + 999, u64::from(u32::MAX))));
        assert!(!ids.contains(&attempt(second - 1, 77)));
        assert!(!ids.contains(&attempt(second + 1000, 77)));
    }

    #[test]
    fn references_are_read_as_people_write_them() {
        let read = "0595-9440-0353".parse::<Reference>().unwrap();
        for text in [
            "059594400353",
            "0595 9440 0353",
            " 0595-9440-0353\n",
            "0595.9440.0353",
            "0595\u{a0}9440 – 0353",
        ] {
            assert_eq!(text.parse(), Ok(read), "{text:?}");
        }
        for text in [
            "",
            "0595-9440-035",
            "0595-9440-03533",
            "0595-9440-035x",
            "0595/9440/0353",
            "+59594400353",
            "auth_0192f0c1000070008000000000000001",
            "req_0192f0c10000700080000000",
        ] {
            assert_eq!(text.parse::<Reference>(), Err(NotAReference), "{text:?}");
        }
    }
}

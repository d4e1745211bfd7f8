//! The one source of randomness.

use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// Fills bytes that nobody can guess. Only the broker and its workers ask.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the source that everybody else asks"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("a machine without randomness can keep no secret");
    }
}

/// A repeatable sequence, so that a test compares whole answers. Nothing about it is secret.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: Mutex<u64>,
}

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: Mutex::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut drawn = self
            .drawn
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(drawn.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
            *drawn += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence_and_no_value_in_it() {
        let draw = |entropy: &SeededEntropy| {
            let mut bytes = [0; 40];
            entropy.fill(&mut bytes);
            bytes
        };
        let (first, again) = (SeededEntropy::new(1), SeededEntropy::new(1));
        assert_eq!(draw(&first), draw(&again));
        assert_ne!(draw(&first), draw(&SeededEntropy::new(1)));
    }
}

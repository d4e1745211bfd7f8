//! Answers that wait for a word.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Holds answers back until it is released. Clones are the same hold, and two holds are equal if they are one.
#[derive(Clone, Debug)]
pub struct Hold(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    /// A permit for each answer that came to the hold and that nobody has waited for yet.
    reached: Semaphore,
    /// Closed once the hold is released.
    open: Semaphore,
}

impl Hold {
    #[expect(
        clippy::new_without_default,
        reason = "a default would be equal to itself alone"
    )]
    pub fn new() -> Self {
        Self(Arc::new(Ends {
            reached: Semaphore::new(0),
            open: Semaphore::new(0),
        }))
    }

    /// Ends when an answer is held back; the next time, when another one is.
    pub async fn reached(&self) {
        if let Ok(held) = self.0.reached.acquire().await {
            held.forget();
        }
    }

    /// Lets the answers go that are held back, and every later one at once.
    pub fn release(&self) {
        self.0.open.close();
    }

    pub(crate) async fn pass(&self) {
        self.0.reached.add_permits(1);
        // There is never a permit: this ends by the closing alone.
        drop(self.0.open.acquire().await);
    }
}

impl PartialEq for Hold {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Hold {}

//! Who may call and which apps are registered, remembered for a moment: the same few rows answer almost
//! every call.
//!
//! What an operator sets counts within a second in every process. It is told with its commit, and what is
//! remembered is forgotten then; a process that misses it forgets by itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{InstitutionId, Platform, PlatformAppId};
use storage::platform_apps::{self, PlatformApp};
use storage::{Executor, News, Storage, StorageError};
use tokio::sync::watch;

use crate::token::Credentials;

/// How old what is remembered may be.
const FRESH_FOR: Duration = Duration::from_millis(500);
/// How much is remembered of one kind before all of it is forgotten.
const CAPACITY: usize = 10_000;

/// What a process remembers.
pub(crate) struct Directory {
    /// By the hash of the access token.
    pub(crate) callers: Memory<[u8; 32], Credentials>,
    apps: Memory<AppKey, Option<PlatformApp>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum AppKey {
    Id(PlatformAppId),
    OfOwner(Platform, Option<InstitutionId>),
}

impl Directory {
    pub(crate) fn new(storage: &Storage) -> Self {
        Self {
            callers: Memory::new(storage),
            apps: Memory::new(storage),
        }
    }

    /// The app that this very owner configured: an institution's own, or the shared one for `None`. Who has a
    /// transaction asks on it: to wait for a second connection while holding one can wait for ever.
    pub(crate) async fn app(
        &self,
        db: &impl Executor,
        platform: Platform,
        owner: Option<InstitutionId>,
    ) -> Result<Option<PlatformApp>, StorageError> {
        let key = AppKey::OfOwner(platform, owner);
        let load = async || platform_apps::find(db, platform, owner).await;
        self.apps.recall(key, load).await
    }

    pub(crate) fn forget_app(&self, platform: Platform, owner: Option<InstitutionId>) {
        self.apps.forget(&AppKey::OfOwner(platform, owner));
    }

    pub(crate) async fn app_by_id(
        &self,
        db: &impl Executor,
        id: PlatformAppId,
    ) -> Result<Option<PlatformApp>, StorageError> {
        let load = async || platform_apps::find_by_id(db, id).await;
        self.apps.recall(AppKey::Id(id), load).await
    }
}

/// Answers of the database that are fresh for a moment.
pub(crate) struct Memory<K, V> {
    entries: Mutex<HashMap<K, (V, Age)>>,
    /// Changes when an operator has set something.
    configured: watch::Receiver<u64>,
}

/// When an answer was asked for: what was set since makes it stale.
#[derive(Clone, Copy)]
struct Age {
    asked_at: Instant,
    configuration: u64,
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    fn new(storage: &Storage) -> Self {
        Self {
            entries: Mutex::default(),
            configured: storage.commits(News::Configuration),
        }
    }

    /// The answer to `key`, from `load` if none is fresh.
    async fn recall<E>(&self, key: K, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(known) = self.find(&key) {
            return Ok(known);
        }
        // Before the question, so that what is set while it is under way counts as news.
        let age = self.now();
        let value = load().await?;
        self.remember(key, value.clone(), age);
        Ok(value)
    }

    /// What is remembered, if it is fresh.
    fn find(&self, key: &K) -> Option<V> {
        let now = self.now();
        let entries = self.entries();
        let (value, age) = entries.get(key)?;
        let is_fresh = age.configuration == now.configuration
            && now.asked_at.saturating_duration_since(age.asked_at) < FRESH_FOR;
        is_fresh.then(|| value.clone())
    }

    /// Like [`Memory::recall`], but what is not there is asked for every time: nobody may fill the memory
    /// with names that he made up.
    pub(crate) async fn recall_some<E>(
        &self,
        key: K,
        load: impl AsyncFnOnce() -> Result<Option<V>, E>,
    ) -> Result<Option<V>, E> {
        if let Some(known) = self.find(&key) {
            return Ok(Some(known));
        }
        let age = self.now();
        let value = load().await?;
        if let Some(value) = &value {
            self.remember(key, value.clone(), age);
        }
        Ok(value)
    }

    pub(crate) fn forget(&self, key: &K) {
        self.entries().remove(key);
    }

    /// `age` is from before the database was asked.
    fn remember(&self, key: K, value: V, age: Age) {
        let mut entries = self.entries();
        if entries.len() >= CAPACITY {
            entries.clear();
        }
        entries.insert(key, (value, age));
    }

    fn now(&self) -> Age {
        Age {
            asked_at: Instant::now(),
            configuration: *self.configured.borrow(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, (V, Age)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

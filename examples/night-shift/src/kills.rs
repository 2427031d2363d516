//! [`Kills`]: when the host was killed, what viewers had to forget of each, and how soon it served again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::viewers::Kind;

/// All kills of a night.
#[derive(Debug, Default)]
pub(crate) struct Kills(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    kills: Vec<Kill>,
    /// Rewinds that no kill came before.
    unbidden: u64,
}

/// One kill.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kill {
    /// Bytes of text that viewers of each kind had to forget, over all conversations.
    taken_back: BTreeMap<Kind, u64>,
    /// Milliseconds until the host served again.
    pub(crate) away_ms: u64,
}

impl Kill {
    /// The most bytes that viewers of one kind had to forget.
    pub(crate) fn taken_back(&self) -> u64 {
        self.taken_back.values().copied().max().unwrap_or_default()
    }
}

impl Kills {
    /// The host was killed; what is taken back from now on is this one's doing.
    pub(crate) fn begin(&self) {
        self.told().kills.push(Kill::default());
    }

    /// It serves again.
    pub(crate) fn end(&self, away_ms: u64) {
        if let Some(kill) = self.told().kills.last_mut() {
            kill.away_ms = away_ms;
        }
    }

    /// A viewer had to forget so many bytes of a text.
    pub(crate) fn took_back(&self, kind: Kind, bytes: u64) {
        let mut told = self.told();
        match told.kills.last_mut() {
            Some(kill) => *kill.taken_back.entry(kind).or_default() += bytes,
            None => told.unbidden += 1,
        }
    }

    /// All of them, the first one first.
    pub(crate) fn all(&self) -> Vec<Kill> {
        self.told().kills.clone()
    }

    /// Rewinds that no kill came before.
    pub(crate) fn unbidden(&self) -> u64 {
        self.told().unbidden
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

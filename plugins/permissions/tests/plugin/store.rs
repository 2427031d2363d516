//! A storage that outlives restarts, and may fail.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};

use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWritten};
use transom_plugin_api::{CallError, Json, Maybe};
use transom_testkit::Stand;

/// What a store keeps.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<Kept>>);

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) rows: BTreeMap<String, Json>,
    pub(crate) is_full: bool,
}

impl Store {
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("nobody panics in here")
    }

    /// Keys that begin so.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.kept().rows.keys().filter(|key| key.starts_with(prefix)).count()
    }

    pub(crate) fn put_on(&self, stand: &Stand) {
        let store = self.clone();
        stand.serve(STORAGE_READ, move |wanted, _| {
            let kept = store.kept();
            let is_wanted = |key: &str| {
                key.starts_with(wanted.prefix.as_str())
                    && wanted.after.as_ref().is_none_or(|after| key > after.as_str())
            };
            let mut rows = kept.rows.iter().filter(|(key, _)| is_wanted(key));
            // One at a time, so that pages are followed to their end.
            let page = rows.by_ref().take(1);
            let page =
                page.map(|(key, value)| StorageRow { key: key.into(), value: value.clone() }).collect();
            ready(Ok(StorageRows { rows: page, more: rows.next().is_some() }))
        });
        let store = self.clone();
        stand.serve(STORAGE_WRITE, move |changes, _| {
            let mut kept = store.kept();
            if kept.is_full {
                return ready(Err(CallError::unavailable("no space is left")));
            }
            for write in changes.writes {
                match write.value {
                    Maybe::Some(value) => drop(kept.rows.insert(write.key.into(), value)),
                    Maybe::None => drop(kept.rows.remove(write.key.as_str())),
                }
            }
            ready(Ok(StorageWritten {}))
        });
    }
}

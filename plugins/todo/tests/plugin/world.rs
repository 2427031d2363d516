//! Conversations and a storage that outlive restarts, and may fail.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Mutex as Door, OwnedMutexGuard};
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWrites, StorageWritten,
};
use transom_plugin_api::{CallError, Json, Maybe};
use transom_testkit::Stand;

/// What a store keeps.
#[derive(Clone, Default)]
pub(crate) struct World {
    kept: Arc<Mutex<Kept>>,
    /// Passed by each write.
    door: Arc<Door<()>>,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) rows: BTreeMap<String, Json>,
    /// By id, when they began.
    conversations: BTreeMap<String, i64>,
    pub(crate) is_full: bool,
    /// Writes that have come to the door.
    pub(crate) arrived: u64,
}

impl World {
    /// One in which these conversations are.
    pub(crate) fn of(ids: &[&str]) -> Self {
        let world = Self::default();
        ids.iter().for_each(|id| world.begin(id, 1));
        world
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panics in here")
    }

    /// Lets no write through as long as the answer is held.
    pub(crate) async fn hold(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.door).lock_owned().await
    }

    pub(crate) fn begin(&self, id: &str, at: i64) {
        self.kept().conversations.insert(id.to_owned(), at);
    }

    /// Deletes a conversation as the conversation store does: what plugins keep of it goes with it.
    pub(crate) fn delete(&self, id: &str) {
        let mut kept = self.kept();
        kept.conversations.remove(id);
        kept.rows.retain(|key, _| !key.starts_with(&format!("c/{id}/")));
    }

    pub(crate) fn put_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(FIND, move |id, _| {
            let at = world.kept().conversations.get(id.as_str()).copied();
            let unknown = || CallError::not_found(format!("there is no conversation `{id}`"));
            ready(at.map(|at| Conversation::new(id.clone(), at)).ok_or_else(unknown))
        });
        let world = self.clone();
        stand.serve(LIST, move |query, _| {
            let kept = world.kept();
            let found = kept.conversations.iter().filter(|(id, _)| id.starts_with(query.prefix.as_str()));
            let conversations = found.map(|(id, at)| Conversation::new(id, *at)).collect();
            ready(Ok(Conversations { conversations }))
        });
        self.put_the_storage_on(stand);
    }

    fn put_the_storage_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(STORAGE_READ, move |wanted, context| {
            assert_eq!(context.caller(), "todo");
            let kept = world.kept();
            let rows = kept.rows.iter().filter(|(key, _)| key.starts_with(wanted.prefix.as_str()));
            let rows = rows.map(|(key, value)| StorageRow { key: key.into(), value: value.clone() });
            ready(Ok(StorageRows { rows: rows.collect(), more: false }))
        });
        let world = self.clone();
        stand.serve(STORAGE_WRITE, move |changes, _| {
            let world = world.clone();
            async move {
                world.kept().arrived += 1;
                let _passed = world.door.lock().await;
                world.write(changes)
            }
        });
    }

    fn write(&self, changes: StorageWrites) -> Result<StorageWritten, CallError> {
        let mut kept = self.kept();
        if kept.is_full {
            return Err(CallError::unavailable("no space is left"));
        }
        for write in changes.writes {
            match write.value {
                Maybe::Some(value) => drop(kept.rows.insert(write.key.into(), value)),
                Maybe::None => drop(kept.rows.remove(write.key.as_str())),
            }
        }
        Ok(StorageWritten {})
    }
}

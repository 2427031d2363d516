//! A conversation and a storage, as a store would have them.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::task::yield_now;
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST};
use transom_agent::log::{APPEND, Append, Appended, HISTORY, History, LOCATE, Located};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::workspace::{WORKSPACE_FOLDER, WorkspaceFolder};
use transom_plugin_api::{CallError, Json, Maybe, Shared};
use transom_testkit::Stand;

/// The conversation `c`, in which two messages were said.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// What was said; the `seq` of a message is its place, from 1.
    pub(crate) log: Vec<Message>,
    /// The first message that a model is still shown.
    pub(crate) shown_from: usize,
    /// Whether nothing can be appended.
    pub(crate) is_full: bool,
    /// How often something was written into the storage or the log.
    pub(crate) writes: usize,
    /// How often was asked what a model is shown.
    pub(crate) histories: usize,
    /// How often was asked what is stored.
    pub(crate) reads: usize,
    /// A write takes its time until so many have read.
    pub(crate) slow_until_read: usize,
    rows: BTreeMap<String, Json>,
}

/// How long a slow write takes at most.
const SLOW: Duration = Duration::from_millis(100);

impl Default for World {
    fn default() -> Self {
        let log = vec![Message::text("u", Role::User, "Hello"), Message::text("a", Role::Assistant, "Hi")];
        Self(Arc::new(Mutex::new(State { log, ..State::default() })))
    }
}

impl World {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics in here")
    }

    /// What was said behind the two messages at the beginning, all of it for the model.
    pub(crate) fn entered(&self) -> Vec<String> {
        let state = self.state();
        let text = |message: &Message| match &message.chunks[..] {
            [Chunk::Text { text }] => {
                assert!(message.role == Role::System && message.id.starts_with("skill/"), "{message:?}");
                text.to_string()
            }
            other => panic!("{other:?}"),
        };
        state.log[2..].iter().map(text).collect()
    }

    pub(crate) fn put_on(&self, stand: &Stand) {
        stand.serve(FIND, |id, _| {
            let unknown = || CallError::not_found(format!("there is no conversation `{id}`"));
            ready(if id == "c" { Ok(Conversation::new("c", 0)) } else { Err(unknown()) })
        });
        stand.serve(LIST, |query, _| {
            let all = [Conversation::new("c", 0)];
            let conversations =
                all.into_iter().filter(|one| one.id.starts_with(query.prefix.as_str())).collect();
            ready(Ok(Conversations { conversations }))
        });
        stand.serve(WORKSPACE_FOLDER, |_, _| ready(Ok(WorkspaceFolder { default_cwd: Maybe::None })));
        let world = self.clone();
        stand.serve(HISTORY, move |_, _| {
            let mut state = world.state();
            state.histories += 1;
            let messages = Shared::new(state.log[state.shown_from..].iter().cloned().collect());
            ready(Ok(History { messages, latest_seq: state.log.len() as i64 }))
        });
        let world = self.clone();
        stand.serve(LOCATE, move |of, _| {
            let at = world.state().log.iter().position(|message| message.id == of.message_id);
            let located = |at| Located { first_seq: at as i64 + 1, turn_id: Maybe::None };
            ready(at.map(located).ok_or_else(|| CallError::not_found("there is no such message")))
        });
        let world = self.clone();
        stand.serve(APPEND, move |append, _| ready(world.append(append)));
        self.put_the_storage_on(stand);
    }

    fn append(&self, append: Append) -> Result<Appended, CallError> {
        let mut state = self.state();
        assert_eq!(append.conversation_id, "c");
        if state.is_full {
            return Err(CallError::unavailable("the disk is full"));
        }
        state.writes += 1;
        let first_seq = state.log.len() as i64 + 1;
        for entry in append.entries {
            assert!(entry.turn_id.is_none() && entry.positions.is_empty());
            if state.log.iter().all(|message| message.id != entry.message.id) {
                state.log.push(entry.message);
            }
        }
        Ok(Appended { first_seq, last_seq: state.log.len() as i64, conversation: Conversation::new("c", 0) })
    }

    fn put_the_storage_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(STORAGE_READ, move |wanted, _| {
            let mut state = world.state();
            state.reads += 1;
            let rows = state.rows.iter().filter(|(key, _)| key.starts_with(wanted.prefix.as_str()));
            let rows = rows.map(|(key, value)| StorageRow { key: key.as_str().into(), value: value.clone() });
            ready(Ok(StorageRows { rows: rows.collect(), more: false }))
        });
        let world = self.clone();
        stand.serve(STORAGE_WRITE, move |changes, _| {
            let world = world.clone();
            async move {
                let began = Instant::now();
                while world.is_slow() && began.elapsed() < SLOW {
                    yield_now().await;
                }
                world.write(changes);
                Ok(StorageWritten {})
            }
        });
    }

    fn is_slow(&self) -> bool {
        let state = self.state();
        state.reads < state.slow_until_read
    }

    fn write(&self, changes: StorageWrites) {
        let mut state = self.state();
        state.writes += 1;
        for write in changes.writes {
            assert_eq!(write.key, "c/c/skills");
            match write.value {
                Maybe::Some(value) => drop(state.rows.insert(write.key.into(), value)),
                Maybe::None => drop(state.rows.remove(write.key.as_str())),
            }
        }
    }

    pub(crate) fn is_anything_stored(&self) -> bool {
        !self.state().rows.is_empty()
    }
}

//! One conversation's log, who starts its turns, and a storage: what stays when the host ends.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};

use transom_agent::conversation::{Conversation, CurrentTurn, FIND, METRICS, Metrics, Status};
use transom_agent::log::{LOCATE, Located};
use transom_agent::provider::Usage;
use transom_agent::queue::{Delivery, Enqueue};
use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWritten};
use transom_agent::turn::{EndReason, START, TurnRecord, TurnSettled, TurnStarted, TurnState};
use transom_plugin_api::{CallError, Json, Maybe, Text};
use transom_testkit::Stand;

/// The conversation `c`, and what a queue keeps.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rows: BTreeMap<String, Json>,
    /// Id and words of each person's message.
    log: Vec<(Text, Text)>,
    is_running: bool,
    is_closed: bool,
}

/// A message for it.
pub(crate) fn message(text: &str, delivery: Delivery) -> Enqueue {
    Enqueue { conversation_id: "c".into(), text: text.into(), delivery, workspace_id: Maybe::None }
}

/// The end of a turn.
pub(crate) fn settled(reason: EndReason) -> TurnSettled {
    let record = TurnRecord {
        turn_id: "turn".into(),
        model: "test/model".into(),
        reason,
        usage: Usage::default(),
        steps: 1,
        error_class: Maybe::None,
        context_size: Maybe::None,
        started_at: 0,
        duration_ms: 0,
    };
    TurnSettled { conversation_id: "c".into(), answer: "".into(), record }
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics in here")
    }

    /// Puts the services of orchestrator and store on a stand.
    pub(crate) fn put_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(START, move |start, _| {
            ready(match start.message_id.as_ref() {
                Some(id) => world.begin(id, &start.text),
                None => Err(CallError::invalid_input("`messageId` is missing")),
            })
        });
        let world = self.clone();
        stand.serve(FIND, move |_, _| ready(Ok(world.conversation())));
        stand.serve(METRICS, |_, _| ready(Ok(Metrics { turns: [].into() })));
        let world = self.clone();
        stand.serve(LOCATE, move |message, _| {
            let is_there = world.state().log.iter().any(|(id, _)| *id == message.message_id);
            let located = Located { first_seq: 1, turn_id: Maybe::None };
            ready(is_there.then_some(located).ok_or_else(|| CallError::not_found("no such message")))
        });
        self.put_the_storage_on(stand);
    }

    fn put_the_storage_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(STORAGE_READ, move |read, context| {
            assert_eq!(context.caller(), "message-queue");
            let state = world.state();
            let is_asked = |key: &&String| {
                key.starts_with(read.prefix.as_str())
                    && read.after.as_ref().is_none_or(|after| after.as_str() < key.as_str())
            };
            let keys = state.rows.keys().filter(is_asked).take(read.limit.unwrap_or(1_000) as usize);
            let rows = keys.map(|key| StorageRow { key: key.into(), value: state.rows[key].clone() });
            ready(Ok(StorageRows { rows: rows.collect(), more: false }))
        });
        let world = self.clone();
        stand.serve(STORAGE_WRITE, move |changes, _| {
            let mut state = world.state();
            for write in changes.writes {
                match write.value {
                    Maybe::Some(value) => drop(state.rows.insert(write.key.into(), value)),
                    Maybe::None => drop(state.rows.remove(write.key.as_str())),
                }
            }
            ready(Ok(StorageWritten {}))
        });
    }

    /// Begins a turn, unless one runs.
    pub(crate) fn begin(&self, id: &str, words: &str) -> Result<TurnStarted, CallError> {
        let mut state = self.state();
        if state.is_running {
            return Err(CallError::conflict("a turn runs"));
        }
        state.log.push((id.into(), words.into()));
        (state.is_running, state.is_closed) = (true, false);
        let turn_id = format!("turn-{}", state.log.len()).into();
        Ok(TurnStarted { conversation_id: "c".into(), turn_id, model: "test/model".into(), cwd: "/".into() })
    }

    /// The turn is over.
    pub(crate) fn end(&self) {
        self.state().is_running = false;
    }

    /// The turn is over, and the conversation put away.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        (state.is_running, state.is_closed) = (false, true);
    }

    /// What persons said, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        self.state().log.iter().map(|(_, words)| words.to_string()).collect()
    }

    /// The id of the last thing they said.
    pub(crate) fn last_id(&self) -> Text {
        self.state().log.last().map(|(id, _)| id.clone()).unwrap_or_default()
    }

    /// What is known about it.
    pub(crate) fn conversation(&self) -> Conversation {
        let state = self.state();
        let turn = CurrentTurn { turn_id: "turn".into(), state: TurnState::Running };
        Conversation {
            status: if state.is_closed { Status::Closed } else { Status::Idle },
            turn: state.is_running.then_some(turn).into(),
            ..Conversation::new("c", 0)
        }
    }
}

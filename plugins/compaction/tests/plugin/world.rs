//! One conversation, its model and a storage, as orchestrator and store would have them.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex, MutexGuard};

use transom_agent::compaction::Summary;
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST};
use transom_agent::log::{
    APPEND, Append, Appended, Chunks, HISTORY, History, LOCATE, Located, READ, StoredChunk,
};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::{FACTS, FinishReason, ModelFacts, ProviderEvent};
use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWritten};
use transom_agent::turn::{AskBeside, BESIDE, StepCompleted};
use transom_plugin_api::{CallError, Json, Maybe, Shared, Text};
use transom_testkit::Stand;

/// The conversation `c`, whose model has a window of 1,000 tokens.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// What was said; the `seq` of a message is its place, from 1.
    pub(crate) said: Vec<Message>,
    pub(crate) summaries: Vec<(Text, Summary)>,
    pub(crate) asked: Vec<AskBeside>,
    /// What the model answers; it never comes to an end when nothing stands here.
    pub(crate) answer: Vec<ProviderEvent>,
    rows: BTreeMap<String, Json>,
}

/// What a model answers that has a summary.
pub(crate) fn summary(words: &str) -> Vec<ProviderEvent> {
    let delta = words.into();
    vec![ProviderEvent::TextDelta { delta }, ProviderEvent::Finish { reason: FinishReason::Stop }]
}

/// A step after which the window is filled by so many tokens.
pub(crate) fn step(context_size: u64) -> StepCompleted {
    StepCompleted {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        step: 1,
        model: "a/one".into(),
        context_size: Maybe::Some(context_size),
    }
}

impl World {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics in here")
    }

    /// So many messages of a person and a model in turn, of 100 bytes each.
    pub(crate) fn say(&self, count: usize) {
        let mut state = self.state();
        for _ in 0..count {
            let number = state.said.len();
            let role = if number.is_multiple_of(2) { Role::User } else { Role::Assistant };
            state.said.push(Message::text(format!("m{number}"), role, "x".repeat(84)));
        }
    }

    /// What models are shown.
    fn shown(&self) -> Vec<Message> {
        let state = self.state();
        let Some((id, summary)) = state.summaries.last() else { return state.said.clone() };
        let kept =
            state.said.iter().position(|message| message.id == summary.kept_from).expect("it is there");
        [summary.message(id)].into_iter().chain(state.said[kept..].iter().cloned()).collect()
    }

    pub(crate) fn put_on(&self, stand: &Stand) {
        stand.serve(FIND, |id, _| {
            let is_there = id == "c";
            ready(
                is_there
                    .then(|| Conversation::new(id, 0))
                    .ok_or_else(|| CallError::not_found("there is no such conversation")),
            )
        });
        stand.serve(LIST, |query, _| {
            let all = [Conversation::new("c", 0)];
            let conversations =
                all.into_iter().filter(|one| one.id.starts_with(query.prefix.as_str())).collect();
            ready(Ok(Conversations { conversations }))
        });
        let world = self.clone();
        stand.serve(HISTORY, move |_, _| {
            let messages = Shared::new(world.shown().into_iter().collect());
            ready(Ok(History { messages, latest_seq: 0 }))
        });
        let world = self.clone();
        stand.serve(LOCATE, move |of, _| {
            let state = world.state();
            let said = state.said.iter().position(|message| message.id == of.message_id);
            let summed = state.summaries.iter().position(|(id, _)| *id == of.message_id).map(|at| at + 1000);
            let first_seq = said.or(summed).expect("it is there") as i64 + 1;
            ready(Ok(Located { first_seq, turn_id: Maybe::None }))
        });
        let world = self.clone();
        stand.serve(READ, move |read, _| {
            let seq = read.since_seq.into_option().expect("only summaries are read") + 1;
            let (id, summary) = world.state().summaries[seq as usize - 1001].clone();
            let chunk = StoredChunk {
                seq,
                message_id: id,
                role: Role::System,
                turn_id: Maybe::None,
                position: Maybe::None,
                created_at: 0,
                chunk: Chunk::Compacted { summary },
            };
            ready(Ok(Chunks { chunks: [chunk].into(), latest_seq: seq, latest_position: 0 }))
        });
        let world = self.clone();
        stand.serve(APPEND, move |append, _| ready(Ok(world.append(append))));
        let world = self.clone();
        stand.serve_stream(BESIDE, move |ask, mut items, _| {
            let answer = world.state().answer.clone();
            world.state().asked.push(ask);
            async move {
                if answer.is_empty() {
                    pending::<()>().await;
                }
                for event in answer {
                    items.send(event).await;
                }
                Ok(())
            }
        });
        stand.serve(FACTS, |_, _| {
            ready(Ok(ModelFacts { context_window: Maybe::Some(1000), ..ModelFacts::default() }))
        });
        self.put_the_storage_on(stand);
    }

    fn append(&self, append: Append) -> Appended {
        let mut state = self.state();
        for entry in &append.entries {
            let [Chunk::Compacted { summary }] = &entry.message.chunks[..] else { panic!("{entry:?}") };
            assert!(entry.message.id.starts_with("summary/") && entry.turn_id.is_none());
            state.summaries.push((entry.message.id.clone(), summary.clone()));
        }
        let conversation = Conversation::new("c", 0);
        Appended { first_seq: 77, last_seq: 77, conversation }
    }

    fn put_the_storage_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(STORAGE_READ, move |wanted, _| {
            let state = world.state();
            let rows = state.rows.iter().filter(|(key, _)| key.starts_with(wanted.prefix.as_str()));
            let rows = rows.map(|(key, value)| StorageRow { key: key.as_str().into(), value: value.clone() });
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
}

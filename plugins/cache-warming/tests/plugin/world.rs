//! Conversations, their model and a storage, as orchestrator and store would have them.

use std::collections::{BTreeMap, VecDeque};
use std::future::{pending, ready};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;
use transom_agent::conversation::{CHANGED, Conversation, Conversations, CurrentTurn, FIND, LIST, Status};
use transom_agent::provider::{
    ANSWERED, AnswerEnd, FACTS, FailureClass, FinishReason, ModelAnswered, ModelFacts, Prices, ProviderEvent,
    Usage, purpose,
};
use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWritten};
use transom_agent::turn::{
    AskBeside, BESIDE, EndReason, SETTLED, STARTED, TurnRecord, TurnSettled, TurnStarted, TurnState,
};
use transom_plugin_api::{CallError, Items, Json, Maybe, Text};
use transom_testkit::Stand;

/// The conversations `c` and `d`, whose model is `a/one`.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) conversations: BTreeMap<String, Conversation>,
    /// What was asked, and when since the time stands still.
    pub(crate) asked: Vec<(Duration, AskBeside)>,
    /// What the model does; it answers as usual when nothing stands here.
    pub(crate) answers: VecDeque<Answer>,
    /// What the model tells of its tokens.
    pub(crate) usage: Usage,
    /// How long an answer takes.
    pub(crate) takes: Duration,
    pub(crate) facts: ModelFacts,
    /// Answers under way.
    pub(crate) open: usize,
    pub(crate) rows: BTreeMap<String, Json>,
    /// Whether nothing can be stored.
    pub(crate) is_full: bool,
    began: Instant,
}

/// What a model does.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Fails,
    Hangs,
    HangsBehindItsEnd,
    EndsInTheMiddle,
    SaysThingsWithoutEnd,
    Uses(Usage),
    Refuses(CallError),
}

/// An answer under way.
struct Open(World);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state().open -= 1;
    }
}

pub(crate) fn usage(input: u64, read: u64, write: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: 1,
        cache_read_tokens: Maybe::Some(read),
        cache_write_tokens: Maybe::Some(write),
    }
}

pub(crate) fn facts() -> ModelFacts {
    let prices =
        Prices { input: 3.0, output: 15.0, cache_read: 0.3, cache_write: 3.75, as_of: "2026-11-22".into() };
    ModelFacts { cache_lifetime_s: Maybe::Some(300), prices: Maybe::Some(prices), ..ModelFacts::default() }
}

impl World {
    /// Where the time stands still; conversations of which the last activity is as long ago as can be.
    pub(crate) fn new() -> Self {
        let conversations = ["c", "d"].map(|id| (id.to_owned(), Conversation::new(id, 7)));
        Self(Arc::new(Mutex::new(State {
            conversations: conversations.into(),
            asked: Vec::new(),
            answers: VecDeque::new(),
            usage: usage(1_000_000, 990_000, 10_000),
            takes: Duration::ZERO,
            facts: facts(),
            open: 0,
            rows: BTreeMap::new(),
            is_full: false,
            began: Instant::now(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics in here")
    }

    /// When prompts were asked, in milliseconds since the time stands still.
    pub(crate) fn times(&self) -> Vec<u64> {
        self.state().asked.iter().map(|(at, _)| u64::try_from(at.as_millis()).expect("short")).collect()
    }

    /// Something else is known about a conversation.
    pub(crate) fn change(&self, stand: &Stand, id: &str, change: impl FnOnce(&mut Conversation)) {
        let changed = {
            let mut state = self.state();
            let conversation = state.conversations.get_mut(id).expect("it is there");
            change(conversation);
            conversation.clone()
        };
        stand.emitter(CHANGED).emit(&changed);
    }

    pub(crate) fn close(&self, stand: &Stand, id: &str) {
        self.change(stand, id, |conversation| conversation.status = Status::Closed);
    }

    pub(crate) fn begin_turn(&self, stand: &Stand, id: &str) {
        let turn = Maybe::Some(CurrentTurn { turn_id: "t".into(), state: TurnState::Running });
        self.change(stand, id, |conversation| {
            (conversation.turn, conversation.status) = (turn, Status::Active)
        });
        let (turn_id, model, cwd) = ("t".into(), "a/one".into(), "/".into());
        let started = TurnStarted { conversation_id: id.into(), turn_id, model, cwd };
        stand.emitter(STARTED).emit(&started);
    }

    /// A turn asks the model, now, and is answered at once.
    pub(crate) fn ask_in_turn(&self, stand: &Stand, id: &str, usage: Usage) {
        let answered = ModelAnswered { usage: Maybe::Some(usage), ..answered(id, purpose::TURN) };
        // A time that lies in the future is taken for now.
        stand.emitter(ANSWERED).emit(&ModelAnswered { asked_at: i64::MAX, ..answered });
    }

    pub(crate) fn end_turn(&self, stand: &Stand, id: &str) {
        self.change(stand, id, |conversation| {
            (conversation.turn, conversation.status) = (Maybe::None, Status::Idle);
        });
        let record = TurnRecord {
            turn_id: "t".into(),
            model: "a/one".into(),
            reason: EndReason::Stop,
            usage: Usage::default(),
            steps: 1,
            error_class: Maybe::None,
            context_size: Maybe::None,
            started_at: 0,
            duration_ms: 0,
        };
        let settled = TurnSettled { conversation_id: id.into(), answer: "so".into(), record };
        stand.emitter(SETTLED).emit(&settled);
    }

    /// A whole turn, which takes no time.
    pub(crate) fn turn(&self, stand: &Stand, id: &str) {
        self.begin_turn(stand, id);
        let usage = self.state().usage;
        self.ask_in_turn(stand, id, usage);
        self.end_turn(stand, id);
    }

    pub(crate) fn put_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(FIND, move |id, _| {
            let found = world.state().conversations.get(id.as_str()).cloned();
            ready(found.ok_or_else(|| CallError::not_found(format!("there is no conversation `{id}`"))))
        });
        let world = self.clone();
        stand.serve(LIST, move |query, _| {
            let state = world.state();
            let all = state.conversations.values().filter(|one| one.id.starts_with(query.prefix.as_str()));
            ready(Ok(Conversations { conversations: all.cloned().collect() }))
        });
        let world = self.clone();
        stand.serve(FACTS, move |_, _| ready(Ok(world.state().facts.clone())));
        self.put_the_model_on(stand);
        self.put_the_storage_on(stand);
    }

    fn put_the_model_on(&self, stand: &Stand) {
        let (world, told) = (self.clone(), stand.emitter(ANSWERED));
        stand.serve_stream(BESIDE, move |ask, mut items, _| {
            let (world, told) = (world.clone(), told.clone());
            async move {
                let id = ask.conversation_id.clone();
                let outcome = world.answer(ask, &mut items).await;
                told.emit(&answered(&id, "warming"));
                outcome
            }
        });
    }

    async fn answer(&self, ask: AskBeside, items: &mut Items<ProviderEvent>) -> Result<(), CallError> {
        let (answer, usual, takes) = {
            let mut state = self.state();
            let known = state.conversations.get(ask.conversation_id.as_str());
            let known = known.ok_or_else(|| CallError::not_found("there is no such conversation"))?;
            if known.turn.is_some() && ask.only_when_idle {
                return Err(CallError::conflict("a turn runs"));
            }
            let at = state.began.elapsed();
            state.asked.push((at, ask));
            state.open += 1;
            (state.answers.pop_front(), state.usage, state.takes)
        };
        let _open = Open(self.clone());
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        let finish = ProviderEvent::Finish { reason: FinishReason::Length };
        match answer {
            Some(Answer::Refuses(error)) => return Err(error),
            Some(Answer::Hangs) => pending().await,
            Some(Answer::EndsInTheMiddle) => return Ok(()),
            Some(Answer::Fails) => {
                let (message, class) = ("no luck".into(), FailureClass::Overloaded);
                let (code, retry_after_ms) = (Maybe::None, Maybe::None);
                items.send(ProviderEvent::Error { message, class, code, retry_after_ms }).await;
            }
            Some(Answer::SaysThingsWithoutEnd) => loop {
                items.send(ProviderEvent::TextDelta { delta: "and ".into() }).await;
            },
            Some(Answer::HangsBehindItsEnd) => {
                items.send(finish).await;
                pending().await
            }
            Some(Answer::Uses(usage)) => {
                items.send(ProviderEvent::Usage { usage }).await;
                items.send(finish).await;
            }
            None => {
                items.send(ProviderEvent::Usage { usage: usual }).await;
                items.send(finish).await;
            }
        }
        Ok(())
    }

    fn put_the_storage_on(&self, stand: &Stand) {
        let world = self.clone();
        stand.serve(STORAGE_READ, move |wanted, _| {
            let state = world.state();
            let after = wanted.after.as_ref().map_or("", Text::as_str);
            let rows = state.rows.iter().filter(|(key, _)| key.starts_with(wanted.prefix.as_str()));
            let rows = rows.filter(|(key, _)| key.as_str() > after);
            let rows = rows.map(|(key, value)| StorageRow { key: key.as_str().into(), value: value.clone() });
            // A page of one, so that there are more of them.
            let mut rows: Vec<_> = rows.take(2).collect();
            let more = rows.len() > 1;
            rows.truncate(1);
            ready(Ok(StorageRows { rows: rows.into(), more }))
        });
        let world = self.clone();
        stand.serve(STORAGE_WRITE, move |changes, _| {
            let mut state = world.state();
            if state.is_full {
                return ready(Err(CallError::unavailable("the disk is full")));
            }
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

fn answered(id: &str, purpose: &str) -> ModelAnswered {
    ModelAnswered {
        request_id: "r".into(),
        conversation_id: id.into(),
        model: "a/one".into(),
        purpose: purpose.into(),
        turn_id: Maybe::None,
        // A time that lies before the request was made is taken for that.
        asked_at: 0,
        duration_ms: 0,
        usage: Maybe::None,
        end: AnswerEnd::Finished {},
    }
}

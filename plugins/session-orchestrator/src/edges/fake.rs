//! The edges in memory, for tests: a scripted model, tools made of closures, a store that is a list.

mod clock;
pub(crate) mod log;
mod on_world;
pub(crate) mod scene;
pub(crate) mod store;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::pending;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use transom_agent::conversation::{Begun, Conversation, Opened, Status};
use transom_agent::log::{Append, Draft, StoredChunk};
use transom_agent::message::{Chunk, Message};
use transom_agent::notice::Notice;
use transom_agent::provider::{
    FailureClass, FinishReason, ModelAnswered, ModelAsked, ModelRequest, OutgoingRequest, ProviderEvent,
    SlotState, Usage,
};
use transom_agent::question::{OpenQuestion, QuestionAnswered};
use transom_agent::queue::Steering;
use transom_agent::tool::{ToolCall, ToolDefinition, ToolGate, ToolOutput, ToolRan};
use transom_agent::turn::{
    ModelChoice, StepCompleted, StepStarted, TurnEnding, TurnInput, TurnRecord, TurnSettled, TurnStalled,
    TurnStarted,
};
use transom_plugin_api::{CallError, Json, List, Maybe, Text};

use self::clock::Clock;
use self::store::Store;
use super::Items;

/// One thing a scripted model does.
pub(crate) enum Beat {
    Event(ProviderEvent),
    Broken(CallError),
    /// Lets time pass.
    Tick(i64),
    Hang,
    /// Falls silent until the world goes on.
    Wait,
    Panic,
    /// All of this is there at once.
    Burst(VecDeque<ProviderEvent>),
    /// Says this for ever, without a pause.
    Flood(&'static str),
}

pub(crate) fn says(delta: &str) -> Beat {
    Beat::Event(ProviderEvent::TextDelta { delta: delta.into() })
}

pub(crate) fn thinks(delta: &str) -> Beat {
    Beat::Event(ProviderEvent::ReasoningDelta { delta: delta.into() })
}

pub(crate) fn calls(id: &str, tool: &str, input: &str) -> Beat {
    let input = Json::parse(input).unwrap();
    Beat::Event(ProviderEvent::ToolCall { tool_call_id: id.into(), tool_name: tool.into(), input })
}

pub(crate) fn uses(input_tokens: u64, output_tokens: u64) -> Beat {
    let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
    Beat::Event(ProviderEvent::Usage { usage })
}

pub(crate) fn finishes(reason: FinishReason) -> Beat {
    Beat::Event(ProviderEvent::Finish { reason })
}

pub(crate) fn fails(class: FailureClass) -> Beat {
    let event = ProviderEvent::Error {
        message: "no luck".into(),
        class,
        code: Maybe::None,
        retry_after_ms: Maybe::None,
    };
    Beat::Event(event)
}

/// A future without a name.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Run = Arc<dyn Fn(ToolCall) -> Boxed<Result<ToolOutput, CallError>> + Send + Sync>;
type Filter<T> = Box<dyn Fn(T) -> Boxed<Result<T, CallError>> + Send + Sync>;
/// What the next attempts come to; fine when empty.
type Outcomes = Mutex<VecDeque<Result<(), CallError>>>;

/// What somebody who is asked at once says.
pub(crate) fn boxed<T: Send + 'static>(value: T) -> Boxed<T> {
    Box::pin(std::future::ready(value))
}

/// All that is outside.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) workspace_folders: Mutex<HashMap<Text, Text>>,
    /// Whether a plugin does not run.
    pub(crate) is_anybody_away: AtomicBool,
    pub(crate) script: Mutex<VecDeque<Vec<Beat>>>,
    pub(crate) requests: Mutex<Vec<ModelRequest>>,
    /// Model streams that are gone.
    pub(crate) streams_dropped: AtomicUsize,
    pub(crate) tools: Mutex<BTreeMap<String, (ToolDefinition, Run)>>,
    /// Calls in the order of their start.
    pub(crate) ran: Mutex<Vec<ToolCall>>,
    at_work: AtomicUsize,
    pub(crate) most_at_work: AtomicUsize,
    pub(crate) store: Mutex<Store>,
    /// What was asked of the store, in order.
    pub(crate) asked: Mutex<Vec<&'static str>>,
    pub(crate) appends: Mutex<Vec<Append>>,
    pub(crate) drafts: Mutex<Vec<Draft>>,
    pub(crate) append_outcomes: Outcomes,
    /// What becomes of the answers to appends that were done.
    pub(crate) lost_answers: Outcomes,
    pub(crate) draft_outcomes: Outcomes,
    pub(crate) repair_outcomes: Outcomes,
    pub(crate) history_fails: Mutex<Option<CallError>>,
    /// While it is set the store does not write.
    pub(crate) store_is_busy: AtomicBool,
    pub(crate) store_is_idle: Notify,
    /// While it is set the store keeps no choice.
    pub(crate) choices_wait: AtomicBool,
    pub(crate) input_filter: Mutex<Option<Filter<TurnInput>>>,
    pub(crate) model_filter: Mutex<Option<Filter<ModelChoice>>>,
    pub(crate) request_filter: Mutex<Option<Filter<OutgoingRequest>>>,
    pub(crate) gate: Mutex<Option<Filter<ToolGate>>>,
    pub(crate) ran_filter: Mutex<Option<Filter<ToolRan>>>,
    pub(crate) ending_filter: Mutex<Option<Filter<TurnEnding>>>,
    pub(crate) steering: Mutex<VecDeque<Steering>>,
    pub(crate) delivered: Mutex<Vec<Text>>,
    pub(crate) opened: Mutex<Vec<Opened>>,
    pub(crate) begun: Mutex<Vec<Begun>>,
    pub(crate) closed: Mutex<Vec<Text>>,
    pub(crate) questions_asked: Mutex<Vec<OpenQuestion>>,
    pub(crate) questions_answered: Mutex<Vec<QuestionAnswered>>,
    pub(crate) notices: Mutex<Vec<Notice>>,
    pub(crate) started: Mutex<Vec<TurnStarted>>,
    pub(crate) steps_started: Mutex<Vec<StepStarted>>,
    pub(crate) stalled: Mutex<Vec<TurnStalled>>,
    pub(crate) settled: Mutex<Vec<TurnSettled>>,
    pub(crate) asked_models: Mutex<Vec<ModelAsked>>,
    pub(crate) answered: Mutex<Vec<ModelAnswered>>,
    pub(crate) completed: Mutex<Vec<StepCompleted>>,
    /// How it stands with the next requests that want room; where nothing stands here, nobody limits them.
    pub(crate) slots: Mutex<VecDeque<Vec<SlotBeat>>>,
    /// Slots that were given back, counted with the answers that were told by then.
    pub(crate) slots_given_back: Mutex<Vec<usize>>,
    /// What a model or a tool may wait for.
    pub(crate) go_on: Notify,
}

/// The edges of a [`World`].
#[derive(Clone, Default)]
pub(crate) struct Fake(pub(crate) Arc<World>);

impl World {
    pub(crate) fn script(&self, beats: impl IntoIterator<Item = Beat>) {
        self.script.lock().unwrap().push_back(beats.into_iter().collect());
    }

    pub(crate) fn tool<F>(
        &self,
        name: &str,
        concurrency_safe: bool,
        run: impl Fn(ToolCall) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<ToolOutput, CallError>> + Send + 'static,
    {
        let definition = ToolDefinition {
            name: name.into(),
            description: format!("does {name}").into(),
            parameters: Json::default(),
            concurrency_safe,
            effects: Maybe::Some(List::new()),
        };
        let run: Run = Arc::new(move |call| Box::pin(run(call)));
        self.tools.lock().unwrap().insert(name.to_owned(), (definition, run));
    }

    /// Everything in the log of the conversation `c`.
    pub(crate) fn log(&self) -> Vec<StoredChunk> {
        self.store.lock().unwrap().logs.get("c").map(|log| log.chunks.clone()).unwrap_or_default()
    }

    /// What was said in the conversation `c`; facts stand apart.
    pub(crate) fn stored(&self) -> Vec<Message> {
        let store = self.store.lock().unwrap();
        let messages = store.logs.get("c").map(|log| log.messages(0)).unwrap_or_default();
        messages.into_iter().filter(|message| !message.chunks.iter().all(Chunk::is_fact)).collect()
    }

    pub(crate) fn records(&self) -> Vec<TurnRecord> {
        let records = self.log().into_iter().filter_map(|stored| match stored.chunk {
            Chunk::TurnEnd { record } => Some(record),
            _ => None,
        });
        records.collect()
    }

    pub(crate) fn conversation(&self) -> Option<Conversation> {
        self.store.lock().unwrap().find("c").ok()
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.conversation().map(|conversation| conversation.status)
    }

    /// How often something was asked of the store.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| **asked == what).count()
    }

    /// Has the store wait with what it writes, or go on.
    pub(crate) fn hold_the_store(&self, busy: bool) {
        self.store_is_busy.store(busy, Ordering::SeqCst);
        self.store_is_idle.notify_waiters();
    }

    /// Notes a question to the store, and lets the time pass that it takes.
    async fn ask(&self, what: &'static str) {
        self.asked.lock().unwrap().push(what);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }

    async fn until_idle(&self) {
        while self.store_is_busy.load(Ordering::SeqCst) {
            self.store_is_idle.notified().await;
        }
    }
}

/// Counts for as long as it lives.
struct AtWork(Arc<World>);

impl AtWork {
    fn new(world: &Arc<World>) -> Self {
        let now = world.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        world.most_at_work.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(world))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One thing that is said about a slot.
pub(crate) enum SlotBeat {
    Say(Result<SlotState, CallError>),
    /// Until the world goes on.
    Wait,
}

/// A scripted place in a queue; it stays open behind its last item.
pub(crate) struct FakeSlot {
    world: Arc<World>,
    beats: VecDeque<SlotBeat>,
}

impl Drop for FakeSlot {
    fn drop(&mut self) {
        let answered = self.world.answered.lock().unwrap().len();
        self.world.slots_given_back.lock().unwrap().push(answered);
    }
}

impl Items<SlotState> for FakeSlot {
    async fn next(&mut self) -> Option<Result<SlotState, CallError>> {
        loop {
            match self.beats.front() {
                None => pending::<()>().await,
                Some(SlotBeat::Wait) => {
                    self.world.go_on.notified().await;
                    self.beats.pop_front();
                }
                Some(SlotBeat::Say(_)) => {
                    let Some(SlotBeat::Say(said)) = self.beats.pop_front() else {
                        unreachable!("it was there")
                    };
                    return Some(said);
                }
            }
        }
    }
}

pub(crate) struct FakeModel {
    world: Arc<World>,
    beats: VecDeque<Beat>,
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.world.streams_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Items<ProviderEvent> for FakeModel {
    async fn next(&mut self) -> Option<Result<ProviderEvent, CallError>> {
        loop {
            if let Some(Beat::Flood(delta)) = self.beats.front() {
                return Some(Ok(ProviderEvent::TextDelta { delta: (*delta).into() }));
            }
            while let Some(Beat::Burst(events)) = self.beats.front_mut() {
                match events.pop_front() {
                    Some(event) => return Some(Ok(event)),
                    None => self.beats.pop_front(),
                };
            }
            // A real model is never ready at once.
            tokio::task::yield_now().await;
            if let Some(Beat::Hang) = self.beats.front() {
                pending::<()>().await;
            }
            if let Some(Beat::Wait) = self.beats.front() {
                // Whoever is not heard to its end is asked again.
                self.world.go_on.notified().await;
                self.beats.pop_front();
                continue;
            }
            match self.beats.pop_front()? {
                Beat::Event(event) => return Some(Ok(event)),
                Beat::Broken(error) => return Some(Err(error)),
                Beat::Tick(by) => self.world.clock.pass(by),
                Beat::Hang => unreachable!("stays at the front"),
                Beat::Wait => unreachable!("stays at the front"),
                Beat::Panic => panic!("the model panicked"),
                Beat::Burst(_) | Beat::Flood(_) => unreachable!("stays at the front"),
            }
        }
    }
}

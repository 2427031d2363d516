//! The edges in memory, for tests: a scripted model, tools made of closures, a store that is a list.

pub(crate) mod log;
pub(crate) mod scene;

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use transom_agent::conversation::{Conversation, CurrentTurn, Status, Update};
use transom_agent::log::{Append, Appended, Chunks, History, HistoryOf, Read};
use transom_agent::message::{Chunk, Message};
use transom_agent::provider::{FailureClass, FinishReason, ModelInfo, ModelRequest, ProviderEvent, Usage};
use transom_agent::tool::{ToolAssembly, ToolCall, ToolDefinition, ToolOutput};
use transom_agent::turn::{SystemPrompt, TurnInput, TurnRecord, TurnSettled, TurnStarted, TurnState};
use transom_plugin_api::{CallError, Json, List, Maybe, Provided, Shared, Text};

use super::{Edges, ModelStream};

/// One thing a scripted model does.
pub(crate) enum Beat {
    Event(ProviderEvent),
    Broken(CallError),
    /// Lets time pass.
    Tick(i64),
    Hang,
    Panic,
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

/// All that is outside.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) clock: AtomicI64,
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) script: Mutex<VecDeque<Vec<Beat>>>,
    pub(crate) requests: Mutex<Vec<ModelRequest>>,
    /// Model streams that are gone.
    pub(crate) streams_dropped: AtomicUsize,
    pub(crate) tools: Mutex<BTreeMap<String, (ToolDefinition, Run)>>,
    /// Calls in the order of their start.
    pub(crate) ran: Mutex<Vec<ToolCall>>,
    at_work: AtomicUsize,
    pub(crate) most_at_work: AtomicUsize,
    /// Messages; facts stand apart.
    pub(crate) stored: Mutex<Vec<Message>>,
    pub(crate) facts: Mutex<Vec<Message>>,
    pub(crate) appends: Mutex<Vec<Append>>,
    /// What the next attempts to append come to; fine when empty.
    pub(crate) append_outcomes: Mutex<VecDeque<Result<(), CallError>>>,
    pub(crate) history_fails: Mutex<Option<CallError>>,
    pub(crate) conversation: Mutex<Option<Conversation>>,
    pub(crate) input_filter: Mutex<Option<Filter<TurnInput>>>,
    pub(crate) slept: Mutex<Vec<Duration>>,
    pub(crate) started: Mutex<Vec<TurnStarted>>,
    pub(crate) settled: Mutex<Vec<TurnSettled>>,
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
        };
        let run: Run = Arc::new(move |call| Box::pin(run(call)));
        self.tools.lock().unwrap().insert(name.to_owned(), (definition, run));
    }

    pub(crate) fn records(&self) -> Vec<TurnRecord> {
        let facts = self.facts.lock().unwrap();
        let chunks = facts.iter().flat_map(|message| &message.chunks);
        let records = chunks.filter_map(|chunk| match chunk {
            Chunk::TurnEnd { record } => Some(record.clone()),
            _ => None,
        });
        records.collect()
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.conversation.lock().unwrap().as_ref().map(|conversation| conversation.status.clone())
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

pub(crate) struct FakeModel {
    world: Arc<World>,
    beats: VecDeque<Beat>,
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.world.streams_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl ModelStream for FakeModel {
    async fn next(&mut self) -> Option<Result<ProviderEvent, CallError>> {
        loop {
            if let Some(Beat::Flood(delta)) = self.beats.front() {
                return Some(Ok(ProviderEvent::TextDelta { delta: (*delta).into() }));
            }
            // A real model is never ready at once.
            tokio::task::yield_now().await;
            match self.beats.pop_front()? {
                Beat::Event(event) => return Some(Ok(event)),
                Beat::Broken(error) => return Some(Err(error)),
                Beat::Tick(by) => {
                    self.world.clock.fetch_add(by, Ordering::SeqCst);
                }
                Beat::Hang => pending().await,
                Beat::Panic => panic!("the model panicked"),
                Beat::Flood(_) => unreachable!("stays at the front"),
            }
        }
    }
}

/// One that nothing happened in.
fn conversation(id: &Text) -> Conversation {
    Conversation {
        id: id.clone(),
        created_at: 0,
        last_activity_at: 0,
        title: "".into(),
        status: Status::Idle,
        latest_seq: 0,
        latest_position: 0,
        generation: 0,
        workspace_id: "default".into(),
        cwd: Maybe::None,
        model: Maybe::None,
        reasoning_effort: Maybe::None,
        turn: Maybe::None,
    }
}

/// What follows from an entry.
fn follow(conversation: &mut Conversation, chunk: &Chunk) {
    match chunk {
        Chunk::TurnStart { turn_id, .. } => {
            conversation.status = Status::Active;
            conversation.turn =
                Maybe::Some(CurrentTurn { turn_id: turn_id.clone(), state: TurnState::Running });
        }
        Chunk::TurnEnd { .. } => {
            conversation.status = Status::Idle;
            conversation.turn = Maybe::None;
        }
        _ => {}
    }
}

impl Edges for Fake {
    type Model = FakeModel;

    fn now_ms(&self) -> i64 {
        self.0.clock.load(Ordering::SeqCst)
    }

    async fn sleep(&self, duration: Duration) {
        self.0.slept.lock().unwrap().push(duration);
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }

    fn roots(&self) -> Vec<PathBuf> {
        self.0.roots.clone()
    }

    fn models(&self) -> Vec<Provided<ModelInfo>> {
        let model = |name: &str| Provided {
            name: name.into(),
            plugin: "fake".into(),
            about: ModelInfo {
                provider: "fake".into(),
                context_window: Some(1000).into(),
                ..ModelInfo::default()
            },
        };
        vec![model("a/one"), model("b/two")]
    }

    fn open_model(&self, _: &str, request: ModelRequest) -> Result<FakeModel, CallError> {
        self.0.requests.lock().unwrap().push(request);
        let beats = self.0.script.lock().unwrap().pop_front();
        let beats = beats.ok_or_else(|| CallError::unavailable("the script is over"))?;
        Ok(FakeModel { world: Arc::clone(&self.0), beats: beats.into() })
    }

    fn tools(&self) -> Vec<Provided<ToolDefinition>> {
        let tools = self.0.tools.lock().unwrap();
        let tools = tools.iter().map(|(name, (about, _))| Provided {
            name: name.into(),
            plugin: "fake".into(),
            about: about.clone(),
        });
        tools.collect()
    }

    async fn run_tool(
        &self,
        name: &str,
        call: ToolCall,
        _: Option<Duration>,
    ) -> Result<ToolOutput, CallError> {
        let run = Arc::clone(&self.0.tools.lock().unwrap()[name].1);
        self.0.ran.lock().unwrap().push(call.clone());
        let _at_work = AtWork::new(&self.0);
        run(call).await
    }

    async fn find(&self, id: &str) -> Result<Conversation, CallError> {
        let conversation = self.0.conversation.lock().unwrap().clone();
        conversation.ok_or_else(|| CallError::not_found(format!("there is no conversation `{id}`")))
    }

    async fn history(&self, _: HistoryOf) -> Result<History, CallError> {
        if let Some(error) = self.0.history_fails.lock().unwrap().take() {
            return Err(error);
        }
        let mut messages = self.0.stored.lock().unwrap().clone();
        for message in &mut messages {
            message.chunks.retain(|chunk| !matches!(chunk, Chunk::Error { .. }));
        }
        messages.retain(|message| !message.chunks.is_empty());
        Ok(History { messages: Shared::new(messages.into()), latest_seq: 0 })
    }

    async fn read(&self, read: Read) -> Result<Chunks, CallError> {
        self.find(&read.conversation_id).await?;
        Ok(log::part(&log::rows(&self.0.appends.lock().unwrap()), &read))
    }

    async fn append(&self, append: Append) -> Result<Appended, CallError> {
        tokio::task::yield_now().await;
        if let Some(outcome) = self.0.append_outcomes.lock().unwrap().pop_front() {
            outcome?;
        }
        let mut stored = self.0.stored.lock().unwrap();
        let mut facts = self.0.facts.lock().unwrap();
        let mut known = self.0.conversation.lock().unwrap();
        let known = known.get_or_insert_with(|| conversation(&append.conversation_id));
        for entry in &append.entries {
            if !stored.iter().chain(facts.iter()).any(|other| other.id == entry.message.id) {
                let is_fact = entry.message.chunks.iter().all(Chunk::is_fact);
                if is_fact { &mut facts } else { &mut stored }.push(entry.message.clone());
                entry.message.chunks.iter().for_each(|chunk| follow(known, chunk));
            }
            known.latest_position = entry.positions.iter().copied().fold(known.latest_position, i64::max);
        }
        let conversation = known.clone();
        self.0.appends.lock().unwrap().push(append);
        Ok(Appended { first_seq: 0, last_seq: 0, conversation })
    }

    async fn update(&self, update: Update) -> Result<Conversation, CallError> {
        let mut known = self.0.conversation.lock().unwrap();
        let conversation = known.get_or_insert_with(|| conversation(&update.conversation_id));
        if let Maybe::Some(status) = update.status {
            conversation.status = status;
        }
        if update.cwd.is_some() {
            conversation.cwd = update.cwd;
        }
        if update.model.is_some() {
            conversation.model = update.model;
        }
        Ok(conversation.clone())
    }

    async fn filter_input(&self, input: TurnInput) -> Result<TurnInput, CallError> {
        let filtered = self.0.input_filter.lock().unwrap().as_ref().map(|filter| filter(input.clone()));
        match filtered {
            Some(filtered) => filtered.await,
            None => Ok(input),
        }
    }

    async fn filter_tools(&self, mut tools: ToolAssembly) -> Result<ToolAssembly, CallError> {
        // A chain may leave any order behind.
        tools.tools = tools.tools.into_iter().rev().collect::<List<_>>();
        Ok(tools)
    }

    async fn filter_system_prompt(&self, mut prompt: SystemPrompt) -> Result<SystemPrompt, CallError> {
        prompt.parts.push("filtered".into());
        Ok(prompt)
    }

    fn say_started(&self, started: &TurnStarted) {
        self.0.started.lock().unwrap().push(started.clone());
    }

    fn say_settled(&self, settled: &TurnSettled) {
        self.0.settled.lock().unwrap().push(settled.clone());
    }
}

//! A turn: a person's message and everything until the answer to it is sealed. Served by the orchestrator.

use transom_plugin_api::{Event, Filter, List, Maybe, Service, StreamService, Text, contract};

use crate::conversation::Status;
use crate::event::{AgentEvent, Cursor};
use crate::message::Message;
use crate::provider::{ProviderEvent, ReasoningEffort, Usage};

/// A message that begins a turn.
#[contract]
pub struct StartTurn {
    /// Which conversation; made when it is not there.
    pub conversation_id: Text,
    /// What the person says. Not blank.
    pub text: Text,
    /// The model to ask; the conversation's, then the default one, when absent.
    pub model: Maybe<Text>,
    /// The folder to work in; the conversation's, its workspace's, then the first allowed root, when absent. Must lie in a
    /// root.
    pub cwd: Maybe<Text>,
    /// How hard the model is to think; the conversation's, then `high`, when absent.
    pub reasoning_effort: Maybe<ReasoningEffort>,
    /// The workspace of a conversation that is made; `default` when absent. One that is there stays where it is.
    pub workspace_id: Maybe<Text>,
    /// The id of the person's message in the log; a new one when absent. A message that is in the log already is refused.
    pub message_id: Maybe<Text>,
}

/// A turn that has begun.
#[contract]
pub struct TurnStarted {
    /// Which conversation.
    pub conversation_id: Text,
    /// The turn's id, unique in the host.
    pub turn_id: Text,
    /// The model that answers.
    pub model: Text,
    /// The folder it works in: absolute, symlinks resolved.
    pub cwd: Text,
}

/// Begins a turn. It belongs to the host from then on: nobody needs to stay for it to finish.
///
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) while another turn of the conversation runs or waits for a
/// person, or when the message is in the log already,
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) with the field named for a blank text, an
/// unknown model or a folder outside the roots, [`Refused`](transom_plugin_api::CallErrorKind::Refused) when a link of
/// [`INPUT`] said no. The answer comes when the person's message is durable; a call that is dropped before leaves no
/// trace.
///
/// `agent/turn.start` · service · 30 s · the orchestrator answers
pub const START: Service<StartTurn, TurnStarted> = Service::new("agent/turn.start");

/// What a viewer wants to see.
#[contract]
pub struct Watch {
    /// Which conversation.
    pub conversation_id: Text,
    /// One turn only; the stream ends when it is sealed. Without it, this and every later turn of the conversation.
    pub turn_id: Maybe<Text>,
    /// The last that the viewer has seen: what follows it comes first, whatever turn it belongs to, and then what happens
    /// from now on. Without it, the named turn from its beginning, or else the turn that runs or waits for a person, from its
    /// beginning.
    pub after: Maybe<Cursor>,
}

/// Streams frames to a viewer: first what it missed, then live, in one order for all. See [`event`](crate::event) for
/// positions, cursors and what a viewer has to do with them. A viewer that goes away never stops a turn.
///
/// A viewer that falls too far behind gets [`SnapshotRequired`](crate::event::AgentEventKind::SnapshotRequired) as its last
/// frame. The stream ends with [`Retired`](transom_plugin_api::CallErrorKind::Retired) when the orchestrator is
/// replaced: watch again, after the last cursor. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is
/// no such turn.
///
/// `agent/turn.watch` · streaming service · no deadline · the orchestrator answers
pub const WATCH: StreamService<Watch, AgentEvent> = StreamService::new("agent/turn.watch");

/// What a stop found.
#[contract]
pub struct Stopped {
    /// Which conversation.
    pub conversation_id: Text,
    /// Whether a turn was running.
    pub aborted_turn: bool,
}

/// Stops the running turn of a conversation, or the one that waits for a person, by the conversation's id, if there is one.
/// What was said so far is kept. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is no such
/// conversation.
///
/// `agent/turn.stop` · service · 30 s · the orchestrator answers
pub const STOP: Service<Text, Stopped> = Service::new("agent/turn.stop");

/// What a close found.
#[contract]
pub struct Closed {
    /// Which conversation.
    pub conversation_id: Text,
    /// Whether a turn was running, or waited for a person.
    pub aborted_turn: bool,
}

/// Puts a conversation away, by its id: its turn is stopped, and it stays closed until somebody sends it a message. Closing
/// twice is closing. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is none.
///
/// `agent/conversation.close` · service · 30 s · the orchestrator answers
pub const CLOSE: Service<Text, Closed> = Service::new("agent/conversation.close");

/// What a conversation is doing right now.
#[contract]
pub struct TurnStatus {
    /// Which conversation.
    pub conversation_id: Text,
    /// Whether a turn is running.
    pub is_active: bool,
    /// Its status.
    pub status: Status,
    /// Since when the running turn has not moved; absent while it moves, and when none runs.
    pub stalled: Maybe<Stall>,
}

/// That a turn does not move: what [`STALLED`] tells of it, as long as it lasts.
#[contract]
#[derive(Eq)]
pub struct Stall {
    /// When something came for it last, in milliseconds since the epoch.
    pub since: i64,
    /// Which request to the model, from 1; 0 before the first.
    pub step: u32,
    /// What it waits for.
    pub waiting_for: Awaited,
}

/// Answers what a conversation is doing, by its id. [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when
/// there is none.
///
/// `agent/turn.status` · service · 30 s · the orchestrator answers
pub const STATUS: Service<Text, TurnStatus> = Service::new("agent/turn.status");

/// Whether a turn goes on.
#[contract(grows)]
#[derive(Eq)]
pub enum TurnState {
    /// It runs.
    Running,
    /// It waits for a person. Nothing of it is in memory but its name.
    Parked,
    /// It has ended.
    Ended,
}

/// Why a turn ended. Every turn ends exactly once; a reason that is not known is an end, too.
#[contract(grows)]
#[derive(Eq)]
pub enum EndReason {
    /// The model had said what it wanted to say.
    Stop,
    /// The model ran into its own limit of length.
    Length,
    /// The provider withheld the rest.
    ContentFilter,
    /// The turn used up its steps.
    MaxSteps,
    /// It failed; the error frame says how.
    Error,
    /// Somebody stopped it.
    Aborted,
    /// The host ended in the middle of it.
    Lost,
}

/// How a turn went, for the log.
#[contract]
pub struct TurnRecord {
    /// The turn's id.
    pub turn_id: Text,
    /// The model that answered.
    pub model: Text,
    /// Why it ended.
    pub reason: EndReason,
    /// Tokens of all its steps.
    pub usage: Usage,
    /// Requests to the model.
    pub steps: u32,
    /// The class of the failure, when it ended as [`Error`](EndReason::Error).
    pub error_class: Maybe<Text>,
    /// Tokens of the last step, in and out: how full the model's window is; absent when none were reported.
    pub context_size: Maybe<u64>,
    /// Milliseconds since the epoch.
    pub started_at: i64,
    /// Milliseconds it took.
    pub duration_ms: u64,
}

/// Said by the orchestrator when a turn has begun: the person's message is durable, no request was made yet. Nobody can
/// refuse it (see [`INPUT`] for that). A queued listener with a full mailbox loses by its own terms.
///
/// `agent/turn.started` · event · the orchestrator says it
pub const STARTED: Event<TurnStarted> = Event::new("agent/turn.started");

/// A turn has ended and its record is durable.
#[contract]
pub struct TurnSettled {
    /// Which conversation.
    pub conversation_id: Text,
    /// What the model said in words, over all steps.
    pub answer: Text,
    /// How it went.
    pub record: TurnRecord,
}

/// Said by the orchestrator at the end of every turn, once, whatever the reason: its last entry is durable, and the
/// conversation is free for the next one. While the store does not take the end, the turn holds its conversation and this is
/// not said; nor is it said of a turn whose host ended before that, which the store ends as [`Lost`](EndReason::Lost).
/// Nobody can refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/turn.settled` · event · the orchestrator says it
pub const SETTLED: Event<TurnSettled> = Event::new("agent/turn.settled");

/// What a turn waits for.
#[contract(grows)]
#[derive(Eq)]
pub enum Awaited {
    /// The model: its first word, or the next one.
    Model,
    /// The store, or a plugin that has a say in the turn.
    Host,
}

/// A turn that runs has not moved for a while, or moves again.
#[contract]
pub struct TurnStalled {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which turn.
    pub turn_id: Text,
    /// Which request to the model, from 1; 0 before the first.
    pub step: u32,
    /// Milliseconds without anything from what it waits for.
    pub quiet_ms: u64,
    /// What it waits for, or waited for.
    pub waiting_for: Awaited,
    /// Whether it moves again; then `quiet_ms` is how long it did not.
    pub resumed: bool,
}

/// Said by the orchestrator when nothing has come for a turn for `stall_after_s`, again when that time has doubled and so on,
/// and once more when something comes. A tool at work, a question to a person and the wait before a request is made again
/// are no stall. Nothing happens to the turn. One that ends while it is stalled says [`SETTLED`] and nothing else.
///
/// `agent/turn.stalled` · event · the orchestrator says it
pub const STALLED: Event<TurnStalled> = Event::new("agent/turn.stalled");

/// A step of a turn begins.
#[contract]
pub struct StepStarted {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which turn.
    pub turn_id: Text,
    /// Which request to the model, from 1.
    pub step: u32,
    /// The model's full name.
    pub model: Text,
}

/// Said by the orchestrator when a step of a turn begins, once for each, however often its request has to be made: what it
/// builds on is durable. Nobody can refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/turn.step-started` · event · the orchestrator says it
pub const STEP_STARTED: Event<StepStarted> = Event::new("agent/turn.step-started");

/// A step of a turn is durable, and another one follows.
#[contract]
pub struct StepCompleted {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which turn.
    pub turn_id: Text,
    /// Which request to the model, from 1.
    pub step: u32,
    /// The model's full name.
    pub model: Text,
    /// Tokens of the step, in and out: how full the model's window is; absent when none were reported.
    pub context_size: Maybe<u64>,
}

/// Said by the orchestrator between two requests of a turn, when what the first one led to is durable. The end of the last step
/// is told by [`SETTLED`]. Nobody can refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/turn.step-completed` · event · the orchestrator says it
pub const STEP_COMPLETED: Event<StepCompleted> = Event::new("agent/turn.step-completed");

/// A request to the model of a conversation, beside its turns.
#[contract]
pub struct AskBeside {
    /// Which conversation; it has to be there.
    pub conversation_id: Text,
    /// What it is for, in one word, such as `warming`. Not [`turn`](crate::provider::purpose::TURN).
    pub purpose: Text,
    /// What stands behind the conversation in this request.
    pub behind: List<Message>,
    /// Only what stands in the log before this `seq`, which has to be the first of a message that answers no call; all of it when
    /// absent.
    pub before_seq: Maybe<i64>,
    /// The most tokens the model may produce.
    pub max_tokens: Maybe<u64>,
    /// Refuse while a turn of the conversation runs or waits for a person.
    pub only_when_idle: bool,
}

/// Asks the model of a conversation beside its turns, with the request that its next turn would make: the same model, system
/// prompt, tools and effort, the messages so far, and others behind them. Nothing of it is stored or shown, and no tool runs that
/// the model asks for. Dropping the stream closes the connection to the provider.
///
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is no such conversation,
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) while a turn runs and that is not wanted,
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) when no turn could begin, since its model or folder is gone.
///
/// `agent/turn.beside` · streaming service · no deadline · the orchestrator answers
pub const BESIDE: StreamService<AskBeside, ProviderEvent> = StreamService::new("agent/turn.beside");

/// What a person said, on its way into a turn.
#[contract]
pub struct TurnInput {
    /// Which conversation.
    pub conversation_id: Text,
    /// The words.
    pub text: Text,
    /// The folder the turn is going to work in.
    #[contract(default)]
    pub cwd: Text,
    /// Whether nothing was said in the conversation before.
    #[contract(default)]
    pub is_first: bool,
}

/// Runs over a person's message before anything is stored or sent. Fail-closed: a refusal ends the attempt with
/// its reason, which the client reads (over HTTP with 403), and the conversation is as it was. Links may change the
/// text; what they leave is what is stored.
///
/// What [steers](crate::queue::Steering) a running turn runs through it, too, before the model reads it. One that is refused stays
/// with the queue until that turn has ended, and viewers are told.
///
/// `agent/turn.input` · fail-closed filter, no stages · 120 s for each link · the orchestrator applies it
pub const INPUT: Filter<TurnInput> = Filter::fail_closed("agent/turn.input").deadline_ms(120_000);

/// The model that is going to answer.
#[contract]
pub struct ModelChoice {
    /// Which conversation.
    pub conversation_id: Text,
    /// The folder to work in.
    pub cwd: Text,
    /// The model's full name, as the request, the conversation or the settings have it. What links leave here has to be served.
    pub model: Text,
    /// The model that was chosen for the conversation before, if one was.
    pub before: Maybe<Text>,
    /// Whether the person's request names the model.
    pub is_asked_for: bool,
}

/// Runs when the model of a turn, or of a request [beside](BESIDE) turns, is chosen, before anything is stored. Links may choose
/// another one, or refuse. They have to choose the same for the same conversation, or the model's cache of it is lost.
/// Fail-closed: a refusal ends the attempt with its reason, as at [`INPUT`].
///
/// `agent/turn.model` · fail-closed filter, no stages · 5 s for each link · the orchestrator applies it
pub const MODEL_CHOICE: Filter<ModelChoice> = Filter::fail_closed("agent/turn.model");

/// A turn whose model has said what it wanted to say.
#[contract]
pub struct TurnEnding {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which turn.
    pub turn_id: Text,
    /// The folder it works in.
    pub cwd: Text,
    /// What the model said in words, over all steps.
    pub answer: Text,
    /// How often this turn was held back from its end already. After [`MOST_HOLDS`] times it ends.
    pub held: u32,
    /// What is to be told to the model instead of ending the turn. The first link that says something is listened to; it is stored,
    /// and shown as what a person says meanwhile.
    pub go_on: Maybe<Text>,
}

/// How often links of [`ENDING`] may hold a turn back from its end.
pub const MOST_HOLDS: u32 = 8;

/// Runs when the model of a turn has said what it wanted to say, before the turn ends. A link may have it go on instead. Turns that
/// end otherwise, by a stop, a failure or a limit, end. Fail-open: a link that fails or refuses changes nothing.
///
/// `agent/turn.ending` · fail-open filter, no stages · 120 s for each link · the orchestrator applies it
pub const ENDING: Filter<TurnEnding> = Filter::fail_open("agent/turn.ending").deadline_ms(120_000);

/// What is told to the model before the conversation.
#[contract]
pub struct SystemPrompt {
    /// Which conversation.
    pub conversation_id: Text,
    /// The folder the turn works in.
    pub cwd: Text,
    /// Parts, joined by a blank line. A link that adds one must add the same bytes every turn, or the model's cache
    /// of the conversation is lost.
    pub parts: List<Text>,
    /// The full name of the model that answers; empty where that is not known.
    #[contract(default)]
    pub model: Text,
}

/// Puts the system prompt together, once per turn. Fail-open: a link that fails or refuses changes nothing.
///
/// It is applied while the message that begins the turn is being stored: a link may run before that can be read, and for a
/// turn that then does not begin because it could not be stored.
///
/// `agent/turn.system-prompt` · fail-open filter, no stages · 5 s for each link · the orchestrator applies it
pub const SYSTEM_PROMPT: Filter<SystemPrompt> = Filter::fail_open("agent/turn.system-prompt");

/// The figure of [`FIGURES`](transom_plugin_api::hosting::FIGURES) that counts turns that have ended since the plugin started.
/// By it the host tells what a turn leaves behind.
pub const TURNS_ENDED: &str = "turns-ended";

//! Models, and what is streamed from them. Served by providers, one name per model.

use transom_plugin_api::{
    Event, Filter, Json, List, Map, Maybe, Service, Shared, StreamService, Text, contract,
};

use crate::message::{Message, ThoughtState};
use crate::tool::ToolDefinition;

/// What is known about a model.
#[contract]
#[derive(Default)]
pub struct ModelInfo {
    /// The service behind it, such as `openai`, whatever account it is reached by. What is known about the service's models
    /// ([`FACTS`]) is known of this one.
    pub provider: Text,
    /// What to call it; its name when absent.
    pub display_name: Maybe<Text>,
    /// Tokens that fit into one request with its answer.
    pub context_window: Maybe<u64>,
    /// Whether it sees images.
    pub vision: bool,
}

/// How hard a model is to think. Providers map it to what they have, and what they do not know to the model's own default.
#[contract(grows)]
#[derive(Eq, Default)]
pub enum ReasoningEffort {
    /// Barely.
    Low,
    /// Somewhat.
    Medium,
    /// Thoroughly.
    #[default]
    High,
    /// More than that.
    Xhigh,
    /// As hard as it can.
    Max,
}

/// Tokens.
#[contract]
#[derive(Copy, Eq, Default)]
pub struct Usage {
    /// The whole prompt, cached or not.
    pub input_tokens: u64,
    /// What the model produced, thoughts included.
    pub output_tokens: u64,
    /// The part of the prompt that was read from the provider's cache.
    pub cache_read_tokens: Maybe<u64>,
    /// The part of the prompt that was written to it.
    pub cache_write_tokens: Maybe<u64>,
}

/// One request to a model.
#[contract]
pub struct ModelRequest {
    /// The model's name without its provider: what stands behind the first `/`.
    pub model: Text,
    /// Told to the model before the messages.
    pub system_prompt: Maybe<Text>,
    /// The conversation so far.
    pub messages: Shared<List<Message>>,
    /// The tools it may ask for.
    pub tools: Shared<List<ToolDefinition>>,
    /// Whether it may ask for none of them in this answer. They are told all the same, so that the request begins with the bytes of
    /// the one before.
    #[contract(default)]
    pub no_calls: bool,
    /// How hard it is to think.
    pub reasoning_effort: ReasoningEffort,
    /// The most tokens it may produce.
    pub max_tokens: Maybe<u64>,
    /// Between 0 and 2; the provider's default when absent.
    pub temperature: Maybe<f64>,
    /// The conversation, for logs and for providers that group requests.
    pub conversation_id: Text,
    /// Further headers, by their names. What says who asks, and how the body is to be read, is the provider's own.
    #[contract(default)]
    pub headers: Map<Text>,
    /// Further fields of the body, an object as the provider's API has it; `null` for none. They stand over those of the provider's
    /// settings; a field that a provider writes itself from the rest of the request is left out.
    #[contract(default)]
    pub extra_body: Json,
}

/// A request to a model that is about to be made.
#[contract]
pub struct OutgoingRequest {
    /// The conversation.
    pub conversation_id: Text,
    /// The model's full name.
    pub model: Text,
    /// What it is for: [`TURN`](purpose::TURN), or what who asks [beside](crate::turn::BESIDE) turns calls it.
    pub purpose: Text,
    /// The turn, when it is for one.
    pub turn_id: Maybe<Text>,
    /// How many messages at its end are not, and will not be, a part of the conversation.
    pub behind: u32,
    /// The request: links may change all of it but whom it goes to, its `model` and `conversation_id`, which stay as they are.
    pub request: ModelRequest,
}

/// Runs over each request to a model before it is made, attempts that are made again included. Nothing of what links change is
/// stored. A link has to do the same to the same messages each time, or the model's cache of the conversation is lost.
/// Fail-closed: when a link fails or refuses, the request is not made, and the turn fails with the reason.
///
/// `agent/model.request` · fail-closed filter, no stages · 30 s for each link · the orchestrator applies it
pub const REQUEST: Filter<OutgoingRequest> = Filter::fail_closed("agent/model.request").deadline_ms(30_000);

/// The classes of failure a caller can tell apart. Which of them deserve a retry is the caller's rule; one that it does
/// not know deserves none.
#[contract(grows)]
#[derive(Eq)]
pub enum FailureClass {
    /// The provider could not be reached, or the connection broke.
    Network,
    /// Nothing came for too long.
    Timeout,
    /// Too many requests; see the time to wait.
    RateLimited,
    /// The provider has too much to do, or an internal error (5xx).
    Overloaded,
    /// The key was refused.
    Authentication,
    /// The account has nothing left.
    Quota,
    /// The request does not fit into the model's window.
    ContextLength,
    /// The request was refused as malformed.
    InvalidRequest,
    /// The answer could not be understood, or ended in the middle.
    Protocol,
    /// The model does not exist.
    UnknownModel,
}

/// What a provider streams. After `finish` or `error` nothing follows. What the orchestrator does not know goes on to viewers
/// and into the log as it is, unless frames or chunks have something else by that name.
#[contract(grows)]
pub enum ProviderEvent {
    /// More text.
    TextDelta {
        /// What is added.
        delta: Text,
    },
    /// More thoughts.
    ReasoningDelta {
        /// What is added.
        delta: Text,
    },
    /// A complete call of a tool.
    ToolCall {
        /// The provider's name for this call.
        tool_call_id: Text,
        /// Which tool.
        tool_name: Text,
        /// Its input; a JSON string with the raw text when the model's JSON was malformed.
        input: Json,
    },
    /// What the provider wants to be given back with the thought that came last, such as its signature. Where no thought stands
    /// directly before, it is one without words.
    ThoughtState {
        /// What only the provider understands.
        state: ThoughtState,
    },
    /// What the request used. The last one counts.
    Usage {
        /// Tokens.
        usage: Usage,
    },
    /// The model is done.
    Finish {
        /// Why.
        reason: FinishReason,
    },
    /// It failed.
    Error {
        /// One sentence, without secrets.
        message: Text,
        /// The class.
        class: FailureClass,
        /// The status or code the provider gave.
        code: Maybe<Text>,
        /// Milliseconds the provider asked to wait before the next attempt.
        retry_after_ms: Maybe<u64>,
    },
}

/// Why a model stopped. A reason that is not known is an end like [`Stop`](Self::Stop).
#[contract(grows)]
#[derive(Eq)]
pub enum FinishReason {
    /// It had said what it wanted to say.
    Stop,
    /// It asks for tools.
    ToolCalls,
    /// It ran into its limit of length.
    Length,
    /// The provider withheld the rest.
    ContentFilter,
}

/// Asks a model. Names are `<provider>/<model>`; the model part may contain further slashes. Dropping the stream
/// closes the connection to the provider.
///
/// Serving a name here is all it takes: the model stands in `GET /models` and can be asked at once. A failure is sent
/// as [`ProviderEvent::Error`], so that its class is known; an error that ends the stream fails the turn, too.
///
/// `agent/model.stream` · named streaming service · no deadline · providers answer, the orchestrator calls
pub const MODEL: StreamService<ModelRequest, ProviderEvent, ModelInfo> =
    StreamService::named("agent/model.stream");

/// A request to a model.
#[contract]
pub struct ModelAsked {
    /// Which request, unique in the host; [`ModelAnswered`] tells it, too.
    pub request_id: Text,
    /// The model's full name.
    pub model: Text,
    /// What it is for: [`TURN`](purpose::TURN), or what who asks [beside](crate::turn::BESIDE) turns calls it.
    pub purpose: Text,
    /// The turn, when it is for one.
    pub turn_id: Maybe<Text>,
    /// The step, when it is for one.
    pub step_id: Maybe<Text>,
    /// Milliseconds since the epoch.
    pub asked_at: i64,
    /// How many messages at its end are not, and will not be, a part of the conversation.
    pub behind: u32,
    /// The request, as the provider gets it.
    pub request: ModelRequest,
}

/// What requests to models are for.
pub mod purpose {
    /// A step of a turn.
    pub const TURN: &str = "turn";
}

/// Said by the orchestrator for each request to a model, when it is made, attempts that are made again included. The first of a
/// turn may be made while the message that begins the turn is being stored, and for a turn that then does not begin. Nobody can
/// refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/model.asked` · event · the orchestrator says it
pub const ASKED: Event<ModelAsked> = Event::new("agent/model.asked");

/// A request to a model is over.
#[contract]
pub struct ModelAnswered {
    /// Which request.
    pub request_id: Text,
    /// The conversation.
    pub conversation_id: Text,
    /// The model's full name.
    pub model: Text,
    /// What it was for.
    pub purpose: Text,
    /// The turn, when it was for one.
    pub turn_id: Maybe<Text>,
    /// Milliseconds since the epoch.
    pub asked_at: i64,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// Its tokens; absent when none were told.
    pub usage: Maybe<Usage>,
    /// How it ended.
    pub end: AnswerEnd,
}

/// How the answer to a request ended.
#[contract(grows)]
#[derive(Eq)]
pub enum AnswerEnd {
    /// The model came to its end.
    Finished {},
    /// It failed.
    Failed {
        /// The class.
        class: FailureClass,
        /// Milliseconds the provider asked to wait before the next request.
        retry_after_ms: Maybe<u64>,
    },
    /// Nobody listened any more.
    BrokenOff {},
}

/// Said by the orchestrator when a request to a model is over, whatever the way: once for each [`ASKED`]. Nobody can refuse
/// it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/model.answered` · event · the orchestrator says it
pub const ANSWERED: Event<ModelAnswered> = Event::new("agent/model.answered");

/// A request that is to be made as soon as there is room for it.
#[contract]
pub struct SlotRequest {
    /// The model's full name.
    pub model: Text,
    /// The conversation.
    pub conversation_id: Text,
    /// What it is for.
    pub purpose: Text,
    /// Since when somebody waits for it, in milliseconds since the epoch: of two requests, the one for which somebody has waited
    /// longer comes first.
    pub since: i64,
}

/// How it stands with a request that waits for room.
#[contract(grows)]
#[derive(Eq)]
pub enum SlotState {
    /// It waits.
    Queued {
        /// Requests in front of it.
        ahead: u32,
        /// Until when no request is made at all, in milliseconds since the epoch, when the provider asked for a pause.
        paused_until: Maybe<i64>,
    },
    /// It may be made.
    Granted {},
}

/// Grants requests to models the room they need. The stream tells how it stands, again whenever that changes, and ends with
/// [`Granted`](SlotState::Granted) as its last item but stays open: the slot is held until the stream is dropped, which the caller does
/// when the answer is over, whatever the way. A request for whose provider there is no limit is granted at once.
///
/// The orchestrator asks before each request to a model, when somebody answers here; without anybody, or when this fails, the
/// request is made at once. Only one that waits and is told [`Retired`](transom_plugin_api::CallErrorKind::Retired) is asked for again,
/// with the same `since`: who grants is being replaced, and the next generation keeps its place.
///
/// `agent/model.slot` · streaming service · no deadline · who limits requests answers, the orchestrator calls
pub const SLOT: StreamService<SlotRequest, SlotState> = StreamService::new("agent/model.slot");

/// What is known about a model, from whoever knows it.
#[contract]
#[derive(Default)]
pub struct ModelFacts {
    /// Tokens that fit into one request with its answer.
    pub context_window: Maybe<u64>,
    /// The most tokens that one answer may have.
    pub max_output_tokens: Maybe<u64>,
    /// Seconds that the provider keeps a prompt in its cache behind the last request that used it.
    pub cache_lifetime_s: Maybe<u64>,
    /// What its tokens cost.
    pub prices: Maybe<Prices>,
}

/// What a model's tokens cost, in US dollars for a million of them.
#[contract]
pub struct Prices {
    /// Of the prompt, as far as it is neither read from the cache nor written to it.
    pub input: f64,
    /// Of the answer.
    pub output: f64,
    /// Of what is read from the cache.
    pub cache_read: f64,
    /// Of what is written to it.
    pub cache_write: f64,
    /// The day on which they were looked up, as `2026-11-22`; `settings` when an operator has set them.
    pub as_of: Text,
}

/// Tells what is known about a model, by its full name; fields that nobody knows are absent.
///
/// `agent/model.facts` · service · 5 s · the model catalogue answers
pub const FACTS: Service<Text, ModelFacts> = Service::new("agent/model.facts").deadline_ms(5_000);

//! Models, and what is streamed from them. Served by providers, one name per model.

use transom_plugin_api::{Json, List, Maybe, Shared, StreamService, Text, contract};

use crate::message::Message;
use crate::tool::ToolDefinition;

/// What is known about a model.
#[contract]
#[derive(Default)]
pub struct ModelInfo {
    /// The plugin's name for the service behind it, such as `openai`.
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
    pub tools: List<ToolDefinition>,
    /// How hard it is to think.
    pub reasoning_effort: ReasoningEffort,
    /// The most tokens it may produce.
    pub max_tokens: Maybe<u64>,
    /// Between 0 and 2; the provider's default when absent.
    pub temperature: Maybe<f64>,
    /// The conversation, for logs and for providers that group requests.
    pub conversation_id: Text,
}

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

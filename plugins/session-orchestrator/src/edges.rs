//! Everything a turn needs of the world around it, as one trait: the bus in earnest, memory in tests.

pub(crate) mod bus;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod prints;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use transom_agent::conversation::{Conversation, Update};
use transom_agent::log::{Append, Appended, Chunks, History, HistoryOf, Read};
use transom_agent::provider::{ModelInfo, ModelRequest, ProviderEvent};
use transom_agent::tool::{ToolAssembly, ToolCall, ToolDefinition, ToolOutput};
use transom_agent::turn::{SystemPrompt, TurnInput, TurnSettled, TurnStarted};
use transom_plugin_api::{CallError, Provided};

/// A model's answer while it comes. Dropping it closes the connection to the provider.
pub(crate) trait ModelStream: Send {
    /// The next event; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Result<ProviderEvent, CallError>>> + Send;
}

/// The edges of the orchestrator.
pub(crate) trait Edges: Send + Sync + 'static {
    /// A model's answer.
    type Model: ModelStream;

    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
    /// Runs something in the background.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static);
    /// The folders in which agents may work.
    fn roots(&self) -> Vec<PathBuf>;

    /// The models served now, in byte order.
    fn models(&self) -> Vec<Provided<ModelInfo>>;
    /// Asks a model by its full name.
    fn open_model(&self, name: &str, request: ModelRequest) -> Result<Self::Model, CallError>;
    /// The tools served now, in byte order.
    fn tools(&self) -> Vec<Provided<ToolDefinition>>;
    /// Runs a tool, for at most `limit`.
    fn run_tool(
        &self,
        name: &str,
        call: ToolCall,
        limit: Option<Duration>,
    ) -> impl Future<Output = Result<ToolOutput, CallError>> + Send;

    /// What is known about a conversation.
    fn find(&self, conversation_id: &str) -> impl Future<Output = Result<Conversation, CallError>> + Send;
    /// The messages a model may be shown.
    fn history(&self, of: HistoryOf) -> impl Future<Output = Result<History, CallError>> + Send;
    /// A part of a log.
    fn read(&self, read: Read) -> impl Future<Output = Result<Chunks, CallError>> + Send;
    /// Appends durably.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, CallError>> + Send;
    /// Changes what is known about a conversation.
    fn update(&self, update: Update) -> impl Future<Output = Result<Conversation, CallError>> + Send;

    /// Runs the filter over a person's message.
    fn filter_input(&self, input: TurnInput) -> impl Future<Output = Result<TurnInput, CallError>> + Send;
    /// Runs the filter over the tools of a turn.
    fn filter_tools(
        &self,
        tools: ToolAssembly,
    ) -> impl Future<Output = Result<ToolAssembly, CallError>> + Send;
    /// Runs the filter over the system prompt of a turn.
    fn filter_system_prompt(
        &self,
        prompt: SystemPrompt,
    ) -> impl Future<Output = Result<SystemPrompt, CallError>> + Send;

    /// Says that a turn has begun.
    fn say_started(&self, started: &TurnStarted);
    /// Says that a turn has ended.
    fn say_settled(&self, settled: &TurnSettled);
}

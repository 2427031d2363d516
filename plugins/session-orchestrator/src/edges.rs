//! Everything a turn needs of the world around it, as one trait: the bus in earnest, memory in tests.

pub(crate) mod bus;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod prints;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use transom_agent::conversation::{Begun, Conversation, Opened, Update};
use transom_agent::log::{
    Append, Appended, Chunks, Draft, History, HistoryOf, Located, MessageOf, Read, Repair, Repaired,
};
use transom_agent::notice::Notice;
use transom_agent::provider::{
    ModelAnswered, ModelAsked, ModelInfo, ModelRequest, OutgoingRequest, ProviderEvent, SlotRequest,
    SlotState,
};
use transom_agent::question::{OpenQuestion, QuestionAnswered};
use transom_agent::queue::{Delivered, Steering};
use transom_agent::tool::{ToolAssembly, ToolCall, ToolDefinition, ToolGate, ToolOutput, ToolRan};
use transom_agent::turn::{
    ModelChoice, StepCompleted, StepStarted, SystemPrompt, TurnEnding, TurnInput, TurnSettled, TurnStalled,
    TurnStarted,
};
use transom_plugin_api::{CallError, Provided, Text};

/// What comes one after the other: a model's answer, how it stands with a place in a queue. Who drops it wants no more.
pub(crate) trait Items<T>: Send {
    /// The next one; `None` at the end. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Result<T, CallError>>> + Send;
}

/// The edges of the orchestrator.
pub(crate) trait Edges: Send + Sync + 'static {
    /// A model's answer. Dropping it closes the connection to the provider.
    type Model: Items<ProviderEvent>;
    /// Room for a request, or the way there. Dropping it gives the room back.
    type Slot: Items<SlotState>;

    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
    /// Waits beside what goes on, which does not depend on it. Only the clock of a test tells it from [`sleep`](Self::sleep):
    /// that one jumps to the end of what somebody depends on.
    fn sleep_aside(&self, duration: Duration) -> impl Future<Output = ()> + Send;
    /// Runs something in the background.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static);
    /// The folders in which agents may work.
    fn roots(&self) -> Vec<PathBuf>;

    /// The models served now, in byte order.
    fn models(&self) -> Vec<Provided<ModelInfo>>;
    /// Whether some plugin of the host does not run, so that a provider may be away.
    fn is_anybody_away(&self) -> impl Future<Output = bool> + Send;
    /// Asks for room for a request; `None` where nobody limits them.
    fn open_slot(&self, request: SlotRequest) -> Option<Self::Slot>;
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
    /// Appends durably.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, CallError>> + Send;
    /// Keeps durably what was shown.
    fn draft(&self, draft: Draft) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Ends the turns that nobody runs any more.
    fn repair(&self, repair: Repair) -> impl Future<Output = Result<Repaired, CallError>> + Send;
    /// A part of a log.
    fn read(&self, read: Read) -> impl Future<Output = Result<Chunks, CallError>> + Send;
    /// Where a message stands.
    fn locate(&self, message: MessageOf) -> impl Future<Output = Result<Located, CallError>> + Send;
    /// The folder of a workspace, by its id; `None` when there is no such workspace, or it has none.
    fn workspace_folder(&self, id: &str) -> impl Future<Output = Result<Option<Text>, CallError>> + Send;
    /// Changes what is known about a conversation.
    fn update(&self, update: Update) -> impl Future<Output = Result<Conversation, CallError>> + Send;

    /// What a person has said meanwhile; `None` also where nobody keeps such messages.
    fn take_steering(
        &self,
        conversation_id: &str,
    ) -> impl Future<Output = Result<Option<Steering>, CallError>> + Send;
    /// What was taken is in the log.
    fn steering_delivered(&self, delivered: Delivered) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Runs the filter over a person's message.
    fn filter_input(&self, input: TurnInput) -> impl Future<Output = Result<TurnInput, CallError>> + Send;
    /// Runs the filter over the choice of a model.
    fn filter_model(
        &self,
        choice: ModelChoice,
    ) -> impl Future<Output = Result<ModelChoice, CallError>> + Send;
    /// Whether anybody has a say in requests to models.
    fn are_requests_filtered(&self) -> bool;
    /// Runs the filter over a request to a model.
    fn filter_request(
        &self,
        request: OutgoingRequest,
    ) -> impl Future<Output = Result<OutgoingRequest, CallError>> + Send;
    /// Whether anybody has a say in what tools answer.
    fn are_answers_filtered(&self) -> bool;
    /// Runs the filter over what a tool has answered.
    fn filter_ran(&self, ran: ToolRan) -> impl Future<Output = Result<ToolRan, CallError>> + Send;
    /// Whether anybody has a say in the end of turns.
    fn are_ends_filtered(&self) -> bool;
    /// Runs the filter over the end of a turn.
    fn filter_ending(&self, ending: TurnEnding)
    -> impl Future<Output = Result<TurnEnding, CallError>> + Send;
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

    /// Whether anybody has a say in which calls run.
    fn is_gated(&self) -> bool;
    /// Runs the filter over the calls of a step.
    fn filter_gate(&self, gate: ToolGate) -> impl Future<Output = Result<ToolGate, CallError>> + Send;

    /// Says that somebody wants a conversation to be seen.
    fn say_opened(&self, opened: &Opened);
    /// Says that somebody begins to work in a conversation.
    fn say_begun(&self, begun: &Begun);
    /// Says that a conversation was put away.
    fn say_closed(&self, conversation_id: &Text);
    /// Says that a turn asks a person.
    fn say_question_asked(&self, question: &OpenQuestion);
    /// Says that a question has its answer.
    fn say_question_answered(&self, answered: &QuestionAnswered);
    /// Says what a person should hear of.
    fn say_notice(&self, notice: &Notice);
    /// Says that a turn has begun.
    fn say_started(&self, started: &TurnStarted);
    /// Says that a model is asked.
    fn say_asked(&self, asked: &ModelAsked);
    /// Says that an answer is over.
    fn say_answered(&self, answered: &ModelAnswered);
    /// Says that a step begins.
    fn say_step_started(&self, started: &StepStarted);
    /// Says that a step is stored and another follows.
    fn say_step_completed(&self, completed: &StepCompleted);
    /// Says that a turn does not move, or moves again.
    fn say_stalled(&self, stalled: &TurnStalled);
    /// Says that a turn has ended.
    fn say_settled(&self, settled: &TurnSettled);
}

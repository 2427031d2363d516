//! The edges on the bus.

use std::path::{Path, PathBuf};
use std::sync::Arc;
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
use transom_plugin_api::hosting::PluginState;
use transom_plugin_api::{CallError, CallErrorKind, Contract, Host, ItemStream, Provided, Text};

use super::prints::Prints;
use super::{Edges, Items};
use crate::OrchestratorPorts;

/// A host and the ports of this plugin.
pub(crate) struct Bus {
    host: Host,
    ports: OrchestratorPorts,
    prints: Arc<Prints>,
}

impl Bus {
    pub(crate) fn new(host: Host, ports: OrchestratorPorts) -> Self {
        let prints = Prints::new(host.clone(), ports.print.clone());
        Self { host, ports, prints }
    }

    /// The order between what tools print and what they answer.
    pub(crate) fn prints(&self) -> Arc<Prints> {
        Arc::clone(&self.prints)
    }
}

impl<T: Contract> Items<T> for ItemStream<T> {
    async fn next(&mut self) -> Option<Result<T, CallError>> {
        Self::next(self).await
    }
}

impl Edges for Bus {
    type Model = ItemStream<ProviderEvent>;
    type Slot = ItemStream<SlotState>;

    fn now_ms(&self) -> i64 {
        self.host.now_ms()
    }

    async fn sleep(&self, duration: Duration) {
        self.host.sleep(duration).await;
    }

    async fn sleep_aside(&self, duration: Duration) {
        self.host.sleep(duration).await;
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.host.spawn(future);
    }

    fn roots(&self) -> Vec<PathBuf> {
        self.host.roots().map(Path::to_path_buf).collect()
    }

    fn models(&self) -> Vec<Provided<ModelInfo>> {
        self.ports.model.names()
    }

    async fn is_anybody_away(&self) -> bool {
        // Where nobody lists plugins, nobody is known to be away.
        let Ok(list) = self.ports.plugins.call(()).await else { return false };
        list.plugins.iter().any(|plugin| plugin.state != PluginState::Running)
    }

    fn open_slot(&self, request: SlotRequest) -> Option<Self::Slot> {
        // A limit that cannot be asked for limits nothing.
        self.ports.slot.open(request).ok()
    }

    fn open_model(&self, name: &str, request: ModelRequest) -> Result<Self::Model, CallError> {
        self.ports.model.open_named(name, request)
    }

    fn tools(&self) -> Vec<Provided<ToolDefinition>> {
        self.ports.tool.names()
    }

    async fn run_tool(
        &self,
        name: &str,
        call: ToolCall,
        limit: Option<Duration>,
    ) -> Result<ToolOutput, CallError> {
        let (conversation_id, tool_call_id) = (call.conversation_id.clone(), call.tool_call_id.clone());
        let answer = match limit {
            Some(limit) => self.ports.tool.call_named_within(name, limit, call).await,
            None => self.ports.tool.call_named(name, call).await,
        };
        self.prints.until_heard(conversation_id, tool_call_id).await;
        answer
    }

    async fn find(&self, conversation_id: &str) -> Result<Conversation, CallError> {
        self.ports.find.call(conversation_id.into()).await
    }

    async fn history(&self, of: HistoryOf) -> Result<History, CallError> {
        self.ports.history.call(of).await
    }

    async fn append(&self, append: Append) -> Result<Appended, CallError> {
        self.ports.append.call(append).await
    }

    async fn draft(&self, draft: Draft) -> Result<(), CallError> {
        self.ports.draft.call(draft).await.map(drop)
    }

    async fn repair(&self, repair: Repair) -> Result<Repaired, CallError> {
        self.ports.repair.call(repair).await
    }

    async fn read(&self, read: Read) -> Result<Chunks, CallError> {
        self.ports.read.call(read).await
    }

    async fn locate(&self, message: MessageOf) -> Result<Located, CallError> {
        self.ports.locate.call(message).await
    }

    async fn workspace_folder(&self, id: &str) -> Result<Option<Text>, CallError> {
        let found = or_nobody(self.ports.workspace_folder.call(id.into()).await)?;
        Ok(found.and_then(|found| found.default_cwd.into_option()))
    }

    async fn take_steering(&self, conversation_id: &str) -> Result<Option<Steering>, CallError> {
        let taken = or_nobody(self.ports.take.call(conversation_id.into()).await)?;
        Ok(taken.and_then(|taken| taken.steering.into_option()))
    }

    async fn steering_delivered(&self, delivered: Delivered) -> Result<(), CallError> {
        or_nobody(self.ports.delivered.call(delivered).await).map(drop)
    }

    async fn update(&self, update: Update) -> Result<Conversation, CallError> {
        self.ports.update.call(update).await
    }

    async fn filter_input(&self, input: TurnInput) -> Result<TurnInput, CallError> {
        self.ports.input.apply(input).await
    }

    async fn filter_model(&self, choice: ModelChoice) -> Result<ModelChoice, CallError> {
        self.ports.model_choice.apply(choice).await
    }

    fn are_requests_filtered(&self) -> bool {
        self.ports.request.is_linked()
    }

    async fn filter_request(&self, request: OutgoingRequest) -> Result<OutgoingRequest, CallError> {
        self.ports.request.apply(request).await
    }

    fn are_answers_filtered(&self) -> bool {
        self.ports.ran.is_linked()
    }

    async fn filter_ran(&self, ran: ToolRan) -> Result<ToolRan, CallError> {
        self.ports.ran.apply(ran).await
    }

    fn are_ends_filtered(&self) -> bool {
        self.ports.ending.is_linked()
    }

    async fn filter_ending(&self, ending: TurnEnding) -> Result<TurnEnding, CallError> {
        self.ports.ending.apply(ending).await
    }

    async fn filter_tools(&self, tools: ToolAssembly) -> Result<ToolAssembly, CallError> {
        self.ports.tools.apply(tools).await
    }

    async fn filter_system_prompt(&self, prompt: SystemPrompt) -> Result<SystemPrompt, CallError> {
        self.ports.system_prompt.apply(prompt).await
    }

    fn is_gated(&self) -> bool {
        self.ports.gate.is_linked()
    }

    async fn filter_gate(&self, gate: ToolGate) -> Result<ToolGate, CallError> {
        self.ports.gate.apply(gate).await
    }

    fn say_opened(&self, opened: &Opened) {
        self.ports.opened.emit(opened);
    }

    fn say_begun(&self, begun: &Begun) {
        self.ports.begun.emit(begun);
    }

    fn say_closed(&self, conversation_id: &Text) {
        self.ports.closed.emit(conversation_id);
    }

    fn say_question_asked(&self, question: &OpenQuestion) {
        self.ports.question_asked.emit(question);
    }

    fn say_question_answered(&self, answered: &QuestionAnswered) {
        self.ports.question_answered.emit(answered);
    }

    fn say_notice(&self, notice: &Notice) {
        self.ports.notice.emit(notice);
    }

    fn say_started(&self, started: &TurnStarted) {
        self.ports.started.emit(started);
    }

    fn say_asked(&self, asked: &ModelAsked) {
        self.ports.asked.emit(asked);
    }

    fn say_answered(&self, answered: &ModelAnswered) {
        self.ports.answered.emit(answered);
    }

    fn say_step_started(&self, started: &StepStarted) {
        self.ports.step_started.emit(started);
    }

    fn say_step_completed(&self, completed: &StepCompleted) {
        self.ports.step_completed.emit(completed);
    }

    fn say_stalled(&self, stalled: &TurnStalled) {
        self.ports.stalled.emit(stalled);
    }

    fn say_settled(&self, settled: &TurnSettled) {
        self.ports.settled.emit(settled);
    }
}

/// A service that a host can do without.
fn or_nobody<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Denied) => Ok(None),
        Err(error) => Err(error),
    }
}

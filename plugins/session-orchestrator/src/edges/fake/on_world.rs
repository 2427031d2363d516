//! What a [`World`] answers.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use transom_agent::conversation::{Begun, Conversation, Opened, Update};
use transom_agent::log::{
    Append, Appended, Chunks, Draft, History, HistoryOf, Located, MessageOf, Read, Repair, Repaired,
};
use transom_agent::notice::Notice;
use transom_agent::provider::{
    ModelAnswered, ModelAsked, ModelInfo, ModelRequest, OutgoingRequest, SlotRequest,
};
use transom_agent::question::{OpenQuestion, QuestionAnswered};
use transom_agent::queue::{Delivered, Steering};
use transom_agent::tool::{ToolAssembly, ToolCall, ToolDefinition, ToolGate, ToolOutput, ToolRan};
use transom_agent::turn::{
    ModelChoice, StepCompleted, StepStarted, SystemPrompt, TurnEnding, TurnInput, TurnSettled, TurnStalled,
    TurnStarted,
};
use transom_plugin_api::{CallError, List, Provided, Text};

use super::{AtWork, Fake, FakeModel, FakeSlot, Filter, Outcomes};
use crate::edges::Edges;

fn outcome(of: &Outcomes) -> Result<(), CallError> {
    of.lock().unwrap().pop_front().unwrap_or(Ok(()))
}

async fn filtered<T: Clone>(by: &Mutex<Option<Filter<T>>>, value: T) -> Result<T, CallError> {
    let filtered = by.lock().unwrap().as_ref().map(|filter| filter(value.clone()));
    match filtered {
        Some(filtered) => filtered.await,
        None => Ok(value),
    }
}

impl Edges for Fake {
    type Model = FakeModel;
    type Slot = FakeSlot;

    fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.clock.sleep(duration).await;
    }

    async fn sleep_aside(&self, duration: Duration) {
        self.0.clock.wait(duration).await;
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

    async fn is_anybody_away(&self) -> bool {
        self.0.is_anybody_away.load(Ordering::Relaxed)
    }

    fn open_slot(&self, _: SlotRequest) -> Option<FakeSlot> {
        let beats = self.0.slots.lock().unwrap().pop_front()?;
        Some(FakeSlot { world: Arc::clone(&self.0), beats: beats.into() })
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
        self.0.ask("find").await;
        self.0.store.lock().unwrap().find(id)
    }

    async fn history(&self, of: HistoryOf) -> Result<History, CallError> {
        self.0.ask("history").await;
        if let Some(error) = self.0.history_fails.lock().unwrap().take() {
            return Err(error);
        }
        self.0.store.lock().unwrap().history(&of)
    }

    async fn append(&self, append: Append) -> Result<Appended, CallError> {
        self.0.ask("append").await;
        self.0.until_idle().await;
        outcome(&self.0.append_outcomes)?;
        let appended = self.0.store.lock().unwrap().append(&append, self.0.clock.now_ms())?;
        self.0.appends.lock().unwrap().push(append);
        outcome(&self.0.lost_answers)?;
        Ok(appended)
    }

    async fn draft(&self, draft: Draft) -> Result<(), CallError> {
        self.0.ask("draft").await;
        self.0.until_idle().await;
        outcome(&self.0.draft_outcomes)?;
        self.0.store.lock().unwrap().draft(draft.clone())?;
        self.0.drafts.lock().unwrap().push(draft);
        Ok(())
    }

    async fn repair(&self, repair: Repair) -> Result<Repaired, CallError> {
        self.0.ask("repair").await;
        outcome(&self.0.repair_outcomes)?;
        Ok(self.0.store.lock().unwrap().repair(&repair, self.0.clock.now_ms()))
    }

    async fn read(&self, read: Read) -> Result<Chunks, CallError> {
        self.0.ask("read").await;
        self.0.store.lock().unwrap().read(&read)
    }

    async fn locate(&self, message: MessageOf) -> Result<Located, CallError> {
        self.0.ask("locate").await;
        self.0.store.lock().unwrap().locate(&message)
    }

    async fn workspace_folder(&self, id: &str) -> Result<Option<Text>, CallError> {
        Ok(self.0.workspace_folders.lock().unwrap().get(id).cloned())
    }

    async fn update(&self, update: Update) -> Result<Conversation, CallError> {
        self.0.ask("update").await;
        while self.0.choices_wait.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        Ok(self.0.store.lock().unwrap().update(update))
    }

    async fn take_steering(&self, _: &str) -> Result<Option<Steering>, CallError> {
        Ok(self.0.steering.lock().unwrap().front().cloned())
    }

    async fn steering_delivered(&self, delivered: Delivered) -> Result<(), CallError> {
        self.0.steering.lock().unwrap().retain(|waiting| waiting.message_id != delivered.message_id);
        self.0.delivered.lock().unwrap().push(delivered.message_id);
        Ok(())
    }

    async fn filter_input(&self, input: TurnInput) -> Result<TurnInput, CallError> {
        filtered(&self.0.input_filter, input).await
    }

    async fn filter_model(&self, choice: ModelChoice) -> Result<ModelChoice, CallError> {
        filtered(&self.0.model_filter, choice).await
    }

    fn are_requests_filtered(&self) -> bool {
        self.0.request_filter.lock().unwrap().is_some()
    }

    async fn filter_request(&self, request: OutgoingRequest) -> Result<OutgoingRequest, CallError> {
        filtered(&self.0.request_filter, request).await
    }

    fn are_answers_filtered(&self) -> bool {
        self.0.ran_filter.lock().unwrap().is_some()
    }

    async fn filter_ran(&self, ran: ToolRan) -> Result<ToolRan, CallError> {
        filtered(&self.0.ran_filter, ran).await
    }

    fn are_ends_filtered(&self) -> bool {
        self.0.ending_filter.lock().unwrap().is_some()
    }

    async fn filter_ending(&self, ending: TurnEnding) -> Result<TurnEnding, CallError> {
        filtered(&self.0.ending_filter, ending).await
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

    fn is_gated(&self) -> bool {
        self.0.gate.lock().unwrap().is_some()
    }

    async fn filter_gate(&self, gate: ToolGate) -> Result<ToolGate, CallError> {
        filtered(&self.0.gate, gate).await
    }

    fn say_opened(&self, opened: &Opened) {
        self.0.opened.lock().unwrap().push(opened.clone());
    }

    fn say_begun(&self, begun: &Begun) {
        self.0.begun.lock().unwrap().push(begun.clone());
    }

    fn say_closed(&self, conversation_id: &Text) {
        self.0.closed.lock().unwrap().push(conversation_id.clone());
    }

    fn say_question_asked(&self, question: &OpenQuestion) {
        self.0.questions_asked.lock().unwrap().push(question.clone());
    }

    fn say_question_answered(&self, answered: &QuestionAnswered) {
        self.0.questions_answered.lock().unwrap().push(answered.clone());
    }

    fn say_notice(&self, notice: &Notice) {
        self.0.notices.lock().unwrap().push(notice.clone());
    }

    fn say_started(&self, started: &TurnStarted) {
        self.0.started.lock().unwrap().push(started.clone());
    }

    fn say_asked(&self, asked: &ModelAsked) {
        self.0.asked_models.lock().unwrap().push(asked.clone());
    }

    fn say_answered(&self, answered: &ModelAnswered) {
        self.0.answered.lock().unwrap().push(answered.clone());
    }

    fn say_step_started(&self, started: &StepStarted) {
        self.0.steps_started.lock().unwrap().push(started.clone());
    }

    fn say_step_completed(&self, completed: &StepCompleted) {
        self.0.completed.lock().unwrap().push(completed.clone());
    }

    fn say_stalled(&self, stalled: &TurnStalled) {
        self.0.stalled.lock().unwrap().push(stalled.clone());
    }

    fn say_settled(&self, settled: &TurnSettled) {
        self.0.settled.lock().unwrap().push(settled.clone());
    }
}

//! Turns that wait for a person: they go on when everything is answered, or end when they are stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use transom_agent::conversation::Conversation;
use transom_agent::event::AgentEventKind;
use transom_agent::log::{Append, ParkedTurn};
use transom_agent::question::{
    AnswerQuestion, Answered, OpenQuestion, OpenQuestions, QuestionAnswered, QuestionsOf,
};
use transom_agent::refusal::{check_conversation_id, shown};
use transom_agent::turn::TurnState;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, List, Text};

use super::Orchestrator;
use crate::admission;
use crate::edges::Edges;
use crate::hub::{Claim, Places};
use crate::step::between;
use crate::turn::{Parked, Turn, answer_message, is_unclear, read_parked, turn_of_question};

/// How long to wait before an answer is stored again.
const PAUSE: Duration = Duration::from_secs(2);

type Told = oneshot::Sender<Result<Answered, CallError>>;

/// An answer, and whether it only counts because nobody has given another in time.
struct Choice {
    request: AnswerQuestion,
    is_overdue: bool,
}

/// A parked turn in somebody's hands.
struct Held {
    claim: Claim,
    parked: Parked,
}

impl<E: Edges> Orchestrator<E> {
    /// Answers a question of a parked turn, which goes on when it was the last one.
    ///
    /// # Errors
    /// See [`ANSWER`](transom_agent::question::ANSWER).
    pub(crate) async fn answer(&self, request: AnswerQuestion) -> Result<Answered, CallError> {
        self.answer_as(request, false).await
    }

    /// The same, also for the answer that counts because nobody has answered in time.
    async fn answer_as(&self, request: AnswerQuestion, is_overdue: bool) -> Result<Answered, CallError> {
        check_conversation_id("conversationId", &request.conversation_id)?;
        self.until_repaired().await?;
        let unknown = || not_asked(&request.question_id);
        let turn_id = turn_of_question(&request.question_id).ok_or_else(unknown)?;
        let or_unknown = |error: CallError| {
            if error.kind != CallErrorKind::NotFound {
                return error;
            }
            self.forget_deleted(&request.conversation_id, turn_id);
            unknown()
        };
        let parked =
            read_parked(&*self.edges, &request.conversation_id, turn_id).await.map_err(or_unknown)?;
        if let Some(answered) = judge(&parked, &request)? {
            return Ok(answered);
        }
        let Some(held) = self.hold(&request.conversation_id, turn_id).await.map_err(or_unknown)? else {
            // It waits no more: somebody else has answered meanwhile, or stopped it.
            let parked =
                read_parked(&*self.edges, &request.conversation_id, turn_id).await.map_err(or_unknown)?;
            return judge(&parked, &request)?.ok_or_else(unknown);
        };
        // Somebody else may have answered before the turn was in our hands.
        if let Some(answered) = judge(&held.parked, &request)? {
            return Ok(answered);
        }
        let (told, answer) = oneshot::channel();
        let turn = self.turn(held.claim, held.parked.terms());
        self.edges.spawn(turn.take_answer(held.parked, Choice { request, is_overdue }, told));
        answer.await.map_err(|_| CallError::unavailable("the answer was broken off by the host"))?
    }

    /// Stops the parked turn of a conversation; whether there was one.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(super) async fn stop_parked(&self, known: &Conversation) -> Result<bool, CallError> {
        let Some(turn) = known.turn.as_ref().filter(|turn| turn.state == TurnState::Parked) else {
            return Ok(false);
        };
        self.until_repaired().await?;
        let Some(held) = self.hold(&known.id, &turn.turn_id).await? else {
            return Ok(self.hub.stop(&known.id));
        };
        self.common.questions.close_all(&known.id, &turn.turn_id);
        // It is stopped before it goes on.
        self.hub.stop(&known.id);
        let turn = self.turn(held.claim, held.parked.terms());
        let progress = held.parked.progress(self.edges.now_ms());
        self.edges.spawn(turn.go_on(progress, None));
        Ok(true)
    }

    /// Goes on with the parked turns whose questions are all answered, and knows the questions of the others.
    pub(super) async fn look_after_parked(self: &Arc<Self>, parked: &[ParkedTurn]) {
        for ParkedTurn { turn_id, conversation_id } in parked {
            let read = match read_parked(&*self.edges, conversation_id, turn_id).await {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!("what turn `{turn_id}` waits for is not known: {error}");
                    continue;
                }
            };
            if read.open() == 0 && !sabotaged("leave-the-answered-turn-parked") {
                let (this, turn_id) = (Arc::clone(self), turn_id.clone());
                let conversation_id = conversation_id.clone();
                self.edges.spawn(async move { this.go_on_with(&conversation_id, &turn_id).await });
            } else {
                let asked = read.open_questions(conversation_id);
                asked.into_iter().for_each(|question| self.common.questions.ask(question));
            }
        }
    }

    /// Goes on with a parked turn whose questions are all answered.
    async fn go_on_with(&self, conversation_id: &Text, turn_id: &Text) {
        match self.hold(conversation_id, turn_id).await {
            Ok(Some(Held { claim, parked })) if parked.open() == 0 => {
                let turn = self.turn(claim, parked.terms());
                let progress = parked.progress(self.edges.now_ms());
                turn.go_on(progress, None).await;
            }
            Ok(_) => {}
            Err(error) => tracing::error!("turn `{turn_id}` cannot go on: {error}"),
        }
    }

    /// The questions that wait for a person.
    ///
    /// # Errors
    /// `Unavailable` when those of the last run are not known soon.
    pub(crate) async fn questions(&self, of: QuestionsOf) -> Result<OpenQuestions, CallError> {
        self.until_repaired().await?;
        let listed = || self.common.questions.list(of.conversation_id.as_deref());
        let mut turns: Vec<_> =
            listed().into_iter().map(|question| (question.conversation_id, question.turn_id)).collect();
        turns.dedup();
        for (conversation_id, turn_id) in turns {
            self.check_parked(&conversation_id, &turn_id).await;
        }
        Ok(OpenQuestions { questions: listed().into() })
    }

    /// Forgets a turn that waits by what is known here, where its conversation was deleted: nobody says so, the store is asked.
    pub(super) async fn check_parked(&self, conversation_id: &Text, turn_id: &Text) {
        let is_deleted = match self.edges.find(conversation_id).await {
            Ok(known) => !is_parked(&known, turn_id),
            Err(error) => error.kind == CallErrorKind::NotFound,
        };
        // One that is held by somebody goes on, or ends by itself.
        if is_deleted && self.hub.running_turn(conversation_id).as_ref() != Some(turn_id) {
            self.forget_deleted(conversation_id, turn_id);
        }
    }

    /// Forgets a turn whose conversation was deleted: it asks nothing any more, and who watches it is sent away.
    fn forget_deleted(&self, conversation_id: &str, turn_id: &str) {
        let questions = &self.common.questions;
        if questions.parked_turn(conversation_id).is_none_or(|parked| parked != turn_id)
            || sabotaged("ask-for-what-was-deleted")
        {
            return;
        }
        questions.close_all(conversation_id, turn_id);
        self.hub.dismiss(conversation_id);
    }

    /// Answers for those who do not answer in time, for as long as the plugin lives.
    pub(super) async fn keep_time(&self) {
        loop {
            let Some((by, question)) = self.common.questions.next_due() else {
                self.common.questions.changed().await;
                continue;
            };
            let left = between(self.edges.now_ms(), by);
            tokio::select! {
                biased;
                () = self.common.questions.changed() => continue,
                () = self.edges.sleep_aside(Duration::from_millis(left)) => {}
            }
            self.answer_overdue(question).await;
        }
    }

    async fn answer_overdue(&self, question: OpenQuestion) {
        let OpenQuestion { conversation_id, question_id, choices, .. } = question;
        let Some(choice) = choices.last().cloned() else { return };
        let request = AnswerQuestion {
            conversation_id: conversation_id.clone(),
            question_id: question_id.clone(),
            choice,
        };
        match self.answer_as(request, true).await {
            Err(error) if is_unclear(error.kind) || error.kind == CallErrorKind::Unavailable => {
                tracing::warn!("question `{question_id}` is overdue and cannot be closed yet: {error}");
                self.edges.sleep_aside(PAUSE).await;
            }
            // Answered, or asked no more.
            _ => self.common.questions.close(&conversation_id, &question_id),
        }
    }

    /// Takes a parked turn into our hands; `None` when it does not wait any more.
    async fn hold(&self, conversation_id: &Text, turn_id: &str) -> Result<Option<Held>, CallError> {
        let Some(claim) = self.claim_parked(conversation_id, turn_id).await? else { return Ok(None) };
        let known = self.edges.find(conversation_id).await?;
        let parked = read_parked(&*self.edges, conversation_id, turn_id).await?;
        let mut claim = claim;
        claim.begin(Places::behind(known.generation, known.latest_position.max(parked.position)));
        Ok(is_parked(&known, turn_id).then_some(Held { claim, parked }))
    }

    /// Claims a conversation for its parked turn. Whoever else holds it meanwhile is waited for, as long as the turn is
    /// parked.
    async fn claim_parked(&self, conversation_id: &Text, turn_id: &str) -> Result<Option<Claim>, CallError> {
        loop {
            let mut claims = self.hub.claims();
            claims.mark_unchanged();
            if !is_parked(&self.edges.find(conversation_id).await?, turn_id) {
                return Ok(None);
            }
            match self.hub.claim(conversation_id, turn_id.into(), self.edges.now_ms()) {
                Ok(claim) => return Ok(Some(claim.of_one_that_goes_on())),
                Err(error) if error.kind == CallErrorKind::Conflict => {
                    // The hub outlives this call.
                    let _ = claims.changed().await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn not_asked(question_id: &str) -> CallError {
    CallError::not_found(format!("no turn asks the question `{}`", shown(question_id, admission::SHOWN)))
}

fn is_parked(known: &Conversation, turn_id: &str) -> bool {
    let turn = known.turn.as_ref();
    turn.is_some_and(|turn| turn.turn_id == turn_id && turn.state == TurnState::Parked)
}

/// What an answer comes to without being stored; `None` when it is to be.
///
/// # Errors
/// See [`ANSWER`](transom_agent::question::ANSWER).
fn judge(parked: &Parked, request: &AnswerQuestion) -> Result<Option<Answered>, CallError> {
    let AnswerQuestion { question_id, choice, .. } = request;
    let question = parked.question(question_id).ok_or_else(|| not_asked(question_id))?;
    match &question.answer {
        Some(answer) if answer == choice => return Ok(Some(Answered { open: parked.open() })),
        Some(answer) => {
            return Err(CallError::conflict(format!(
                "question `{question_id}` was answered with `{answer}` already"
            )));
        }
        None => {}
    }
    if question.choices.contains(choice) {
        return Ok(None);
    }
    let choices: Vec<String> = question.choices.iter().map(|choice| format!("`{choice}`")).collect();
    let shown = shown(choice, admission::SHOWN);
    Err(CallError::invalid_input(format!("`choice` is `{shown}`, expected one of {}", choices.join(", "))))
}

impl<E: Edges> Turn<E> {
    /// Stores and shows an answer, and tells `told`; goes on when nothing is left to be asked.
    async fn take_answer(self, mut parked: Parked, choice: Choice, told: Told) {
        let at = self.claim.fresh();
        let Choice { request: AnswerQuestion { conversation_id, question_id, choice }, is_overdue } = choice;
        let asked = parked.open_questions(&conversation_id);
        let message = answer_message(&question_id, &choice, is_overdue);
        let entry = self.entry(message, List::from([at.position]));
        let appends = self.appends_of(entry, &parked.witness, at.position);
        let mut told = Some(told);
        if let Err(error) = self.store_answer(appends, &mut told).await {
            let is_gone = self.is_gone_by(&error).await;
            match is_gone {
                true => self.forget(),
                false => self.claim.park(),
            }
            tell(told, Err(if is_gone { not_asked(&question_id) } else { error }));
            return;
        }
        let shown =
            AgentEventKind::Answer { question_id: question_id.clone(), choice: choice.clone(), is_overdue };
        self.claim.show_at(at, shown);
        self.claim.logged(at.position);
        parked.answered(&question_id, &choice, is_overdue);
        self.common.questions.close(self.claim.conversation_id(), &question_id);
        if let Some(question) = asked.into_iter().find(|question| question.question_id == question_id) {
            self.edges.say_question_answered(&QuestionAnswered { question, choice, is_overdue });
        }
        let open = parked.open();
        if open > 0 {
            self.claim.park();
            tell(told, Ok(Answered { open }));
            return;
        }
        tell(told, Ok(Answered { open }));
        let progress = parked.progress(self.edges.now_ms());
        self.go_on(progress, None).await;
    }

    /// Stores an answer. Where it is not known whether it was, who asked is told so at once, and it is stored again until
    /// that is known: the turn must neither wait for what was said nor go on without it.
    async fn store_answer(
        &self,
        (mut append, alone): (Append, Append),
        told: &mut Option<Told>,
    ) -> Result<(), CallError> {
        let mut alone = Some(alone);
        loop {
            match self.edges.append(append.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if alone.is_some() && self.is_unknown_by(&error).await => {
                    append = alone.take().unwrap_or(append);
                    continue;
                }
                Err(error) if !is_unclear(error.kind) => return Err(error),
                Err(error) => tell(told.take(), Err(error)),
            }
            let again = self.claim.stop().unless_suspended(self.edges.sleep(PAUSE)).await;
            again.ok_or_else(|| CallError::unavailable("the host stops"))?;
        }
    }
}

fn tell(told: Option<Told>, answer: Result<Answered, CallError>) {
    if let Some(told) = told {
        // Who asked may have gone away.
        let _ = told.send(answer);
    }
}

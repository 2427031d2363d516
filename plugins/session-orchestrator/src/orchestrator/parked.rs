//! Turns that wait for a person: they go on when everything is answered, or end when they are stopped.

use std::time::Duration;

use tokio::sync::oneshot;
use transom_agent::conversation::Conversation;
use transom_agent::event::AgentEventKind;
use transom_agent::log::{Append, Entry};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::refusal::{check_conversation_id, shown};
use transom_agent::turn::{AnswerQuestion, Answered, TurnState};
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe, Text};

use super::Orchestrator;
use crate::admission;
use crate::edges::Edges;
use crate::hub::{Claim, Places};
use crate::turn::{Parked, Turn, is_unclear, read_parked, turn_of_question};

/// How long to wait before an answer is stored again.
const PAUSE: Duration = Duration::from_secs(2);

type Told = oneshot::Sender<Result<Answered, CallError>>;

/// A parked turn in somebody's hands.
struct Held {
    claim: Claim,
    parked: Parked,
}

impl<E: Edges> Orchestrator<E> {
    /// Answers a question of a parked turn, which goes on when it was the last one.
    ///
    /// # Errors
    /// See [`ANSWER`](transom_agent::turn::ANSWER).
    pub(crate) async fn answer(&self, request: AnswerQuestion) -> Result<Answered, CallError> {
        check_conversation_id("conversationId", &request.conversation_id)?;
        self.until_repaired().await?;
        let unknown = || not_asked(&request.question_id);
        let turn_id = turn_of_question(&request.question_id).ok_or_else(unknown)?;
        let or_unknown =
            |error: CallError| if error.kind == CallErrorKind::NotFound { unknown() } else { error };
        let parked =
            read_parked(&*self.edges, &request.conversation_id, turn_id).await.map_err(or_unknown)?;
        if let Some(answered) = judge(&parked, &request)? {
            return Ok(answered);
        }
        let Some(held) = self.hold(&request.conversation_id, turn_id).await? else { return Err(unknown()) };
        // Somebody else may have answered before the turn was in our hands.
        if let Some(answered) = judge(&held.parked, &request)? {
            return Ok(answered);
        }
        let (told, answer) = oneshot::channel();
        let turn = self.turn(held.claim, held.parked.terms());
        self.edges.spawn(turn.take_answer(held.parked, request, told));
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
        // It is stopped before it goes on.
        self.hub.stop(&known.id);
        let turn = self.turn(held.claim, held.parked.terms());
        let progress = held.parked.progress(self.edges.now_ms());
        self.edges.spawn(turn.go_on(progress, None));
        Ok(true)
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
/// See [`ANSWER`](transom_agent::turn::ANSWER).
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
    async fn take_answer(self, mut parked: Parked, request: AnswerQuestion, told: Told) {
        let at = self.claim.fresh();
        let AnswerQuestion { conversation_id, question_id, choice } = request;
        let chunk = Chunk::Answer { question_id: question_id.clone(), choice: choice.clone() };
        let id = format!("{question_id}a").into();
        let entry = Entry {
            message: Message { id, role: Role::System, chunks: List::from([chunk]) },
            turn_id: Maybe::Some(self.claim.turn_id().clone()),
            positions: List::from([at.position]),
        };
        let append = Append { conversation_id, entries: List::from([entry]) };
        let mut told = Some(told);
        if let Err(error) = self.store_answer(append, &mut told).await {
            self.claim.park();
            tell(told, Err(error));
            return;
        }
        self.claim
            .show_at(at, AgentEventKind::Answer { question_id: question_id.clone(), choice: choice.clone() });
        self.claim.logged(at.position);
        parked.answered(&question_id, &choice);
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
    async fn store_answer(&self, append: Append, told: &mut Option<Told>) -> Result<(), CallError> {
        loop {
            match self.edges.append(append.clone()).await {
                Ok(_) => return Ok(()),
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

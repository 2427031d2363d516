//! A turn that waited for a person goes on: everything that is to be known of it stands in the log.

use transom_agent::log::{MessageOf, Read, StoredChunk};
use transom_agent::message::{Chunk, Role};
use transom_agent::provider::{ReasoningEffort, Usage};
use transom_agent::question::OpenQuestion;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Maybe, Text};

use super::Terms;
use super::gate::open_question;
use super::progress::Progress;
use super::witness::{Witness, answer_message};
use crate::edges::Edges;
use crate::ending::add_usage;
use crate::step::{Answer, Call, Step};

/// What the model reads of a call that may have been under way when the host ended.
const MAY_HAVE_RUN: &str = "the host ended while this may have run; it may have had effects";

/// Chunks that are read at a time.
const PAGE: u32 = 500;

/// What the log says of a turn.
#[derive(Debug)]
pub(crate) struct Parked {
    turn_id: Text,
    terms: Terms,
    usage: Usage,
    last_usage: Option<Usage>,
    /// The words of each message of the model, with its id.
    words: Vec<(Text, String)>,
    /// The number of the last step.
    step: u32,
    /// The calls of that step.
    calls: Vec<LoggedCall>,
    questions: Vec<Question>,
    /// Whether calls of that step may have run after their questions were answered.
    has_gone_on: bool,
    /// The last position in the log.
    pub(crate) position: i64,
    pub(crate) witness: Witness,
}

/// A call of a turn.
#[derive(Clone, Debug)]
struct LoggedCall {
    call: Call,
    /// Where viewers see it.
    position: i64,
    /// Whether its answer is in the log.
    is_answered: bool,
}

/// A question of a turn.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) id: Text,
    tool_call_id: Maybe<Text>,
    pub(crate) choices: List<Text>,
    /// How many of the choices let the call run.
    allowing: usize,
    pub(crate) answer: Option<Text>,
    /// Whether that is what counts because nobody has answered in time.
    is_overdue: bool,
    /// As it stands in the log.
    chunk: Chunk,
}

/// The turn that a question belongs to: its id begins with the turn's.
pub(crate) fn turn_of_question(question_id: &str) -> Option<&str> {
    question_id.rsplit_once('/').map(|(turn_id, _)| turn_id)
}

/// Reads what the log says of a turn.
///
/// # Errors
/// `NotFound` when it has none of that name.
pub(crate) async fn read_parked<E: Edges>(
    edges: &E,
    conversation_id: &Text,
    turn_id: &str,
) -> Result<Parked, CallError> {
    let beginning =
        MessageOf { conversation_id: conversation_id.clone(), message_id: format!("{turn_id}/s").into() };
    let mut since = edges.locate(beginning).await?.first_seq - 1;
    let mut parked = Parked::new(turn_id.into());
    loop {
        let read = Read {
            conversation_id: conversation_id.clone(),
            since_seq: Maybe::Some(since),
            limit: Maybe::Some(PAGE),
            oldest: true,
            ..Read::default()
        };
        let page = edges.read(read).await?;
        parked.position = page.latest_position;
        let Some(last) = page.chunks.last() else { return Ok(parked) };
        since = last.seq;
        let is_of_turn = |chunk: &&StoredChunk| chunk.turn_id.as_deref() == Some(turn_id);
        page.chunks.iter().filter(is_of_turn).for_each(|chunk| parked.take(chunk));
        if since >= page.latest_seq {
            return Ok(parked);
        }
    }
}

impl Parked {
    fn new(turn_id: Text) -> Self {
        let terms = Terms {
            model: Text::default(),
            cwd: Text::default(),
            reasoning_effort: ReasoningEffort::default(),
            accepted_at: 0,
        };
        Self {
            turn_id,
            terms,
            usage: Usage::default(),
            last_usage: None,
            words: Vec::new(),
            step: 0,
            calls: Vec::new(),
            questions: Vec::new(),
            has_gone_on: false,
            position: 0,
            witness: Witness::default(),
        }
    }

    fn take(&mut self, stored: &StoredChunk) {
        self.witness.take(stored);
        match &stored.chunk {
            Chunk::TurnStart { model, cwd, reasoning_effort, .. } => {
                self.terms = Terms {
                    model: model.clone(),
                    cwd: cwd.clone(),
                    reasoning_effort: reasoning_effort.clone(),
                    accepted_at: stored.created_at,
                };
            }
            Chunk::Text { text } if stored.role == Role::Assistant => match self.words.last_mut() {
                Some((message, words)) if *message == stored.message_id => words.push_str(text),
                _ => self.words.push((stored.message_id.clone(), text.to_string())),
            },
            Chunk::Usage { usage, .. } => {
                add_usage(&mut self.usage, usage);
                self.last_usage = Some(*usage);
            }
            Chunk::StepComplete { step_id, .. } => self.in_step(step_id),
            Chunk::ToolCall { tool_call_id, tool_name, input, step_id } => {
                self.in_step(step_id.as_deref().unwrap_or_default());
                let call = Call { id: tool_call_id.clone(), name: tool_name.clone(), input: input.clone() };
                let position = stored.position.unwrap_or_default();
                self.calls.push(LoggedCall { call, position, is_answered: false });
            }
            Chunk::ToolResult { tool_call_id, .. } => {
                self.calls_of(tool_call_id).for_each(|logged| logged.is_answered = true);
            }
            Chunk::InputChanged { tool_call_id, input } => {
                self.calls_of(tool_call_id).for_each(|logged| logged.call.input = input.clone());
            }
            Chunk::Question { question_id, tool_call_id, choices, allowing, .. } => {
                self.has_gone_on = false;
                self.questions.push(Question {
                    id: question_id.clone(),
                    tool_call_id: tool_call_id.clone(),
                    choices: choices.clone(),
                    allowing: usize::try_from(*allowing).unwrap_or(usize::MAX).max(1),
                    answer: None,
                    is_overdue: false,
                    chunk: stored.chunk.clone(),
                });
            }
            Chunk::Answer { question_id, choice, is_overdue } => {
                self.decided(question_id, choice, *is_overdue);
            }
            Chunk::GoneOn { .. } => self.has_gone_on = true,
            _ => {}
        }
    }

    fn calls_of<'a>(&'a mut self, id: &'a Text) -> impl Iterator<Item = &'a mut LoggedCall> {
        self.calls.iter_mut().filter(move |logged| logged.call.id == *id)
    }

    /// What comes now belongs to this step; calls of the ones before have their answers.
    fn in_step(&mut self, step_id: &str) {
        let number = step_id.rsplit_once('#').and_then(|(_, number)| number.parse().ok());
        let Some(number) = number.filter(|number| *number != self.step) else { return };
        self.step = number;
        self.calls.clear();
    }

    pub(crate) fn terms(&self) -> Terms {
        self.terms.clone()
    }

    pub(crate) fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.id == id)
    }

    /// Takes in an answer that is in the log now.
    pub(crate) fn answered(&mut self, id: &Text, choice: &Text, is_overdue: bool) {
        self.witness.answered(answer_message(id, choice, is_overdue));
        self.decided(id, choice, is_overdue);
    }

    fn decided(&mut self, id: &str, choice: &Text, is_overdue: bool) {
        if let Some(question) = self.questions.iter_mut().find(|question| question.id == id) {
            question.answer = Some(choice.clone());
            question.is_overdue = is_overdue;
        }
    }

    /// Questions without an answer, as others are told of them.
    pub(crate) fn open_questions(&self, conversation_id: &Text) -> Vec<OpenQuestion> {
        let calls: Vec<Call> = self.calls.iter().map(|logged| logged.call.clone()).collect();
        let open = self.questions.iter().filter(|question| question.answer.is_none());
        open.filter_map(|question| open_question(conversation_id, &self.turn_id, &question.chunk, &calls))
            .collect()
    }

    /// Questions without an answer.
    pub(crate) fn open(&self) -> u32 {
        let open = self.questions.iter().filter(|question| question.answer.is_none()).count();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    /// How far the turn has come, with what has become of each of its calls.
    pub(crate) fn progress(self, now_ms: i64) -> Progress {
        let calls = self.calls.iter().map(|logged| (logged.call.clone(), logged.position)).collect();
        let mut step = Step::resumed(&self.turn_id, self.step, calls);
        for (index, LoggedCall { call, is_answered, .. }) in self.calls.iter().enumerate() {
            if *is_answered {
                step.answered_before(index);
            } else if self.has_gone_on && !sabotaged("run-it-again-after-a-crash") {
                step.answer(index, Answer::instead(MAY_HAVE_RUN));
            } else if let Some(question) = self.question_about(call) {
                question.decide(&mut step, index);
            }
        }
        if self.has_gone_on {
            step.has_gone_on();
        }
        Progress {
            steps: self.step + 1,
            usage: self.usage,
            last_usage: self.last_usage,
            words: self.words.into_iter().map(|(_, words)| words.into()).collect(),
            step: Some(step),
            witness: self.witness,
            ..Progress::from_now(now_ms)
        }
    }

    /// What was asked about a call, and is answered. A call of an earlier step may have had the same id: the latest counts.
    fn question_about(&self, call: &Call) -> Option<&Question> {
        let about = |question: &&Question| question.tool_call_id.as_ref() == Some(&call.id);
        self.questions.iter().rev().find(about).filter(|question| question.answer.is_some())
    }
}

impl Question {
    /// Tells a step what a person has chosen: the call may run, or is answered with the refusal.
    fn decide(&self, step: &mut Step, index: usize) {
        let Some(choice) = &self.answer else { return };
        let place = self.choices.iter().position(|other| other == choice);
        if place.is_some_and(|place| place < self.allowing) {
            return step.chose(index, choice.clone());
        }
        step.answer(
            index,
            Answer::instead(match self.is_overdue {
                true => "nobody has answered in time whether this may run".to_owned(),
                false => format!("a person was asked whether this may run, and chose: {choice}"),
            }),
        );
    }
}

//! Questions: what a turn asks a person while it waits, parked, for the answer. Asked and answered by the orchestrator.

use transom_plugin_api::{Event, List, Maybe, Service, Text, contract};

/// A question of a parked turn that nobody has answered yet.
#[contract]
pub struct OpenQuestion {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which turn.
    pub turn_id: Text,
    /// The question's id, unique in its conversation.
    pub question_id: Text,
    /// The call it is about, if it is about one.
    pub tool_call_id: Maybe<Text>,
    /// The tool that is to be run, if it is about a call.
    pub tool_name: Maybe<Text>,
    /// What is asked.
    pub text: Text,
    /// The answers there are: first those that let the call run, then those that do not.
    pub choices: List<Text>,
    /// How many of them let it run.
    pub allowing: u32,
    /// When the last choice becomes the answer, in milliseconds since the epoch; never when absent.
    pub answer_by: Maybe<i64>,
}

/// Questions that nobody has answered yet.
#[contract]
pub struct OpenQuestions {
    /// By conversation, and in the order in which each has asked them.
    pub questions: List<OpenQuestion>,
}

/// Which questions to list.
#[contract]
#[derive(Default)]
pub struct QuestionsOf {
    /// Only those of this conversation.
    pub conversation_id: Maybe<Text>,
}

/// Lists the questions that wait for a person.
///
/// `agent/question.list` · service · 30 s · the orchestrator answers
pub const QUESTIONS: Service<QuestionsOf, OpenQuestions> = Service::new("agent/question.list");

/// Said by the orchestrator when a turn asks a person: the question is durable and the turn is parked. Not said again after a
/// restart: see [`QUESTIONS`]. Nobody can refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/question.asked` · event · the orchestrator says it
pub const QUESTION_ASKED: Event<OpenQuestion> = Event::new("agent/question.asked");

/// A question has its answer.
#[contract]
pub struct QuestionAnswered {
    /// The question.
    pub question: OpenQuestion,
    /// The choice.
    pub choice: Text,
    /// Whether nobody has answered in time, so that the last choice counts.
    pub is_overdue: bool,
}

/// Said by the orchestrator when a question is answered, which is durable by then; not for one whose turn was stopped. Nobody can
/// refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/question.answered` · event · the orchestrator says it
pub const QUESTION_ANSWERED: Event<QuestionAnswered> = Event::new("agent/question.answered");

/// An answer to a question of a parked turn.
#[contract]
pub struct AnswerQuestion {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which question.
    pub question_id: Text,
    /// One of its choices.
    pub choice: Text,
}

/// What became of an answer.
#[contract]
pub struct Answered {
    /// Questions of the turn that are still open; it goes on when there are none.
    pub open: u32,
}

/// Answers a question; the answer is durable when this returns. The same answer twice is answered the same.
///
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when no parked turn asks it,
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) when it was answered otherwise,
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) when the choice is none of those offered.
///
/// `agent/turn.answer` · service · 30 s · the orchestrator answers
pub const ANSWER: Service<AnswerQuestion, Answered> = Service::new("agent/turn.answer");

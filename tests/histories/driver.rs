//! [`Driver`]: what happens to one conversation.

use std::sync::Mutex;
use std::time::Duration;

use transom_agent::conversation::Status;
use transom_agent::log::{HISTORY, History, HistoryOf};
use transom_agent::question::{
    ANSWER, AnswerQuestion, Answered, OpenQuestion, OpenQuestions, QUESTIONS, QuestionsOf,
};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::turn::{CLOSE, Closed, START, STATUS, STOP, StartTurn, Stopped, TurnStarted, TurnStatus};
use transom_plugin_api::{CallError, CallErrorKind, Caller, Json, List, Maybe, Text};
use transom_testkit::Stand;

use crate::random::Random;

/// Things that happen to a conversation.
const THINGS: u64 = 9;
/// How long a conversation may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Drives a conversation.
pub(crate) struct Driver {
    pub(crate) id: Text,
    random: Mutex<Random>,
    start: Caller<StartTurn, TurnStarted>,
    stop: Caller<Text, Stopped>,
    close: Caller<Text, Closed>,
    status: Caller<Text, TurnStatus>,
    history: Caller<HistoryOf, History>,
    routes: Caller<HttpRequest, HttpReply, HttpRoute>,
    questions: Caller<QuestionsOf, OpenQuestions>,
    answer: Caller<AnswerQuestion, Answered>,
    /// Questions that were answered, or not, some time ago.
    asked: Mutex<Vec<OpenQuestion>>,
}

impl Driver {
    pub(crate) fn new(stand: &Stand, id: String, random: Random) -> Self {
        Self {
            id: id.into(),
            random: Mutex::new(random),
            start: stand.caller(START),
            stop: stand.caller(STOP),
            close: stand.caller(CLOSE),
            status: stand.caller(STATUS),
            history: stand.caller(HISTORY),
            routes: stand.caller(HTTP_ROUTE),
            questions: stand.caller(QUESTIONS),
            answer: stand.caller(ANSWER),
            asked: Mutex::default(),
        }
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.lock().expect("nobody panics with it").below(bound)
    }

    /// Lets this and that happen, now and then two things at once.
    pub(crate) async fn live(&self) {
        self.speak().await;
        self.rest().await;
        for _ in 0..THINGS {
            match self.below(12) {
                0 => tokio::join!(self.speak(), self.sum_up()).0,
                1 => tokio::join!(self.sum_up(), self.stop()).1,
                2 => tokio::join!(self.sum_up(), self.close()).1,
                3 => tokio::join!(self.sum_up(), self.sum_up()).0,
                4 => self.sum_up().await,
                5 => self.rest().await,
                6 => tokio::join!(self.answer_something(), self.stop()).0,
                7 => tokio::join!(self.answer_something(), self.close()).0,
                8 | 9 => self.answer_something().await,
                _ => self.speak().await,
            }
            // What is asked of the store next lets a turn take some steps.
            for _ in 0..self.below(4) {
                self.look().await;
            }
        }
        self.rest().await;
        self.answer_too_late().await;
    }

    /// Begins a turn with calls, and leaves it alone, as it runs or as it waits for a person.
    pub(crate) async fn begin_something(&self) {
        expected(self.say(self.below(4), self.below(4)).await);
        if self.below(2) == 0 {
            self.until_it_waits().await;
        }
        if self.below(2) == 0 {
            self.answer_something().await;
        }
    }

    /// A conversation goes on after whatever has happened to it.
    pub(crate) async fn speak_once_more(&self) {
        self.sum_up().await;
        let begun = self.say(1, 1).await;
        begun.unwrap_or_else(|error| panic!("`{}` takes one more message: {error}", self.id));
        self.rest().await;
        self.answer_too_late().await;
    }

    async fn speak(&self) {
        let (looks, steers) = (self.below(4), self.below(4));
        expected(self.say(looks, steers).await);
    }

    async fn say(&self, looks: u64, steers: u64) -> Result<TurnStarted, CallError> {
        let again = " and say so".repeat(self.below(30) as usize);
        let text = format!("look {looks} times at what there is{again} and steer {steers} times");
        let turn = StartTurn {
            conversation_id: self.id.clone(),
            text: text.into(),
            model: Maybe::None,
            cwd: Maybe::None,
            reasoning_effort: Maybe::None,
            workspace_id: Maybe::None,
            message_id: Maybe::None,
        };
        self.start.call(turn).await
    }

    /// The questions that wait for a person.
    async fn questions(&self) -> List<OpenQuestion> {
        let of = QuestionsOf { conversation_id: Maybe::Some(self.id.clone()) };
        self.questions.call(of).await.expect("questions can be listed at any time").questions
    }

    /// Answers a question that waits, if one does: yes, no, or both at the same time.
    async fn answer_something(&self) {
        let open = self.questions().await;
        let Some(question) = open.get(self.below(4) as usize % open.len().max(1)) else { return };
        let (yes, no) = (&question.choices[0], &question.choices[question.choices.len() - 1]);
        match self.below(5) {
            0 | 1 => drop(self.choose(question, yes).await),
            2 => drop(self.choose(question, no).await),
            3 => drop(tokio::join!(self.choose(question, yes), self.choose(question, yes))),
            _ => {
                let both = tokio::join!(self.choose(question, yes), self.choose(question, no));
                assert_ne!(both, (true, true), "`{}` has one answer", question.question_id);
            }
        }
        self.asked.lock().expect("nobody panics with it").push(question.clone());
    }

    /// Answers once more what was answered, or given up, long ago.
    async fn answer_too_late(&self) {
        let asked = std::mem::take(&mut *self.asked.lock().expect("nobody panics with it"));
        for question in asked {
            let choice = &question.choices[self.below(question.choices.len() as u64) as usize];
            self.choose(&question, choice).await;
        }
    }

    /// Whether that is the answer now.
    async fn choose(&self, question: &OpenQuestion, choice: &Text) -> bool {
        let answer = AnswerQuestion {
            conversation_id: self.id.clone(),
            question_id: question.question_id.clone(),
            choice: choice.clone(),
        };
        match self.answer.call(answer).await {
            // Its turn was stopped.
            Err(error) if error.kind == CallErrorKind::NotFound => false,
            outcome => expected(outcome),
        }
    }

    async fn sum_up(&self) {
        let id = self.id.as_str();
        let mut request =
            HttpRequest::new("POST", format!("/conversations/{id}/compact")).with_param("id", id);
        let kept = self.below(600);
        request.body = Json::from(serde_json::json!({ "keepTokens": kept }));
        expected(self.routes.call_named("POST /conversations/:id/compact", request).await);
    }

    async fn stop(&self) {
        expected(self.stop.call(self.id.clone()).await);
    }

    async fn close(&self) {
        expected(self.close.call(self.id.clone()).await);
    }

    async fn look(&self) {
        let of = HistoryOf { conversation_id: self.id.clone(), after_seq: 0, before_seq: Maybe::None };
        self.history.call(of).await.expect("a history can be read at any time");
    }

    async fn turn(&self) -> TurnStatus {
        self.status.call(self.id.clone()).await.expect("it is there")
    }

    /// Waits until no turn runs or waits for a person, and answers what is asked meanwhile.
    pub(crate) async fn rest(&self) {
        let idle = async {
            while self.turn().await.status == Status::Active {
                self.answer_something().await;
                // Who asks all the time holds up who is asked.
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, idle).await.is_ok(), "the turn of `{}` ends", self.id);
    }

    /// Waits until a person is asked, or nothing runs.
    async fn until_it_waits(&self) {
        let waits = async {
            while self.turn().await.is_active && self.questions().await.is_empty() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waits).await.is_ok(), "`{}` comes to something", self.id);
    }
}

/// Whether it was done; who comes at another's time may be refused.
#[track_caller]
fn expected<T>(outcome: Result<T, CallError>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) if matches!(error.kind, CallErrorKind::Conflict | CallErrorKind::Unavailable) => false,
        Err(error) => panic!("{error}"),
    }
}

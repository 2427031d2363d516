//! [`Driver`]: what happens to one conversation.

use std::sync::Mutex;
use std::time::Duration;

use transom_agent::log::{HISTORY, History, HistoryOf};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::turn::{CLOSE, Closed, START, STATUS, STOP, StartTurn, Stopped, TurnStarted, TurnStatus};
use transom_plugin_api::{CallError, CallErrorKind, Caller, Json, Maybe, Text};
use transom_testkit::Stand;

use crate::random::Random;

/// Things that happen to a conversation.
const THINGS: u64 = 9;
/// How long a conversation may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);

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
            match self.below(8) {
                0 => tokio::join!(self.speak(), self.sum_up()).0,
                1 => tokio::join!(self.sum_up(), self.stop()).1,
                2 => tokio::join!(self.sum_up(), self.close()).1,
                3 => tokio::join!(self.sum_up(), self.sum_up()).0,
                4 => self.sum_up().await,
                5 => self.rest().await,
                _ => self.speak().await,
            }
            // What is asked of the store next lets a turn take some steps.
            for _ in 0..self.below(4) {
                self.look().await;
            }
        }
        self.rest().await;
    }

    /// Begins a turn with calls, and leaves it alone.
    pub(crate) async fn begin_something(&self) {
        self.say(3).await;
    }

    /// A conversation goes on after whatever has happened to it.
    pub(crate) async fn speak_once_more(&self) {
        self.sum_up().await;
        let begun = self.say(1).await;
        assert!(begun, "`{}` takes one more message", self.id);
        self.rest().await;
    }

    async fn speak(&self) {
        let calls = self.below(4);
        self.say(calls).await;
    }

    /// Whether a turn has begun.
    async fn say(&self, calls: u64) -> bool {
        let text =
            format!("look {calls} times at what there is{}", " and say so".repeat(self.below(30) as usize));
        let turn = StartTurn {
            conversation_id: self.id.clone(),
            text: text.into(),
            model: Maybe::None,
            cwd: Maybe::None,
            reasoning_effort: Maybe::None,
            workspace_id: Maybe::None,
            message_id: Maybe::None,
        };
        expected(self.start.call(turn).await)
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

    /// Waits until no turn runs.
    pub(crate) async fn rest(&self) {
        let idle = async {
            while self.status.call(self.id.clone()).await.expect("it is there").is_active {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, idle).await.is_ok(), "the turn of `{}` ends", self.id);
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

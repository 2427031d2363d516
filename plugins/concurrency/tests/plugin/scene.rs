//! Requests for slots, a store that outlives restarts, and what is asked over HTTP.

use std::collections::BTreeMap;
use std::future::{poll_fn, ready};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use transom_agent::provider::{
    ANSWERED, AnswerEnd, FailureClass, ModelAnswered, SLOT, SlotRequest, SlotState,
};
use transom_agent::reach::{HTTP_ROUTE, HttpRequest};
use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWritten};
use transom_plugin_api::{CallError, ItemStream, Json, Maybe};
use transom_testkit::Stand;

/// Time that is more than any of a test's waits, for those that are to be over.
pub(crate) const LONG: Duration = Duration::from_secs(10);

/// A request that waits, or holds its slot.
pub(crate) struct Asked {
    stream: ItemStream<SlotState>,
    /// What it was told when it was made.
    first: Option<Item>,
}

type Item = Option<Result<SlotState, CallError>>;

impl Asked {
    /// What comes next; `None` when the stream ends.
    pub(crate) async fn next(&mut self) -> Item {
        match self.first.take() {
            Some(first) => first,
            None => self.stream.next().await,
        }
    }

    /// What is there already.
    async fn now(&mut self) -> Option<Item> {
        match self.first.take() {
            Some(first) => Some(first),
            None => polled(&mut self.stream).await,
        }
    }

    /// Waits for the slot.
    pub(crate) async fn granted(&mut self) {
        loop {
            match self.next().await {
                Some(Ok(SlotState::Granted {})) => return,
                Some(Ok(SlotState::Queued { .. })) => {}
                other => panic!("it is not granted but {other:?}"),
            }
        }
    }

    /// Everything that is told by now.
    pub(crate) async fn told(&mut self) -> Vec<SlotState> {
        let mut told = Vec::new();
        let mut in_vain = 0;
        while in_vain < 20 {
            match self.now().await {
                Some(Some(Ok(state))) => told.push(state),
                Some(other) => panic!("it ended: {other:?}"),
                None => in_vain += 1,
            }
            yield_now().await;
        }
        told
    }

    /// Whether it was granted by now; it is told so once.
    pub(crate) async fn is_granted(&mut self) -> bool {
        self.told().await.contains(&SlotState::Granted {})
    }
}

/// One poll; `None` when there is nothing yet.
async fn polled(stream: &mut ItemStream<SlotState>) -> Option<Item> {
    poll_fn(|context| match stream.poll_next(context) {
        Poll::Ready(item) => Poll::Ready(Some(item)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Asks for a slot, since when it says, and is in the line: a stream begins when somebody looks at it.
pub(crate) async fn ask_since(stand: &Stand, model: &str, conversation: &str, since: i64) -> Asked {
    let request = SlotRequest {
        model: model.into(),
        conversation_id: conversation.into(),
        purpose: "turn".into(),
        since,
    };
    let mut stream = stand.stream_caller(SLOT).open(request).expect("it opens");
    let first = polled(&mut stream).await;
    Asked { stream, first }
}

/// As many, one after the other.
pub(crate) async fn ask_often(stand: &Stand, model: &str, since: std::ops::Range<i64>) -> Vec<Asked> {
    let mut asked = Vec::new();
    for since in since {
        asked.push(ask_since(stand, model, "c", since).await);
    }
    asked
}

/// Asks for a slot at the provider `p`.
pub(crate) async fn ask(stand: &Stand, conversation: &str) -> Asked {
    ask_since(stand, "p/model", conversation, 0).await
}

/// Tells that a request of the conversation is over.
pub(crate) fn answered(stand: &Stand, conversation: &str, asked_at: i64, end: AnswerEnd) {
    stand.emitter(ANSWERED).emit(&ModelAnswered {
        request_id: "r".into(),
        conversation_id: conversation.into(),
        model: "p/model".into(),
        purpose: "turn".into(),
        turn_id: Maybe::None,
        asked_at,
        duration_ms: 1,
        usage: Maybe::None,
        end,
    });
}

/// That the provider had too many requests.
pub(crate) fn too_many(retry_after_ms: Option<u64>) -> AnswerEnd {
    AnswerEnd::Failed { class: FailureClass::RateLimited, retry_after_ms: retry_after_ms.into() }
}

/// After any other time.
pub(crate) const LATER: i64 = i64::MAX;

/// What a store keeps.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<BTreeMap<String, Json>>>);

impl Store {
    /// Puts its services on a stand.
    pub(crate) fn put_on(&self, stand: &Stand) {
        let rows = Arc::clone(&self.0);
        stand.serve(STORAGE_READ, move |_, context| {
            assert_eq!(context.caller(), "concurrency");
            let rows = rows.lock().expect("nobody panics in here");
            let rows = rows.iter().map(|(key, value)| StorageRow { key: key.into(), value: value.clone() });
            ready(Ok(StorageRows { rows: rows.collect(), more: false }))
        });
        let rows = Arc::clone(&self.0);
        stand.serve(STORAGE_WRITE, move |changes, _| {
            let mut rows = rows.lock().expect("nobody panics in here");
            for write in changes.writes {
                match write.value {
                    Maybe::Some(value) => drop(rows.insert(write.key.into(), value)),
                    Maybe::None => drop(rows.remove(write.key.as_str())),
                }
            }
            ready(Ok(StorageWritten {}))
        });
    }

    /// What stands under a key.
    pub(crate) fn row(&self, key: &str) -> Option<serde_json::Value> {
        self.0.lock().expect("nobody panics in here").get(key).map(Json::value)
    }
}

/// Asks a route for the provider `provider`.
pub(crate) async fn route(
    stand: &Stand,
    route: &str,
    provider: &str,
    body: serde_json::Value,
) -> Result<serde_json::Value, CallError> {
    let request = HttpRequest { body: Json::from(body), ..HttpRequest::new("", "") };
    let request = request.with_param("provider", provider);
    let reply = stand.caller(HTTP_ROUTE).call_named(route, request).await?;
    Ok(reply.body.value())
}

/// The status of the provider `p`.
pub(crate) async fn status(stand: &Stand) -> serde_json::Value {
    let all = route(stand, "GET /concurrency/status", "", serde_json::Value::Null).await.expect("it answers");
    let found = all["providers"].as_array().and_then(|all| all.iter().find(|one| one["provider"] == "p"));
    found.cloned().unwrap_or_default()
}

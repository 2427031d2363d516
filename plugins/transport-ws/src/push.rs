//! One subscription on one connection: what a plugin pushes, through every reload of it.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use transom_agent::reach::WsPush;
use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind};

use crate::asked::Asked;
use crate::conversations::{Conversations, Frames};
use crate::outbox::Outbox;
use crate::perform::{fail, reply};
use crate::subscriptions::Subject;

/// How long a plugin may be away: as long as a reload may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a client may take nothing before the stream is left; what it pushes when it is opened anew is the latest.
const UNTAKEN: Duration = Duration::from_millis(250);

/// Between two attempts to reach the plugin.
const PAUSE: Duration = Duration::from_millis(50);

/// Who waits until a subscription stands, or is refused: dropped when it is.
pub(crate) type Stands = oneshot::Sender<()>;

/// Pushes until there is no more to be had, and says why.
pub(crate) async fn push<C: Conversations>(
    far: &C,
    outbox: &Outbox,
    asked: &Asked,
    subject: &Subject,
    stands: Stands,
) {
    let mut pushing = Pushing { outbox, asked, subject, stands: Some(stands) };
    let error = pushing.until_over(far).await;
    fail(outbox, asked, &error).await;
}

struct Pushing<'a> {
    outbox: &'a Outbox,
    asked: &'a Asked,
    subject: &'a Subject,
    /// `None` as soon as the client was told that it is subscribed.
    stands: Option<Stands>,
}

/// Why a stream is not read any more.
enum Left {
    /// It is to be opened anew: it ended, or its client takes nothing.
    Anew,
    Failed(CallError),
}

impl Pushing<'_> {
    async fn until_over<C: Conversations>(&mut self, far: &C) -> CallError {
        let mut limit: Option<Instant> = None;
        loop {
            let opened = Instant::now();
            let left = match far.subscribe(&self.subject.name, self.subject.input()) {
                Ok(pushes) => self.relay(pushes).await,
                Err(error) => Left::Failed(error),
            };
            let now = Instant::now();
            if now - opened > PAUSE {
                // It was there for a while, so that this is another time that it is away.
                limit = None;
            }
            let error = match left {
                Left::Failed(error) if self.stands.is_some() || !is_away(&error) => return error,
                Left::Failed(error) => error,
                Left::Anew => CallError::failed("the subscription ends as often as it is opened"),
            };
            let is_first = limit.is_none();
            if now >= *limit.get_or_insert(now + PATIENCE) {
                return error;
            }
            if !is_first {
                sleep(PAUSE).await;
            }
        }
    }

    async fn relay(&mut self, mut pushes: impl Frames<WsPush>) -> Left {
        loop {
            let pushed = match poll_fn(|context| pushes.poll_next(context)).await {
                Some(Ok(pushed)) => pushed,
                Some(Err(error)) => return Left::Failed(error),
                None if self.stands.is_some() => {
                    return Left::Failed(CallError::unavailable("the subscription ended before it began"));
                }
                None => return Left::Anew,
            };
            let message = match written(&self.subject.name, &pushed) {
                Ok(message) => message,
                Err(error) => return Left::Failed(error),
            };
            if let Some(stands) = self.stands.take() {
                reply(self.outbox, self.asked, Value::Null).await;
                drop(stands);
            }
            let mut sending = pin!(self.outbox.send(message));
            let is_late = timeout(UNTAKEN, sending.as_mut()).await.is_err();
            if is_late && !sabotaged("hold-pushes-that-nobody-takes") {
                // A stream that nobody polls does not end, and whoever gives it could not be replaced.
                drop(pushes);
                sending.await;
                return Left::Anew;
            }
            if is_late {
                sending.await;
            }
        }
    }
}

/// Whether somebody else may answer in a while.
fn is_away(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Retired)
}

/// A push as it is sent, under a name that nobody else has.
///
/// # Errors
/// `Failed` when it has another name, or its fields are none.
fn written(name: &str, pushed: &WsPush) -> Result<Utf8Bytes, CallError> {
    let kind = pushed.kind.as_str();
    let is_its_own = kind.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    if !is_its_own && !sabotaged("push-under-any-name") {
        let kind = shown(kind, 40);
        let message =
            format!("subscription `{name}` pushed `{kind}`, expected a type that begins with `{name}.`");
        return Err(CallError::failed(message));
    }
    let Value::Object(fields) = pushed.fields.value() else {
        return Err(CallError::failed(format!("subscription `{name}` pushed `{kind}` without fields")));
    };
    let mut message = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    message.extend(fields.into_iter().filter(|(field, _)| field != "type"));
    Ok(Value::Object(message).to_string().into())
}

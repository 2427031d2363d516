//! One conversation on one connection: what a client missed, then what happens, through every reload of the orchestrator.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use transom_agent::event::{AgentEvent, AgentEventKind, Cursor};
use transom_agent::turn::Watch;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Maybe, Text};

use crate::connection::Shared;
use crate::conversations::{Conversations, Frames};
use crate::outbox::Outbox;
use crate::viewings::Viewing;

/// How long the orchestrator may be away: as long as a reload may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a client may take nothing before its streams are left; they go on by cursor.
const UNTAKEN: Duration = Duration::from_millis(250);

/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(50);

/// Where a client begins to look.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// Behind the last that it has seen, or else where the orchestrator says.
    After {
        /// The last that it has seen.
        cursor: Option<Cursor>,
        /// Where the conversation stood when it had seen nothing, and nothing ran in it.
        origin: Option<Cursor>,
    },
    /// At the beginning of a turn that this client began; what follows that turn is shown, too.
    Turn(Text),
}

/// Sends frames until the client has to look anew.
///
/// # Errors
/// Why there will be no more.
pub(crate) async fn view<C: Conversations>(
    shared: &Shared<C>,
    outbox: &Outbox,
    conversation: &Text,
    start: Start,
    viewing: &mut Viewing,
) -> Result<(), CallError> {
    let mut view = View::new(conversation, start);
    let mut limit: Option<Instant> = None;
    loop {
        let opened = Instant::now();
        let error = match view.relay(shared, outbox, viewing).await {
            Relayed::Snapshot => return Ok(()),
            Relayed::TurnSealed | Relayed::Left => {
                limit = None;
                continue;
            }
            Relayed::Failed(error) => error,
        };
        let now = Instant::now();
        if now - opened > PAUSE {
            // It was there for a while, so that this is another time that it is away.
            limit = None;
        }
        // As a rule the next generation is there already when the one before says that it leaves.
        let is_first = limit.is_none();
        let is_over = now >= *limit.get_or_insert(now + PATIENCE);
        if !is_away(&error) || is_over || sabotaged("leave-with-the-orchestrator") {
            return Err(error);
        }
        if !is_first {
            sleep(PAUSE).await;
        }
    }
}

struct View {
    conversation: Text,
    turn: Maybe<Text>,
    after: Option<Cursor>,
    /// Where the conversation stood before anything was seen of it, when nothing ran in it.
    origin: Option<Cursor>,
    /// Whether this was watched before.
    is_again: bool,
}

enum Relayed {
    /// The turn is over that was looked at alone.
    TurnSealed,
    /// The stream was left, because the client takes nothing.
    Left,
    /// The client has to read the conversation.
    Snapshot,
    /// There is no more for now, or at all.
    Failed(CallError),
}

impl View {
    fn new(conversation: &Text, start: Start) -> Self {
        let (turn, after, origin) = match start {
            Start::After { cursor, origin } => (Maybe::None, cursor, origin),
            Start::Turn(turn) => (Maybe::Some(turn), None, None),
        };
        Self { conversation: conversation.clone(), turn, after, origin, is_again: false }
    }

    async fn relay<C: Conversations>(
        &mut self,
        shared: &Shared<C>,
        outbox: &Outbox,
        viewing: &mut Viewing,
    ) -> Relayed {
        let mut frames = match shared.far.watch(self.wanted()) {
            Ok(frames) => frames,
            Err(error) => return Relayed::Failed(error),
        };
        loop {
            let event = match poll_fn(|context| frames.poll_next(context)).await {
                Some(Ok(event)) => event,
                Some(Err(error)) => return Relayed::Failed(error),
                None if self.turn.is_some() && self.after.is_some() => return Relayed::TurnSealed,
                None => {
                    return Relayed::Failed(CallError::failed("the frames of the conversation have ended"));
                }
            };
            self.after = event.cursor().or(self.after);
            let frame = shared.encoder.encoded(&event);
            let bytes = frame.len();
            let mut sending = pin!(outbox.send(frame));
            let is_late = timeout(UNTAKEN, sending.as_mut()).await.is_err();
            if is_late && self.after.is_some() && !sabotaged("hold-what-nobody-takes") {
                // A stream that nobody polls does not end, and whoever gives it could not be replaced.
                drop(frames);
                sending.await;
                viewing.sent(bytes);
                return if is_snapshot(&event) { Relayed::Snapshot } else { Relayed::Left };
            }
            if is_late {
                sending.await;
            }
            viewing.sent(bytes);
            if is_snapshot(&event) {
                return Relayed::Snapshot;
            }
        }
    }

    /// What to ask for. A turn that was seen in part is left for its cursor, which leads beyond it.
    fn wanted(&mut self) -> Watch {
        let origin = self.origin.filter(|_| std::mem::replace(&mut self.is_again, true));
        let after = self.after.or(origin);
        if after.is_some() {
            self.turn = Maybe::None;
        }
        Watch { conversation_id: self.conversation.clone(), turn_id: self.turn.clone(), after: after.into() }
    }
}

fn is_snapshot(event: &AgentEvent) -> bool {
    matches!(event.what, AgentEventKind::SnapshotRequired {})
}

/// Whether somebody else may answer in a while.
fn is_away(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Retired)
}

//! The edges on the bus.

use std::time::Duration;

use transom_agent::conversation::Conversation;
use transom_agent::log::{Located, MessageOf};
use transom_agent::storage::{StorageRead, StorageRows, StorageWrite, StorageWrites};
use transom_agent::surface::SurfaceChanged;
use transom_agent::turn::{EndReason, StartTurn, TurnStarted};
use transom_plugin_api::{CallError, CallErrorKind, Host, Text};

use super::{Edges, Work};
use crate::{MessageQueuePorts, surface};

/// How long the orchestrator may take to begin a turn: less than who sends a message waits, so that this one is told.
const START_WITHIN: Duration = Duration::from_secs(20);

/// A host and the ports of this plugin.
pub(crate) struct Bus {
    host: Host,
    ports: MessageQueuePorts,
}

impl Bus {
    pub(crate) const fn new(host: Host, ports: MessageQueuePorts) -> Self {
        Self { host, ports }
    }
}

impl Edges for Bus {
    fn now_ms(&self) -> i64 {
        self.host.now_ms()
    }

    fn new_id(&self) -> Text {
        let random = uuid::Uuid::new_v4().simple().to_string();
        format!("queued-{}", &random[..16]).into()
    }

    async fn sleep(&self, duration: Duration) {
        self.host.sleep(duration).await;
    }

    fn spawn(&self, work: Work) {
        self.host.spawn(work);
    }

    async fn started_up(&self) {
        // Without an answer nobody can tell, and what waits is delivered no sooner by waiting on.
        let _ = self.ports.started_up.call(()).await;
    }

    fn changed(&self, conversation_id: &Text) {
        self.ports.surface_changed.emit(&SurfaceChanged::of(surface::ID, conversation_id));
    }

    async fn start(&self, start: StartTurn) -> Result<TurnStarted, CallError> {
        self.ports.start.call_within(START_WITHIN, start).await
    }

    async fn find(&self, conversation_id: &Text) -> Result<Option<Conversation>, CallError> {
        if_there(self.ports.find.call(conversation_id.clone()).await)
    }

    async fn last_end(&self, conversation_id: &Text) -> Result<Option<EndReason>, CallError> {
        let metrics = if_there(self.ports.metrics.call(conversation_id.clone()).await)?;
        let last = metrics.and_then(|metrics| metrics.turns.into_vec().pop());
        Ok(last.and_then(|turn| turn.reason.into_option()))
    }

    async fn locate(&self, message: MessageOf) -> Result<Option<Located>, CallError> {
        if_there(self.ports.locate.call(message).await)
    }

    async fn read(&self, read: StorageRead) -> Result<StorageRows, CallError> {
        self.ports.read.call(read).await
    }

    async fn write(&self, writes: Vec<StorageWrite>) -> Result<(), CallError> {
        self.ports.write.call(StorageWrites { writes: writes.into() }).await.map(drop)
    }
}

fn if_there<T>(found: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

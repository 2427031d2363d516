//! [`Prints`]: what tools print comes through a mailbox, what they answer does not; here the two are put in order.
//!
//! Behind each answer an empty print is said. It comes through the same mailbox, so that everything the tool has printed
//! was heard before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use transom_agent::tool::ToolPrinted;
use transom_plugin_api::{Emitter, Host, Text};

/// How long an answer waits for prints. Longer only while this plugin is off the bus.
const LIMIT: Duration = Duration::from_secs(1);

/// Conversation and call.
type Key = (Text, Text);

/// Calls that have answered, and whose prints are still to be heard.
pub(crate) struct Prints {
    host: Host,
    port: Emitter<ToolPrinted>,
    awaited: Mutex<HashMap<Key, oneshot::Sender<()>>>,
}

impl Prints {
    pub(crate) fn new(host: Host, port: Emitter<ToolPrinted>) -> Arc<Self> {
        Arc::new(Self { host, port, awaited: Mutex::default() })
    }

    /// Waits until everything that a call printed before it answered has been heard.
    pub(crate) async fn until_heard(&self, conversation_id: Text, tool_call_id: Text) {
        let (heard, hearing) = oneshot::channel();
        let key = (conversation_id.clone(), tool_call_id.clone());
        self.lock().insert(key.clone(), heard);
        let _awaited = Awaited { prints: self, key };
        let (data, stream) = (Text::default(), "stdout".into());
        self.port.emit(&ToolPrinted { conversation_id, tool_call_id, data, stream });
        let _ = self.host.within(LIMIT, hearing).await;
    }

    /// Told of each print, in order, after it was shown.
    pub(crate) fn heard(&self, printed: &ToolPrinted, lost: u64) {
        if lost > 0 {
            tracing::warn!("tools printed too fast: {lost} pieces were not shown");
            // What somebody waits for may have been among them.
            self.lock().clear();
        }
        if printed.data.is_empty() {
            self.lock().remove(&(printed.conversation_id.clone(), printed.tool_call_id.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, oneshot::Sender<()>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the call on every way out.
struct Awaited<'a> {
    prints: &'a Prints,
    key: Key,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.prints.lock().remove(&self.key);
    }
}

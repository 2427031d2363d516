//! What the plugins that have surfaces need around them: a conversation, a storage, and a model that answers.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex};

use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, METRICS, Metrics};
use transom_agent::log::LOCATE;
use transom_agent::provider::{FinishReason, ProviderEvent};
use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWritten};
use transom_agent::turn::{BESIDE, START};
use transom_plugin_api::{CallError, Json, Maybe, Text};
use transom_testkit::Stand;

/// The only conversation.
pub(super) const ID: &str = "c";

type Rows = Arc<Mutex<BTreeMap<String, Json>>>;

/// Puts it all on a stand. A turn runs in the conversation for ever.
pub(super) fn put_on(stand: &Stand) {
    let known = |id: &Text| match id.as_str() {
        ID => Ok(Conversation::new(ID, 0)),
        _ => Err(CallError::not_found(format!("there is no conversation `{id}`"))),
    };
    stand.serve(FIND, move |id, _| ready(known(&id)));
    stand.serve(LIST, |_, _| ready(Ok(Conversations { conversations: [Conversation::new(ID, 0)].into() })));
    stand.serve(METRICS, |_, _| ready(Ok(Metrics { turns: [].into() })));
    stand.serve(LOCATE, |_, _| ready(Err(CallError::not_found("no such message"))));
    stand.serve(START, |_, _| ready(Err(CallError::conflict("a turn runs"))));
    stand.serve_stream(BESIDE, |_, mut items, _| async move {
        items.send(ProviderEvent::Finish { reason: FinishReason::Length }).await;
        Ok(())
    });
    put_the_storage_on(stand);
}

fn put_the_storage_on(stand: &Stand) {
    let rows = Rows::default();
    let read = Arc::clone(&rows);
    stand.serve(STORAGE_READ, move |wanted, context| {
        let mine = format!("{} ", context.caller());
        let rows = read.lock().expect("nobody panics in here");
        let own = rows.iter().filter_map(|(key, value)| Some((key.strip_prefix(&mine)?, value)));
        let after = wanted.after.as_deref().unwrap_or_default();
        let found = own.filter(|(key, _)| key.starts_with(wanted.prefix.as_str()) && *key > after);
        let found = found.map(|(key, value)| StorageRow { key: key.into(), value: value.clone() });
        ready(Ok(StorageRows { rows: found.collect(), more: false }))
    });
    stand.serve(STORAGE_WRITE, move |changes, context| {
        let mut rows = rows.lock().expect("nobody panics in here");
        for write in changes.writes {
            let key = format!("{} {}", context.caller(), write.key);
            match write.value {
                Maybe::Some(value) => drop(rows.insert(key, value)),
                Maybe::None => drop(rows.remove(&key)),
            }
        }
        ready(Ok(StorageWritten {}))
    });
}

//! [`Shelf`]: the lists of models that were told last, durable where somebody keeps documents for plugins.
//!
//! What stands there may be old; it is better than no models at all while an endpoint is asked, or does not answer.

use std::time::Duration;

use transom_agent::storage::{StorageRead, StorageRows, StorageWrite, StorageWrites, StorageWritten};
use transom_plugin_api::{CallError, CallErrorKind, Caller, Json, List, Maybe};

use crate::catalogue::Listed;
use crate::known::KnownAccount;

/// How long an account waits for what it knew.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Where lists are kept.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    pub(crate) read: Caller<StorageRead, StorageRows>,
    pub(crate) write: Caller<StorageWrites, StorageWritten>,
}

impl Shelf {
    /// What was listed of the account when it was at that address; none when it is not known any more.
    pub(crate) async fn take(&self, name: &str, base_url: &str) -> Option<Vec<Listed>> {
        let key = key(name);
        // In byte order, the key itself stands before all that begin with it.
        let first = StorageRead { prefix: key.as_str().into(), after: Maybe::None, limit: Maybe::Some(1) };
        let rows = match self.read.call_within(READ_WITHIN, first).await {
            Ok(rows) => rows.rows,
            Err(error) => {
                tell(&error, "the models of `{name}` that were known are not read", name);
                return None;
            }
        };
        let row = rows.into_iter().next().filter(|row| row.key == key)?;
        row.value.read::<KnownAccount>().ok()?.at(name, base_url)
    }

    /// Keeps what was listed.
    pub(crate) async fn put(&self, name: &str, account: &KnownAccount) {
        let value = match Json::of(account) {
            Ok(value) => Maybe::Some(value),
            Err(error) => return tracing::warn!("the models of `{name}` are not kept: {error}"),
        };
        let write = StorageWrite { key: key(name).into(), value };
        if let Err(error) = self.write.call(StorageWrites { writes: List::from([write]) }).await {
            tell(&error, "the models of `{name}` are not kept", name);
        }
    }
}

fn key(name: &str) -> String {
    format!("models/{name}")
}

/// That nobody keeps documents, or the operator does not grant it, is no fault.
fn tell(error: &CallError, what: &str, name: &str) {
    let what = what.replace("{name}", name);
    if matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Denied) {
        tracing::debug!("{what}: {error}");
    } else {
        tracing::warn!("{what}: {error}");
    }
}

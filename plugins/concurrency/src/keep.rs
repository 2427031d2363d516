//! [`Keeper`]: what was said at run time, durable.
//!
//! | key | value |
//! |---|---|
//! | `limit:<provider>` | `{"limit": …, "reduced": …}` |
//! | `cooldown:<provider>` | milliseconds |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use transom_agent::storage::{
    StorageRead, StorageRow, StorageRows, StorageWrite, StorageWrites, StorageWritten,
};
use transom_plugin_api::{CallError, CallErrorKind, Caller, Host, Json, Maybe, StartError};

use crate::slots::{Said, Slots, replaced};
use crate::terms::{KeptLimit, is_provider};

const LIMIT: &str = "limit:";
const COOLDOWN: &str = "cooldown:";

/// The longest time that a slot may rest, in milliseconds.
pub(crate) const LONGEST_COOLDOWN_MS: u64 = 600_000;
/// How long one waits before one tries again to write.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Writes, one after the other.
pub(crate) struct Keeper {
    slots: Arc<Slots>,
    write: Caller<StorageWrites, StorageWritten>,
    /// Whether nothing is said here any more; held by who writes.
    is_closed: Mutex<bool>,
}

/// What was said before, by provider; nothing where nobody keeps anything.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn said(
    read: &Caller<StorageRead, StorageRows>,
) -> Result<BTreeMap<String, Said>, StartError> {
    let mut said = BTreeMap::new();
    let mut after = Maybe::None;
    loop {
        let page = match read.call(StorageRead { after, ..StorageRead::default() }).await {
            Ok(page) => page,
            Err(error) if error.kind == CallErrorKind::NoProvider => return Ok(said),
            Err(error) => {
                return Err(StartError::new(format!("the limits that were set cannot be read: {error}")));
            }
        };
        page.rows.iter().for_each(|row| take(row, &mut said));
        match page.rows.last() {
            Some(last) if page.more => after = Maybe::Some(last.key.clone()),
            _ => return Ok(said),
        }
    }
}

/// What cannot be meant is left where it is, and told.
fn take(row: &StorageRow, said: &mut BTreeMap<String, Said>) {
    let value = row.value.value();
    let (limit, cooldown) = (row.key.strip_prefix(LIMIT), row.key.strip_prefix(COOLDOWN));
    let is_understood = match (limit, cooldown) {
        (Some(provider), _) if is_provider(provider) => limit_in(&value)
            .map(|limit| said.entry(provider.to_owned()).or_default().limit = Some(limit))
            .is_some(),
        (_, Some(provider)) if is_provider(provider) => value
            .as_u64()
            .filter(|cooldown| *cooldown <= LONGEST_COOLDOWN_MS)
            .map(|cooldown| said.entry(provider.to_owned()).or_default().cooldown_ms = Some(cooldown))
            .is_some(),
        _ => false,
    };
    if !is_understood {
        tracing::warn!("row `{}` is not known here, and left out", row.key);
    }
}

fn limit_in(value: &Value) -> Option<KeptLimit> {
    let limit = u32::try_from(value["limit"].as_u64()?).ok().filter(|limit| *limit > 0)?;
    Some(KeptLimit { limit, reduced: value["reduced"].as_bool().unwrap_or_default() })
}

fn rows(provider: &str, said: Said) -> StorageWrites {
    let limit = said.limit.map(|kept| Json::from(json!({ "limit": kept.limit, "reduced": kept.reduced })));
    let cooldown = said.cooldown_ms.map(|cooldown| Json::from(json!(cooldown)));
    let writes = [
        StorageWrite { key: format!("{LIMIT}{provider}").into(), value: limit.into() },
        StorageWrite { key: format!("{COOLDOWN}{provider}").into(), value: cooldown.into() },
    ];
    StorageWrites { writes: writes.into() }
}

impl Keeper {
    pub(crate) fn new(slots: Arc<Slots>, write: Caller<StorageWrites, StorageWritten>) -> Arc<Self> {
        Arc::new(Self { slots, write, is_closed: Mutex::new(false) })
    }

    /// Says something of a provider: it holds when it is durable.
    ///
    /// # Errors
    /// `Unavailable` when nobody keeps anything, `Retired` when another generation is to be told; else what the store says.
    pub(crate) async fn say(&self, provider: &str, change: impl FnOnce(&mut Said)) -> Result<(), CallError> {
        let is_closed = self.is_closed.lock().await;
        if *is_closed {
            return Err(replaced());
        }
        let mut said = self.slots.said(provider);
        change(&mut said);
        self.write.call(rows(provider, said)).await.map_err(|error| match error.kind {
            CallErrorKind::NoProvider => {
                CallError::unavailable("nobody keeps what is set here; run `conversation-store`")
            }
            _ => error,
        })?;
        self.slots.say(provider, said);
        Ok(())
    }

    /// Writes what these providers' limits were lowered to.
    async fn write(&self, providers: &[String]) -> Result<(), CallError> {
        let is_closed = self.is_closed.lock().await;
        // What the next generation knows better is not written over.
        for provider in providers.iter().filter(|_| !*is_closed) {
            let said = self.slots.said(provider);
            match self.write.call(rows(provider, said)).await {
                Ok(_) => self.slots.written(provider, said),
                Err(error) if error.kind == CallErrorKind::NoProvider => self.slots.written(provider, said),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Nothing is said here from now on. What was lowered is written, if that can be.
    pub(crate) async fn close(&self) -> MutexGuard<'_, bool> {
        self.flush().await;
        let mut is_closed = self.is_closed.lock().await;
        *is_closed = true;
        is_closed
    }

    /// Writes what is not durable yet.
    pub(crate) async fn flush(&self) {
        let (_, unwritten) = self.slots.look();
        if let Err(error) = self.write(&unwritten).await {
            tracing::warn!("limits that were lowered are not durable: {error}");
        }
    }

    /// Looks at the clock for all lines, and writes what is to be written.
    pub(crate) async fn run(self: Arc<Self>, host: Host) {
        loop {
            let (next, unwritten) = self.slots.look();
            let mut wait =
                next.map(|next| u64::try_from(next.saturating_sub(host.now_ms())).unwrap_or_default());
            if !unwritten.is_empty()
                && let Err(error) = self.write(&unwritten).await
            {
                tracing::warn!("limits that were lowered are not durable yet: {error}");
                let again = u64::try_from(WRITE_AGAIN.as_millis()).unwrap_or(u64::MAX);
                wait = Some(wait.map_or(again, |wait| wait.min(again)));
            }
            match wait {
                Some(wait) => {
                    let _ = host.within(Duration::from_millis(wait), self.slots.until_changed()).await;
                }
                None => self.slots.until_changed().await,
            }
        }
    }
}

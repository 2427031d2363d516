//! [`Record`]: what is kept of a conversation that was opted in, so that it is there behind a restart.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Milliseconds that lie between two requests, at least.
pub(crate) const LEAST_INTERVAL_MS: u64 = 1_000;
/// The most: a day.
pub(crate) const MOST_INTERVAL_MS: u64 = 86_400_000;

/// When a prompt is asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// Again and again, always after the same time.
    #[default]
    Interval,
    /// Where that is expected to save money.
    Gain,
}

impl Mode {
    /// By its name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "interval" => Some(Self::Interval),
            "gain" => Some(Self::Gain),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Gain => "gain",
        }
    }
}

/// What is kept of a conversation. Times are milliseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Record {
    /// When the conversation was made: another one of its id is not meant.
    pub(crate) created_at: i64,
    pub(crate) enabled: bool,
    pub(crate) mode: Mode,
    /// Where somebody chose another time than the operator.
    pub(crate) interval_ms: Option<u64>,
    /// The model of its last turn; empty when none was heard.
    pub(crate) model: String,
    /// Tokens of its prompt, as the last request told them.
    pub(crate) prompt_tokens: Option<u64>,
    /// When its prompt was asked last, by a turn or to keep it warm.
    pub(crate) last_request_at: Option<i64>,
    /// When a turn asked it last.
    pub(crate) last_turn_at: Option<i64>,
    pub(crate) last_warm_at: Option<i64>,
    pub(crate) last_percent: Option<u8>,
    pub(crate) last_expected_percent: Option<u8>,
    /// US dollars.
    pub(crate) spent_usd: f64,
    /// US dollars.
    pub(crate) saved_usd: f64,
}

impl Record {
    /// As it was stored; nothing when it cannot be read.
    pub(crate) fn stored(stored: Value) -> Option<Self> {
        let mut record: Self = serde_json::from_value(stored).ok()?;
        record.interval_ms = record.interval_ms.map(|ms| ms.clamp(LEAST_INTERVAL_MS, MOST_INTERVAL_MS));
        Some(record)
    }

    /// The one of a conversation that was made then, as it was stored. What cannot be read, and what is another conversation's,
    /// stands for nothing.
    pub(crate) fn read(stored: Option<Value>, created_at: i64) -> Self {
        let own = stored.and_then(Self::stored).filter(|record| record.created_at == created_at);
        own.unwrap_or(Self { created_at, ..Self::default() })
    }

    pub(crate) fn interval_ms(&self, usual: u64) -> i64 {
        // Neither is more than a day.
        self.interval_ms.unwrap_or(usual).clamp(LEAST_INTERVAL_MS, MOST_INTERVAL_MS) as i64
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let record = Record {
            created_at: 7,
            enabled: true,
            mode: Mode::Gain,
            interval_ms: Some(5_000),
            spent_usd: 0.25,
            ..Record::default()
        };
        let stored = serde_json::to_value(&record).unwrap();
        assert_eq!(Record::read(Some(stored.clone()), 7), record);
        assert_eq!(Record::read(Some(stored), 8), Record { created_at: 8, ..Record::default() });
    }

    #[test]
    fn what_cannot_be_read_stands_for_nothing() {
        let nothing = Record { created_at: 7, ..Record::default() };
        for stored in [None, Some(json!(7)), Some(json!({"createdAt": 7, "enabled": "yes"})), Some(json!({}))]
        {
            assert_eq!(Record::read(stored.clone(), 7), nothing, "{stored:?}");
        }
        let odd = json!({"createdAt": 7, "intervalMs": 1});
        assert_eq!(Record::read(Some(odd), 7).interval_ms, Some(1_000));
    }
}

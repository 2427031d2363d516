//! [`Doctor`]: what the store says when it examines itself.

use serde_json::Value;

use crate::operator::Operator;

/// A verdict, where there is somebody to ask.
#[derive(Debug)]
pub(crate) enum Doctor {
    /// Nobody was asked.
    NotAsked,
    /// How many conversations were examined, and what is wrong.
    Examined(u64, Vec<String>),
}

impl Doctor {
    /// Asks `transom doctor`.
    pub(crate) async fn asked(operator: &Operator) -> Self {
        let Ok(diagnosis) = operator.ask(&["doctor"]).await else { return Self::NotAsked };
        let faults = diagnosis["faults"].as_array().into_iter().flatten();
        let faults = faults.map(ToString::to_string).collect();
        Self::Examined(diagnosis["conversations"].as_u64().unwrap_or_default(), faults)
    }

    pub(crate) fn faults(&self) -> &[String] {
        match self {
            Self::NotAsked => &[],
            Self::Examined(_, faults) => faults,
        }
    }

    pub(crate) fn document(&self) -> Value {
        match self {
            Self::NotAsked => Value::Null,
            Self::Examined(conversations, faults) => {
                serde_json::json!({ "conversations": conversations, "faults": faults.len() })
            }
        }
    }
}

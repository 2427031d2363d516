//! [`Failure`]: why a turn fails, in the words of everybody who is told.

use serde::Serialize;
use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_agent::provider::FailureClass;
use transom_plugin_api::{CallError, Maybe, Text};

/// Why a turn fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One sentence.
    pub(crate) message: Text,
    /// The class, as viewers are told.
    pub(crate) code: Text,
    /// The class, when the provider told it.
    pub(crate) class: Option<FailureClass>,
    /// Milliseconds that the provider asked to wait.
    pub(crate) retry_after_ms: Option<u64>,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<Text>) -> Self {
        Self { message: message.into(), code: code.into(), class: None, retry_after_ms: None }
    }

    /// A failed call; its kind is the class.
    pub(crate) fn of_call(what: &str, error: &CallError) -> Self {
        Self::new(&word(&error.kind), format!("{what}: {error}"))
    }

    /// What the store did not do. Whatever kept it from that, it is the operator's to repair.
    pub(crate) fn of_store(what: &str, error: &CallError) -> Self {
        Self::new("storage", format!("{what}: {error}"))
    }

    /// The chunk that keeps it for people.
    pub(crate) fn chunk(&self) -> Chunk {
        Chunk::Error { message: self.message.clone(), code: Maybe::Some(self.code.clone()) }
    }

    /// The frame that tells viewers.
    pub(crate) fn frame(&self) -> AgentEventKind {
        AgentEventKind::Error { message: self.message.clone(), code: Maybe::Some(self.code.clone()) }
    }
}

/// The encoded form of an enum without fields.
pub(super) fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "failed".to_owned(),
    }
}

//! What every request of a turn begins with, as the filters leave it.

use std::sync::Arc;

use transom_agent::tool::{ToolAssembly, ToolDefinition};
use transom_agent::turn::SystemPrompt;
use transom_plugin_api::{CallError, List, Text};

use super::{Terms, Turn};
use crate::SessionOrchestrator;
use crate::edges::Edges;
use crate::request::Prefix;

/// Makes what the requests of a turn begin with, or one beside them.
pub(crate) struct Prefixes<E> {
    edges: Arc<E>,
    settings: Arc<SessionOrchestrator>,
    terms: Terms,
    conversation_id: Text,
}

impl<E: Edges> Turn<E> {
    pub(super) fn prefixes(&self) -> Prefixes<E> {
        let conversation_id = self.claim.conversation_id().clone();
        Prefixes::new(self.edges.clone(), self.settings.clone(), self.terms.clone(), conversation_id)
    }
}

impl<E: Edges> Prefixes<E> {
    pub(crate) const fn new(
        edges: Arc<E>,
        settings: Arc<SessionOrchestrator>,
        terms: Terms,
        conversation_id: Text,
    ) -> Self {
        Self { edges, settings, terms, conversation_id }
    }

    pub(super) fn edges(&self) -> &Arc<E> {
        &self.edges
    }

    /// Runs both filters once, so that every step begins with the same bytes.
    pub(crate) async fn make(&self) -> Prefix {
        let prompt = self.system_prompt().await;
        let tools = self.offered_tools().await;
        let effort = self.terms.reasoning_effort.clone();
        Prefix::new(&self.conversation_id, &self.terms.model, &prompt, tools, effort)
    }

    async fn system_prompt(&self) -> List<Text> {
        let prompt = SystemPrompt {
            conversation_id: self.conversation_id.clone(),
            cwd: self.terms.cwd.clone(),
            parts: List::from([Text::from(&self.settings.system_prompt)]),
            model: self.terms.model.clone(),
        };
        let filtered = self.edges.filter_system_prompt(prompt.clone()).await;
        filtered.unwrap_or_else(|error| unfiltered(prompt, "system prompt", &error)).parts
    }

    async fn offered_tools(&self) -> List<ToolDefinition> {
        let tools = self.edges.tools().into_iter().map(|tool| {
            // It is called by the name it is registered under, whatever its definition says.
            let mut definition = tool.about;
            definition.name = tool.name;
            definition
        });
        let assembly = ToolAssembly {
            conversation_id: self.conversation_id.clone(),
            cwd: self.terms.cwd.clone(),
            tools: tools.collect(),
        };
        let filtered = self.edges.filter_tools(assembly.clone()).await;
        filtered.unwrap_or_else(|error| unfiltered(assembly, "tools", &error)).tools
    }
}

/// A fail-open filter whose chain is unreachable changes nothing.
fn unfiltered<T>(value: T, what: &str, error: &CallError) -> T {
    tracing::warn!("the {what} of a turn went unfiltered: {error}");
    value
}

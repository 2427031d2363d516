//! The one place that makes requests to models.
//!
//! Everything in front of the messages is fixed once per turn and in a fixed order, and messages are only ever added at
//! the end, so that each request begins with the very bytes of the one before and a provider's cache keeps its worth.

use transom_agent::message::Message;
use transom_agent::provider::{ModelRequest, ReasoningEffort};
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::{Json, List, Map, Maybe, Shared, Text};

/// What all requests of a turn begin with.
#[derive(Clone, Debug)]
pub(crate) struct Prefix {
    model: Text,
    system_prompt: Maybe<Text>,
    tools: Shared<List<ToolDefinition>>,
    reasoning_effort: ReasoningEffort,
    conversation_id: Text,
}

impl Prefix {
    /// `model` is the full name, `parts` and `tools` are what came out of the filters.
    pub(crate) fn new(
        conversation_id: &Text,
        model: &str,
        parts: &[Text],
        tools: List<ToolDefinition>,
        reasoning_effort: ReasoningEffort,
    ) -> Self {
        Self {
            model: behind_provider(model).into(),
            system_prompt: joined(parts).into(),
            tools: Shared::new(in_order(tools)),
            reasoning_effort,
            conversation_id: conversation_id.clone(),
        }
    }

    /// The tools the model is offered.
    pub(crate) fn tools(&self) -> &[ToolDefinition] {
        &self.tools
    }

    /// The request for the last step: no tool may be called, and a line stands behind everything that was said before.
    pub(crate) fn last_request(&self, messages: &Shared<List<Message>>, line: Message) -> ModelRequest {
        let mut messages = messages.clone();
        messages.to_mut().push(line);
        ModelRequest { no_calls: true, ..self.request(&messages) }
    }

    /// A request beside turns.
    pub(crate) fn beside(&self, messages: &Shared<List<Message>>, max_tokens: Maybe<u64>) -> ModelRequest {
        ModelRequest { max_tokens, ..self.request(messages) }
    }

    /// The request for the next step.
    pub(crate) fn request(&self, messages: &Shared<List<Message>>) -> ModelRequest {
        ModelRequest {
            model: self.model.clone(),
            system_prompt: self.system_prompt.clone(),
            messages: messages.clone(),
            tools: self.tools.clone(),
            no_calls: false,
            reasoning_effort: self.reasoning_effort.clone(),
            max_tokens: Maybe::None,
            temperature: Maybe::None,
            conversation_id: self.conversation_id.clone(),
            headers: Map::new(),
            extra_body: Json::default(),
        }
    }
}

/// The part of a model's name that its provider knows: what stands behind the first `/`.
fn behind_provider(model: &str) -> &str {
    model.split_once('/').map_or(model, |(_, behind)| behind)
}

/// The parts with words in them, a blank line between.
fn joined(parts: &[Text]) -> Option<Text> {
    let parts: Vec<&str> = parts.iter().map(Text::as_str).filter(|part| !part.trim().is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n").into())
}

/// The tools in byte order of their names, each name once: the first to claim it keeps it.
fn in_order(tools: List<ToolDefinition>) -> List<ToolDefinition> {
    let mut tools = tools.into_vec();
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    tools.dedup_by(|later, first| {
        let same = later.name == first.name;
        if same {
            tracing::warn!(
                "the tool `{}` was defined twice for a turn; the second definition is left out",
                first.name
            );
        }
        same
    });
    tools.into()
}

#[cfg(test)]
mod tests {
    use transom_agent::message::Role;
    use transom_plugin_api::Json;

    use super::*;

    fn tool(name: &str, description: &str) -> ToolDefinition {
        ToolDefinition {
            name: name.into(),
            description: description.into(),
            parameters: Json::default(),
            concurrency_safe: true,
            effects: Maybe::None,
        }
    }

    fn prefix(model: &str, parts: &[&str], tools: Vec<ToolDefinition>) -> Prefix {
        let parts: Vec<Text> = parts.iter().map(|part| Text::from(*part)).collect();
        Prefix::new(&"c".into(), model, &parts, tools.into(), ReasoningEffort::High)
    }

    fn messages(count: usize) -> Shared<List<Message>> {
        Shared::new((0..count).map(|number| Message::text(format!("m{number}"), Role::User, "x")).collect())
    }

    #[test]
    fn the_model_is_what_stands_behind_the_first_slash() {
        for (name, behind) in [("a/b", "b"), ("a/b/c", "b/c"), ("a", "a"), ("a/", ""), ("/b", "b")] {
            assert_eq!(prefix(name, &[], vec![]).request(&messages(0)).model, behind);
        }
    }

    #[test]
    fn prompt_parts_are_joined_by_a_blank_line_and_blank_ones_left_out() {
        let prompt = |parts: &[&str]| prefix("a/b", parts, vec![]).request(&messages(0)).system_prompt;
        assert_eq!(prompt(&["one", " ", "two\n", ""]).as_deref(), Some("one\n\ntwo\n"));
        assert!(prompt(&["", "\n"]).is_none());
        assert!(prompt(&[]).is_none());
    }

    #[test]
    fn tools_come_in_byte_order_and_each_name_once() {
        let tools = vec![tool("b", "1"), tool("a", "2"), tool("B", "3"), tool("a", "4"), tool("ä", "5")];
        let prefix = prefix("a/b", &[], tools);
        let told: Vec<_> =
            prefix.tools().iter().map(|tool| (tool.name.as_str(), tool.description.as_str())).collect();
        assert_eq!(told, [("B", "3"), ("a", "2"), ("b", "1"), ("ä", "5")]);
    }

    #[test]
    fn a_later_request_of_a_turn_begins_with_the_bytes_of_the_one_before() {
        let prefix = prefix("a/b", &["be kind"], vec![tool("b", ""), tool("a", "")]);
        let encoded = |count| {
            let mut request = prefix.request(&messages(count));
            let messages = std::mem::take(request.messages.to_mut());
            (
                Json::of(&request).unwrap(),
                messages.iter().map(|message| Json::of(message).unwrap()).collect::<Vec<_>>(),
            )
        };
        let ((before, told), (after, more)) = (encoded(3), encoded(5));
        assert_eq!(before, after);
        assert_eq!(told, more[..3]);
    }
}

//! Puts calls of tools together from their fragments.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use transom_agent::message::{Chunk, Message};
use transom_agent::provider::ProviderEvent;
use transom_plugin_api::Json;

/// Bytes that the calls of one answer may hold together.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Calls that one answer may hold.
const MAX_CALLS: usize = 1_000;

/// An answer asks for more than anybody means.
#[derive(Debug, PartialEq)]
pub(crate) struct TooMuch;

/// The calls of an answer that are under way.
#[derive(Debug)]
pub(crate) struct Calls {
    open: Vec<Call>,
    ids: Ids,
    bytes: usize,
}

#[derive(Debug)]
struct Call {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl Calls {
    /// For the answer to `messages`.
    pub(crate) fn after(messages: &[Message]) -> Self {
        Self { open: Vec::new(), ids: Ids::of(messages), bytes: 0 }
    }

    /// Takes one fragment.
    pub(crate) fn add(&mut self, fragment: &Value) -> Result<(), TooMuch> {
        let text = |path: &str| fragment.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (id, name) = (text("/id"), text("/function/name"));
        let arguments = match fragment.pointer("/function/arguments") {
            Some(Value::String(text)) => text.clone(),
            Some(whole @ Value::Object(_)) => whole.to_string(),
            _ => String::new(),
        };
        self.bytes += id.len() + name.len() + arguments.len();
        let call = self.call(fragment.get("index").and_then(Value::as_u64), id);
        append(&mut call.id, id);
        append(&mut call.name, name);
        call.arguments += &arguments;
        if self.bytes > MAX_BYTES || self.open.len() > MAX_CALLS { Err(TooMuch) } else { Ok(()) }
    }

    /// The call a fragment belongs to: that of its index. Without an index, a new id begins a call; and so does one
    /// under an index whose call is complete, for some providers number all calls 0.
    fn call(&mut self, index: Option<u64>, id: &str) -> &mut Call {
        let found = match index {
            Some(index) => {
                self.open.iter().rposition(|call| call.index == index && !call.is_succeeded_by(id))
            }
            None if id.is_empty() => self.open.len().checked_sub(1),
            None => self.open.iter().rposition(|call| call.id == id),
        };
        let at = found.unwrap_or_else(|| {
            let next = || self.open.iter().map(|call| call.index.saturating_add(1)).max().unwrap_or(0);
            let index = index.unwrap_or_else(next);
            self.open.push(Call { index, id: String::new(), name: String::new(), arguments: String::new() });
            self.open.len() - 1
        });
        &mut self.open[at]
    }

    /// The calls, by index; none of them is under way afterwards.
    pub(crate) fn finish(&mut self) -> Vec<ProviderEvent> {
        self.emit(|_| true)
    }

    /// Those that are whole beyond doubt; the others are dropped.
    pub(crate) fn finish_whole(&mut self) -> Vec<ProviderEvent> {
        self.emit(|call| !call.name.is_empty() && is_object(&call.arguments))
    }

    fn emit(&mut self, keep: impl Fn(&Call) -> bool) -> Vec<ProviderEvent> {
        let mut calls = std::mem::take(&mut self.open);
        calls.retain(keep);
        calls.sort_by_key(|call| call.index);
        calls.into_iter().map(|call| call.event(&mut self.ids)).collect()
    }
}

impl Call {
    fn is_succeeded_by(&self, id: &str) -> bool {
        !id.is_empty() && !self.id.is_empty() && id != self.id && is_object(&self.arguments)
    }

    fn event(self, ids: &mut Ids) -> ProviderEvent {
        ProviderEvent::ToolCall {
            tool_call_id: ids.claim(self.id).into(),
            tool_name: self.name.into(),
            input: input(self.arguments),
        }
    }
}

/// Some providers repeat what they said, others say the rest of it.
fn append(text: &mut String, fragment: &str) {
    if text != fragment {
        text.push_str(fragment);
    }
}

fn is_object(arguments: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(arguments).is_ok()
}

/// The arguments in the form they keep when they are stored and sent again, so that later requests begin with the
/// same bytes.
fn input(arguments: String) -> Json {
    if arguments.trim().is_empty() {
        return Json::from(Value::Object(Map::new()));
    }
    Json::from(serde_json::from_str(&arguments).unwrap_or(Value::String(arguments)))
}

/// The ids that calls of the conversation bear.
#[derive(Debug)]
struct Ids {
    used: BTreeSet<String>,
}

impl Ids {
    fn of(messages: &[Message]) -> Self {
        let chunks = messages.iter().flat_map(|message| message.chunks.iter());
        let ids = chunks.filter_map(|chunk| match chunk {
            Chunk::ToolCall { tool_call_id, .. } => Some(String::from(tool_call_id)),
            _ => None,
        });
        Self { used: ids.collect() }
    }

    /// `id` if it is one and nobody bears it, else the next free one.
    fn claim(&mut self, id: String) -> String {
        let id = if id.is_empty() || self.used.contains(&id) { self.free() } else { id };
        self.used.insert(id.clone());
        id
    }

    fn free(&self) -> String {
        let mut number = self.used.len() + 1;
        while self.used.contains(&format!("call-{number}")) {
            number += 1;
        }
        format!("call-{number}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(fragments: &[Value], expected: &[(&str, &str, &str)]) {
        let mut calls = Calls::after(&[]);
        fragments.iter().for_each(|fragment| calls.add(fragment).expect("little enough"));
        assert_eq!(
            lines(calls.finish()),
            expected.iter().map(|&(a, b, c)| (a.into(), b.into(), c.into())).collect::<Vec<_>>()
        );
    }

    fn lines(events: Vec<ProviderEvent>) -> Vec<(String, String, String)> {
        let line = |event| match event {
            ProviderEvent::ToolCall { tool_call_id, tool_name, input } => {
                (String::from(tool_call_id), String::from(tool_name), input.to_string())
            }
            other => panic!("{other:?}"),
        };
        events.into_iter().map(line).collect()
    }

    fn fragment(index: u64, id: &str, name: &str, arguments: &str) -> Value {
        json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}})
    }

    #[test]
    fn fragments_of_calls_are_joined_and_sorted_by_index() {
        check(
            &[
                fragment(1, "b", "second", ""),
                fragment(0, "a", "first", "{\"x\""),
                json!({"index": 1, "function": {"arguments": "{}"}}),
                json!({"index": 0, "function": {"arguments": ": 1}"}}),
            ],
            &[("a", "first", "{\"x\":1}"), ("b", "second", "{}")],
        );
    }

    #[test]
    fn names_may_come_in_parts_or_again_and_again() {
        check(&[fragment(0, "a", "read_", ""), fragment(0, "", "file", "{}")], &[("a", "read_file", "{}")]);
        check(&[fragment(0, "a", "look", "{"), fragment(0, "a", "look", "}")], &[("a", "look", "{}")]);
    }

    #[test]
    fn a_name_may_come_late() {
        check(&[fragment(0, "", "", "{}"), fragment(0, "a", "look", "")], &[("a", "look", "{}")]);
    }

    #[test]
    fn calls_that_all_have_the_number_0_are_told_apart_by_their_ids() {
        check(
            &[fragment(0, "a", "look", "{}"), fragment(0, "b", "look", "{}")],
            &[("a", "look", "{}"), ("b", "look", "{}")],
        );
    }

    #[test]
    fn calls_without_a_number_are_told_apart_by_their_ids() {
        check(
            &[
                json!({"id": "a", "function": {"name": "x", "arguments": "{\"n\":"}}),
                json!({"function": {"arguments": "1}"}}),
                json!({"id": "b", "function": {"name": "y", "arguments": {"n": 2}}}),
            ],
            &[("a", "x", "{\"n\":1}"), ("b", "y", "{\"n\":2}")],
        );
    }

    #[test]
    fn missing_and_repeated_ids_are_replaced() {
        let chunk = Chunk::ToolCall {
            tool_call_id: "call-2".into(),
            tool_name: "x".into(),
            input: Json::default(),
            step_id: transom_plugin_api::Maybe::None,
        };
        let history = [Message {
            id: "m".into(),
            role: transom_agent::message::Role::Assistant,
            chunks: [chunk].into(),
        }];
        let mut calls = Calls::after(&history);
        for (index, id) in ["", "call-2", "mine", "mine"].into_iter().enumerate() {
            calls.add(&fragment(index as u64, id, "x", "{}")).expect("little enough");
        }
        let ids: Vec<_> = lines(calls.finish()).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(ids, ["call-3", "call-4", "mine", "call-5"]);
    }

    #[test]
    fn arguments_that_are_no_json_are_kept_as_text() {
        check(&[fragment(0, "a", "x", "{\"path\": ")], &[("a", "x", r#""{\"path\": ""#)]);
        check(&[fragment(0, "a", "x", " \n")], &[("a", "x", "{}")]);
        check(
            &[fragment(0, "a", "x", &"[".repeat(100_000))],
            &[("a", "x", &format!("\"{}\"", "[".repeat(100_000)))],
        );
    }

    #[test]
    fn only_whole_calls_survive_a_break() {
        let mut calls = Calls::after(&[]);
        for (index, arguments) in ["{\"a\":1}", "{\"a\"", "", "12"].into_iter().enumerate() {
            calls.add(&fragment(index as u64, "", "x", arguments)).expect("little enough");
        }
        calls.add(&fragment(9, "n", "", "{}")).expect("little enough");
        assert_eq!(lines(calls.finish_whole()), [("call-1".into(), "x".into(), "{\"a\":1}".into())]);
        assert_eq!(calls.finish(), []);
    }

    #[test]
    fn there_is_an_end_to_what_is_collected() {
        let mut calls = Calls::after(&[]);
        let large = fragment(0, "a", "x", &"x".repeat(MAX_BYTES / 2));
        assert_eq!([calls.add(&large), calls.add(&large)], [Ok(()), Err(TooMuch)]);
        let mut calls = Calls::after(&[]);
        let all: Result<Vec<()>, _> =
            (0..=MAX_CALLS as u64).map(|index| calls.add(&fragment(index, "", "x", ""))).collect();
        assert_eq!(all, Err(TooMuch));
    }

    #[test]
    fn fragments_of_any_shape_are_survived() {
        let mut calls = Calls::after(&[]);
        for fragment in [
            json!(null),
            json!(7),
            json!([]),
            json!({"index": -1}),
            json!({"index": u64::MAX}),
            json!({"function": 1}),
        ] {
            calls.add(&fragment).expect("little enough");
        }
        calls.add(&json!({"id": "z"})).expect("little enough");
        assert!(calls.finish_whole().is_empty());
    }
}

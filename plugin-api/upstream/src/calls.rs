//! Puts calls of tools together from their fragments.

use std::borrow::Cow;
use std::collections::BTreeSet;

use transom_agent::message::{Chunk, Message};
use transom_agent::provider::ProviderEvent;

use crate::tool_input::{self, is_object};

/// Bytes that the calls of one answer may hold together.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Calls that one answer may hold.
const MAX_CALLS: usize = 1_000;

/// An answer asks for more than anybody means.
#[derive(Debug, PartialEq)]
pub(crate) struct TooMuch;

/// A part of a call of a tool, as it comes.
#[derive(Clone, Debug, Default)]
pub struct Fragment<'a> {
    /// Its number in the answer, where it has one.
    pub index: Option<u64>,
    /// The provider's name for the call, or a part of it; empty where it is not said again.
    pub id: &'a str,
    /// The tool, or a part of its name; empty where it is not said again.
    pub name: &'a str,
    /// More of the input, as text.
    pub arguments: Cow<'a, str>,
}

/// The calls of an answer that are under way.
#[derive(Debug)]
pub(crate) struct Calls {
    open: Vec<Call>,
    finished: usize,
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
        Self { open: Vec::new(), finished: 0, ids: Ids::of(messages), bytes: 0 }
    }

    /// Takes one fragment.
    pub(crate) fn add(&mut self, fragment: &Fragment<'_>) -> Result<(), TooMuch> {
        let Fragment { index, id, name, arguments } = fragment;
        self.bytes += id.len() + name.len() + arguments.len();
        let call = self.call(*index, id);
        append(&mut call.id, id);
        append(&mut call.name, name);
        call.arguments += arguments;
        if self.bytes > MAX_BYTES || self.open.len() + self.finished > MAX_CALLS {
            Err(TooMuch)
        } else {
            Ok(())
        }
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

    /// The call of that index, which is not under way afterwards.
    pub(crate) fn finish_one(&mut self, index: u64) -> Option<ProviderEvent> {
        let at = self.open.iter().rposition(|call| call.index == index)?;
        self.finished += 1;
        Some(self.open.remove(at).event(&mut self.ids))
    }

    /// Those that are whole beyond doubt; the others are dropped.
    pub(crate) fn finish_whole(&mut self) -> Vec<ProviderEvent> {
        self.emit(|call| !call.name.is_empty() && is_object(&call.arguments))
    }

    fn emit(&mut self, keep: impl Fn(&Call) -> bool) -> Vec<ProviderEvent> {
        let mut calls = std::mem::take(&mut self.open);
        self.finished += calls.len();
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
            input: tool_input::of_text(self.arguments),
        }
    }
}

/// Some providers repeat what they said, others say the rest of it.
fn append(text: &mut String, fragment: &str) {
    if text != fragment {
        text.push_str(fragment);
    }
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
    use transom_plugin_api::{Json, Maybe};

    use super::*;

    #[track_caller]
    fn check(fragments: &[Fragment<'_>], expected: &[(&str, &str, &str)]) {
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

    fn fragment<'a>(index: u64, id: &'a str, name: &'a str, arguments: &'a str) -> Fragment<'a> {
        Fragment { index: Some(index), id, name, arguments: arguments.into() }
    }

    fn without_index<'a>(id: &'a str, name: &'a str, arguments: &'a str) -> Fragment<'a> {
        Fragment { index: None, ..fragment(0, id, name, arguments) }
    }

    #[test]
    fn fragments_of_calls_are_joined_and_sorted_by_index() {
        check(
            &[
                fragment(1, "b", "second", ""),
                fragment(0, "a", "first", "{\"x\""),
                fragment(1, "", "", "{}"),
                fragment(0, "", "", ": 1}"),
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
                without_index("a", "x", "{\"n\":"),
                without_index("", "", "1}"),
                without_index("b", "y", "{\"n\":2}"),
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
            step_id: Maybe::None,
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
        let half = "x".repeat(MAX_BYTES / 2);
        let large = fragment(0, "a", "x", &half);
        assert_eq!([calls.add(&large), calls.add(&large)], [Ok(()), Err(TooMuch)]);
        let mut calls = Calls::after(&[]);
        let all: Result<Vec<()>, _> =
            (0..=MAX_CALLS as u64).map(|index| calls.add(&fragment(index, "", "x", ""))).collect();
        assert_eq!(all, Err(TooMuch));
    }

    #[test]
    fn a_call_may_be_complete_before_the_others() {
        let mut calls = Calls::after(&[]);
        for (index, id) in ["a", "b"].into_iter().enumerate() {
            calls.add(&fragment(index as u64, id, "x", "{")).expect("little enough");
        }
        calls.add(&fragment(1, "", "", "}")).expect("little enough");
        assert_eq!(lines(calls.finish_one(1).into_iter().collect()), [("b".into(), "x".into(), "{}".into())]);
        assert_eq!(calls.finish_one(1), None);
        assert_eq!(lines(calls.finish()), [("a".into(), "x".into(), "\"{\"".into())]);
    }
}

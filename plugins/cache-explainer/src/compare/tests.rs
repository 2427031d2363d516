//! What counts as a change, and as which.

use transom_agent::message::{Message, Role};
use transom_agent::provider::{ModelAsked, ModelRequest, ReasoningEffort};
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::{Json, List, Map, Maybe, Shared};

use super::*;

fn tool(name: &str, parameters: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.into(),
        description: "looks".into(),
        parameters: Json::parse(parameters).unwrap(),
        concurrency_safe: true,
        effects: Maybe::None,
    }
}

/// A request with these messages, by their ids; what is said in each is its id.
fn asked(ids: &[&str]) -> ModelAsked {
    let messages = ids.iter().map(|id| Message::text(*id, Role::User, *id)).collect::<List<_>>();
    ModelAsked {
        request_id: "r".into(),
        model: "a/one".into(),
        purpose: "turn".into(),
        turn_id: Maybe::None,
        step_id: Maybe::None,
        asked_at: 0,
        behind: 0,
        request: ModelRequest {
            model: "one".into(),
            system_prompt: Maybe::Some("be kind".into()),
            messages: Shared::new(messages),
            tools: Shared::new(List::from([tool("look", r#"{"a":1,"b":2}"#), tool("read", "{}")])),
            no_calls: false,
            reasoning_effort: ReasoningEffort::High,
            max_tokens: Maybe::None,
            temperature: Maybe::None,
            conversation_id: "c".into(),
            headers: Map::new(),
            extra_body: Json::default(),
        },
    }
}

fn told(before: &ModelAsked, after: &ModelAsked) -> Vec<(Contributor, String)> {
    let changes = changes(&Print::of(before), &Print::of(after), true);
    changes.into_iter().map(|change| (change.contributor, change.told.to_string())).collect()
}

#[track_caller]
fn check(change: impl Fn(&mut ModelAsked), expected: &[(Contributor, &str)]) {
    let before = asked(&["1", "2"]);
    let mut after = asked(&["1", "2", "3"]);
    change(&mut after);
    let expected: Vec<_> = expected.iter().map(|(of, told)| (of.clone(), (*told).to_owned())).collect();
    assert_eq!(told(&before, &after), expected);
}

#[test]
fn what_only_goes_on_is_no_change() {
    check(|_| {}, &[]);
    check(|after| after.request.max_tokens = Maybe::Some(1), &[]);
    check(|after| after.request.no_calls = true, &[]);
    check(|after| after.behind = 1, &[]);
}

#[test]
fn another_model_or_effort_is_told() {
    check(
        |after| after.model = "b/two".into(),
        &[(Contributor::Model, "`b/two` is asked and no longer `a/one`")],
    );
    check(
        |after| after.request.reasoning_effort = ReasoningEffort::Low,
        &[(Contributor::Model, "the model is to think `low` and no longer `high`")],
    );
}

#[test]
fn a_system_prompt_is_told_with_the_byte_at_which_it_differs() {
    check(
        |after| after.request.system_prompt = Maybe::Some("be brave".into()),
        &[(Contributor::SystemPrompt, "the system prompt is another one, from byte 3 on")],
    );
    check(
        |after| after.request.system_prompt = Maybe::None,
        &[(Contributor::SystemPrompt, "the system prompt is another one, from byte 0 on")],
    );
}

#[test]
fn a_tool_whose_keys_come_in_another_order_is_told_as_that() {
    let shuffled = r#"the tool `look` says the same with its keys in another order, from byte 52 on"#;
    check(
        |after| after.request.tools.to_mut()[0] = tool("look", r#"{"b":2,"a":1}"#),
        &[(Contributor::Tools, shuffled)],
    );
    check(
        |after| after.request.tools.to_mut()[0] = tool("look", r#"{"a":1,"b":3}"#),
        &[(Contributor::Tools, "the tool `look` is described otherwise, from byte 61 on")],
    );
}

#[test]
fn tools_that_come_go_or_change_places_are_told_by_name() {
    check(
        |after| after.request.tools.to_mut().retain(|tool| tool.name != "look"),
        &[(Contributor::Tools, "the tool `look` is gone")],
    );
    check(
        |after| after.request.tools.to_mut().push(tool("write", "{}")),
        &[(Contributor::Tools, "the tool `write` is new")],
    );
    check(
        |after| {
            let tools = after.request.tools.iter().rev().cloned().collect::<List<_>>();
            after.request.tools = Shared::new(tools);
        },
        &[(Contributor::Tools, "the tools are the same in another order, from byte 0 on")],
    );
}

#[test]
fn of_what_was_said_the_first_message_that_is_another_one_is_told() {
    check(
        |after| after.request.messages = asked(&["1", "x", "3"]).request.messages,
        &[(Contributor::History, "message 2 is `x` and was `2`")],
    );
    check(
        |after| after.request.messages.to_mut()[0] = Message::text("1", Role::User, "other words"),
        &[(Contributor::History, "message 1, `1`, says something else")],
    );
    check(
        |after| after.request.messages = asked(&["1"]).request.messages,
        &[(Contributor::History, "what was said ends in front of message 2, `2`")],
    );
}

#[test]
fn a_summary_is_told_as_what_it_is() {
    let summed_up = "a summary took the place of what was said before, from message 1 on";
    let with = |ids: &'static [&str]| {
        move |after: &mut ModelAsked| after.request.messages = asked(ids).request.messages
    };
    check(with(&["summary/1", "2", "3"]), &[(Contributor::Compaction, summed_up)]);
    let (before, after) = (asked(&["summary/1", "2"]), asked(&["summary/2", "4"]));
    assert_eq!(told(&before, &after), [(Contributor::Compaction, summed_up.to_owned())]);
    assert!(told(&before, &asked(&["summary/1", "2", "3"])).is_empty());
}

#[test]
fn who_asks_beside_turns_may_end_earlier_and_the_next_turn_is_compared_with_the_one_before() {
    let (whole, part) = (Print::of(&asked(&["1", "2"])), Print::of(&asked(&["1"])));
    assert!(changes(&whole, &part, false).is_empty());
    assert_eq!(part.clone().or_longer(Some(whole.clone()), &[]).messages, whole.messages);
    let other = Print::of(&asked(&["x"]));
    assert_eq!(changes(&whole, &other, false).len(), 1);
}

#[test]
fn several_changes_come_in_the_order_in_which_providers_read() {
    let (before, mut after) = (asked(&["1"]), asked(&["2"]));
    after.model = "b/two".into();
    after.request.system_prompt = Maybe::Some("other".into());
    after.request.tools.to_mut().clear();
    let order: Vec<_> = told(&before, &after).into_iter().map(|(of, _)| of).collect();
    use Contributor::{History, Model, SystemPrompt, Tools};
    assert_eq!(order, [Model, Tools, Tools, SystemPrompt, History]);
}

//! `PreToolUse`, `PostToolUse` and `PostToolUseFailure`: calls of tools before they run, and their answers.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Value, json};
use transom_agent::tool::{GatedCall, ToolGate, ToolRan, Verdict as Gate};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallContext, List, Maybe};

use crate::answer::Answer;
use crate::decision::Verdict;
use crate::hooks::{Happening, Hooks, marked, until};
use crate::legible::legible;
use crate::library::{Source, State};
use crate::occasion::Occasion;
use crate::tool_names::{names, own_input, told_input, told_name};

/// Asks hooks about the calls of a step: each of them about each, side by side.
pub(crate) async fn change(hooks: &Arc<Hooks>, mut gate: ToolGate, context: &CallContext) -> ToolGate {
    hooks.known.works(&gate.conversation_id, &gate.cwd);
    // What a person has answered stays what it was.
    if gate.again && !sabotaged("hooks-judge-twice") {
        return gate;
    }
    let until = until(context);
    let sources = hooks.sources(&gate.conversation_id, &gate.cwd).await;
    if !sources.iter().any(|source| matches!(source.state, State::Used | State::Broken(_))) {
        return gate;
    }
    let answers = gate.calls.iter().map(|call| asked(hooks, &sources, &gate, call, until));
    let answers = join_all(answers).await;
    let mut stop = None;
    for (call, answer) in gate.calls.iter_mut().zip(answers) {
        let Some(answer) = answer else { continue };
        apply(call, &answer, &gate.cwd);
        if !answer.contexts.is_empty() && answer.blocked().is_none() {
            hooks.known.was_said(&gate.conversation_id, &call.tool_call_id, answer.contexts);
        }
        stop = stop.or(answer.stop);
    }
    if let Some(reason) = stop {
        gate.calls.iter_mut().for_each(|call| call.verdict = deny(&reason));
        hooks.stop(&gate.conversation_id, &reason);
    }
    gate
}

async fn asked(
    hooks: &Hooks,
    sources: &[Source],
    gate: &ToolGate,
    call: &GatedCall,
    until: Instant,
) -> Option<Answer> {
    if matches!(call.verdict, Gate::Deny { .. }) {
        return None;
    }
    let happening = Happening {
        occasion: Occasion::PreToolUse,
        conversation_id: &gate.conversation_id,
        folder: &gate.cwd,
        names: names(&call.tool_name),
        fields: json!({
            "tool_name": told_name(&call.tool_name),
            "tool_input": told_input(&call.tool_name, &call.input.value(), &gate.cwd),
            "tool_use_id": call.tool_call_id.as_str(),
        }),
        until,
    };
    hooks.ask_those(sources, &happening).await
}

fn deny(reason: &str) -> Gate {
    Gate::Deny { reason: reason.into() }
}

/// Does with a call what hooks say: never more lenient than what was said before.
fn apply(call: &mut GatedCall, answer: &Answer, folder: &str) {
    if let Some(updated) = &answer.input {
        let before = call.input.value();
        let own = own_input(&call.tool_name, updated, &before, folder);
        if own != before && !sabotaged("hooks-keep-the-input-as-it-was") {
            call.input = own.into();
        }
    }
    match &answer.verdict {
        Some(Verdict::Block(reason)) => call.verdict = deny(reason),
        Some(Verdict::Allow) if sabotaged("hooks-may-be-lenient") => call.verdict = Gate::Allow {},
        Some(Verdict::Ask(why)) if matches!(call.verdict, Gate::Allow {}) => {
            call.verdict = Gate::Ask {
                text: question(&call.tool_name, &call.input.value(), why).into(),
                choices: List::from(["Allow".into(), "Deny".into()]),
                allowing: 1,
                answer_within_ms: Maybe::None,
            };
        }
        _ => {}
    }
}

/// Characters that a question shows: of each field of an input, of all of them, and of the reason.
const SHOWN_FIELD: usize = 200;
const SHOWN_INPUT: usize = 500;
const SHOWN_REASON: usize = 1_000;

/// What a person is asked: the input as the model has written it, which a command in quotes within quotes would not be.
fn question(tool: &str, input: &Value, why: &str) -> String {
    let input = match input {
        Value::Object(fields) if !fields.is_empty() => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| field(name, value)).collect();
            legible(&fields.join(", "), SHOWN_INPUT)
        }
        other => legible(&other.to_string(), SHOWN_INPUT),
    };
    let asks = format!("May the tool `{tool}` run with {input}? A hook wants you to be asked");
    match why {
        "" => format!("{asks}."),
        why => format!("{asks}: {}", legible(why, SHOWN_REASON)),
    }
}

fn field(name: &str, value: &Value) -> String {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{}: `{}`", legible(name, SHOWN_FIELD), legible(&value, SHOWN_FIELD))
}

/// Asks hooks about what a tool has answered; what they say stands behind it.
pub(crate) async fn ran(hooks: &Arc<Hooks>, mut ran: ToolRan, context: &CallContext) -> ToolRan {
    let said = hooks.known.has_run(&ran.conversation_id, &ran.tool_call_id);
    if !said.is_empty() {
        add(&mut ran, &marked(Occasion::PreToolUse, &said));
    }
    let occasion = if ran.output.is_error { Occasion::PostToolUseFailure } else { Occasion::PostToolUse };
    let happening = Happening {
        occasion,
        conversation_id: &ran.conversation_id,
        folder: &ran.cwd,
        names: names(&ran.tool_name),
        fields: fields(&ran),
        until: until(context),
    };
    let Some(answer) = hooks.ask(happening).await else { return ran };
    let said: Vec<String> =
        answer.blocked().map(str::to_owned).into_iter().chain(answer.contexts.iter().cloned()).collect();
    if !said.is_empty() {
        add(&mut ran, &marked(occasion, &said));
    }
    if let Some(reason) = &answer.stop {
        hooks.stop(&ran.conversation_id, reason);
    }
    ran
}

fn fields(ran: &ToolRan) -> Value {
    let mut fields = json!({
        "tool_name": told_name(&ran.tool_name),
        "tool_input": told_input(&ran.tool_name, &ran.input.value(), &ran.cwd),
        "tool_use_id": ran.tool_call_id.as_str(),
        "duration_ms": ran.duration_ms,
    });
    if ran.output.is_error {
        fields["error"] = json!(ran.output.content.as_str());
        fields["is_interrupt"] = json!(false);
    } else {
        fields["tool_response"] = json!({ "content": ran.output.content.as_str() });
    }
    fields
}

fn add(ran: &mut ToolRan, words: &str) {
    ran.output.content = format!("{}\n\n{words}", ran.output.content).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_shows_a_call_as_it_is_written_and_no_control_characters() {
        for (input, why, expected) in [
            (
                json!({"command": "echo \"it's\" \\"}),
                "",
                "command: `echo \"it's\" \\`? A hook wants you to be asked.",
            ),
            (
                json!({"a": "x\n\u{1b}[2J", "b": 3}),
                "so\r",
                "a: `x\\n\\u{1b}[2J`, b: `3`? A hook wants you to be asked: so\\r",
            ),
            (json!({}), "", "{}? A hook wants you to be asked."),
            (
                json!({"content": "x".repeat(1_000), "path": "a"}),
                "",
                &format!("content: `{}…`, path: `a`? A hook wants you to be asked.", "x".repeat(200)),
            ),
        ] {
            assert_eq!(question("t", &input, why), format!("May the tool `t` run with {expected}"));
        }
        let long = question(
            "t",
            &json!({ "a".repeat(1_000): "x".repeat(1_000), "b": "x".repeat(1_000) }),
            &"y".repeat(9_000),
        );
        assert!(long.chars().count() < 1_700 && long.ends_with("y…"), "{long}");
    }
}

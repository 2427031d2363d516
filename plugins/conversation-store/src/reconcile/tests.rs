//! Every shape a crash can leave behind, written as short scripts: `u` is a person, `a` the model, `t` a tool.

use transom_plugin_api::Json;

use super::*;

fn chunk(word: &str) -> Chunk {
    let (kind, rest) = word.split_once(':').unwrap_or((word, ""));
    match kind {
        "say" => Chunk::Text { text: rest.into() },
        "think" => Chunk::Thinking { text: rest.into(), state: Maybe::None },
        "fail" => Chunk::Error { message: rest.into(), code: Maybe::None },
        "call" => Chunk::ToolCall {
            tool_call_id: rest.into(),
            tool_name: "tool".into(),
            input: Json::default(),
            step_id: Maybe::Some("turn#0".into()),
        },
        "result" => Chunk::ToolResult {
            tool_call_id: rest.into(),
            tool_name: "tool".into(),
            content: "done".into(),
            is_error: false,
            step_id: Maybe::Some("turn#0".into()),
            duration_ms: Maybe::None,
        },
        "fact" => Chunk::Answer { question_id: rest.into(), choice: "yes".into(), is_overdue: false },
        other => panic!("`{other}` is no kind of chunk"),
    }
}

fn log(script: &str) -> Vec<Message> {
    let lines = script.split(';').map(str::trim).filter(|line| !line.is_empty()).enumerate();
    let messages = lines.map(|(index, line)| {
        let mut words = line.split_whitespace();
        let role = match words.next() {
            Some("u") => Role::User,
            Some("a") => Role::Assistant,
            Some("t") => Role::Tool,
            Some("s") => Role::System,
            other => panic!("{other:?} is nobody"),
        };
        Message { id: format!("m{index}").into(), role, chunks: words.map(chunk).collect() }
    });
    messages.collect()
}

fn script(messages: &[Message]) -> String {
    let lines = messages.iter().map(|message| {
        let role = match message.role {
            Role::User => "u",
            Role::Assistant => "a",
            Role::Tool => "t",
            Role::System => "s",
        };
        let words = message.chunks.iter().map(|chunk| match chunk {
            Chunk::Text { text } => format!(" say:{text}"),
            Chunk::Thinking { text, .. } => format!(" think:{text}"),
            Chunk::Error { message, .. } => format!(" fail:{message}"),
            Chunk::ToolCall { tool_call_id, .. } => format!(" call:{tool_call_id}"),
            Chunk::ToolResult { tool_call_id, is_error: true, .. } => format!(" interrupted:{tool_call_id}"),
            Chunk::ToolResult { tool_call_id, .. } => format!(" result:{tool_call_id}"),
            Chunk::Unknown(unknown) => format!(" {}", unknown.tag()),
            fact => format!(" {fact:?}"),
        });
        role.to_owned() + &words.collect::<String>()
    });
    lines.collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn check(before: &str, after: &str) {
    let (history, repairs) = reconcile(log(before));
    assert_eq!(script(&history), after);
    assert_eq!(repairs == Repairs::default(), before == after, "{repairs:?}");
    let (again, more) = reconcile(history.clone());
    assert_eq!((again, more), (history, Repairs::default()), "what is repaired needs no repair");
}

#[test]
fn a_sound_history_stays_as_it_is() {
    let sound = "u say:hi; a think:hm say:look call:1 call:2; t result:1; t result:2; a say:done; u say:bye";
    check(sound, sound);
    check("", "");
}

#[test]
fn a_call_without_a_result_gets_one_directly_behind_the_message_that_asked() {
    check("u say:hi; a call:1", "u say:hi; a call:1; t interrupted:1");
    check("a call:1; u say:and?", "a call:1; t interrupted:1; u say:and?");
    check(
        "a call:1 call:2; t result:2; u say:and?",
        "a call:1 call:2; t interrupted:1; t result:2; u say:and?",
    );
}

#[test]
fn a_made_up_result_names_its_call_and_step_and_is_the_same_at_every_load() {
    let (history, _) = reconcile(log("a say:x call:1"));
    let expected = Chunk::ToolResult {
        tool_call_id: "1".into(),
        tool_name: "tool".into(),
        content: INTERRUPTED.into(),
        is_error: true,
        step_id: Maybe::Some("turn#0".into()),
        duration_ms: Maybe::None,
    };
    assert_eq!(history[1], Message { id: "m0/1".into(), role: Role::Tool, chunks: List::from([expected]) });
    assert_eq!(history, reconcile(log("a say:x call:1")).0);
}

#[test]
fn a_result_that_stands_too_late_moves_behind_its_call() {
    check("a call:1; u say:wait; t result:1", "a call:1; t result:1; u say:wait");
    check(
        "a call:1 call:2; t result:2; u say:wait; t result:1; a say:ok",
        "a call:1 call:2; t result:1; t result:2; u say:wait; a say:ok",
    );
}

#[test]
fn results_without_a_call_are_left_out() {
    check("u say:hi; t result:1; a say:ok", "u say:hi; a say:ok");
    check("t result:1; a call:1", "a call:1; t interrupted:1");
    check("a call:1; t result:1; t result:1", "a call:1; t result:1");
    check("a call:1; t result:1 result:2", "a call:1; t result:1");
}

#[test]
fn a_call_id_may_be_used_again_in_a_later_step() {
    let sound = "a call:1; t result:1; a call:1; t result:1";
    check(sound, sound);
    check("a call:1; a call:1; t result:1", "a call:1; t interrupted:1; a call:1; t result:1");
    check("a call:1 call:1; t result:1; t result:1", "a call:1 call:1; t result:1; t result:1");
}

#[test]
fn facts_are_left_out_and_part_nothing() {
    let (history, repairs) =
        reconcile(log("s fact:1; u say:hi; a call:1; s fact:2; t result:1; s say:go fact:3"));
    assert_eq!(script(&history), "u say:hi; a call:1; t result:1; s say:go");
    assert_eq!(repairs, Repairs::default());
}

#[test]
fn errors_are_left_out_and_the_rest_of_their_message_stays() {
    check("u say:hi; a fail:overloaded", "u say:hi");
    check("u say:hi; a say:part fail:broken", "u say:hi; a say:part");
    check("a call:1 fail:broken; t result:1", "a call:1; t result:1");
}

#[test]
fn thoughts_stay_beside_words_and_calls_but_are_not_sent_alone() {
    check(
        "a think:hm say:so; a think:ah call:1; t result:1",
        "a think:hm say:so; a think:ah call:1; t result:1",
    );
    check("u say:hi; a think:hm; u say:hello?", "u say:hi; u say:hello?");
    check("u say:hi; a think:hm say:", "u say:hi");
}

#[test]
fn an_error_between_a_call_and_its_result_does_not_part_them() {
    check("a call:1; a fail:broken; t result:1", "a call:1; t result:1");
}

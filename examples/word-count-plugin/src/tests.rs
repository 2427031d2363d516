//! What is counted, and how it is told.

use transom_agent::provider::Usage;
use transom_agent::turn::{EndReason, TurnRecord};

use super::*;

fn settled(conversation: &str, answer: &str) -> TurnSettled {
    let record = TurnRecord {
        turn_id: "turn".into(),
        model: "scripted/echo".into(),
        reason: EndReason::Stop,
        usage: Usage::default(),
        steps: 1,
        error_class: Maybe::None,
        context_size: Maybe::None,
        started_at: 0,
        duration_ms: 0,
    };
    TurnSettled { conversation_id: conversation.into(), answer: answer.into(), record }
}

#[test]
fn words_are_what_stands_between_spaces() {
    assert_eq!([words(""), words("  one\n two "), words("naïve 🦀 l'été")], [0, 2, 3]);
}

#[test]
fn a_message_is_told_its_length() {
    let input = TurnInput {
        conversation_id: "a".into(),
        text: "hello there".into(),
        cwd: "/".into(),
        is_first: true,
    };
    assert_eq!(annotated(input).text, "hello there (2 words)");
}

#[test]
fn answers_add_up_by_conversation_and_in_total() {
    let counts = Counts::default();
    for (conversation, answer) in [("a", "one two"), ("b", "one"), ("a", "three")] {
        add(&counts, &settled(conversation, answer));
    }
    assert_eq!(report(&counts).body.value(), json!({"conversations": {"a": 3, "b": 1}, "total": 4}));
}

#[test]
fn the_tool_counts_a_text_and_asks_for_one_that_is_missing() {
    assert_eq!(counted(&json!({"text": "one two"}).into()), ToolOutput::ok("2"));
    for input in [json!({}), json!({"text": 2}), json!("text"), json!(null)] {
        assert!(counted(&input.into()).is_error);
    }
}

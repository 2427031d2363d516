//! Where conversations are cut.

use transom_plugin_api::{Json, List, Maybe};

use super::*;

fn said(id: usize, role: Role, bytes: usize) -> Message {
    Message::text(format!("m{id}"), role, "x".repeat(bytes))
}

/// What was said, in letters: a person, the model, the model with a call, the result of one. 1,000 bytes each.
fn conversation(letters: &str) -> Vec<Message> {
    let message = |(id, letter): (usize, char)| match letter {
        's' => Message::text("summary/1", Role::User, "x".repeat(1000)),
        'p' => said(id, Role::User, 1000),
        'm' => said(id, Role::Assistant, 1000),
        'c' => Message { chunks: List::from([call(id)]), ..said(id, Role::Assistant, 0) },
        'r' => Message { chunks: List::from([result(id)]), ..said(id, Role::Tool, 0) },
        other => panic!("{other}"),
    };
    letters.chars().enumerate().map(message).collect()
}

fn call(id: usize) -> Chunk {
    Chunk::ToolCall {
        tool_call_id: format!("c{id}").into(),
        tool_name: "look".into(),
        input: Json::from(serde_json::json!("x".repeat(994))),
        step_id: Maybe::None,
    }
}

fn result(id: usize) -> Chunk {
    Chunk::ToolResult {
        tool_call_id: format!("c{id}").into(),
        tool_name: "look".into(),
        content: "x".repeat(1000).into(),
        is_error: false,
        step_id: Maybe::None,
        duration_ms: Maybe::None,
    }
}

/// `|` stands where it is cut; a message has about 250 tokens.
#[track_caller]
fn check(letters: &str, keep_tokens: u64, expected: &str) {
    let messages = conversation(letters);
    let cut = cut(&messages, keep_tokens, None).unwrap();
    let mut shown = letters.to_owned();
    shown.insert(cut.at, '|');
    assert_eq!(shown, expected);
}

#[test]
fn the_newest_part_is_kept_as_far_as_it_fits() {
    check("pmpmpm", 600, "pmpm|pm");
    check("pmpmpm", 800, "pmp|mpm");
    check("pmpmpm", 1100, "pm|pmpm");
}

#[test]
fn no_call_is_parted_from_its_result() {
    check("pcrrmpcrrm", 300, "pcrrmpcrr|m");
    check("pcrrmpcrrm", 900, "pcrrmpcrr|m");
    check("pcrrmpcrrm", 1100, "pcrrmp|crrm");
}

#[test]
fn the_newest_step_is_kept_however_long_it_is() {
    check("pmpcrrrrr", 10, "pmp|crrrrr");
    check("pmpm", 0, "pmp|m");
}

#[test]
fn what_was_summed_up_is_not_alone_worth_another_summary() {
    check("spmpmpm", 600, "spmpm|pm");
    assert_eq!(cut(&conversation("spm"), 100, None), Err(Uncut::Short));
}

#[test]
fn a_conversation_that_fits_or_is_one_step_is_not_cut() {
    assert_eq!(cut(&conversation("pmpm"), 10_000, None), Err(Uncut::Short));
    assert_eq!(cut(&conversation("pm"), 0, None), Err(Uncut::Short));
    assert_eq!(cut(&conversation("p"), 0, None), Err(Uncut::Whole));
    assert_eq!(cut(&[], 0, None), Err(Uncut::Whole));
}

#[test]
fn tokens_that_were_counted_win_over_bytes() {
    let messages = conversation("pmpmpm");
    // Each message has a thousand.
    let cut_at = |keep| cut(&messages, keep, Some(6_000)).unwrap();
    assert_eq!((cut_at(2_500).at, cut_at(2_500).kept_tokens), (4, 2_000));
    assert_eq!(cut_at(3_000).at, 3);
    assert_eq!(cut(&messages, u64::MAX, Some(u64::MAX)), Err(Uncut::Short));
}

#[test]
fn what_the_model_is_at_is_carried_when_it_is_not_kept() {
    let messages = conversation("pmpcrcr");
    let split = |at: usize| last_request(&messages[..at], &messages[at..]);
    assert_eq!(split(5).unwrap().len(), 1000);
    assert_eq!(split(2), None);
    let messages = conversation("pmpcrm");
    assert_eq!(last_request(&messages[..5], &messages[5..]), None, "it is answered");
    assert_eq!(last_request(&conversation("s"), &conversation("m")), None);
}

#[test]
fn whatever_a_conversation_looks_like_what_is_kept_begins_with_a_person_or_a_model() {
    // Every conversation of up to seven messages in which results stand behind calls.
    let mut letters = vec![String::new()];
    for _ in 0..7 {
        let longer = letters.iter().flat_map(|before| {
            let last = before.chars().last();
            "pmcr"
                .chars()
                .filter(move |next| (*next == 'r') <= matches!(last, Some('c' | 'r')))
                .map(move |next| format!("{before}{next}"))
        });
        letters = longer.collect();
        for conversation_in_letters in &letters {
            let messages = conversation(conversation_in_letters);
            for keep in [0, 300, 800, 1300] {
                if let Ok(cut) = cut(&messages, keep, None) {
                    assert!(matches!(messages[cut.at].role, Role::User | Role::Assistant));
                    assert!(cut.at >= LEAST && cut.at < messages.len());
                }
            }
        }
    }
    assert!(letters.len() > 1000);
}

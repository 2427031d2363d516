//! What becomes of drafts, without a database.

use transom_plugin_api::Json;

use super::*;

fn piece(message: &str, role: Role, position: i64, offset: u64, chunk: Chunk) -> DraftPiece {
    DraftPiece { message_id: message.into(), role, position, offset, chunk }
}

fn said(position: i64, offset: u64, text: &str) -> DraftPiece {
    piece("a", Role::Assistant, position, offset, Chunk::Text { text: text.into() })
}

fn call(position: i64, id: &str) -> DraftPiece {
    let chunk = Chunk::ToolCall {
        tool_call_id: id.into(),
        tool_name: "tool".into(),
        input: Json::default(),
        step_id: Maybe::None,
    };
    piece("a", Role::Assistant, position, 0, chunk)
}

fn result(position: i64, id: &str) -> DraftPiece {
    let chunk = Chunk::ToolResult {
        tool_call_id: id.into(),
        tool_name: "tool".into(),
        content: "done".into(),
        is_error: false,
        step_id: Maybe::None,
        duration_ms: Maybe::None,
    };
    piece(&format!("r{id}"), Role::Tool, position, 0, chunk)
}

fn fact(position: i64) -> DraftPiece {
    let chunk = Chunk::StepComplete {
        step_id: "t#0".into(),
        ttft_ms: Maybe::None,
        decode_ms: Maybe::None,
        gen_total_ms: 1,
    };
    piece("f", Role::System, position, 0, chunk)
}

fn of(pieces: impl IntoIterator<Item = DraftPiece>) -> Drafted {
    drafted(pieces.into_iter().collect(), &[], &"t".into(), 2)
}

/// Each message with its positions.
fn shape(drafted: &Drafted) -> String {
    let entry = |entry: &Entry| format!("{}{:?}", entry.message.id, &*entry.positions);
    drafted.entries.iter().map(entry).collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_becomes_nothing() {
    assert_eq!(of([]), Drafted { highest: 2, ..Drafted::default() });
}

#[test]
fn pieces_of_a_text_are_joined_by_their_bytes() {
    let drafted = of([said(3, 0, "hü"), said(3, 3, "llo"), said(3, 6, "!"), said(4, 0, "and")]);
    let texts: Vec<_> = drafted.chunks().cloned().collect();
    assert_eq!(texts, [Chunk::Text { text: "hüllo!".into() }, Chunk::Text { text: "and".into() }]);
    assert_eq!(drafted.last, Some((4, 3)));
    assert_eq!(shape(&drafted), "a[3, 4]");
}

#[test]
fn what_comes_twice_is_taken_once_and_what_stands_behind_a_gap_not_at_all() {
    let only = |pieces: Vec<DraftPiece>| match of(pieces).chunks().next() {
        Some(Chunk::Text { text }) => text.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(only(vec![said(3, 0, "abcd"), said(3, 2, "cdef")]), "abcdef");
    assert_eq!(only(vec![said(3, 0, "abcd"), said(3, 2, "c")]), "abcd");
    assert_eq!(only(vec![said(3, 0, "ab"), said(3, 3, "d")]), "ab");
    assert_eq!(only(vec![said(3, 0, "ü"), said(3, 1, "üx")]), "ü", "not in the middle of a character");
    assert_eq!(of([said(3, 2, "without a beginning")]).entries, []);
}

#[test]
fn results_stand_in_the_order_of_their_calls_and_facts_behind_them() {
    let drafted = of([said(3, 0, "x"), call(4, "1"), call(5, "2"), fact(6), result(7, "2"), result(8, "1")]);
    assert_eq!(shape(&drafted), "a[3, 4, 5] r1[8] r2[7] f[6]");
    assert_eq!((drafted.last, drafted.highest), (Some((8, 0)), 8));
}

#[test]
fn a_call_without_a_result_is_answered_behind_everything_that_was_shown() {
    let drafted = of([call(3, "1"), call(4, "2"), fact(5), result(6, "2")]);
    assert_eq!(shape(&drafted), "a[3, 4] t-lost-1[7] r2[6] f[5]");
    assert_eq!((drafted.last, drafted.highest), (Some((6, 0)), 7));
    let Chunk::ToolResult { tool_call_id, is_error: true, .. } = &drafted.entries[1].message.chunks[0] else {
        panic!("an error")
    };
    assert_eq!(tool_call_id, "1");
}

#[test]
fn calls_that_are_in_the_log_are_answered_too() {
    let stored: Vec<_> = [call(1, "1"), result(2, "1"), call(3, "2")].map(|piece| piece.chunk).into();
    let drafted = drafted(Vec::new(), &stored, &"t".into(), 9);
    assert_eq!(shape(&drafted), "t-lost-1[10]");
    assert_eq!((drafted.last, drafted.highest), (None, 10));
}

#[test]
fn a_call_id_that_is_used_again_is_answered_once_for_each() {
    let drafted = of([call(3, "1"), call(4, "1"), result(5, "1")]);
    assert_eq!(drafted.entries.len(), 3);
    assert_eq!(shape(&drafted), "a[3, 4] r1[5] t-lost-1[6]");
}

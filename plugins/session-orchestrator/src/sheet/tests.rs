//! How what was said becomes durable and is shown.

use transom_agent::event::AgentEventKind;
use transom_plugin_api::Json;

use super::*;

struct Ids;

impl MessageIds for Ids {
    fn id_of(&self, part: Part) -> Text {
        format!("{part:?}").into()
    }
}

fn text(words: &str) -> Chunk {
    Chunk::Text { text: words.into() }
}

fn call(id: &str) -> Chunk {
    Chunk::ToolCall {
        tool_call_id: id.into(),
        tool_name: "x".into(),
        input: Json::default(),
        step_id: Maybe::None,
    }
}

fn result(id: &str) -> Chunk {
    Chunk::ToolResult {
        tool_call_id: id.into(),
        tool_name: "x".into(),
        content: "".into(),
        is_error: false,
        step_id: Maybe::None,
        duration_ms: Maybe::None,
    }
}

/// What is shown now: position, offset and words.
fn shown(sheet: &mut Sheet, places: &mut Places) -> Vec<(i64, u64, String)> {
    let frames = sheet.release(places).into_iter().map(|(at, frame)| {
        let words = match frame {
            AgentEventKind::TextDelta { delta } => delta.to_string(),
            AgentEventKind::ReasoningDelta { delta } => format!("({delta})"),
            AgentEventKind::ToolCall { tool_call_id, .. } => format!("call {tool_call_id}"),
            AgentEventKind::ToolResult { tool_call_id, .. } => format!("result {tool_call_id}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(at.volatile, !words.contains(' '), "{words}");
        (at.position, at.offset, words)
    });
    frames.collect()
}

/// What a draft would keep: position, offset and words.
fn drafted(sheet: &mut Sheet, places: &mut Places) -> (Vec<(i64, u64, String)>, Option<Mark>) {
    let Some((pieces, mark)) = sheet.draft(places, &Ids) else { return (Vec::new(), None) };
    let pieces = pieces.iter().map(|piece| {
        let words = match &piece.chunk {
            Chunk::Text { text } | Chunk::Thinking { text, .. } => text.to_string(),
            Chunk::ToolCall { tool_call_id, .. } | Chunk::ToolResult { tool_call_id, .. } => {
                tool_call_id.to_string()
            }
            other => panic!("{other:?}"),
        };
        (piece.position, piece.offset, words)
    });
    (pieces.collect(), Some(mark))
}

fn is(position: i64, offset: u64, words: &str) -> (i64, u64, String) {
    (position, offset, words.to_owned())
}

#[test]
fn texts_are_shown_as_they_come_and_each_piece_says_where_it_begins() {
    let (mut sheet, mut places) = (Sheet::default(), Places::behind(1, 4));
    sheet.push(Part::Said, Chunk::Thinking { text: "hm".into(), state: Maybe::None });
    assert_eq!(shown(&mut sheet, &mut places), [is(5, 0, "(hm)")]);
    sheet.push(Part::Said, text("ü"));
    sheet.push(Part::Said, text("b"));
    assert_eq!(shown(&mut sheet, &mut places), [is(6, 0, "üb")]);
    sheet.push(Part::Said, text("c"));
    assert_eq!(shown(&mut sheet, &mut places), [is(6, 3, "c")]);
    assert_eq!(shown(&mut sheet, &mut places), []);
}

#[test]
fn what_is_whole_waits_until_it_is_durable_and_everything_behind_it_waits_too() {
    let (mut sheet, mut places) = (Sheet::default(), Places::default());
    sheet.push(Part::Said, text("a"));
    sheet.push(Part::Said, call("1"));
    sheet.push(Part::Said, text("b"));
    assert_eq!(shown(&mut sheet, &mut places), [is(1, 0, "a")]);
    let (pieces, mark) = drafted(&mut sheet, &mut places);
    assert_eq!(pieces, [is(1, 0, "a"), is(2, 0, "1"), is(3, 0, "b")]);
    sheet.push(Part::Said, text("c"));
    assert_eq!(shown(&mut sheet, &mut places), []);
    sheet.keep(mark.unwrap());
    assert_eq!(shown(&mut sheet, &mut places), [is(2, 0, "call 1"), is(3, 0, "bc")]);
    assert_eq!(sheet.unkept(), 1);
    assert_eq!(drafted(&mut sheet, &mut places).0, [is(3, 1, "c")]);
}

#[test]
fn a_draft_that_failed_is_made_again_with_what_has_come_meanwhile() {
    let (mut sheet, mut places) = (Sheet::default(), Places::default());
    sheet.push(Part::Said, text("a"));
    drafted(&mut sheet, &mut places);
    sheet.push(Part::Said, text("b"));
    let (pieces, mark) = drafted(&mut sheet, &mut places);
    assert_eq!(pieces, [is(1, 0, "ab")]);
    sheet.keep(mark.unwrap());
    assert!(drafted(&mut sheet, &mut places).1.is_none());
}

#[test]
fn results_stand_in_the_order_in_which_they_came_and_are_stored_in_that_of_the_calls() {
    let (mut sheet, mut places) = (Sheet::default(), Places::default());
    for chunk in [call("1"), call("2")] {
        sheet.push(Part::Said, chunk);
    }
    sheet.push(Part::Result(1), result("2"));
    sheet.push(Part::Result(0), result("1"));
    sheet.place(&mut places);
    sheet.keep_all();
    let frames = shown(&mut sheet, &mut places);
    assert_eq!(frames[2..], [is(3, 0, "result 2"), is(4, 0, "result 1")]);
    let entries = sheet.entries(&"t".into(), &Ids);
    let stored: Vec<_> =
        entries.iter().map(|entry| (entry.message.id.as_str(), entry.positions.to_vec())).collect();
    assert_eq!(stored, [("Said", vec![1, 2]), ("Result(0)", vec![4]), ("Result(1)", vec![3])]);
    assert_eq!(sheet.last_position(), Some(4));
}

#[test]
fn what_has_no_position_can_be_taken_out() {
    let (mut sheet, mut places) = (Sheet::default(), Places::default());
    sheet.push(Part::Said, call("1"));
    sheet.place(&mut places);
    sheet.push(Part::Said, text("a"));
    sheet.push(Part::Said, call("2"));
    sheet.take_out(|chunk| matches!(chunk, Chunk::ToolCall { .. }));
    sheet.place(&mut places);
    let entries = sheet.entries(&"t".into(), &Ids);
    assert_eq!((entries[0].message.chunks.len(), entries[0].positions.to_vec()), (2, vec![1, 2]));
}

#[test]
fn everything_is_shown_once_in_order_however_drafts_and_pieces_come_together() {
    // Every sequence of six steps out of: a text comes, a thought comes, a call comes, a draft begins, it ends.
    for sequence in 0..5_usize.pow(6) {
        let (mut sheet, mut places) = (Sheet::default(), Places::default());
        let (mut under_way, mut frames, mut expected) = (None, Vec::new(), String::new());
        let mut rest = sequence;
        for step in 0..6 {
            match rest % 5 {
                0 => sheet.push(Part::Said, text(&format!("t{step}"))),
                1 => sheet.push(
                    Part::Said,
                    Chunk::Thinking { text: format!("h{step}").into(), state: Maybe::None },
                ),
                2 => sheet.push(Part::Said, call(&format!("c{step}"))),
                3 if under_way.is_none() => under_way = drafted(&mut sheet, &mut places).1,
                _ => {
                    if let Some(mark) = under_way.take() {
                        sheet.keep(mark);
                    }
                }
            }
            match rest % 5 {
                0 => expected.push_str(&format!("t{step}")),
                1 => expected.push_str(&format!("h{step}")),
                2 => expected.push_str(&format!("c{step}")),
                _ => {}
            }
            frames.extend(shown(&mut sheet, &mut places));
            rest /= 5;
        }
        sheet.place(&mut places);
        sheet.keep_all();
        frames.extend(shown(&mut sheet, &mut places));
        let said: String = frames
            .iter()
            .map(|(.., words)| words.trim_start_matches("call ").replace(['(', ')'], ""))
            .collect();
        assert_eq!(said, expected, "{sequence}");
        let order: Vec<_> = frames.iter().map(|(position, offset, _)| (*position, *offset)).collect();
        assert!(
            order.is_sorted() && order.windows(2).all(|pair| pair[0] != pair[1]),
            "{sequence}: {order:?}"
        );
    }
}

#[test]
fn a_thought_is_followed_by_another_one_once_what_belongs_to_it_has_come() {
    let (mut sheet, mut places) = (Sheet::default(), Places::default());
    let thought = |words: &str| Chunk::Thinking { text: words.into(), state: Maybe::None };
    let state = |number: u32| ThoughtState { provider: "a".into(), state: serde_json::json!(number).into() };
    sheet.push(Part::Said, thought("h"));
    sheet.push(Part::Said, thought("m"));
    sheet.end_thought(Part::Said, state(1));
    sheet.end_thought(Part::Said, state(2));
    sheet.push(Part::Said, thought("so"));
    sheet.push(Part::Said, text("yes"));
    let texts = [(1, 0, "(hm)"), (2, 0, "()"), (3, 0, "(so)"), (4, 0, "yes")];
    assert_eq!(
        shown(&mut sheet, &mut places),
        texts.map(|(at, offset, words)| (at, offset, words.to_owned()))
    );
    let said = &sheet.entries(&"t".into(), &Ids)[0].message.chunks;
    let states = said.iter().map(|chunk| match chunk {
        Chunk::Thinking { state, .. } => state.as_ref().map(|state| state.state.to_string()),
        _ => None,
    });
    assert_eq!(states.collect::<Vec<_>>(), [Some("1".to_owned()), Some("2".to_owned()), None, None]);
}

#[test]
fn a_thought_without_words_is_shown_once() {
    let (mut sheet, mut places) = (Sheet::default(), Places::default());
    sheet.end_thought(Part::Said, ThoughtState { provider: "a".into(), state: Json::default() });
    assert_eq!(shown(&mut sheet, &mut places), [(1, 0, "()".to_owned())]);
    assert!(shown(&mut sheet, &mut places).is_empty());
    assert!(sheet.messages(&Ids).is_empty(), "a model is not shown thoughts alone");
}

//! Whoever watches, from wherever: what follows, in one order, once.

use std::sync::Arc;

use transom_agent::event::{AgentEvent, AgentEventKind, Cursor, Place};
use transom_agent::tool::ToolPrinted;
use transom_plugin_api::{CallErrorKind, Maybe};

use super::frame::Frame;
use super::pages;
use super::stage::{Stage, arrived, cursors, nothing, some_turns, stage, told, watch};

#[tokio::test]
async fn from_every_cursor_what_follows_is_shown_once_live_or_read_again() {
    let mut stage = some_turns();
    let cursors = cursors(&stage);
    let before: Vec<_> = cursors.iter().map(|cursor| stage.watch(None, Some(*cursor))).collect();
    let mut seen = Vec::new();
    for viewer in &before[..cursors.len() / 2] {
        seen.push(arrived(viewer).await.0);
    }
    stage.say("!");
    stage.seal();
    let restarted = stage.restarted();
    for (index, cursor) in cursors.into_iter().enumerate() {
        let mut frames = seen.get(index).cloned().unwrap_or_default();
        frames.extend(arrived(&before[index]).await.0);
        assert_eq!(told(&frames), stage.behind(cursor), "{cursor} live");
        // What is read in one piece is not volatile any more, and that only texts are.
        let after = arrived(&stage.watch(None, Some(cursor))).await.0;
        assert_eq!(told(&after), stage.behind(cursor), "{cursor} afterwards");
        let anew = arrived(&watch(&restarted, None, Some(cursor))).await.0;
        assert_eq!(told(&anew), stage.behind(cursor), "{cursor} after a restart");
    }
}

#[tokio::test]
async fn a_log_of_many_pages_is_read_to_its_end_from_everywhere() {
    let mut stage = stage();
    stage.begin();
    for number in 0..3 * pages::MOST {
        stage.show(&number.to_string());
        if number % 50 == 49 {
            stage.logged();
        }
    }
    stage.seal();
    let hub = stage.restarted();
    let last = stage.shown.lock().unwrap().last().unwrap().at.position;
    let most = i64::from(pages::MOST);
    let spread = (0..last).filter(|position| (position + 4) % most < 8 || position % 37 == 0);
    for position in spread {
        let cursor = Cursor { position, ..Cursor::default() };
        let expected = stage.behind(cursor);
        if !expected.is_empty() {
            assert_eq!(told(&arrived(&watch(&hub, None, Some(cursor))).await.0), expected, "{cursor}");
        }
    }
}

#[tokio::test]
async fn without_a_cursor_the_running_turn_is_shown_from_its_beginning_and_else_what_comes() {
    let mut stage = some_turns();
    let of_third = |event: &&AgentEvent| event.turn_id == "turn-3";
    let third = stage.shown.lock().unwrap().iter().rfind(of_third).unwrap().cursor().unwrap();
    let viewer = stage.watch(None, None);
    assert_eq!(told(&arrived(&viewer).await.0), stage.behind(third));
    stage.seal();
    let idle = stage.watch(None, None);
    let unknown = watch(&stage.restarted(), None, None);
    assert!(arrived(&idle).await.0.is_empty() && arrived(&unknown).await.0.is_empty());
    let from = stage.shown.lock().unwrap().last().unwrap().cursor().unwrap();
    stage.begin();
    stage.seal();
    assert_eq!(told(&arrived(&idle).await.0), stage.behind(from));
}

#[tokio::test]
async fn a_viewer_of_one_turn_sees_all_of_it_and_its_end_running_over_or_after_a_restart() {
    let mut stage = some_turns();
    let running = stage.watch(Some("turn-4"), None);
    let first = arrived(&running).await;
    assert!(!first.1);
    stage.seal();
    let of_turn = |number: usize| {
        let shown = stage.shown.lock().unwrap();
        let of = shown.iter().filter(|event| event.turn_id == format!("turn-{number}"));
        told(&of.map(|event| Arc::new(Frame::new(event.clone()))).collect::<Vec<_>>())
    };
    let rest = arrived(&running).await;
    assert_eq!((told(&[first.0, rest.0].concat()), rest.1), (of_turn(4), true));
    let restarted = stage.restarted();
    for number in 1..=4 {
        let id = format!("turn-{number}");
        for hub in [&stage.hub, &restarted] {
            let (frames, is_over) = arrived(&watch(hub, Some(&id), None)).await;
            assert_eq!((told(&frames), is_over), (of_turn(number), true));
            // One that has seen the seal already has nothing to wait for.
            let sealed = frames.last().unwrap().event().cursor();
            assert!(nothing(&watch(hub, Some(&id), sealed)).await);
            let all = Cursor::default();
            let (frames, is_over) = arrived(&watch(hub, Some(&id), Some(all))).await;
            assert!(is_over && frames.last().unwrap().event().turn_id == id);
        }
    }
    let unknown = watch(&restarted, Some("turn-9"), None);
    assert_eq!(unknown.begin().await.unwrap_err().kind, CallErrorKind::NotFound);
    assert!(unknown.next().await.is_none());
}

#[tokio::test]
async fn a_waiting_viewer_is_woken() {
    let mut stage = stage();
    stage.begin();
    let viewer = stage.watch(None, None);
    arrived(&viewer).await;
    let waiting = tokio::spawn(async move { viewer.next().await.unwrap().unwrap() });
    tokio::task::yield_now().await;
    stage.say("a");
    assert_eq!(told(&[waiting.await.unwrap()]), ["3+0: a"]);
}

fn prints(stage: &Stage, call: &str, data: &str) {
    stage.hub.printed(&ToolPrinted {
        conversation_id: "c".into(),
        tool_call_id: call.into(),
        data: data.into(),
        stream: "stdout".into(),
    });
}

/// The prints among frames, each with its offset, and `.` for everything else.
fn printed(frames: &[Arc<Frame>]) -> String {
    let words = frames.iter().map(|frame| match &frame.event().what {
        AgentEventKind::ToolOutput { data, .. } => format!("{}{data}", frame.event().at.offset),
        _ => ".".to_owned(),
    });
    words.collect()
}

#[tokio::test]
async fn prints_are_shown_in_their_place_while_their_tool_is_at_work_and_never_else() {
    let mut stage = stage();
    stage.begin();
    let viewer = stage.watch(None, None);
    prints(&stage, "x", "early");
    stage.show("a call");
    stage.claim().tool_began(&"x".into(), 3);
    prints(&stage, "x", "a");
    prints(&stage, "y", "another's");
    stage.show("another");
    prints(&stage, "x", "b");
    let late = stage.watch(None, None);
    stage.claim().tool_ended(&"x".into());
    prints(&stage, "x", "late");
    assert_eq!(printed(&arrived(&viewer).await.0), "...0a.1b");
    assert_eq!(printed(&arrived(&late).await.0), "...0a.1b");
    assert_eq!(printed(&arrived(&stage.watch(None, None)).await.0), "....");
    stage.seal();
    prints(&stage, "x", "after the turn");
    assert_eq!(printed(&arrived(&viewer).await.0), "..");
}

#[tokio::test]
async fn a_viewer_that_is_too_slow_misses_prints_by_their_number_and_nothing_else() {
    let mut stage = stage();
    stage.begin();
    let viewer = stage.watch(None, None);
    arrived(&viewer).await;
    stage.show("a call");
    stage.claim().tool_began(&"x".into(), 3);
    for _ in 0..20_000 {
        prints(&stage, "x", "p");
    }
    stage.show("another");
    let (frames, _) = arrived(&viewer).await;
    let shown = frames.iter().filter(|frame| matches!(frame.event().what, AgentEventKind::ToolOutput { .. }));
    assert_eq!(viewer.lost_prints() + shown.count() as u64, 20_000);
    assert!(viewer.lost_prints() > 0);
    let whole: Vec<_> = frames
        .into_iter()
        .filter(|frame| frame.end().is_whole() && frame.event().cursor().is_some())
        .collect();
    assert_eq!(told(&whole), stage.behind(Cursor { position: 2, ..Cursor::default() }));
}

#[tokio::test]
async fn what_is_told_without_a_place_is_seen_by_who_is_here_and_moves_nobody() {
    let mut stage = stage();
    stage.begin();
    let (viewer, late) = (stage.watch(None, None), stage.watch(None, Some(Cursor::default())));
    arrived(&viewer).await;
    stage.say("a");
    let kind = AgentEventKind::Error { message: "later".into(), code: Maybe::None };
    let at = Place { generation: 0, position: 3, offset: 1, volatile: true };
    stage.claim().show_at(at, kind.clone());
    stage.say("b");
    let frames = arrived(&viewer).await.0;
    assert_eq!(frames[1].event().what, kind);
    assert_eq!(frames.len(), 3);
    assert_eq!(arrived(&late).await.0.len(), 5);
    assert_eq!(told(&arrived(&stage.watch(None, None)).await.0), stage.behind(Cursor::default()));
}

#[tokio::test]
async fn a_turn_that_was_taken_up_in_its_middle_is_shown_from_its_beginning() {
    let mut stage = stage();
    stage.begin();
    stage.say("before");
    stage.logged();
    let end = stage.shown.lock().unwrap().last().unwrap().cursor().unwrap();
    stage.move_to_another_hub();
    let (turn, all) = (stage.watch(Some("turn-1"), None), stage.watch(None, None));
    let after = stage.watch(Some("turn-1"), Some(end));
    stage.say("after");
    stage.seal();
    let late = stage.watch(Some("turn-1"), None);
    for viewer in [turn, all, late] {
        assert_eq!(told(&arrived(&viewer).await.0), stage.behind(Cursor::default()));
    }
    assert_eq!(told(&arrived(&after).await.0), stage.behind(end));
}

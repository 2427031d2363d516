//! Cursors of what was taken back, or was never there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use transom_agent::event::Cursor;
use transom_agent::message::{Chunk, Role};
use transom_plugin_api::Maybe;

use super::stage::{arrived, cursors, is_rewind, requires_snapshot, some_turns, stage, told, watch};

#[tokio::test]
async fn who_has_seen_what_a_crash_took_back_is_told_first_how_far_back_to_go() {
    let mut stage = some_turns();
    let seen = cursors(&stage);
    let end = stage.shown.lock().unwrap().last().unwrap().at.position;
    stage.crash();
    // Of the last text five bytes were drafted, and the turn ended as lost.
    let words = Chunk::Text { text: "llöc".into() };
    stage
        .log
        .append(Some("turn-4"), vec![(Role::Assistant, vec![(end - 1, error("another")), (end, words)])]);
    stage.log.repaired(end, 5);
    stage.log.append(Some("turn-4"), vec![(Role::System, vec![(end + 1, error("lost"))])]);
    let hub = stage.restarted();
    for cursor in seen.into_iter().skip(1) {
        let (frames, _) = arrived(&watch(&hub, None, Some(cursor))).await;
        let stands = (cursor.position, cursor.offset).min((end, 5));
        assert!(is_rewind(&frames[0]), "{cursor}: {:?}", told(&frames));
        let at = frames[0].event().cursor().unwrap();
        assert_eq!((at.generation, at.position, at.offset), (1, stands.0, stands.1), "{cursor}");
        assert_eq!(frames[0].event().turn_id, "");
        let rest = &frames[1..];
        assert!(rest.iter().all(|frame| frame.event().at.generation == 1));
        let follows = rest.first().unwrap();
        let starts = (follows.event().at.position, follows.event().at.offset);
        assert!(starts == (stands.0, stands.1) || starts == (stands.0 + 1, 0), "{cursor}: {starts:?}");
        assert_eq!(rest.last().unwrap().event().at.position, end + 1);
    }
}

fn error(message: &str) -> Chunk {
    Chunk::Error { message: message.into(), code: Maybe::None }
}

#[tokio::test]
async fn of_several_repairs_the_one_that_reaches_furthest_back_counts() {
    let mut stage = stage();
    stage.begin();
    for _ in 0..20 {
        stage.show("x");
    }
    stage.logged();
    stage.seal();
    for (position, offset) in [(15, 0), (9, 0), (20, 0)] {
        stage.log.repaired(position, offset);
    }
    let hub = stage.restarted();
    for (generation, seen, stands) in [(0, 21, 9), (1, 21, 9), (2, 21, 20), (0, 5, 5), (2, 12, 12)] {
        let after = Cursor { generation, position: seen, offset: 0 };
        let first = watch(&hub, None, Some(after)).next().await.unwrap().unwrap();
        assert!(is_rewind(&first));
        assert_eq!(first.event().cursor(), Some(Cursor { generation: 3, position: stands, offset: 0 }));
    }
    let now = Cursor { generation: 3, position: 21, offset: 0 };
    assert!(!is_rewind(&arrived(&watch(&hub, None, Some(now))).await.0[0]));
}

#[tokio::test]
async fn a_cursor_beyond_what_there_is_is_taken_back_to_the_last_that_stands() {
    let mut stage = some_turns();
    let end = stage.shown.lock().unwrap().last().unwrap().cursor().unwrap();
    for beyond in [Cursor { offset: end.offset + 1, ..end }, Cursor { position: end.position + 7, ..end }] {
        let (frames, _) = arrived(&stage.watch(None, Some(beyond))).await;
        assert_eq!((frames.len(), is_rewind(&frames[0]), frames[0].event().cursor()), (1, true, Some(end)));
    }
    stage.seal();
    let last = stage.shown.lock().unwrap().last().unwrap().cursor().unwrap();
    for hub in [Arc::clone(&stage.hub), stage.restarted()] {
        let beyond = Cursor { position: last.position + 1, offset: 3, ..last };
        let (frames, _) = arrived(&watch(&hub, None, Some(beyond))).await;
        assert_eq!((frames.len(), is_rewind(&frames[0]), frames[0].event().cursor()), (1, true, Some(last)));
        let long = Cursor { offset: end.offset + 1, ..end };
        let (frames, _) = arrived(&watch(&hub, None, Some(long))).await;
        assert!(is_rewind(&frames[0]) && frames[0].event().cursor() == Some(end));
        assert_eq!(told(&frames[1..]), stage.behind(end));
    }
}

#[tokio::test]
async fn a_cursor_that_nothing_can_be_shown_for_is_told_to_read_the_conversation() {
    let mut stage = some_turns();
    stage.seal();
    let hub = stage.restarted();
    let newer = Cursor { generation: 7, position: 3, offset: 0 };
    let hole = Cursor { position: 4, ..Cursor::default() };
    stage.log.rows.lock().unwrap().retain(|row| row.position.into_option() != Some(4));
    for cursor in [newer, hole] {
        let (frames, is_over) = arrived(&watch(&hub, None, Some(cursor))).await;
        assert!(frames.len() == 1 && requires_snapshot(&frames[0]) && is_over, "{cursor}");
    }
    let running = stage.watch(None, Some(Cursor { position: 7, ..Cursor::default() }));
    stage.log.is_gone.store(true, Ordering::SeqCst);
    for viewer in [running, watch(&hub, None, Some(hole))] {
        let (frames, is_over) = arrived(&viewer).await;
        assert!(frames.len() == 1 && requires_snapshot(&frames[0]) && is_over);
    }
}

#[tokio::test]
async fn a_turn_that_begins_before_what_was_shown_takes_that_back() {
    let mut stage = stage();
    stage.begin();
    let (idle, viewer) = (stage.watch(None, None), stage.watch(None, None));
    stage.say("volatile");
    assert_eq!(arrived(&viewer).await.0.len(), 3);
    stage.drop_turn();
    assert_eq!(arrived(&viewer).await.0.len(), 0, "what becomes of it is not known yet");
    stage.goes_on_behind(2);
    stage.begin();
    let (frames, _) = arrived(&viewer).await;
    assert!(is_rewind(&frames[0]), "{:?}", told(&frames));
    assert_eq!(frames[0].event().at.position, 2);
    assert_eq!(frames[1].event().at.position, 3);
    assert_eq!(frames.len(), 3);
    // Who has seen nothing has nothing to forget.
    let (frames, _) = arrived(&idle).await;
    assert!(!frames.iter().any(is_rewind));
}

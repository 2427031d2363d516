//! Many viewers, slow ones, and whatever happens at the same time.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use transom_agent::event::{AgentEventKind, Cursor};

use super::frame::Frame;
use super::frame::tests::ENCODED;
use super::stage::{Stage, arrived, cursors, held, random, requires_snapshot, stage, told, watch};
use super::{Viewer, memory};

#[tokio::test]
async fn viewers_that_keep_up_share_frames_that_are_encoded_once() {
    let mut stage = stage();
    stage.begin();
    let viewers: Vec<_> = (0..32).map(|_| stage.watch(None, None)).collect();
    let mut kept = Vec::new();
    let mut tell = async |what: &str| {
        for viewer in &viewers {
            let (frames, _) = arrived(viewer).await;
            for frame in frames {
                frame.json();
                kept.push(frame);
            }
        }
        assert_eq!(kept.len() % 32, 0, "{what}");
    };
    tell("the beginning, which each reads by itself").await;
    let before = ENCODED.with(Cell::get);
    for number in 0..200 {
        stage.say(&format!("{number} "));
        tell("text").await;
    }
    stage.show("a call");
    stage.logged();
    stage.seal();
    tell("the end").await;
    let encoded = ENCODED.with(Cell::get) - before;
    assert_eq!(encoded, 200 + 4, "each frame once, for 32 viewers");
}

#[tokio::test]
async fn one_that_never_reads_holds_little_and_misses_nothing_that_is_in_the_log() {
    let mut stage = stage();
    stage.begin();
    let (slow, never) = (stage.watch(None, None), stage.watch(None, None));
    assert_eq!(arrived(&slow).await.0.len(), 2);
    let large = "x".repeat(memory::BYTES / 16);
    for number in 0..24 {
        stage.show(&large);
        stage.logged();
        assert!(held(&stage) <= memory::BYTES, "{number}: {}", held(&stage));
    }
    stage.seal();
    assert!(held(&stage) > memory::BYTES / 2, "nothing was held for them");
    let rest = told(&arrived(&slow).await.0);
    assert_eq!(rest, stage.behind(Cursor { position: 2, ..Cursor::default() }));
    assert_eq!(told(&arrived(&never).await.0), stage.behind(Cursor::default()));
    assert_eq!(held(&stage), 0, "when all have seen it nothing is held");
}

#[tokio::test]
async fn who_lacks_what_is_neither_held_nor_in_the_log_is_told_to_read_the_conversation() {
    let mut stage = stage();
    stage.begin();
    let (keeps_up, slow) = (stage.watch(None, None), stage.watch(None, None));
    let large = "x".repeat(memory::BYTES / 16);
    let mut seen = Vec::new();
    for _ in 0..24 {
        stage.say(&large);
        seen.extend(arrived(&keeps_up).await.0);
    }
    assert!(held(&stage) <= memory::BYTES);
    let (frames, is_over) = arrived(&slow).await;
    assert!(requires_snapshot(frames.last().unwrap()) && is_over);
    stage.seal();
    seen.extend(arrived(&keeps_up).await.0);
    assert_eq!(told(&seen), stage.behind(Cursor::default()));
}

#[tokio::test]
async fn a_viewer_that_is_behind_gets_joined_texts_and_one_that_keeps_up_each_piece() {
    let mut stage = stage();
    stage.begin();
    let (prompt, behind) = (stage.watch(None, None), stage.watch(None, None));
    let mut pieces = arrived(&prompt).await.0.len() - 2;
    for number in 0..1000 {
        stage.say(&format!("{number},"));
        pieces += arrived(&prompt).await.0.len();
    }
    assert_eq!(pieces, 1000);
    assert!(arrived(&behind).await.0.len() < 100);
}

/// Runs a future to its end, however it is woken, within a minute.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), future).await.unwrap() })
}

#[test]
fn viewers_on_many_threads_that_come_at_any_moment_with_any_cursor_see_what_follows_once() {
    const TURNS: u32 = 40;
    let mut stage = stage();
    let (hub, shown) = (Arc::clone(&stage.hub), Arc::clone(&stage.shown));
    let last_turn = format!("turn-{TURNS}");
    let look = |mut seed: u64| {
        let mut looks = Vec::new();
        loop {
            let events: Vec<_> = shown.lock().unwrap().clone();
            let is_last = events.last().is_some_and(|event| event.turn_id == last_turn.as_str());
            let Some(event) = events.get(random(&mut seed) % (events.len() + 1)) else { continue };
            if matches!(event.what, AgentEventKind::TurnSealed {}) && event.turn_id == last_turn.as_str() {
                continue;
            }
            let cursor = event.cursor().unwrap();
            let viewer = watch(&hub, None, Some(cursor));
            let limit = if is_last { usize::MAX } else { random(&mut seed) % 200 };
            let frames = run(async {
                let mut frames = Vec::new();
                while frames.len() < limit {
                    let frame = viewer.next().await.unwrap().unwrap();
                    let is_end = frame.is_seal() && frame.event().turn_id == last_turn.as_str();
                    frames.push(frame);
                    if is_end {
                        break;
                    }
                    if random(&mut seed).is_multiple_of(16) {
                        tokio::task::yield_now().await;
                    }
                }
                frames
            });
            looks.push((cursor, frames));
            if is_last {
                return looks;
            }
        }
    };
    let looks: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=6)
            .map(|seed| {
                scope.spawn({
                    let look = &look;
                    move || look(seed * 7919)
                })
            })
            .collect();
        for turn in 0..TURNS {
            stage.begin();
            for number in 0..60 {
                stage.say(&format!("{number}ü"));
                match number % 20 {
                    7 => stage.show("a call"),
                    13 if turn % 2 == 0 => stage.logged(),
                    _ => {}
                }
            }
            stage.seal();
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(looks.len() >= 6);
    for (cursor, frames) in looks {
        let Some(last) = frames.last() else { continue };
        let end = last.event().cursor().unwrap();
        let (all, after) = (stage.behind(cursor), stage.behind(end));
        let seen = told(&frames);
        // Of a text in which it went away it has seen the beginning.
        let (last, whole) = seen.split_last().unwrap();
        assert_eq!(whole[..], all[..whole.len()], "{cursor} to {end}");
        assert!(all[whole.len()].starts_with(last.as_str()), "{cursor} to {end}: {last}");
        assert!(
            all.len() - seen.len() <= after.len() && after.len() <= all.len() - whole.len(),
            "{cursor} to {end}"
        );
    }
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_everybody_sees_what_follows_once() {
    for seed in 1..=150_u64 {
        check_random(seed * 2_654_435_761, 120).await;
    }
}

/// Somebody with what was seen so far.
struct Watching {
    viewer: Viewer,
    after: Cursor,
    frames: Vec<Arc<Frame>>,
}

async fn check_random(mut seed: u64, steps: usize) {
    let started = seed;
    let mut stage = stage();
    stage.log.hesitates.store(seed.is_multiple_of(2), Ordering::SeqCst);
    let mut watching: Vec<Watching> = Vec::new();
    for _ in 0..steps {
        match random(&mut seed) % 12 {
            0..=4 if stage.is_running() => stage.say(["a", "bc", "ü", "déf"][random(&mut seed) % 4]),
            5 if stage.is_running() => stage.show("whole"),
            6 if stage.is_running() => stage.logged(),
            7 if stage.is_running() => stage.seal(),
            8 | 9 => {
                let cursors = cursors(&stage);
                let after = cursors[random(&mut seed) % cursors.len()];
                let viewer = stage.watch(None, Some(after));
                watching.push(Watching { viewer, after, frames: Vec::new() });
            }
            10 if !watching.is_empty() => {
                let gone = random(&mut seed) % watching.len();
                check(&stage, watching.swap_remove(gone), started).await;
            }
            11 if !watching.is_empty() => {
                let index = random(&mut seed) % watching.len();
                take(&mut watching[index], random(&mut seed) % 5).await;
            }
            _ if !stage.is_running() => stage.begin(),
            _ => {}
        }
    }
    for one in watching {
        check(&stage, one, started).await;
    }
}

async fn take(watching: &mut Watching, at_most: usize) {
    for _ in 0..at_most {
        let next = tokio::select! {
            biased;
            next = watching.viewer.next() => next,
            () = std::future::ready(()) => return,
        };
        watching.frames.push(next.unwrap().unwrap());
    }
}

/// Reads to the end of what there is and compares.
async fn check(stage: &Stage, mut watching: Watching, seed: u64) {
    // A log that hesitates answers every other time.
    for _ in 0..4 {
        take(&mut watching, usize::MAX).await;
    }
    let last = watching.frames.last().and_then(|frame| frame.event().cursor()).unwrap_or(watching.after);
    assert_eq!(
        told(&watching.frames),
        stage.behind(watching.after),
        "seed {seed}: {} to {last}",
        watching.after
    );
}

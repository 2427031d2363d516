//! The model is asked while the message is stored; nothing that it says is shown before.

use std::sync::atomic::Ordering;

use transom_agent::event::AgentEventKind;
use transom_agent::provider::{FinishReason, ProviderEvent};
use transom_agent::turn::StartTurn;
use transom_plugin_api::{CallError, Maybe};

use crate::edges::fake::scene::{Scene, eventually, message, rest, scene};
use crate::edges::fake::{Beat, finishes, says};

fn text(frames: &[AgentEventKind]) -> Vec<&str> {
    let texts = frames.iter().filter_map(|frame| match frame {
        AgentEventKind::TextDelta { delta } => Some(delta.as_str()),
        _ => None,
    });
    texts.collect()
}

fn asked(scene: &Scene) -> usize {
    scene.world.requests.lock().unwrap().len()
}

#[tokio::test]
async fn the_model_is_asked_while_the_message_is_being_stored_and_shown_when_it_is() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.world.hold_the_store(true);
    let (start, ()) = tokio::join!(scene.try_start("hi"), async {
        eventually(|| asked(&scene) == 1).await;
        assert!(scene.world.log().is_empty() && scene.world.started.lock().unwrap().is_empty());
        scene.world.hold_the_store(false);
    });
    let frames = rest(&start.unwrap().1).await;
    assert!(matches!(frames[0], AgentEventKind::UserMessage { .. }), "{frames:?}");
    assert_eq!((text(&frames), asked(&scene)), (vec!["a"], 1));
    let shown = &scene.world.requests.lock().unwrap()[0].messages;
    assert_eq!(shown.len(), 1);
}

#[tokio::test]
async fn the_model_is_heard_while_what_was_chosen_with_the_message_is_being_stored() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let (turns, choices) = (scene.world.started.lock().unwrap().len(), scene.world.count("update"));
    scene.world.script([Beat::Wait, Beat::Tick(7), says("a"), finishes(FinishReason::Stop)]);
    scene.world.choices_wait.store(true, Ordering::SeqCst);
    let message = StartTurn { model: Maybe::Some("b/two".into()), ..message("again") };
    let (start, ()) = tokio::join!(scene.orchestrator.start(message), async {
        eventually(|| scene.world.count("update") > choices).await;
        scene.world.go_on.notify_one();
        eventually(|| scene.world.clock.now_ms() == 7).await;
        assert_eq!(scene.world.started.lock().unwrap().len(), turns, "the turn has not begun");
        scene.world.choices_wait.store(false, Ordering::SeqCst);
    });
    assert_eq!(text(&rest(&start.unwrap().1).await), ["a"]);
    assert_eq!(scene.world.conversation().unwrap().model.as_deref(), Some("b/two"));
}

#[tokio::test]
async fn what_is_known_of_earlier_turns_is_shown_to_a_model_that_is_asked_at_once() {
    let scene = scene();
    for _ in 0..2 {
        scene.world.script([says("a"), finishes(FinishReason::Stop)]);
        scene.turn("hi").await;
    }
    assert_eq!(scene.world.requests.lock().unwrap()[1].messages.len(), 3);
    assert_eq!(scene.world.count("history"), 0);
}

#[tokio::test]
async fn when_the_message_cannot_be_stored_the_request_is_let_go_of_and_nothing_was_said() {
    let scene = scene();
    scene.world.script([says("a"), Beat::Hang]);
    let refused = || Err(CallError::invalid_input("no"));
    scene.world.append_outcomes.lock().unwrap().push_back(refused());
    scene.world.hold_the_store(true);
    let (start, ()) = tokio::join!(scene.try_start("hi"), async {
        eventually(|| asked(&scene) == 1).await;
        scene.world.hold_the_store(false);
    });
    assert_eq!(start.unwrap_err().message, "no");
    eventually(|| scene.world.streams_dropped.load(Ordering::SeqCst) == 1).await;
    assert!(scene.world.log().is_empty() && scene.world.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_panic_on_the_way_to_the_first_request_is_not_the_turn_s() {
    let scene = scene();
    scene.world.script([Beat::Panic]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.world.hold_the_store(true);
    let (start, ()) = tokio::join!(scene.try_start("hi"), async {
        eventually(|| asked(&scene) == 1).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        scene.world.hold_the_store(false);
    });
    let frames = rest(&start.unwrap().1).await;
    assert_eq!((text(&frames), asked(&scene)), (vec!["a"], 2));
}

#[tokio::test]
async fn what_a_model_says_at_once_is_shown_at_once_and_what_it_says_later_later() {
    let scene = scene();
    let said = |words: &[&str]| {
        Beat::Burst(words.iter().map(|word| ProviderEvent::TextDelta { delta: (*word).into() }).collect())
    };
    let long = "x".repeat(3000);
    scene.world.script([
        said(&["a", "b", "c"]),
        says("d"),
        Beat::Tick(0),
        said(&[&long, &long]),
        said(&["e"; 200]),
        finishes(FinishReason::Stop),
    ]);
    let frames = scene.turn("hi").await;
    let texts = text(&frames);
    assert_eq!(texts[..2], ["abc", "d"]);
    assert_eq!(texts.concat(), format!("abcd{long}{long}{}", "e".repeat(200)));
    let (longest, most) = (texts.iter().map(|text| text.len()).max(), texts.len());
    assert!(longest <= Some(3000) && (5..12).contains(&most), "{longest:?} {most}");
}

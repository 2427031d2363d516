//! Requests beside turns.

use std::sync::atomic::Ordering;
use std::time::Duration;

use transom_agent::message::{Message, Role};
use transom_agent::provider::{AnswerEnd, FinishReason, ModelRequest};
use transom_agent::tool::ToolOutput;
use transom_agent::turn::AskBeside;
use transom_plugin_api::{CallErrorKind, List, Maybe};

use crate::edges::fake::scene::{Scene, eventually, scene};
use crate::edges::fake::{Beat, calls, finishes, says, uses};

fn probe() -> AskBeside {
    AskBeside {
        conversation_id: "c".into(),
        purpose: "warming".into(),
        behind: List::from([Message::text("probe", Role::User, ".")]),
        before_seq: Maybe::None,
        max_tokens: Maybe::Some(1),
        only_when_idle: true,
    }
}

async fn said(scene: &Scene, ask: AskBeside) -> Result<usize, CallErrorKind> {
    let mut answer = scene.orchestrator.beside(ask).await.map_err(|error| error.kind)?;
    let mut events = 0;
    while let Some(event) = answer.next().await {
        event.map_err(|error| error.kind)?;
        events += 1;
    }
    Ok(events)
}

fn requests(scene: &Scene) -> Vec<ModelRequest> {
    scene.world.requests.lock().unwrap().clone()
}

#[tokio::test]
async fn it_is_the_request_of_the_next_turn_up_to_what_stands_behind_the_conversation() {
    let scene = scene();
    scene.world.tool("look", true, async |_| Ok(ToolOutput::ok("a room")));
    scene.world.script([calls("1", "look", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("seen"), finishes(FinishReason::Stop)]);
    scene.turn("look").await;
    scene.world.script([uses(7, 1), finishes(FinishReason::Stop)]);
    assert_eq!(said(&scene, probe()).await, Ok(2));
    scene.world.script([says("so"), finishes(FinishReason::Stop)]);
    let log = scene.world.log();
    scene.turn("again").await;
    let requests = requests(&scene);
    let [.., beside, turn] = &requests[..] else { panic!("four requests") };
    let (before, behind) = beside.messages.split_at(beside.messages.len() - 1);
    assert_eq!((before, behind[0].id.as_str()), (&turn.messages[..before.len()], "probe"));
    assert_eq!(turn.messages.len(), before.len() + 1);
    let like_the_turn =
        ModelRequest { messages: turn.messages.clone(), max_tokens: Maybe::None, ..beside.clone() };
    assert_eq!(&like_the_turn, turn);
    assert_eq!(beside.max_tokens, Maybe::Some(1));
    assert!(log.iter().all(|stored| stored.message_id != "probe"), "nothing of it is stored");
}

#[tokio::test]
async fn it_can_end_before_a_place_in_the_log() {
    let scene = scene();
    for _ in 0..2 {
        scene.world.script([says("a"), finishes(FinishReason::Stop)]);
        scene.turn("hi").await;
    }
    let second = scene.world.log().iter().filter(|stored| stored.role == Role::User).nth(1).unwrap().seq;
    scene.world.script([finishes(FinishReason::Stop)]);
    said(&scene, AskBeside { before_seq: Maybe::Some(second), ..probe() }).await.unwrap();
    let roles: Vec<_> = requests(&scene)[2].messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
}

#[tokio::test]
async fn beside_a_turn_it_is_refused_unless_that_is_wanted() {
    let scene = scene();
    scene.world.script([says("a"), Beat::Wait, finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    assert_eq!(said(&scene, probe()).await, Err(CallErrorKind::Conflict));
    scene.world.script([finishes(FinishReason::Stop)]);
    assert_eq!(said(&scene, AskBeside { only_when_idle: false, ..probe() }).await, Ok(1));
    scene.world.go_on.notify_one();
    while viewer.next().await.is_some() {}
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_reason() {
    let scene = scene();
    assert_eq!(said(&scene, probe()).await, Err(CallErrorKind::NotFound));
    for purpose in ["", "turn", &"x".repeat(65)] {
        let ask = AskBeside { purpose: purpose.into(), ..probe() };
        assert_eq!(said(&scene, ask).await, Err(CallErrorKind::InvalidInput), "{purpose}");
    }
    assert!(requests(&scene).is_empty());
}

#[tokio::test]
async fn who_drops_it_closes_the_connection_and_it_is_told_as_broken_off() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    scene.world.script([says("a"), Beat::Hang]);
    let dropped = scene.world.streams_dropped.load(Ordering::SeqCst);
    let mut answer = scene.orchestrator.beside(probe()).await.unwrap();
    answer.next().await.unwrap().unwrap();
    drop(answer);
    assert_eq!(scene.world.streams_dropped.load(Ordering::SeqCst), dropped + 1);
    let answered = scene.world.answered.lock().unwrap().pop().unwrap();
    assert_eq!((answered.purpose.as_str(), answered.end), ("warming", AnswerEnd::BrokenOff {}));
    assert_eq!(answered.turn_id, Maybe::None);
}

#[tokio::test]
async fn it_ends_when_the_plugin_is_replaced() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    scene.world.script([says("a"), Beat::Hang]);
    let (ended, ()) = tokio::join!(said(&scene, probe()), async {
        eventually(|| requests(&scene).len() == 2).await;
        scene.orchestrator.drain(Duration::from_secs(1)).await;
    });
    assert_eq!(ended, Err(CallErrorKind::Retired));
}

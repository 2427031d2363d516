//! Forks: the same words under the same ids, counted anew.

use transom_agent::conversation::Status;
use transom_agent::turn::TurnState;
use transom_plugin_api::CallErrorKind;

use super::scripts::*;
use super::*;

fn fork(at_seq: Option<i64>) -> Fork {
    Fork { from: "c".into(), to: "copy".into(), at_seq: at_seq.into() }
}

#[tokio::test]
async fn a_copy_has_the_messages_the_settings_and_the_ended_turns() {
    let folder = folder();
    let store = open(folder.path());
    store.update(update("c", |update| update.model = "a/b".into())).await.expect("updated");
    run_turn(&store, "c", "t", 10).await;
    store.append(beginning("c", "u", 20)).await.expect("it begins");
    store.repair(Repair::default()).await.expect("repaired");
    store.update(update("c", |update| update.status = Maybe::Some(Status::Closed))).await.expect("closed");
    let copy = store.fork(fork(None)).await.expect("forked");
    let original = store.find("c").await.expect("is there");
    assert_eq!((copy.model.as_deref(), &copy.title), (Some("a/b"), &original.title));
    assert_eq!((copy.status, copy.generation, original.generation), (Status::Idle, 0, 1));
    assert_eq!(copy.latest_position, 9, "counted without a gap");
    let histories = [history_of("c"), history_of("copy")].map(|of| store.history(of));
    let [original, copied] = histories;
    assert_eq!(*original.await.expect("loads").messages, *copied.await.expect("loads").messages);
    let turns = store.metrics("copy").await.expect("told").turns;
    let ids: Vec<_> = turns.iter().map(|turn| (turn.turn_id.as_str(), &turn.state)).collect();
    assert_eq!(ids, [("t", &TurnState::Ended), ("u", &TurnState::Ended)]);
    let last = chunks(&store, "copy").await.into_iter().rev().nth(1).expect("facts").chunk;
    let (conversation_id, seq) = ("c".into(), chunks(&store, "c").await.len() as i64);
    assert_eq!(last, Chunk::Forked { conversation_id, seq });
    assert_sound(&store, "copy").await;
    run_turn(&store, "copy", "v", 9).await;
    assert_sound(&store, "copy").await;
}

#[tokio::test]
async fn a_copy_ends_where_a_turn_does() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    run_turn(&store, "c", "u", 5).await;
    let refused = async |fork: Fork| {
        let error = store.fork(fork).await.expect_err("refused");
        (error.kind, error.message.into_string())
    };
    for seq in [1, 2, 3] {
        let message = format!("`atSeq` {seq} lies in turn `t`, expected the end of a turn");
        assert_eq!(refused(fork(Some(seq))).await, (CallErrorKind::Conflict, message));
    }
    let beyond = (CallErrorKind::InvalidInput, "`atSeq` is 9, expected 0 to 8".to_owned());
    assert_eq!(refused(fork(Some(9))).await, beyond);
    let copy = store.fork(fork(Some(4))).await.expect("forked");
    assert_eq!((copy.latest_seq, copy.latest_position), (5, 5));
    assert_eq!(refused(fork(None)).await.0, CallErrorKind::Conflict, "the id is taken");
    let unknown = Fork { from: "gone".into(), to: "other".into(), at_seq: Maybe::None };
    assert_eq!(refused(unknown).await.0, CallErrorKind::NotFound);
    store.append(beginning("c", "v", 11)).await.expect("it begins");
    let running = Fork { to: "other".into(), ..fork(None) };
    assert_eq!(refused(running).await.0, CallErrorKind::Conflict, "a turn runs");
    assert_well(&store).await;
}

#[tokio::test]
async fn a_message_is_never_parted() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi"), long("2", 3)])).await.expect("appended");
    let error = store.fork(fork(Some(2))).await.expect_err("in a message");
    assert_eq!(error.message, "`atSeq` 2 lies in message `2`, expected its end");
    assert_eq!(store.fork(fork(Some(1))).await.expect("forked").latest_seq, 2);
    let empty = Fork { to: "empty".into(), ..fork(Some(0)) };
    assert_eq!(store.fork(empty).await.expect("forked").latest_seq, 1);
}

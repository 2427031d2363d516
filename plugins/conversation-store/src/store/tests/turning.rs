//! Turns: one at a time, each with one end; positions, status and metrics follow from them.

use transom_agent::conversation::{CurrentTurn, Status};
use transom_agent::provider::Usage;
use transom_agent::turn::{EndReason, TurnState};
use transom_plugin_api::CallErrorKind;

use super::scripts::*;
use super::*;

#[tokio::test]
async fn a_turn_makes_its_conversation_active_and_its_end_idle() {
    let folder = folder();
    let store = open(folder.path());
    let begun = store.append(beginning("c", "t", 1)).await.expect("it begins").conversation;
    assert_eq!((begun.status, begun.latest_position), (Status::Active, 2));
    let turn = CurrentTurn { turn_id: "t".into(), state: TurnState::Running };
    assert_eq!(begun.turn, Maybe::Some(turn));
    let ended = store.append(ending("c", "t", 3, EndReason::Stop)).await.expect("it ends").conversation;
    assert_eq!((ended.status, ended.turn), (Status::Idle, Maybe::None));
    assert_eq!(ended.latest_position, 5, "an end takes two positions");
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_second_turn_is_refused_by_the_name_of_the_first_and_leaves_nothing() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let before = store.find("c").await;
    let error = store.append(beginning("c", "u", 3)).await.expect_err("another one runs");
    assert_eq!(error.kind, CallErrorKind::Conflict);
    assert_eq!(error.message, "turn `t` is under way; wait for its end, or stop it");
    assert_eq!(store.find("c").await, before);
    assert_eq!(chunks(&store, "c").await.len(), 2);
    store.append(beginning("d", "u", 1)).await.expect("each conversation has one of its own");
}

#[tokio::test]
async fn of_many_that_begin_at_once_one_does() {
    let folder = folder();
    let store = open(folder.path());
    let begin = async |number: usize| store.append(beginning("c", &format!("t{number}"), 1)).await;
    let (a, b, c, d) = tokio::join!(begin(1), begin(2), begin(3), begin(4));
    let outcomes = [a, b, c, d];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(refused.into_iter().all(|error| error.kind == CallErrorKind::Conflict));
}

#[tokio::test]
async fn a_turn_ends_once_and_is_not_started_again() {
    let folder = folder();
    let store = open(folder.path());
    let refused = async |append| {
        let error = store.append(append).await.expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::Conflict);
        error.message.into_string()
    };
    assert_eq!(
        refused(ending("c", "t", 3, EndReason::Stop)).await,
        "turn `t` does not run, so it cannot end"
    );
    run_turn(&store, "c", "t", 0).await;
    let again =
        entry("other", Role::System, "t", 9, [Chunk::TurnEnd { record: record("t", EndReason::Lost) }]);
    assert_eq!(refused(of_entries("c", [again])).await, "turn `t` does not run, so it cannot end");
    let again = entry("other", Role::System, "t", 9, [turn_start("t")]);
    assert_eq!(refused(of_entries("c", [again])).await, "turn `t` was started before; start another one");
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn whoever_sends_an_append_again_for_want_of_an_answer_gets_the_same_one() {
    let folder = folder();
    let store = open(folder.path());
    for append in [beginning("c", "t", 1), ending("c", "t", 3, EndReason::Stop)] {
        let first = store.append(append.clone()).await.expect("appended");
        assert_eq!(store.append(append).await, Ok(first));
    }
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn closed_stays_closed_when_a_turn_ends_and_gives_way_when_one_begins() {
    let folder = folder();
    let store = open(folder.path());
    let close = || update("c", |update| update.status = Maybe::Some(Status::Closed));
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    assert_eq!(store.update(close()).await.expect("closed").status, Status::Closed);
    let ended = store.append(ending("c", "t", 3, EndReason::Aborted)).await.expect("it ends").conversation;
    assert_eq!(ended.status, Status::Closed);
    let begun = store.append(beginning("c", "u", 6)).await.expect("it begins").conversation;
    assert_eq!(begun.status, Status::Active);
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_turn_that_asks_is_parked_until_each_question_is_answered_and_it_goes_on() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let state = async |id: &str, position, chunks: [Chunk; 1]| {
        let append = of_entries("c", [entry(id, Role::System, "t", position, chunks)]);
        let turn = store.append(append).await.expect("appended").conversation.turn;
        turn.into_option().map(|turn| turn.state)
    };
    let both = [entry("q", Role::System, "t", 3, [question("1"), question("2")])];
    let asked = store.append(of_entries("c", both)).await.expect("appended").conversation;
    assert_eq!(asked.status, Status::Active);
    assert_eq!(asked.turn.into_option().map(|turn| turn.state), Some(TurnState::Parked));
    let error = store.append(beginning("c", "u", 5)).await.expect_err("it is under way");
    assert_eq!(error.kind, CallErrorKind::Conflict);
    assert_eq!(state("a1", 5, [answer("1")]).await, Some(TurnState::Parked));
    assert_eq!(state("a2", 6, [answer("1")]).await, Some(TurnState::Parked), "once is enough");
    assert_eq!(state("a3", 7, [answer("2")]).await, Some(TurnState::Parked), "nobody goes on with it yet");
    assert_sound(&store, "c").await;
    assert_eq!(state("g", 8, [gone_on("t#0")]).await, Some(TurnState::Running));
    assert_sound(&store, "c").await;
    store.append(ending("c", "t", 9, EndReason::Stop)).await.expect("it ends");
    assert_eq!(state("q2", 12, [question("3")]).await, None, "who has ended asks nothing");
    assert_eq!(state("g2", 13, [gone_on("t#1")]).await, None, "nor does it go on");
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn positions_stand_above_all_before_and_need_no_order_among_themselves() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let refused = async |entries: Vec<Entry>| {
        let error = store.append(of_entries("c", entries)).await.expect_err("refused");
        assert_eq!(
            (error.kind, store.find("c").await.map(|known| known.latest_seq)),
            (CallErrorKind::Conflict, Ok(2))
        );
        error.message.into_string()
    };
    let said = |id: &str, position| entry(id, Role::Assistant, "t", position, [text("x")]);
    assert_eq!(refused(vec![said("a", 2)]).await, "position 2 is taken, expected one above 2");
    assert_eq!(refused(vec![said("a", 3), said("b", 3)]).await, "position 3 is there twice");
    let step = [
        entry("a", Role::Assistant, "t", 3, [call("1"), call("2")]),
        entry("r1", Role::Tool, "t", 7, [result("1")]),
        entry("r2", Role::Tool, "t", 6, [result("2")]),
        entry("f", Role::System, "t", 5, [usage("s", 7)]),
    ];
    let known = store.append(of_entries("c", step)).await.expect("appended").conversation;
    assert_eq!(known.latest_position, 7);
    let shown = store.read(Read { from_position: Maybe::Some(4), ..everything("c") }).await.expect("read");
    let order: Vec<_> = shown.chunks.iter().map(|chunk| chunk.position.into_option()).collect();
    assert_eq!(order, [4, 5, 6, 7].map(Some));
    assert_eq!((shown.latest_seq, shown.latest_position), (7, 7));
    let limited =
        Read { from_position: Maybe::Some(3), limit: Maybe::Some(2), oldest: true, ..everything("c") };
    let seqs: Vec<_> =
        store.read(limited).await.expect("read").chunks.iter().map(|chunk| chunk.seq).collect();
    assert_eq!(seqs, [3, 4]);
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_history_goes_on_behind_a_turn_and_not_in_the_middle_of_one() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    run_turn(&store, "c", "u", 5).await;
    let behind = async |after_seq| store.history(HistoryOf { after_seq, ..history_of("c") }).await;
    let whole = behind(0).await.expect("loads");
    assert_eq!(
        whole.messages.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(),
        ["t-said", "t-answer", "u-said", "u-answer"]
    );
    let end = behind(4).await.expect("loads");
    assert_eq!(**end.messages, whole.messages[2..]);
    assert_eq!((end.latest_seq, behind(8).await.expect("loads").messages.len()), (8, 0));
    let error = behind(3).await.expect_err("in a turn");
    assert_eq!(error.message, "`afterSeq` 3 lies in turn `t`, expected the end of a turn");
    assert_eq!(behind(9).await.expect_err("beyond").message, "`afterSeq` is 9, expected 0 to 8");
}

#[tokio::test]
async fn a_message_is_found_with_its_turn() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    let locate = async |conversation: &str, message: &str| {
        store.locate(MessageOf { conversation_id: conversation.into(), message_id: message.into() }).await
    };
    let located = locate("c", "t-answer").await.expect("it is there");
    assert_eq!((located.first_seq, located.turn_id.as_deref()), (3, Some("t")));
    for (conversation, message) in [("c", "gone"), ("d", "t-answer")] {
        assert_eq!(locate(conversation, message).await.expect_err("gone").kind, CallErrorKind::NotFound);
    }
}

#[tokio::test]
async fn metrics_tell_each_turn_by_its_facts() {
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    store.append(beginning("c", "u", 6)).await.expect("it begins");
    let facts = [usage("u#0", 10), step_complete("u#0"), usage("u#1", 20)];
    store.append(of_entries("c", [entry("f", Role::System, "u", 8, facts)])).await.expect("appended");
    let turns = store.metrics("c").await.expect("told").turns;
    let [first, second] = &*turns else { panic!("{turns:?}") };
    assert_eq!((first.turn_id.as_str(), &first.state), ("t", &TurnState::Ended));
    assert_eq!((&first.reason, first.duration_ms), (&Maybe::Some(EndReason::Stop), Maybe::Some(2)));
    assert_eq!((second.turn_id.as_str(), &second.state), ("u", &TurnState::Running));
    assert_eq!((&second.reason, second.duration_ms), (&Maybe::None, Maybe::None));
    assert_eq!(second.usage, Usage { input_tokens: 30, output_tokens: 10, ..Usage::default() });
    assert_eq!(second.context_size, Maybe::Some(25));
    let steps: Vec<_> =
        second.steps.iter().map(|step| (step.step_id.as_str(), step.gen_total_ms.into_option())).collect();
    assert_eq!(steps, [("u#0", Some(9)), ("u#1", None)]);
    assert_eq!(store.metrics("d").await.expect_err("gone").kind, CallErrorKind::NotFound);
}

#[tokio::test]
async fn ended_turns_are_told_newest_first_and_counted_by_reason() {
    let folder = folder();
    let store = open(folder.path());
    for (number, reason) in [EndReason::Stop, EndReason::Error, EndReason::Stop].into_iter().enumerate() {
        let conversation = format!("c{number}");
        store.append(beginning(&conversation, "t", 1)).await.expect("it begins");
        store.append(ending(&conversation, "t", 3, reason)).await.expect("it ends");
    }
    let fork = Fork { from: "c0".into(), to: "copy".into(), at_seq: Maybe::None };
    store.fork(fork).await.expect("forked");
    let told = store.ended_lately(Lately { since: 0, limit: 2 }).await.expect("told");
    let told = serde_json::to_value(&told).expect("encodes");
    assert_eq!(told["counts"], serde_json::json!({"error": 1, "stop": 2}), "a copy is not counted again");
    assert_eq!(told["turns"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&told["turns"][0]["conversationId"], &told["turns"][1]["reason"]),
        (&"c2".into(), &"error".into())
    );
    let later = store.ended_lately(Lately { since: 1_000, limit: 2 }).await.expect("told");
    assert!(later.turns.is_empty() && later.counts.is_empty());
}

//! Repairs: what a crash leaves becomes a turn that was lost, and nothing that was durable is.

use std::time::Instant;

use transom_agent::conversation::Status;
use transom_agent::turn::{EndReason, TurnState};

use super::scripts::*;
use super::surviving::crash;
use super::*;

/// What viewers are shown of a conversation from a position on, in a few words.
async fn shown(store: &Store, conversation: &str, from: i64) -> Vec<String> {
    let read = Read { from_position: Maybe::Some(from), ..everything(conversation) };
    let chunks = store.read(read).await.expect("reads").chunks;
    let line = |stored: &StoredChunk| {
        let what = match &stored.chunk {
            Chunk::Text { text } => format!("text {text}"),
            Chunk::ToolCall { tool_call_id, .. } => format!("call {tool_call_id}"),
            Chunk::ToolResult { tool_call_id, is_error, .. } => format!("result {tool_call_id} {is_error}"),
            Chunk::Usage { .. } => "usage".to_owned(),
            Chunk::TurnEnd { record } => format!("end {:?}", record.reason),
            other => format!("{other:?}"),
        };
        format!("{} {what}", stored.position.unwrap_or(0))
    };
    chunks.iter().map(line).collect()
}

async fn repaired_facts(store: &Store, conversation: &str) -> Vec<(u32, i64, u64)> {
    let of = |stored: StoredChunk| match stored.chunk {
        Chunk::Repaired { generation, position, offset } => Some((generation, position, offset)),
        _ => None,
    };
    chunks(store, conversation).await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn a_turn_that_nobody_runs_ends_as_lost_with_everything_that_was_drafted() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let pieces = [
        piece("a", Role::Assistant, 3, 0, text("I lo")),
        piece("a", Role::Assistant, 3, 4, text("ok")),
        piece("a", Role::Assistant, 4, 0, call("1")),
        piece("a", Role::Assistant, 5, 0, call("2")),
        piece("f", Role::System, 6, 0, usage("s", 10)),
        piece("r2", Role::Tool, 7, 0, result("2")),
    ];
    store.draft(draft("c", "t", pieces)).await.expect("drafted");
    let crashed = crash(folder.path(), None);
    let store = open(crashed.path());
    let repaired = store.repair(Repair::default()).await.expect("repaired");
    let [lost] = &*repaired.lost else { panic!("{repaired:?}") };
    assert_eq!(lost.turn_id, "t");
    assert_eq!((&lost.conversation.status, lost.conversation.generation), (&Status::Idle, 1));
    assert_eq!(store.find("c").await.as_ref(), Ok(&lost.conversation));
    let expected = [
        "3 text I look",
        "4 call 1",
        "5 call 2",
        "6 usage",
        "7 result 2 false",
        "8 result 1 true",
        "9 end Lost",
    ];
    assert_eq!(shown(&store, "c", 3).await, expected);
    assert_eq!(repaired_facts(&store, "c").await, [(1, 7, 0)], "what was made up comes behind it");
    let seqs = chunks(&store, "c").await;
    let roles: Vec<_> = seqs.iter().map(|chunk| chunk.role).collect();
    use Role::{Assistant as A, System as S, Tool as T, User as U};
    assert_eq!(roles, [U, S, A, A, A, T, T, S, S, S], "results stand in the order of their calls");
    assert_sound(&store, "c").await;
    let metrics = store.metrics("c").await.expect("told").turns;
    assert_eq!((&metrics[0].reason, metrics[0].usage.input_tokens), (&Maybe::Some(EndReason::Lost), 10));
    store.append(beginning("c", "u", 11)).await.expect("the next turn begins behind it");
}

#[tokio::test]
async fn a_repair_says_how_much_of_the_last_text_is_left() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    store.draft(draft_of_text("c", "t", 3, "hälf")).await.expect("drafted");
    store.append(beginning("d", "t", 1)).await.expect("it begins");
    store.append(beginning("e", "t", 1)).await.expect("it begins");
    let checkpoint = entry("a", Role::Assistant, "t", 3, [text("so far")]);
    store.append(of_entries("e", [checkpoint])).await.expect("appended");
    store.repair(Repair::default()).await.expect("repaired");
    assert_eq!(repaired_facts(&store, "c").await, [(1, 3, 5)]);
    assert_eq!(repaired_facts(&store, "d").await, [(1, 2, 0)], "what a person said is shown whole");
    assert_eq!(repaired_facts(&store, "e").await, [(1, 3, 6)]);
    assert_well(&store).await;
}

#[tokio::test]
async fn turns_that_are_alive_or_parked_stay_as_they_are() {
    let folder = folder();
    let store = open(folder.path());
    for conversation in ["alive", "parked", "lost"] {
        store.append(beginning(conversation, conversation, 1)).await.expect("it begins");
    }
    let asked = entry("q", Role::System, "parked", 3, [question("1")]);
    store.append(of_entries("parked", [asked])).await.expect("asked");
    let before = [store.find("alive").await, store.find("parked").await];
    let alive = || Repair { alive: List::from(["alive".into()]) };
    let repaired = store.repair(alive()).await.expect("repaired");
    assert_eq!(repaired.lost.iter().map(|lost| lost.turn_id.as_str()).collect::<Vec<_>>(), ["lost"]);
    let [parked] = &*repaired.parked else { panic!("{repaired:?}") };
    assert_eq!((parked.turn_id.as_str(), parked.conversation_id.as_str()), ("parked", "parked"));
    assert_eq!([store.find("alive").await, store.find("parked").await], before);
    let again = store.repair(alive()).await.expect("repaired");
    assert_eq!((again.lost.len(), again.parked.len()), (0, 1), "a second repair finds nothing");
    assert_well(&store).await;
}

/// A turn whose one call a person was asked about, and which has gone on.
async fn gone_on_turn(store: &Store, conversation: &str) {
    store.append(beginning(conversation, "t", 1)).await.expect("it begins");
    let said = entry("a", Role::Assistant, "t", 3, [call("1"), call("2")]);
    let facts = entry("f", Role::System, "t", 5, [step_complete("t#0")]);
    let asked = entry("q", Role::System, "t", 6, [question("1")]);
    store.append(of_entries(conversation, [said, facts, asked])).await.expect("asked");
    store
        .append(of_entries(conversation, [entry("qa", Role::System, "t", 7, [answer("1")])]))
        .await
        .expect("answered");
    store
        .append(of_entries(conversation, [entry("g", Role::System, "t", 8, [gone_on("t#0")])]))
        .await
        .expect("noted");
}

#[tokio::test]
async fn a_turn_that_had_just_gone_on_is_left_to_go_on_with_every_call_answered() {
    let folder = folder();
    let store = open(folder.path());
    gone_on_turn(&store, "c").await;
    let answered = piece("r", Role::Tool, 9, 0, result("2"));
    store.draft(draft("c", "t", [answered])).await.expect("drafted");
    let repaired = store.repair(Repair::default()).await.expect("repaired");
    assert_eq!((repaired.lost.len(), repaired.parked.len()), (0, 1), "{repaired:?}");
    let known = store.find("c").await.expect("is there");
    assert_eq!(
        (known.turn.into_option().map(|turn| turn.state), known.generation),
        (Some(TurnState::Parked), 1)
    );
    assert_eq!(shown(&store, "c", 9).await, ["9 result 2 false", "10 result 1 true"]);
    assert_sound(&store, "c").await;
    let again = store.repair(Repair::default()).await.expect("repaired");
    assert_eq!((again.lost.len(), again.parked.len()), (0, 1), "a second repair finds nothing");
    assert_well(&store).await;
}

#[tokio::test]
async fn a_turn_whose_model_has_spoken_since_it_went_on_is_lost() {
    let folder = folder();
    let store = open(folder.path());
    for (conversation, piece) in [
        ("c", piece("b", Role::Assistant, 9, 0, text("so"))),
        ("d", piece("b", Role::Assistant, 9, 0, call("3"))),
    ] {
        gone_on_turn(&store, conversation).await;
        store.draft(draft(conversation, "t", [piece])).await.expect("drafted");
    }
    gone_on_turn(&store, "e").await;
    let next = entry("f1", Role::System, "t", 9, [step_complete("t#1")]);
    store.append(of_entries("e", [next])).await.expect("appended");
    let repaired = store.repair(Repair::default()).await.expect("repaired");
    assert_eq!((repaired.lost.len(), repaired.parked.len()), (3, 0), "{repaired:?}");
    assert_well(&store).await;
}

#[tokio::test]
async fn each_repair_of_a_conversation_is_a_generation() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    store.repair(Repair::default()).await.expect("repaired");
    store.append(beginning("c", "u", 5)).await.expect("it begins");
    store.repair(Repair::default()).await.expect("repaired");
    assert_eq!(repaired_facts(&store, "c").await, [(1, 2, 0), (2, 6, 0)]);
    assert_eq!(store.find("c").await.expect("is there").generation, 2);
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_turn_whose_drafts_contradict_the_log_is_repaired_all_the_same() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let pieces = [
        piece("t-said", Role::Assistant, 3, 0, text("an id that is taken")),
        piece("x", Role::Assistant, 4, 0, text("one id")),
        piece("x", Role::System, 5, 0, usage("s", 1)),
        piece("y", Role::Assistant, 9, 0, text("a gap")),
    ];
    store.draft(draft("c", "t", pieces)).await.expect("drafted");
    let repaired = store.repair(Repair::default()).await.expect("repaired");
    assert_eq!(repaired.lost.len(), 1);
    assert_eq!(
        shown(&store, "c", 3).await,
        ["3 text an id that is taken", "4 text one id", "5 usage", "9 text a gap", "10 end Lost"]
    );
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_thousand_interrupted_turns_are_repaired() {
    let folder = folder();
    let store = open(folder.path());
    for number in 0..1_000 {
        let conversation = format!("c{number}");
        store.append(beginning(&conversation, "t", 1)).await.expect("it begins");
        store.draft(draft_of_text(&conversation, "t", 3, &"word ".repeat(260))).await.expect("drafted");
    }
    let began = Instant::now();
    let repaired = store.repair(Repair::default()).await.expect("repaired");
    println!("1,000 interrupted turns were repaired in {:?}", began.elapsed());
    assert_eq!(repaired.lost.len(), 1_000);
    assert_eq!(drafts(&store).await, 0);
    assert_sound(&store, "c999").await;
}

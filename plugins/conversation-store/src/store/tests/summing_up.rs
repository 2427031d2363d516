//! Summaries: what models are shown with one, and which are refused.

use transom_agent::compaction::Summary;
use transom_agent::turn::EndReason;
use transom_plugin_api::CallErrorKind;

use super::scripts::*;
use super::*;

/// A summary that keeps what comes from a message on.
pub(super) fn summary(id: &str, kept_from: &str) -> Append {
    let summary =
        Summary { text: format!("what {id} says").into(), kept_from: kept_from.into(), ..Summary::default() };
    let message =
        Message { id: id.into(), role: Role::System, chunks: List::from([Chunk::Compacted { summary }]) };
    append("c", [message])
}

/// A turn whose model asks for two tools before it answers.
async fn run_turn_with_tools(store: &Store, turn: &str, latest: i64) {
    store.append(beginning("c", turn, latest + 1)).await.expect("it begins");
    let id = |what: &str| format!("{turn}-{what}");
    let asked = entry(
        &id("asked"),
        Role::Assistant,
        turn,
        latest + 3,
        [text("let me"), call(&id("1")), call(&id("2"))],
    );
    let results = [("1", 6), ("2", 7)].map(|(number, at)| {
        entry(&id(&format!("result-{number}")), Role::Tool, turn, latest + at, [result(&id(number))])
    });
    store.append(of_entries("c", std::iter::once(asked).chain(results))).await.expect("appended");
    store.append(ending("c", turn, latest + 8, EndReason::Stop)).await.expect("it ends");
}

/// Three turns of eleven positions.
async fn three_turns(store: &Store) {
    for (turn, latest) in [("a", 0), ("b", 11), ("d", 22)] {
        run_turn_with_tools(store, turn, latest).await;
    }
}

async fn shown(store: &Store, of: HistoryOf) -> Vec<String> {
    let history = store.history(of).await.expect("loads");
    history.messages.iter().map(|message| message.id.to_string()).collect()
}

fn refusal(appended: Result<Appended, CallError>) -> (CallErrorKind, String) {
    let error = appended.expect_err("refused");
    (error.kind, error.message.into_string())
}

#[tokio::test]
async fn a_model_is_shown_the_summary_and_what_it_keeps_and_the_log_has_everything() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    let before = chunks(&store, "c").await.len();
    let known = store.append(summary("summary/1", "b-answer")).await.expect("appended");
    assert_eq!(known.first_seq, before as i64 + 1, "`seq` goes on");
    let kept = ["summary/1", "b-answer", "d-said", "d-asked", "d-result-1", "d-result-2", "d-answer"];
    assert_eq!(shown(&store, history_of("c")).await, kept);
    let first = &store.history(history_of("c")).await.expect("loads").messages[0];
    assert!(
        matches!(&first.chunks[0], Chunk::Text { text } if text.contains("what summary/1 says")),
        "{first:?}"
    );
    assert_eq!(first.role, Role::User);
    assert_eq!(chunks(&store, "c").await.len(), before + 1, "nothing is deleted");
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_summary_is_there_after_a_restart_and_what_is_said_later_stands_behind_it() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    store.append(summary("summary/1", "d-said")).await.expect("appended");
    store.close().await;
    let store = open(folder.path());
    run_turn(&store, "c", "e", 33).await;
    let kept =
        ["summary/1", "d-said", "d-asked", "d-result-1", "d-result-2", "d-answer", "e-said", "e-answer"];
    assert_eq!(shown(&store, history_of("c")).await, kept);
}

#[tokio::test]
async fn the_next_summary_takes_the_place_of_the_one_before() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    store.append(summary("summary/1", "b-said")).await.expect("appended");
    run_turn(&store, "c", "e", 33).await;
    // What it stands for ends before the summary that came first in the log.
    let before = HistoryOf { before_seq: seq_of(&store, "d-said").await.into(), ..history_of("c") };
    let summed_up = ["summary/1", "b-said", "b-asked", "b-result-1", "b-result-2", "b-answer"];
    assert_eq!(shown(&store, before).await, summed_up);
    store.append(summary("summary/2", "d-said")).await.expect("appended");
    assert_eq!(shown(&store, history_of("c")).await[..2], ["summary/2", "d-said"]);
    assert_sound(&store, "c").await;
}

async fn seq_of(store: &Store, message_id: &str) -> i64 {
    let message = MessageOf { conversation_id: "c".into(), message_id: message_id.into() };
    store.locate(message).await.expect("is there").first_seq
}

#[tokio::test]
async fn what_would_part_a_call_from_its_result_is_refused() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    for kept_from in ["b-result-1", "b-result-2", "b-end"] {
        let (kind, told) = refusal(store.append(summary("summary/1", kept_from)).await);
        assert_eq!(kind, CallErrorKind::Conflict);
        let problem = format!(
            "a summary of conversation `c` cannot keep what comes from `{kept_from}` on: it is not said by a person or a model"
        );
        assert_eq!(told, problem);
    }
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_summary_of_nothing_or_of_what_was_summed_up_is_refused() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    let nobody = refusal(store.append(summary("summary/1", "nobody")).await);
    assert_eq!(nobody.0, CallErrorKind::Conflict);
    assert!(nobody.1.ends_with("there is no such message"), "{nobody:?}");
    store.append(summary("summary/1", "b-said")).await.expect("appended");
    for kept_from in ["a-said", "b-said"] {
        let (kind, told) = refusal(store.append(summary("summary/2", kept_from)).await);
        assert_eq!(kind, CallErrorKind::Conflict);
        assert!(told.ends_with("it was summed up before, or is kept already"), "{told}");
    }
    let mut blank = summary("summary/3", "d-said");
    blank.entries[0].message.chunks = List::from([Chunk::Compacted {
        summary: Summary { kept_from: "d-said".into(), text: " \n".into(), ..Summary::default() },
    }]);
    assert_eq!(refusal(store.append(blank).await).0, CallErrorKind::InvalidInput);
    assert_eq!(shown(&store, history_of("c")).await[0], "summary/1");
}

#[tokio::test]
async fn who_knows_the_beginning_from_before_a_summary_is_told_to_load_all_of_it() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    let end = store.find("c").await.expect("is there").latest_seq;
    store.append(summary("summary/1", "d-said")).await.expect("appended");
    let behind = HistoryOf { after_seq: end, ..history_of("c") };
    let error = store.history(behind.clone()).await.expect_err("refused");
    assert_eq!(error.kind, CallErrorKind::Conflict);
    assert!(error.message.ends_with("load all of it"), "{error}");
    run_turn(&store, "c", "e", 33).await;
    let since = store.find("c").await.expect("is there").latest_seq;
    assert!(shown(&store, HistoryOf { after_seq: since, ..behind }).await.is_empty());
}

#[tokio::test]
async fn a_copy_of_a_conversation_has_its_summary() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    store.append(summary("summary/1", "d-said")).await.expect("appended");
    store.fork(Fork { from: "c".into(), to: "copy".into(), at_seq: None.into() }).await.expect("copied");
    assert_eq!(shown(&store, history_of("copy")).await, shown(&store, history_of("c")).await);
    assert_sound(&store, "copy").await;
}

#[tokio::test]
async fn to_sum_up_a_conversation_is_not_to_take_part_in_it() {
    let folder = folder();
    let store = open(folder.path());
    three_turns(&store).await;
    let before = store.find("c").await.expect("is there").last_activity_at;
    let after = store.append(summary("summary/1", "d-said")).await.expect("appended").conversation;
    assert_eq!(after.last_activity_at, before);
}

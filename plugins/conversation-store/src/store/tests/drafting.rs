//! Drafts: durable while a turn runs, gone when what they hold is in the log.

use transom_agent::turn::EndReason;
use transom_plugin_api::CallErrorKind;

use super::scripts::*;
use super::surviving::crash;
use super::*;

#[tokio::test]
async fn a_draft_is_there_after_a_crash_right_behind_its_answer() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    store.draft(draft_of_text("c", "t", 3, "half of")).await.expect("drafted");
    let crashed = crash(folder.path(), None);
    assert_eq!(drafts(&open(crashed.path())).await, 1);
}

#[tokio::test]
async fn a_piece_takes_the_place_of_the_one_before() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    for words in ["half", "half of it"] {
        store.draft(draft_of_text("c", "t", 3, words)).await.expect("drafted");
    }
    let more = piece("t-answer", Role::Assistant, 3, 10, text("!"));
    store.draft(draft("c", "t", [more])).await.expect("drafted");
    assert_eq!(drafts(&store).await, 2);
    store.repair(Repair::default()).await.expect("repaired");
    let history = store.history(history_of("c")).await.expect("loads");
    assert_eq!(history.messages[1].chunks[0], text("half of it!"));
}

#[tokio::test]
async fn what_is_appended_is_drafted_no_more() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let pieces = (3..=5).map(|position| piece("a", Role::Assistant, position, 0, text("x")));
    store.draft(draft("c", "t", pieces)).await.expect("drafted");
    let step = entry("a", Role::Assistant, "t", 3, [text("x"), text("x")]);
    store.append(of_entries("c", [step])).await.expect("appended");
    assert_eq!(drafts(&store).await, 1, "what comes behind it stays");
    store.draft(draft_of_text("c", "t", 4, "too late")).await.expect("left out");
    assert_eq!(drafts(&store).await, 1);
    assert_well(&store).await;
    store.append(ending("c", "t", 5, EndReason::Stop)).await.expect("it ends");
    assert_eq!(drafts(&store).await, 0);
    assert_well(&store).await;
}

#[tokio::test]
async fn drafts_of_a_turn_go_with_it_wherever_they_stand() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    store.draft(draft_of_text("c", "t", 90, "x")).await.expect("drafted");
    store.append(ending("c", "t", 3, EndReason::Aborted)).await.expect("it ends");
    assert_eq!(drafts(&store).await, 0);
}

#[tokio::test]
async fn only_a_turn_that_runs_has_drafts() {
    let folder = folder();
    let store = open(folder.path());
    let refused = async |conversation: &str, turn: &str| {
        let error = store.draft(draft_of_text(conversation, turn, 30, "x")).await.expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::Conflict);
        assert_eq!(error.message, format!("turn `{turn}` of conversation `{conversation}` does not run"));
    };
    refused("c", "t").await;
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    refused("c", "u").await;
    store.append(of_entries("c", [entry("q", Role::System, "t", 3, [question("1")])])).await.expect("asked");
    refused("c", "t").await;
    store.append(of_entries("c", [entry("a", Role::System, "t", 4, [answer("1")])])).await.expect("answered");
    refused("c", "t").await;
    store.append(of_entries("c", [entry("g", Role::System, "t", 5, [gone_on("t#0")])])).await.expect("noted");
    store.draft(draft_of_text("c", "t", 6, "x")).await.expect("it runs again");
    store.append(ending("c", "t", 6, EndReason::Stop)).await.expect("it ends");
    refused("c", "t").await;
}

#[tokio::test]
async fn what_cannot_be_drafted_is_refused_with_its_field() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    let refused = async |piece| {
        let error = store.draft(draft("c", "t", [piece])).await.expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        error.message.into_string()
    };
    let said = |id: &str, position, offset, chunk| piece(id, Role::Assistant, position, offset, chunk);
    assert!(refused(said("", 3, 0, text("x"))).await.starts_with("`messageId` has 0 bytes"));
    assert!(refused(said("a", 0, 0, text("x"))).await.starts_with("`position` of message `a` is 0"));
    assert!(refused(said("a", 3, 1, call("1"))).await.starts_with("`offset` at position 3 is 1"));
    assert!(refused(said("a", 3, 0, usage("s", 1))).await.starts_with("`role` of message `a`"));
    let start = piece("a", Role::System, 3, 0, turn_start("t"));
    assert!(refused(start).await.starts_with("`chunk` at position 3 is one that is appended"));
    assert_eq!(drafts(&store).await, 0);
}

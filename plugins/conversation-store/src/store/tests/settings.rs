//! Settings: each choice is an entry of the log, and only what changes something is one.

use transom_agent::conversation::{Status, Update};
use transom_agent::provider::ReasoningEffort;
use transom_plugin_api::CallErrorKind;

use super::scripts::*;
use super::*;

/// The settings in a log, as `name=value`.
async fn settings(store: &Store, conversation: &str) -> Vec<String> {
    let of = |stored: StoredChunk| match stored.chunk {
        Chunk::Setting { name, value } => Some(format!("{name}={value}")),
        _ => None,
    };
    chunks(store, conversation).await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn choices_stay_until_others_are_made_and_an_empty_one_takes_them_back() {
    let folder = folder();
    let store = open(folder.path());
    let all = update("c", |update| {
        update.cwd = "/srv".into();
        update.model = "a/b".into();
        update.reasoning_effort = Maybe::Some(ReasoningEffort::Low);
        update.workspace_id = "w".into();
    });
    let chosen = store.update(all.clone()).await.expect("made");
    assert_eq!((chosen.cwd.as_deref(), chosen.model.as_deref()), (Some("/srv"), Some("a/b")));
    assert_eq!(chosen.reasoning_effort, Maybe::Some(ReasoningEffort::Low));
    assert_eq!((chosen.workspace_id.as_str(), chosen.latest_seq, chosen.latest_position), ("w", 4, 0));
    assert_eq!(store.update(all).await.as_ref(), Ok(&chosen), "what changes nothing is no entry");
    let fewer = update("c", |update| {
        update.cwd = "".into();
        update.workspace_id = "".into();
    });
    let fewer = store.update(fewer).await.expect("updated");
    assert_eq!((fewer.cwd.as_deref(), fewer.model.as_deref()), (None, Some("a/b")));
    assert_eq!(fewer.workspace_id, "default");
    assert_eq!(
        settings(&store, "c").await,
        [
            r#"cwd="/srv""#,
            r#"model="a/b""#,
            r#"reasoningEffort="low""#,
            r#"workspaceId="w""#,
            "cwd=null",
            "workspaceId=null",
        ]
    );
    assert_eq!(store.find("c").await, Ok(fewer));
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_title_that_is_taken_back_gives_way_to_the_first_words() {
    let folder = folder();
    let store = open(folder.path());
    let set = async |title: &str| {
        store.update(update("c", |update| update.title = title.into())).await.map(|known| known.title)
    };
    assert_eq!(set("plans").await.expect("set"), "plans");
    store.append(append("c", [user("1", "first words")])).await.expect("appended");
    assert_eq!(store.find("c").await.expect("is there").title, "plans");
    assert_eq!(set("").await.expect("taken back"), "first words");
    assert_eq!(
        set(" \t").await.expect_err("blank").message,
        "`title` is blank, expected some words, or nothing at all"
    );
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn what_cannot_be_chosen_is_refused_and_changes_nothing() {
    let folder = folder();
    let store = open(folder.path());
    let refused = async |change: fn(&mut Update)| {
        let error = store.update(update("c", change)).await.expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        error.message.into_string()
    };
    assert_eq!(
        refused(|update| update.cwd = "src".into()).await,
        "`cwd` is `src`, expected an absolute path"
    );
    assert!(refused(|update| update.workspace_id = "A b".into()).await.starts_with("`workspaceId` is `A b`"));
    let active = refused(|update| update.status = Maybe::Some(Status::Active)).await;
    assert_eq!(
        active,
        "`status` is `active`, expected `idle` or `closed`; that a conversation is active follows from its turns"
    );
    assert!(
        refused(|update| update.model = "x".repeat(5_000).as_str().into())
            .await
            .starts_with("`model` has 5000")
    );
    assert_eq!(store.find("c").await.expect_err("not made").kind, CallErrorKind::NotFound);
}

#[tokio::test]
async fn a_closed_conversation_is_idle_again_when_somebody_says_so() {
    let folder = folder();
    let store = open(folder.path());
    let set = async |status| {
        store.update(update("c", |update| update.status = Maybe::Some(status))).await.expect("updated").status
    };
    assert_eq!(set(Status::Idle).await, Status::Idle);
    assert_eq!(set(Status::Closed).await, Status::Closed);
    assert_eq!(set(Status::Idle).await, Status::Idle);
    assert_eq!(settings(&store, "c").await, [r#"status="closed""#, r#"status="idle""#]);
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    assert_eq!(set(Status::Closed).await, Status::Closed);
    assert_eq!(set(Status::Idle).await, Status::Active, "that it is active follows from its turn");
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_choice_is_no_activity() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    let before = store.find("c").await.expect("is there").last_activity_at;
    let after = store.update(update("c", |update| update.model = "a/b".into())).await.expect("updated");
    assert_eq!(after.last_activity_at, before);
}

#[tokio::test]
async fn an_effort_of_a_later_revision_is_kept_and_an_empty_one_takes_it_back() {
    let folder = folder();
    let store = open(folder.path());
    let set = async |word: &str| {
        let effort = serde_json::from_value(word.into()).expect("an effort may be unknown");
        let change = |update: &mut Update| update.reasoning_effort = Maybe::Some(effort);
        store.update(update("c", change)).await.expect("updated").reasoning_effort
    };
    let kept = set("utmost").await.into_option().map(|effort| crate::word::word_of(&effort));
    assert_eq!(kept.as_deref(), Some("utmost"));
    assert_eq!(set("").await, Maybe::None);
    assert_sound(&store, "c").await;
}

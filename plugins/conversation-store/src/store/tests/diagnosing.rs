//! The doctor: one row that was damaged by hand is found, and named by what it belongs to.

use super::scripts::*;
use super::*;

/// What the doctor says of `well` and `ill`, after `damage` was done to the second.
async fn diagnosed(damage: &str) -> Vec<String> {
    let folder = folder();
    let store = open(folder.path());
    for conversation in ["well", "ill"] {
        run_turn(&store, conversation, "t", 0).await;
        store.update(update(conversation, |update| update.model = "a/b".into())).await.expect("updated");
        store.append(beginning(conversation, "u", 6)).await.expect("it begins");
        store.draft(draft_of_text(conversation, "u", 8, "x")).await.expect("drafted");
    }
    assert_well(&store).await;
    store.close().await;
    let raw = rusqlite::Connection::open(folder.path().join(database::FILE)).expect("opens");
    assert_eq!(raw.execute(damage, ()).expect("damaged"), 1, "one row");
    raw.close().expect("closed");
    let diagnosis = open(folder.path()).diagnose().await.expect("examined");
    assert_eq!(diagnosis.conversations, 2);
    let faults = diagnosis.faults.iter();
    faults.map(|fault| format!("{} {}: {}", fault.conversation_id, fault.projection, fault.problem)).collect()
}

#[track_caller]
fn assert_names(faults: &[String], projection: &str) {
    let expected = format!("ill {projection}: ");
    assert!(
        faults.len() == 1 && faults[0].starts_with(&expected),
        "{faults:?}, expected one of {projection}"
    );
}

const ILL: &str = "(SELECT number FROM conversations WHERE id = 'ill')";

#[tokio::test]
async fn a_changed_row_of_a_conversation_is_named() {
    for change in [
        "model = 'c/d'",
        "model = NULL",
        "title = 'other'",
        "first_words = ''",
        "closed = 1",
        "generation = 1",
        "workspace = 'w'",
        "last_activity_at = 1000",
    ] {
        assert_names(
            &diagnosed(&format!("UPDATE conversations SET {change} WHERE id = 'ill'")).await,
            "conversation",
        );
    }
    let faults = diagnosed("UPDATE conversations SET latest_position = 9 WHERE id = 'ill'").await;
    assert!(faults.iter().any(|fault| fault.starts_with("ill positions: ")), "{faults:?}");
}

#[tokio::test]
async fn a_changed_row_of_a_turn_is_named() {
    for change in [
        "reason = 'lost'",
        "ended_at = 7",
        "ended_seq = 1",
        "first_seq = 2",
        "started_seq = 1",
        "turn_id = 'x'",
    ] {
        let damage = format!("UPDATE turns SET {change} WHERE turn_id = 't' AND conversation = {ILL}");
        let faults = diagnosed(&damage).await;
        assert!(faults.iter().any(|fault| fault.starts_with("ill turns: ")), "{change}: {faults:?}");
    }
    let gone = format!("DELETE FROM turns WHERE turn_id = 't' AND conversation = {ILL}");
    assert_names(&diagnosed(&gone).await, "turns");
}

#[tokio::test]
async fn a_changed_row_of_a_message_is_named() {
    for damage in [
        "UPDATE messages SET chunks = 2 WHERE message_id = 't-answer' AND conversation =",
        "UPDATE messages SET first_seq = 1 WHERE message_id = 't-answer' AND conversation =",
        "DELETE FROM messages WHERE message_id = 't-answer' AND conversation =",
    ] {
        assert_names(&diagnosed(&format!("{damage} {ILL}")).await, "messages");
    }
}

#[tokio::test]
async fn a_changed_position_is_named() {
    let at = |seq: i64, shown: &str| {
        format!("UPDATE entries SET shown = {shown} WHERE place = ({ILL} << 32) + {seq}")
    };
    for damage in [
        at(3, "shown + 50"),
        at(4, "shown - 3 + 20"),
        at(7, "shown + 50"),
        at(2, "shown + 1000000000000"),
        at(6, &format!("({ILL} << 32) + 5")),
    ] {
        let faults = diagnosed(&damage).await;
        assert!(faults.iter().any(|fault| fault.starts_with("ill positions: ")), "{damage}: {faults:?}");
    }
}

#[tokio::test]
async fn damage_of_the_log_itself_is_named() {
    for damage in [
        "DELETE FROM entries WHERE place = ({} << 32) + 3",
        "DELETE FROM entries WHERE place = ({} << 32) + 7",
        "UPDATE entries SET chunk = '{\"type\":\"text\"}' WHERE place = ({} << 32) + 3",
        "UPDATE entries SET chunk_index = 1 WHERE place = ({} << 32) + 3",
        "UPDATE entries SET message_id = 't-said' WHERE place = ({} << 32) + 3",
    ] {
        assert_names(&diagnosed(&damage.replace("{}", ILL)).await, "log");
    }
}

#[tokio::test]
async fn a_draft_that_nothing_will_take_out_is_named() {
    for change in ["position = 2", "turn = 1000"] {
        assert_names(
            &diagnosed(&format!("UPDATE drafts SET {change} WHERE conversation = {ILL}")).await,
            "drafts",
        );
    }
}

#[tokio::test]
async fn a_page_that_is_damaged_is_told_and_nothing_else_is_trusted() {
    const PAGE: usize = 4096;
    let folder = folder();
    let store = open(folder.path());
    run_turn(&store, "c", "t", 0).await;
    store.close().await;
    let path = folder.path().join(database::FILE);
    let connection = rusqlite::Connection::open(&path).expect("opens");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'turns_as_ended'";
    let root: u32 = connection.query_row(root, (), |row| row.get(0)).expect("it is there");
    connection.close().expect("closed");
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it can be written");
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xA5; PAGE], u64::from(root - 1) * PAGE as u64)
        .expect("written");
    let diagnosis = open(folder.path()).diagnose().await.expect("examined");
    assert!(!diagnosis.faults.is_empty());
    assert!(
        diagnosis.faults.iter().all(|fault| fault.projection == "file" && fault.conversation_id.is_empty())
    );
}

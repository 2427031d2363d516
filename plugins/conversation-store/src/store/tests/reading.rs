//! Reads: windows, listings, histories.

use transom_agent::conversation::{Query, Status};
use transom_plugin_api::CallErrorKind;

use super::*;

/// What a window is, said as simply as possible.
fn window(log: &[StoredChunk], read: &Read) -> Vec<StoredChunk> {
    let since = read.since_seq.into_option().unwrap_or(i64::MIN);
    let before = read.before_seq.into_option().unwrap_or(i64::MAX);
    let inside: Vec<_> =
        log.iter().filter(|chunk| chunk.seq > since && chunk.seq < before).cloned().collect();
    let limit = read.limit.into_option().map_or(usize::MAX, |limit| limit as usize);
    let left = if read.oldest { 0 } else { inside.len().saturating_sub(limit) };
    inside[left..].iter().take(limit).cloned().collect()
}

#[tokio::test]
async fn every_window_is_the_newest_part_between_its_bounds() {
    let folder = folder();
    let store = open(folder.path());
    for number in 0..6 {
        store.append(append("c", [long(&number.to_string(), 1 + number % 3)])).await.expect("appended");
    }
    store.append(append("another", [long("0", 7)])).await.expect("appended");
    let log = chunks(&store, "c").await;
    let latest = i64::try_from(log.len()).expect("short");
    let seqs = || std::iter::once(None).chain((-1..=latest + 2).map(Some)).map(Maybe::from);
    for since_seq in seqs() {
        for before_seq in seqs() {
            for limit in [None, Some(0), Some(1), Some(3), Some(u32::MAX)].map(Maybe::from) {
                for oldest in [false, true] {
                    let read = Read { since_seq, before_seq, limit, oldest, ..everything("c") };
                    let found = store.read(read.clone()).await.expect("reads");
                    assert_eq!(found.chunks.into_vec(), window(&log, &read), "{read:?}");
                    assert_eq!(found.latest_seq, latest);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_conversation_that_is_not_there_is_not_found_and_has_an_empty_history() {
    let folder = folder();
    let store = open(folder.path());
    let error = store.read(everything("c")).await.expect_err("unknown");
    assert_eq!(
        (error.kind, error.message.as_str()),
        (CallErrorKind::NotFound, "there is no conversation `c`")
    );
    assert_eq!(store.find("c").await.expect_err("unknown").kind, CallErrorKind::NotFound);
    let history = store.history(history_of("c")).await.expect("empty");
    assert_eq!((history.messages.len(), history.latest_seq), (0, 0));
}

#[tokio::test]
async fn a_history_has_the_messages_that_were_appended_however_they_were_split() {
    let folder = folder();
    let store = open(folder.path());
    let messages = [user("1", "a"), user("2", "b"), long("3", 3), user("4", "c")];
    for split in 0_u32..8 {
        let conversation = format!("split-{split}");
        let mut pending = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            pending.push(message.clone());
            if split & (1 << index) != 0 || index + 1 == messages.len() {
                store.append(append(&conversation, pending.drain(..))).await.expect("appended");
            }
        }
        let history = store.history(history_of(&conversation)).await.expect("loads");
        assert_eq!(**history.messages, messages);
        assert_eq!(history.latest_seq, 6);
    }
}

#[tokio::test]
async fn a_history_is_repaired_and_the_log_is_not() {
    let folder = folder();
    let store = open(folder.path());
    let call = Chunk::ToolCall {
        tool_call_id: "call".into(),
        tool_name: "shell".into(),
        input: transom_plugin_api::Json::default(),
        step_id: Maybe::None,
    };
    let broken = Chunk::Error { message: "gone".into(), code: Maybe::None };
    let asked = Message { id: "2".into(), role: Role::Assistant, chunks: List::from([call, broken]) };
    store.append(append("c", [user("1", "hi"), asked])).await.expect("appended");
    let history = store.history(history_of("c")).await.expect("loads");
    let shapes: Vec<_> =
        history.messages.iter().map(|message| (message.role, message.chunks.len())).collect();
    assert_eq!(shapes, [(Role::User, 1), (Role::Assistant, 1), (Role::Tool, 1)]);
    assert_eq!(history.latest_seq, 3);
    assert_eq!(chunks(&store, "c").await.len(), 3);
}

#[tokio::test]
async fn a_chunk_of_a_later_revision_is_read_back_and_loaded_unchanged() {
    let folder = folder();
    let store = open(folder.path());
    let document = r#"{"type":"hologram","b":[1.5,{"a":null}],"a":-7}"#;
    let hologram: Chunk = serde_json::from_str(document).expect("a chunk may be unknown");
    let shown = Message { id: "2".into(), role: Role::Assistant, chunks: List::from([hologram.clone()]) };
    let messages = [user("1", "hi"), shown];
    store.append(append("c", messages.clone())).await.expect("appended");
    store.append(append("c", messages.clone())).await.expect("it is the same");
    assert_eq!(serde_json::to_string(&chunks(&store, "c").await[1].chunk).expect("encodes"), document);
    assert_eq!(**store.history(history_of("c")).await.expect("loads").messages, messages);
}

#[tokio::test]
async fn an_unreadable_row_keeps_its_place_and_the_rest_is_read() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [user("1", "a"), user("2", "b")])).await.expect("appended");
    store.close().await;
    let raw = rusqlite::Connection::open(folder.path().join(database::FILE)).expect("opens");
    raw.execute("UPDATE entries SET chunk = '{' WHERE place & 0xFFFFFFFF = 1", ()).expect("damaged");
    drop(raw);
    let store = open(folder.path());
    assert!(matches!(chunks(&store, "c").await[0].chunk, Chunk::Error { .. }));
    let history = store.history(history_of("c")).await.expect("loads");
    assert_eq!(**history.messages, [user("2", "b")]);
}

#[tokio::test]
async fn listings_are_sorted_by_activity_and_filtered_by_status_and_prefix() {
    let folder = folder();
    let store = open_at(folder.path(), 7);
    for id in ["b", "a_1", "A", "a%", "a1"].map(|id| id.replace('%', "-")) {
        store.append(append(&id, [])).await.expect("made");
    }
    store.close().await;
    let store = open_at(folder.path(), 8);
    let closed = super::scripts::update("a1", |update| update.status = Maybe::Some(Status::Closed));
    store.update(closed).await.expect("closed");
    store.append(append("b", [user("1", "hi")])).await.expect("touched");
    let listed = async |statuses: &[Status], prefix: &str| {
        let query = Query { status: statuses.into(), prefix: prefix.into(), ..Query::default() };
        let found = store.list(query).await.expect("lists").conversations;
        found.iter().map(|conversation| conversation.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[], "").await, ["b", "A", "a-", "a1", "a_1"], "the latest first, then by id");
    assert_eq!(listed(&[], "a").await, ["a-", "a1", "a_1"]);
    assert_eq!(listed(&[], "a_").await, ["a_1"], "no character of a prefix is a wildcard");
    assert_eq!(listed(&[], "ü").await, [""; 0]);
    assert_eq!(listed(&[Status::Closed], "").await, ["a1"]);
    assert_eq!(listed(&[Status::Idle, Status::Closed, Status::Idle], "a1").await, ["a1"]);
    assert_eq!(listed(&[Status::Active], "").await, [""; 0]);
    let asleep = serde_json::from_value("asleep".into()).expect("a status may be unknown");
    assert_eq!(listed(&[asleep], "").await, [""; 0], "what is not known is not everything");
}

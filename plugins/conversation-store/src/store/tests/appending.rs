//! Appends: gap-free, idempotent, all or nothing.

use transom_agent::conversation::{Query, Status};
use transom_plugin_api::CallErrorKind;

use super::*;

#[tokio::test]
async fn each_chunk_gets_the_next_seq() {
    let folder = folder();
    let store = open(folder.path());
    assert_eq!(seqs(store.append(append("c", [user("1", "hi"), long("2", 3)])).await), (1, 4));
    assert_eq!(seqs(store.append(append("c", [long("3", 2)])).await), (5, 6));
    assert_eq!(seqs(store.append(append("d", [user("1", "hi")])).await), (1, 1));
    assert_sound(&store, "c").await;
    let stored = chunks(&store, "c").await;
    assert_eq!(stored[2].message_id, "2");
    assert_eq!(stored[2].role, Role::Assistant);
    assert_eq!(stored[2].chunk, Chunk::Text { text: "2:1".into() });
}

#[test]
fn eight_threads_that_append_at_once_leave_no_gap() {
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                runtime().block_on(async {
                    for number in 0..25 {
                        let id = format!("{thread}-{number}");
                        let message = long(&id, 1 + number % 3);
                        let appended =
                            store.append(append("shared", [message.clone()])).await.expect("appended");
                        let length = i64::try_from(message.chunks.len()).expect("short");
                        assert_eq!(appended.last_seq - appended.first_seq + 1, length);
                        store.append(append(&format!("own-{thread}"), [message])).await.expect("appended");
                    }
                });
            });
        }
    });
    runtime().block_on(async {
        assert_sound(&store, "shared").await;
        for thread in 0..8 {
            assert_sound(&store, &format!("own-{thread}")).await;
        }
        // A message is never torn apart by another.
        let mut ids: Vec<_> =
            chunks(&store, "shared").await.into_iter().map(|chunk| chunk.message_id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 8 * 25);
    });
}

#[tokio::test]
async fn a_message_that_comes_again_is_stored_once_and_its_place_told_again() {
    let folder = folder();
    let store = open(folder.path());
    let whole = append("c", [user("1", "hi"), long("2", 3)]);
    let first = store.append(whole.clone()).await;
    let before = store.find("c").await.expect("is there");
    assert_eq!(store.append(whole).await, first, "with everything that was answered");
    assert_eq!(store.find("c").await.expect("is there"), before, "a retry changes nothing");
    assert_eq!(seqs(store.append(append("c", [long("2", 3), user("3", "more")])).await), (2, 5));
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_message_with_a_known_id_and_other_content_is_a_conflict_and_nothing_is_stored() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [long("1", 2)])).await.expect("appended");
    let shorter = long("1", 1);
    let other_words = Message { chunks: long("x", 2).chunks, ..long("1", 2) };
    let other_role = Message { role: Role::User, ..long("1", 2) };
    let nothing = Message { chunks: List::new(), ..long("1", 2) };
    for message in [shorter, other_words, other_role, nothing] {
        let error = store.append(append("c", [user("new", "hi"), message])).await.expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::Conflict);
        assert_eq!(error.message, "message `1` of conversation `c` is stored with other content");
    }
    assert_eq!(store.find("c").await.expect("is there").latest_seq, 2);
    assert_sound(&store, "c").await;
    let twice = store.append(append("d", [user("1", "a"), user("1", "b")])).await.expect_err("refused");
    assert_eq!(twice.kind, CallErrorKind::Conflict);
    assert_eq!(store.find("d").await.expect_err("was not made").kind, CallErrorKind::NotFound);
}

#[tokio::test]
async fn an_append_without_chunks_makes_the_conversation_and_takes_no_seq() {
    let folder = folder();
    let store = open(folder.path());
    assert_eq!(seqs(store.append(append("c", [])).await), (0, 0));
    let silent = Message { chunks: List::new(), ..long("1", 1) };
    assert_eq!(seqs(store.append(append("c", [silent])).await), (0, 0));
    assert_eq!(store.find("c").await.expect("is there").status, Status::Idle);
    assert_eq!(seqs(store.append(append("c", [user("1", "hi")])).await), (1, 1));
    assert_eq!(seqs(store.append(append("c", [])).await), (0, 1));
}

#[tokio::test]
async fn the_first_words_of_a_person_become_the_title_and_stay_it() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [Message::text("0", Role::System, "be kind")])).await.expect("appended");
    assert_eq!(store.find("c").await.expect("is there").title, "");
    store.append(append("c", [user("1", &"word ".repeat(20)), user("2", "second")])).await.expect("appended");
    store.append(append("c", [user("3", "third")])).await.expect("appended");
    let title = store.find("c").await.expect("is there").title;
    assert_eq!(title.as_str(), "word ".repeat(16) + "…");
}

#[tokio::test]
async fn an_impossible_id_is_refused_everywhere() {
    let folder = folder();
    let store = open(folder.path());
    let outcomes = [
        store.append(append("a b", [])).await.map(|_| ()),
        store.update(super::scripts::update("a b", |_| ())).await.map(|_| ()),
        store.delete("a b").await.map(|_| ()),
        store.metrics("a b").await.map(|_| ()),
        store.history(history_of("a b")).await.map(|_| ()),
        store.read(everything("a b")).await.map(|_| ()),
        store.find("a b").await.map(|_| ()),
    ];
    for outcome in outcomes {
        assert_eq!(outcome.expect_err("refused").kind, CallErrorKind::InvalidInput);
    }
    assert!(store.list(Query::default()).await.expect("lists").conversations.is_empty());
}

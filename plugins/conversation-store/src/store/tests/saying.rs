//! What is said of changes: after they are durable, once for each conversation and transaction.

use std::sync::Mutex;

use transom_agent::conversation::Status;
use transom_agent::turn::EndReason;

use super::scripts::*;
use super::*;

type Said = Arc<Mutex<Vec<Conversation>>>;

fn listening(folder: &Path) -> (Store, Said) {
    let said = Said::default();
    let keep = said.clone();
    (open_and_say(folder, move |conversation| keep.lock().expect("whole").push(conversation.clone())), said)
}

/// What was said until the store has closed.
async fn said_by_the_end(store: Store, said: &Said) -> Vec<Conversation> {
    store.close().await;
    said.lock().expect("whole").clone()
}

#[tokio::test]
async fn each_change_is_said_as_it_was_answered_and_a_retry_is_none() {
    let folder = folder();
    let (store, said) = listening(folder.path());
    let begun = store.append(beginning("c", "t", 1)).await.expect("it begins").conversation;
    store.append(beginning("c", "t", 1)).await.expect("it is the same");
    store.draft(draft_of_text("c", "t", 3, "x")).await.expect("drafted");
    let ended = store.append(ending("c", "t", 3, EndReason::Stop)).await.expect("it ends").conversation;
    store.append(ending("c", "t", 3, EndReason::Error)).await.expect_err("it has ended");
    assert_eq!(said_by_the_end(store, &said).await, [begun, ended]);
}

#[tokio::test]
async fn a_transaction_says_a_conversation_once_and_as_it_is_in_the_end() {
    let folder = folder();
    let (store, said) = listening(folder.path());
    for conversation in ["a", "b"] {
        store.update(update(conversation, |update| update.workspace_id = "w".into())).await.expect("moved");
    }
    store.delete_workspace("w").await.expect("deleted");
    let last = said_by_the_end(store, &said).await.split_off(2);
    let told: Vec<_> = last.iter().map(|known| (known.id.as_str(), known.workspace_id.as_str())).collect();
    assert_eq!(told, [("a", "default"), ("b", "default")]);
    assert!(last.iter().all(|known| known.status == Status::Closed));
}

#[test]
fn what_was_noted_twice_is_told_once() {
    let connection = rusqlite::Connection::open_in_memory().expect("opens");
    schema::make(&connection).expect("made");
    let mut changed = changed::Changed::default();
    for words in ["1", "2"] {
        let mut fold = fold::Fold::open(&connection, "c", 1).expect("opens");
        let entry = Entry { message: user(words, "hi"), turn_id: Maybe::None, positions: List::new() };
        fold.apply(&crate::entry::EncodedEntry::of(entry).expect("encodes"), 1).expect("applied");
        fold.finish(&mut changed).expect("finished");
    }
    assert_eq!(changed.iter().map(|known| known.latest_seq).collect::<Vec<_>>(), [2]);
}

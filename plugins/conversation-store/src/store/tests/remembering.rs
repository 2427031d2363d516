//! What plugins have to remember: each its own, all of a call or nothing, in pages.

use transom_agent::storage::StorageWrite;
use transom_plugin_api::{CallErrorKind, Json, Text};

use super::scripts::count;
use super::*;

fn set(key: &str, value: &str) -> StorageWrite {
    StorageWrite { key: key.into(), value: Maybe::Some(Json::of(value).expect("encodes")) }
}

fn unset(key: &str) -> StorageWrite {
    StorageWrite { key: key.into(), value: Maybe::None }
}

async fn write(
    store: &Store,
    plugin: &str,
    writes: impl IntoIterator<Item = StorageWrite>,
) -> Result<StorageWritten, CallError> {
    store.write_storage(plugin, StorageWrites { writes: writes.into_iter().collect() }).await
}

async fn keys(store: &Store, plugin: &str, read: StorageRead) -> (Vec<String>, bool) {
    let rows = store.read_storage(plugin, read).await.expect("read");
    (rows.rows.iter().map(|row| row.key.to_string()).collect(), rows.more)
}

#[tokio::test]
async fn each_plugin_has_a_place_of_its_own() {
    let folder = folder();
    let store = open(folder.path());
    write(&store, "one", [set("k", "a"), set("k", "b"), set("l", "c"), unset("l")]).await.expect("written");
    write(&store, "two", [set("k", "z")]).await.expect("written");
    let rows = store.read_storage("one", StorageRead::default()).await.expect("read").rows;
    assert_eq!((rows.len(), rows[0].key.as_str(), rows[0].value.as_str()), (1, "k", "\"b\""));
    assert_eq!(keys(&store, "three", StorageRead::default()).await, (vec![], false));
    store.close().await;
    let rows = open(folder.path()).read_storage("two", StorageRead::default()).await.expect("read").rows;
    assert_eq!(rows[0].value.as_str(), "\"z\"");
}

#[tokio::test]
async fn rows_come_in_byte_order_page_by_page() {
    let folder = folder();
    let store = open(folder.path());
    let names = ["a", "a/1", "a/2", "a0", "b", "ä", "a/\u{10FFFF}", "A"];
    write(&store, "p", names.map(|name| set(name, "x"))).await.expect("written");
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(keys(&store, "p", StorageRead::default()).await, (sorted.to_vec(), false));
    let slash = || StorageRead { prefix: "a/".into(), ..StorageRead::default() };
    assert_eq!(
        keys(&store, "p", slash()).await,
        (["a/1", "a/2", "a/\u{10FFFF}"].map(str::to_owned).into(), false)
    );
    let first = StorageRead { limit: Maybe::Some(2), ..slash() };
    assert_eq!(keys(&store, "p", first).await, (vec!["a/1".to_owned(), "a/2".to_owned()], true));
    let next = StorageRead { limit: Maybe::Some(1), after: "a/2".into(), ..slash() };
    assert_eq!(keys(&store, "p", next).await, (vec!["a/\u{10FFFF}".to_owned()], false));
    let none = StorageRead { after: "a/".into(), prefix: "zz".into(), ..StorageRead::default() };
    assert_eq!(keys(&store, "p", none).await, (vec![], false));
}

#[tokio::test]
async fn an_answer_of_many_large_documents_ends_and_says_that_there_are_more() {
    let folder = folder();
    let store = open(folder.path());
    let large = "x".repeat((1 << 20) - 2);
    let writes = (0..12).map(|number| set(&format!("{number:02}"), &large));
    write(&store, "p", writes).await.expect("written");
    let (first, more) = keys(&store, "p", StorageRead::default()).await;
    assert!(more && first.len() < 12, "{first:?}");
    let after = Maybe::Some(Text::from(first.last().expect("some").as_str()));
    let (rest, more) = keys(&store, "p", StorageRead { after, ..StorageRead::default() }).await;
    assert_eq!((first.len() + rest.len(), more), (12, false));
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_nothing_of_the_call_is_written() {
    let folder = folder();
    let store = open(folder.path());
    let refused = async |write_: StorageWrite| {
        let error = write(&store, "p", [set("fits", "x"), write_]).await.expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        error.message.into_string()
    };
    assert_eq!(refused(set("", "x")).await, "`key` has 0 bytes, expected 1 to 512");
    assert_eq!(refused(unset(&"k".repeat(513))).await, "`key` has 513 bytes, expected 1 to 512");
    let message = refused(set("k", &"x".repeat(1 << 20))).await;
    assert_eq!(message, "`value` of key `k` has 1048578 bytes, expected at most 1048576");
    let many = write(&store, "p", (0..10_001).map(|_| unset("k"))).await.expect_err("refused");
    assert_eq!(many.message, "`writes` are 10001, expected at most 10000 in one call");
    assert_eq!(count(&store, "storage").await, 0);
    write(&store, "p", [set(&"k".repeat(512), &"x".repeat((1 << 20) - 2))]).await.expect("it fits");
}

#[tokio::test]
async fn what_belongs_to_a_conversation_goes_with_it_and_nothing_else() {
    let folder = folder();
    let store = open(folder.path());
    for id in ["c", "c-1"] {
        let update =
            Update { conversation_id: id.into(), title: Maybe::Some("t".into()), ..Update::default() };
        store.update(update).await.expect("made");
    }
    let others = ["b", "c", "c/c", "c/c-1/x", "c/c.1/x", "c/c0", "d"];
    for plugin in ["one", "two"] {
        let keys = others.iter().chain(&["c/c/", "c/c/x", "c/c/~"]);
        write(&store, plugin, keys.map(|key| set(key, "a"))).await.expect("written");
    }
    assert!(store.delete("c").await.expect("deleted").deleted);
    for plugin in ["one", "two"] {
        assert_eq!(keys(&store, plugin, StorageRead::default()).await.0, others);
    }
    // One that is not there takes nothing along.
    write(&store, "one", [set("c/nobody/x", "a")]).await.expect("written");
    store.delete("nobody").await.expect("answered");
    assert_eq!(keys(&store, "one", StorageRead::default()).await.0.len(), others.len() + 1);
}

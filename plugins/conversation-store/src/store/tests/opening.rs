//! Opening: what is refused, what is repaired, what is private.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use transom_plugin_api::CallErrorKind;

use super::*;

fn refusal(folder: &Path) -> String {
    match Store::open(folder, Durability::Full, || 0, |_| ()) {
        Ok(_) => panic!("`{}` was opened", folder.display()),
        Err(error) => error.to_string(),
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let databases = entries.filter(|path| path.extension().is_none_or(|extension| extension != "lock"));
    let mut files: Vec<_> =
        databases.map(|path| (path.clone(), std::fs::read(&path).expect("a file"))).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_was_appended_is_there_after_opening_again() {
    let folder = folder();
    for durability in [Durability::Full, Durability::Normal] {
        let conversation = format!("{durability:?}");
        let store =
            Store::open(folder.path(), durability, || 0, |_| ()).unwrap_or_else(|error| panic!("{error}"));
        store.append(append(&conversation, [user("1", "hi"), long("2", 2)])).await.expect("appended");
        store.close().await;
        let store = open(folder.path());
        assert_sound(&store, &conversation).await;
        assert_eq!(seqs(store.append(append(&conversation, [user("3", "and")])).await), (4, 4));
        store.close().await;
    }
}

#[tokio::test]
async fn closing_finishes_what_was_accepted_and_leaves_one_file() {
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    let accepted: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.append(append("c", [user(&number.to_string(), "hi")])).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    for append in accepted {
        append.await.expect("ran").expect("appended");
    }
    assert_eq!(store.find("c").await.expect_err("closed").kind, CallErrorKind::Unavailable);
    assert_eq!(store.append(append("c", [])).await.expect_err("closed").kind, CallErrorKind::Unavailable);
    store.close().await;
    assert_eq!(files(folder.path()).len(), 1, "the write-ahead log is folded in and gone");
    assert_eq!(open(folder.path()).find("c").await.expect("is there").latest_seq, 20);
}

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert_eq!(seen, 4, "database, write-ahead log, its index, claim");
}

#[tokio::test]
async fn a_second_host_is_refused_until_the_first_has_closed() {
    let folder = folder();
    let store = open(folder.path());
    let message = refusal(folder.path());
    assert!(message.contains("conversations.db` is in use by another host\n  help: "), "{message}");
    store.append(append("c", [user("1", "hi")])).await.expect("the first is unharmed");
    store.close().await;
    open(folder.path());
}

#[tokio::test]
async fn a_newer_file_is_refused_and_not_touched() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    store.close().await;
    let newer = Connection::open(folder.path().join(database::FILE)).expect("opens");
    newer.pragma_update(None, "user_version", 4).expect("set");
    newer.close().expect("closes");
    let before = files(folder.path());
    let message = refusal(folder.path());
    assert!(message.contains("conversations.db` has schema version 4, this host knows up to 3"), "{message}");
    assert!(message.contains("help: update the host"), "{message}");
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn a_file_that_is_newer_only_in_its_write_ahead_log_is_refused_too() {
    let (living, crashed) = (folder(), folder());
    open(living.path()).close().await;
    let newer = Connection::open(living.path().join(database::FILE)).expect("opens");
    newer.pragma_update(None, "user_version", 4).expect("set");
    for name in ["conversations.db", "conversations.db-wal"] {
        std::fs::copy(living.path().join(name), crashed.path().join(name)).expect("copied");
    }
    let before = files(crashed.path());
    assert!(refusal(crashed.path()).contains("has schema version 4"));
    for file in before {
        assert!(files(crashed.path()).contains(&file), "{} was touched", file.0.display());
    }
}

#[test]
fn another_file_under_the_name_is_refused_and_not_touched() {
    for content in ["not a database", &"x".repeat(5_000)] {
        let folder = folder();
        std::fs::write(folder.path().join(database::FILE), content).expect("written");
        let before = files(folder.path());
        let message = refusal(folder.path());
        assert!(message.contains("conversations.db` is not an SQLite database"), "{message}");
        assert_eq!(files(folder.path()), before);
        std::fs::write(folder.path().join("conversations.db-wal"), "not a log").expect("written");
        let message = refusal(folder.path());
        assert!(message.contains("conversations.db` is not an SQLite database"), "{message}");
    }
}

#[tokio::test]
async fn a_first_page_that_was_torn_is_made_whole_from_the_log() {
    let living = folder();
    let store = open(living.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    let crashed = super::surviving::crash(living.path(), None);
    let database = crashed.path().join(database::FILE);
    let mut bytes = std::fs::read(&database).expect("a file");
    bytes[..512].fill(0);
    std::fs::write(&database, bytes).expect("written");
    assert_sound(&open(crashed.path()), "c").await;
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = folder();
    let message = refusal(&folder.path().join("gone"));
    assert!(message.contains("gone/conversations.lock` cannot be opened"), "{message}");
}

//! Copies: whole whatever goes on meanwhile, in no other file's place, and nothing half when they are given up.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use transom_agent::log::{BackedUp, Backup, BackupProgress};
use transom_plugin_api::CallErrorKind;

use super::surviving::crash;
use super::*;

fn to(path: &Path) -> Backup {
    Backup { path: path.display().to_string().into(), replace: false }
}

/// What a copy said on its way, and what came of it.
async fn copied(store: &Store, backup: Backup) -> Result<(Vec<(u64, u64)>, BackedUp), CallError> {
    let mut copying = store.backup(backup).await?;
    let mut seen = Vec::new();
    loop {
        let BackupProgress { bytes, of, complete } = copying.next().await.expect("an outcome")?;
        seen.push((bytes, of));
        if let Maybe::Some(complete) = complete {
            assert!(copying.next().await.is_none(), "nothing comes behind the end");
            return Ok((seen, complete));
        }
    }
}

async fn refused(store: &Store, backup: Backup) -> CallError {
    copied(store, backup).await.expect_err("it cannot be there")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

/// A folder in which a copy is the file of a store.
fn restored(copy: &Path) -> TempDir {
    let folder = folder();
    std::fs::copy(copy, folder.path().join(database::FILE)).expect("copied");
    folder
}

#[tokio::test]
async fn a_copy_holds_what_was_answered_and_is_one_private_file() {
    let (folder, kept) = (folder(), folder());
    let store = open(folder.path());
    for conversation in ["c", "d"] {
        store.append(append(conversation, [user("1", "hi"), long("2", 300)])).await.expect("appended");
    }
    store.append(append("gone", [user("1", "hi")])).await.expect("appended");
    store.delete("gone").await.expect("deleted");
    let file = kept.path().join("kept.db");
    let (seen, complete) = copied(&store, to(&file)).await.expect("copied");
    assert_eq!((complete.conversations, complete.entries), (2, 4));
    assert_eq!(names(kept.path()), ["kept.db"], "and nothing beside it");
    let metadata = file.metadata().expect("a file");
    assert_eq!((metadata.permissions().mode() & 0o777, metadata.len()), (0o600, complete.bytes));
    assert!(seen.is_sorted() && seen.iter().all(|(bytes, of)| bytes <= of), "{seen:?}");
    assert_eq!(seen.last(), Some(&(complete.bytes, complete.bytes)));

    let again = restored(&file);
    let again = open(again.path());
    assert_eq!(chunks(&again, "c").await, chunks(&store, "c").await);
    assert_sound(&again, "d").await;
    assert_eq!(seqs(again.append(append("c", [user("3", "and on")])).await), (302, 302));
    again.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_go_on_while_a_copy_is_made_and_it_is_of_one_moment() {
    let (folder, kept) = (folder(), folder());
    let store = Arc::new(open(folder.path()));
    let mut last = 0;
    for number in 0..40 {
        last = seqs(store.append(append("c", [long(&number.to_string(), 500)])).await).1;
    }
    let file = kept.path().join("kept.db");
    let mut copying = store.backup(to(&file)).await.expect("begun");
    let mut written = 0;
    // Appends go between each two steps that are heard of.
    let copied = loop {
        let progress = copying.next().await.expect("an outcome").expect("copied");
        if let Maybe::Some(complete) = progress.complete {
            break complete;
        }
        store.append(append("c", [user(&format!("m{written}"), "hi")])).await.expect("appended");
        store.append(append("other", [user(&format!("m{written}"), "hi")])).await.expect("appended");
        written += 1;
    };
    assert!(written > 0, "it was over at once");
    let again = restored(&file);
    let again = open(again.path());
    let found = again.find("c").await.expect("is there").latest_seq;
    assert!((last..=last + written).contains(&found), "{found}, expected {last} and some of {written}");
    assert_sound(&again, "c").await;
    let entries = u64::try_from(found - last + 40).expect("positive");
    let others =
        if copied.conversations == 2 { again.find("other").await.expect("is there").latest_seq } else { 0 };
    assert_eq!(copied.entries, entries + others.unsigned_abs());
    assert!((0..=1).contains(&(found - last - others)), "one moment, not two");
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn a_copy_takes_no_other_file_s_place_unless_it_may() {
    let (folder, kept) = (folder(), folder());
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    let file = kept.path().join("kept.db");
    std::fs::write(&file, "dear").expect("written");
    let error = refused(&store, to(&file)).await;
    assert_eq!(error.kind, CallErrorKind::Conflict);
    assert!(error.message.ends_with("kept.db` is there already, and is left as it is"), "{error}");
    assert_eq!(std::fs::read(&file).expect("a file"), b"dear");
    copied(&store, Backup { replace: true, ..to(&file) }).await.expect("copied");
    assert!(std::fs::read(&file).expect("a file").starts_with(b"SQLite format 3\0"));
    assert_eq!(names(kept.path()), ["kept.db"]);
}

#[tokio::test]
async fn a_place_where_no_copy_can_be_is_told_and_left_as_it_is() {
    let (folder, kept) = (folder(), folder());
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    std::fs::create_dir(kept.path().join("folder")).expect("made");
    std::os::unix::fs::symlink(folder.path().join(database::FILE), kept.path().join("link")).expect("made");
    std::os::unix::fs::symlink(folder.path(), kept.path().join("inside")).expect("made");
    let own: PathBuf = folder.path().join(database::FILE);
    let cases = [
        (PathBuf::from("kept.db"), "expected the absolute path of a file"),
        (PathBuf::from("/"), "expected the absolute path of a file"),
        (kept.path().join("none/kept.db"), "make it first"),
        (kept.path().join("folder"), "is no regular file"),
        (kept.path().join("link"), "is no regular file"),
        (kept.path().join("inside/kept.db"), "lies in the folder that is to be backed up"),
        (own, "lies in the folder that is to be backed up"),
    ];
    for (path, expected) in cases {
        let error = refused(&store, Backup { replace: true, ..to(&path) }).await;
        assert_eq!(error.kind, CallErrorKind::InvalidInput, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
    assert_eq!(names(kept.path()), ["folder", "inside", "link"]);
    assert_sound(&store, "c").await;
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing() {
    let (folder, kept) = (folder(), folder());
    let store = open(folder.path());
    for number in 0..40 {
        store.append(append("c", [long(&number.to_string(), 500)])).await.expect("appended");
    }
    let file = kept.path().join("kept.db");
    let mut copying = store.backup(to(&file)).await.expect("begun");
    copying.next().await.expect("progress").expect("copied");
    drop(copying);
    // Copies are made one after the other, so the one before is over when this one has begun.
    let mut next = store.backup(to(&kept.path().join("next.db"))).await.expect("begun");
    next.next().await.expect("progress").expect("copied");
    store.close().await;
    // One that was complete by then has its name; nothing has another one.
    let names = names(kept.path());
    assert!(names.iter().all(|name| ["kept.db", "next.db"].contains(&name.as_str())), "{names:?}");
}

#[tokio::test]
async fn of_a_damaged_file_no_copy_is_made() {
    let (folder, kept) = (folder(), folder());
    let store = open(folder.path());
    store.append(append("c", [long("1", 400)])).await.expect("appended");
    store.close().await;
    let raw = Connection::open(folder.path().join(database::FILE)).expect("opens");
    // Two indexes on the same pages.
    let damage = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage =
                  (SELECT rootpage FROM sqlite_schema WHERE name = 'entries_as_shown') WHERE name = 'turns_as_ended'";
    raw.execute_batch(damage).expect("damaged");
    raw.close().expect("closed");
    let store = open(folder.path());
    let error = refused(&store, to(&kept.path().join("kept.db"))).await;
    assert_eq!(error.kind, CallErrorKind::Failed, "{error}");
    assert!(error.message.starts_with("`conversations.db` is damaged, and no backup was made: "), "{error}");
    assert_eq!(names(kept.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_beside_the_log_of_another_file_is_refused_and_not_touched() {
    let (folder, kept) = (folder(), folder());
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    let file = kept.path().join("kept.db");
    copied(&store, to(&file)).await.expect("copied");
    store.append(append("c", [user("2", "later")])).await.expect("appended");
    let crashed = crash(folder.path(), None);
    std::fs::copy(&file, crashed.path().join(database::FILE)).expect("restored");
    let refused =
        Store::open(crashed.path(), Durability::Full, || 0, |_| ()).err().expect("refused").to_string();
    assert!(refused.contains("conversations.db-wal` does not belong to "), "{refused}");
    assert!(refused.contains("\n  help: move it away"), "{refused}");
    assert_eq!(std::fs::read(crashed.path().join(database::FILE)).ok(), std::fs::read(&file).ok());
    std::fs::remove_file(crashed.path().join("conversations.db-wal")).expect("removed");
    let again = open(crashed.path());
    assert_eq!(again.find("c").await.expect("is there").latest_seq, 1);
    assert_sound(&again, "c").await;
}

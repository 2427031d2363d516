//! The writer when writing fails: one job fails alone, a lost transaction loses nobody else's work, reads go on.

use std::sync::{Mutex, mpsc};

use rusqlite::Connection;
use tokio::sync::oneshot;
use transom_plugin_api::CallErrorKind;

use super::append::AppendWrite;
use super::changed::Changed;
use super::failure::Failure;
use super::fold::Fold;
use super::readers::Readers;
use super::writer::{Write, Writer};
use super::*;

/// A writer whose connection a test has prepared, and readers beside it.
struct Bench {
    folder: TempDir,
    writer: Writer,
    readers: Readers,
}

fn bench(prepare: impl FnOnce(&Connection)) -> Bench {
    let folder = folder();
    let build = || {
        let database = Arc::new(Database::claim(folder.path())?);
        let connection = database.open_to_write(Durability::Full)?;
        prepare(&connection);
        let readers = Readers::start(&database)?;
        Ok::<_, StartError>((Writer::start(connection, database, |_| ())?, readers))
    };
    let (writer, readers) = build().unwrap_or_else(|error| panic!("{error}"));
    Bench { folder, writer, readers }
}

impl Bench {
    async fn append(&self, conversation: &str, message: Message) -> Result<Appended, CallError> {
        self.writer.write(AppendWrite::prepare(append(conversation, [message]), 1).expect("prepared")).await
    }

    async fn latest_seq(&self, conversation: &str) -> Result<i64, CallError> {
        let wanted = conversation.to_owned();
        let look = move |connection: &_| {
            Ok(conversations::find(connection, &wanted)?.map_or(0, |known| known.latest_seq))
        };
        self.readers.read(look).await
    }

    async fn is_there(&self, conversation: &str) -> Result<bool, CallError> {
        let wanted = conversation.to_owned();
        self.readers.read(move |connection| Ok(conversations::find(connection, &wanted)?.is_some())).await
    }

    /// Runs `jobs` while the writer is in the middle of another transaction. What they queue at their first poll
    /// becomes one batch; that transaction ends when they have had it, or when `jobs` drop the sender they get.
    async fn behind_another<T>(&self, jobs: impl AsyncFnOnce(mpsc::Sender<()>) -> T) -> T {
        let (release, held) = mpsc::channel();
        let (begin, begun) = oneshot::channel();
        let hold = self.writer.write(Hold(Mutex::new((Some(begin), held))));
        let jobs = async {
            begun.await.expect("begins");
            jobs(release).await
        };
        let (held, outcome) = tokio::join!(hold, jobs);
        held.expect("written");
        outcome
    }

    async fn in_one_batch<T>(&self, jobs: impl Future<Output = T>) -> T {
        let jobs = async |release| {
            let release = async { drop::<mpsc::Sender<()>>(release) };
            tokio::join!(biased; jobs, release).0
        };
        self.behind_another(jobs).await
    }
}

/// Makes a conversation, says that it has begun, and waits until nobody holds it any more.
struct Hold(Mutex<(Option<oneshot::Sender<()>>, mpsc::Receiver<()>)>);

impl Write for Hold {
    type Answer = ();
    fn apply(&self, connection: &Connection, _: &mut Changed) -> Result<(), Failure> {
        Fold::open(connection, "held", 1)?;
        let mut hold = self.0.lock().expect("one thread");
        if let Some(begin) = hold.0.take() {
            begin.send(()).expect("somebody waits");
        }
        // Nothing is ever sent: this ends when the sender is dropped, and at once from then on.
        let _ = hold.1.recv();
        Ok(())
    }
}

/// Loses the whole transaction, as a full disk may, every time it is tried.
struct Ruin;

impl Write for Ruin {
    type Answer = ();
    fn apply(&self, connection: &Connection, _: &mut Changed) -> Result<(), Failure> {
        connection.execute_batch("ROLLBACK")?;
        Err(CallError::failed("ruined").into())
    }
}

#[tokio::test]
async fn a_job_that_fails_does_not_fail_the_others_of_its_batch() {
    let bench = bench(|_| ());
    bench.append("c", user("1", "hi")).await.expect("appended");
    let jobs = async {
        tokio::join!(
            bench.append("c", user("2", "a")),
            bench.append("c", user("1", "other")),
            bench.append("c", user("3", "b")),
        )
    };
    let (first, refused, second) = bench.in_one_batch(jobs).await;
    assert_eq!(first.expect("appended").last_seq, 2);
    assert_eq!(refused.expect_err("refused").kind, CallErrorKind::Conflict);
    assert_eq!(second.expect("appended").last_seq, 3);
    assert_eq!(bench.latest_seq("c").await, Ok(3));
}

#[tokio::test]
async fn when_a_transaction_is_lost_every_other_job_of_it_is_written_all_the_same() {
    let bench = bench(|_| ());
    let jobs = async {
        tokio::join!(
            bench.append("c", user("1", "a")),
            bench.writer.write(Ruin),
            bench.append("c", user("2", "b")),
        )
    };
    let (first, ruined, second) = bench.in_one_batch(jobs).await;
    assert_eq!(first.expect("appended").last_seq, 1);
    assert_eq!(ruined.expect_err("ruined").message, "ruined");
    assert_eq!(second.expect("appended").last_seq, 2);
    assert_eq!(bench.latest_seq("c").await, Ok(2));
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_nothing_is_half_written() {
    let bench = bench(|connection| {
        let pages: i64 = connection.query_row("PRAGMA page_count", (), |row| row.get(0)).expect("counted");
        connection.pragma_update(None, "max_page_count", pages + 4).expect("set");
    });
    bench.append("c", user("1", "small")).await.expect("appended");
    let error = bench.append("c", long("2", 2_000)).await.expect_err("too large");
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    assert_eq!(error.message, "`conversations.db` cannot grow: the disk is full; make room and try again");
    assert_eq!(bench.latest_seq("c").await, Ok(1));
    assert_eq!(bench.append("c", user("3", "small too")).await.expect("appended").last_seq, 2);
}

#[tokio::test]
async fn one_job_too_large_for_the_disk_does_not_fail_the_small_ones_of_its_batch() {
    let bench = bench(|connection| {
        let pages: i64 = connection.query_row("PRAGMA page_count", (), |row| row.get(0)).expect("counted");
        connection.pragma_update(None, "max_page_count", pages + 4).expect("set");
    });
    let jobs = async {
        tokio::join!(
            bench.append("c", user("1", "a")),
            bench.append("c", long("2", 2_000)),
            bench.append("c", user("3", "b")),
        )
    };
    let (first, large, second) = bench.in_one_batch(jobs).await;
    assert_eq!(first.expect("appended").last_seq, 1);
    assert_eq!(large.expect_err("too large").kind, CallErrorKind::Unavailable);
    assert_eq!(second.expect("appended").last_seq, 2);
    assert_eq!(bench.latest_seq("c").await, Ok(2));
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_unavailable_and_reads_go_on() {
    let bench = bench(|connection| connection.pragma_update(None, "query_only", true).expect("set"));
    let error = bench.append("c", user("1", "hi")).await.expect_err("read-only");
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    assert!(error.message.contains("cannot be written"), "{error}");
    assert_eq!(bench.latest_seq("c").await, Ok(0));
}

#[tokio::test]
async fn a_lock_of_another_program_is_unavailable_and_gone_with_it() {
    let bench = bench(|connection| connection.busy_timeout(std::time::Duration::ZERO).expect("set"));
    bench.append("c", user("1", "hi")).await.expect("appended");
    let other = Connection::open(bench.folder.path().join(database::FILE)).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let error = bench.append("c", user("2", "there")).await.expect_err("locked");
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    assert!(error.message.contains("is locked by another program"), "{error}");
    assert_eq!(bench.latest_seq("c").await, Ok(1));
    other.execute_batch("ROLLBACK").expect("unlocked");
    assert_eq!(bench.append("c", user("2", "there")).await.expect("appended").last_seq, 2);
}

#[tokio::test]
async fn an_append_happens_even_if_its_caller_goes_away() {
    let bench = bench(|_| ());
    let impatient = async {
        tokio::select! {
            biased;
            _ = bench.append("c", user("1", "hi")) => panic!("the writer is held"),
            () = std::future::ready(()) => {}
        }
    };
    bench.in_one_batch(impatient).await;
    bench.append("another", user("1", "written behind it")).await.expect("appended");
    assert_eq!(bench.latest_seq("c").await, Ok(1));
    assert_eq!(seqs(bench.append("c", user("1", "hi")).await), (1, 1));
    assert_eq!(seqs(bench.append("c", user("2", "again")).await), (2, 2));
}

#[tokio::test]
async fn a_read_does_not_see_what_is_not_durable() {
    let bench = bench(|_| ());
    let read_meanwhile = async |release| {
        let seen = bench.is_there("held").await;
        drop(release);
        seen
    };
    assert_eq!(bench.behind_another(read_meanwhile).await, Ok(false), "and is not held up by the writer");
    assert_eq!(bench.is_there("held").await, Ok(true));
}

/// Changes how the writer's connection works, as the world around it might.
struct Limit(&'static str, i64);

impl Write for Limit {
    type Answer = ();
    fn apply(&self, connection: &Connection, _: &mut Changed) -> Result<(), Failure> {
        // What a pragma answers is of no interest.
        connection.query_row(&format!("PRAGMA {} = {}", self.0, self.1), (), |_| Ok(())).or_else(|error| {
            if error == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(error.into()) }
        })
    }
}

#[tokio::test]
async fn when_there_is_room_again_writing_goes_on_by_itself_and_only_what_is_written_was_answered() {
    let bench = bench(|_| ());
    bench.append("c", user("0", "hi")).await.expect("appended");
    bench.writer.write(Limit("max_page_count", 1)).await.expect("set to what there is");
    let mut answered = vec!["0".to_owned()];
    let mut refused = 0;
    for number in 1..40 {
        let id = number.to_string();
        match bench.append("c", long(&id, 20)).await {
            Ok(_) => answered.push(id),
            Err(error) => {
                assert!(error.message.contains("the disk is full"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "it was never full");
    bench.writer.write(Limit("max_page_count", 1 << 30)).await.expect("set");
    bench.append("c", long("after", 20)).await.expect("appended");
    answered.push("after".to_owned());
    let ids = |connection: &Connection| {
        let mut statement = connection.prepare("SELECT message_id FROM messages ORDER BY first_seq")?;
        let ids = statement.query_map((), |row| row.get::<_, String>(0))?;
        Ok(ids.collect::<rusqlite::Result<Vec<_>>>()?)
    };
    assert_eq!(bench.readers.read(ids).await.expect("read"), answered);
}

/// Goes well, and is lost with its transaction.
struct Lost(AppendWrite);

impl Write for Lost {
    type Answer = Appended;
    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<Appended, Failure> {
        let appended = self.0.apply(connection, changed)?;
        connection.execute_batch("ROLLBACK")?;
        Ok(appended)
    }
}

#[tokio::test]
async fn what_was_not_written_is_not_said_and_what_hampers_is_said_once() {
    let folder = folder();
    let said = Arc::new(Mutex::new(Vec::new()));
    let keep = said.clone();
    let database = Arc::new(Database::claim(folder.path()).unwrap_or_else(|error| panic!("{error}")));
    let connection = database.open_to_write(Durability::Full).unwrap_or_else(|error| panic!("{error}"));
    let writer = Writer::start(connection, database, move |news: News<'_>| {
        keep.lock().expect("whole").push(match news {
            News::Changed(known) => known.latest_seq.to_string(),
            News::Hampered(None) => "well".to_owned(),
            News::Hampered(Some(failure)) => failure.to_string(),
        });
    });
    let writer = writer.unwrap_or_else(|error| panic!("{error}"));
    let write = |message| AppendWrite::prepare(append("c", [message]), 1).expect("prepared");
    writer.write(write(user("1", "hi"))).await.expect("appended");
    writer.write(Limit("max_page_count", 1)).await.expect("set");
    for _ in 0..2 {
        writer.write(write(long("2", 2_000))).await.expect_err("full");
    }
    writer.write(write(user("1", "other"))).await.expect_err("a conflict");
    writer.write(Lost(write(user("3", "hi")))).await.expect_err("lost");
    writer.write(Limit("max_page_count", 1 << 30)).await.expect("set");
    writer.write(write(user("4", "hi"))).await.expect("appended");
    writer.close().await;
    let full = "`conversations.db` cannot grow: the disk is full; make room and try again";
    assert_eq!(*said.lock().expect("whole"), ["well", "1", full, "well", "2"]);
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_nobody_can_find() {
    let bench = bench(|_| ());
    bench.append("c", user("1", "hi")).await.expect("appended");
    let path = bench.folder.path().join("conversations.db");
    let elsewhere = bench.folder.path().join("before.db");
    std::fs::hard_link(&path, &elsewhere).expect("it is there");
    std::fs::remove_file(&path).expect("it is there");
    for number in 2..4 {
        let refused = bench.append("c", user(&number.to_string(), "and")).await.expect_err("it is gone");
        assert_eq!(refused.kind, CallErrorKind::Unavailable);
        assert!(refused.message.contains("was removed or replaced while the host ran"), "{refused}");
    }
    std::fs::write(&path, "").expect("another one");
    bench.append("c", user("4", "and on")).await.expect_err("it is not the one that is open");
}

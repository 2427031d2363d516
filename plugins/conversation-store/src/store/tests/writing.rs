//! The writer when writing fails: one job fails alone, a lost transaction loses nobody else's work, reads go on.

use rusqlite::Connection;
use tokio::sync::oneshot;
use transom_plugin_api::CallErrorKind;

use super::append::AppendWrite;
use super::failure::Failure;
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
        Ok::<_, StartError>((Writer::start(connection, database)?, readers))
    };
    let (writer, readers) = build().unwrap_or_else(|error| panic!("{error}"));
    Bench { folder, writer, readers }
}

impl Bench {
    async fn append(&self, conversation: &str, message: Message) -> Result<Appended, CallError> {
        self.writer.write(AppendWrite::prepare(&append(conversation, [message]), 1).expect("prepared")).await
    }

    async fn latest_seq(&self, conversation: &str) -> Result<i64, CallError> {
        let wanted = conversation.to_owned();
        let look = move |connection: &_| {
            Ok(conversations::find(connection, &wanted)?.map_or(0, |row| row.conversation.latest_seq))
        };
        self.readers.read(look).await
    }

    /// Holds the writer back until the sender is used, so that what is queued meanwhile becomes one batch.
    fn hold(&self) -> (std::sync::mpsc::Sender<()>, impl Future<Output = Result<(), CallError>>) {
        let (release, held) = std::sync::mpsc::channel();
        (release, self.writer.write(Hold(std::sync::Mutex::new(held))))
    }
}

struct Hold(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);

impl Write for Hold {
    type Answer = ();
    fn apply(&self, _: &Connection) -> Result<(), Failure> {
        let _ = self.0.lock().expect("one thread").recv();
        Ok(())
    }
}

/// Loses the whole transaction, as a full disk may, every time it is tried.
struct Ruin;

impl Write for Ruin {
    type Answer = ();
    fn apply(&self, connection: &Connection) -> Result<(), Failure> {
        connection.execute_batch("ROLLBACK")?;
        Err(CallError::failed("ruined").into())
    }
}

#[tokio::test]
async fn a_job_that_fails_does_not_fail_the_others_of_its_batch() {
    let bench = bench(|_| ());
    bench.append("c", user("1", "hi")).await.expect("appended");
    let (release, held) = bench.hold();
    let after = async { release.send(()).expect("waits") };
    let (_, first, refused, second, ()) = tokio::join!(
        held,
        bench.append("c", user("2", "a")),
        bench.append("c", user("1", "other")),
        bench.append("c", user("3", "b")),
        after,
    );
    assert_eq!(first.expect("appended").last_seq, 2);
    assert_eq!(refused.expect_err("refused").kind, CallErrorKind::Conflict);
    assert_eq!(second.expect("appended").last_seq, 3);
    assert_eq!(bench.latest_seq("c").await, Ok(3));
}

#[tokio::test]
async fn when_a_transaction_is_lost_every_other_job_of_it_is_written_all_the_same() {
    let bench = bench(|_| ());
    let (release, held) = bench.hold();
    let after = async { release.send(()).expect("waits") };
    let (_, first, ruined, second, ()) = tokio::join!(
        held,
        bench.append("c", user("1", "a")),
        bench.writer.write(Ruin),
        bench.append("c", user("2", "b")),
        after,
    );
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
    let (release, held) = bench.hold();
    let after = async { release.send(()).expect("waits") };
    let (_, first, large, second, ()) = tokio::join!(
        held,
        bench.append("c", user("1", "a")),
        bench.append("c", long("2", 2_000)),
        bench.append("c", user("3", "b")),
        after,
    );
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
    let (release, held) = bench.hold();
    let (gone, left) = oneshot::channel::<()>();
    let impatient = async {
        tokio::select! {
            biased;
            _ = bench.append("c", user("1", "hi")) => panic!("the writer is held"),
            _ = left => {}
        }
    };
    let after = async {
        gone.send(()).expect("waits");
        release.send(()).expect("waits");
    };
    let (_, (), ()) = tokio::join!(held, impatient, after);
    assert_eq!(bench.append("c", user("1", "hi")).await, Ok(Appended { first_seq: 1, last_seq: 1 }));
    assert_eq!(bench.append("c", user("2", "again")).await, Ok(Appended { first_seq: 2, last_seq: 2 }));
}

#[tokio::test]
async fn reads_do_not_see_what_is_not_durable() {
    let bench = bench(|_| ());
    bench.append("c", user("1", "hi")).await.expect("appended");
    let (release, held) = bench.hold();
    let reading = async {
        assert_eq!(bench.latest_seq("c").await, Ok(1), "a reader is not held up by the writer");
        release.send(()).expect("waits");
    };
    let (_, ()) = tokio::join!(held, reading);
}

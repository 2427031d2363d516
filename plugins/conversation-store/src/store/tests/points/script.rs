//! A run of the store with something of everything in it, taken down as it goes.

use std::sync::atomic::AtomicI64;

use transom_agent::storage::StorageWrite;
use transom_agent::turn::EndReason;
use transom_plugin_api::Json;

use super::super::scripts::*;
use super::super::*;
use super::recorder::Watch;
use super::state::State;
use super::tape::{Event, Tape};

/// The pages after which the write-ahead log goes into the file: few, so that it often does.
const LOG_PAGES: i32 = 24;

/// What there is when a step was answered.
pub(super) struct Step {
    pub(super) state: State,
    /// Whether the step is several calls at the same time, so that some of them may have been done before others.
    pub(super) is_of_many: bool,
}

/// A run: everything that happened, and what there was after each answer; the first when the store had been opened.
pub(super) struct Run {
    pub(super) events: Vec<Event>,
    /// The first event behind which the power may go: those before it only lead there.
    pub(super) from: usize,
    pub(super) steps: Vec<Step>,
}

/// A store that is run.
pub(super) struct Session {
    folder: TempDir,
    durability: Durability,
    tape: Arc<Tape>,
    clock: Arc<AtomicI64>,
    store: Store,
    steps: Vec<Step>,
    _watch: Watch,
}

impl Session {
    /// Opens a store in a folder, and begins to take down.
    pub(super) async fn begin(folder: TempDir, durability: Durability, is_plain: bool) -> Self {
        let tape = Arc::new(Tape::of(folder.path(), is_plain));
        let watch = Watch::over(folder.path(), Some(tape.clone()));
        let clock = Arc::new(AtomicI64::new(100));
        let store = open_with_a_short_log(folder.path(), durability, &clock);
        let mut session = Self { folder, durability, tape, clock, store, steps: Vec::new(), _watch: watch };
        session.answered(false).await;
        session
    }

    /// Ends it as a host does that stops.
    pub(super) async fn end(self) -> Run {
        self.store.close().await;
        let events = self.tape.take();
        let found = events.iter().take_while(|event| matches!(event, Event::Found { .. })).count();
        Run { events, from: found.saturating_sub(1), steps: self.steps }
    }

    async fn answered(&mut self, is_of_many: bool) {
        self.tape.note(Event::Answered);
        let state = State::of(&self.store).await.expect("read");
        self.steps.push(Step { state, is_of_many });
    }

    /// Whether what was answered is what is there.
    async fn assert_known(&self, answer: &Conversation) {
        assert_eq!(self.store.find(&answer.id).await.as_ref(), Ok(answer), "what was answered is there");
    }

    async fn append(&mut self, append: Append) {
        let appended = self.store.append(append.clone()).await.expect("appended");
        self.answered(false).await;
        self.assert_appended(&append, &appended).await;
    }

    async fn assert_appended(&self, append: &Append, appended: &Appended) {
        self.assert_known(&appended.conversation).await;
        let log = chunks(&self.store, &append.conversation_id).await;
        let mut ids: Vec<_> = log
            .iter()
            .filter(|chunk| (appended.first_seq..=appended.last_seq).contains(&chunk.seq))
            .map(|chunk| chunk.message_id.as_str())
            .collect();
        ids.dedup();
        let expected: Vec<_> = append.entries.iter().map(|entry| entry.message.id.as_str()).collect();
        assert_eq!(ids, expected, "what was answered is there");
    }

    /// Several appends at the same time, which may share a transaction.
    async fn append_together(&mut self, [one, two, three]: [Append; 3]) {
        let store = &self.store;
        let (a, b, c) =
            tokio::join!(store.append(one.clone()), store.append(two.clone()), store.append(three.clone()));
        self.answered(true).await;
        for (append, appended) in [(one, a), (two, b), (three, c)] {
            self.assert_appended(&append, &appended.expect("appended")).await;
        }
    }

    async fn draft(&mut self, draft: Draft) {
        let words: Vec<_> = draft.pieces.iter().map(|piece| crate::entry::encode(&piece.chunk)).collect();
        self.store.draft(draft).await.expect("drafted");
        self.answered(false).await;
        let drafted = |connection: &rusqlite::Connection| {
            let mut statement = connection.prepare("SELECT chunk FROM drafts")?;
            let rows = statement.query_map((), |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
        };
        let there = self.store.readers.read(drafted).await.expect("read");
        for words in words {
            assert!(there.contains(&words.expect("encodes")), "what was answered is there");
        }
    }

    async fn update(&mut self, update: Update) {
        let known = self.store.update(update).await.expect("updated");
        self.answered(false).await;
        self.assert_known(&known).await;
    }

    async fn fork(&mut self, from: &str, to: &str) {
        let fork = Fork { from: from.into(), to: to.into(), at_seq: Maybe::None };
        let known = self.store.fork(fork).await.expect("forked");
        self.answered(false).await;
        self.assert_known(&known).await;
    }

    async fn remember<const N: usize>(&mut self, rows: [(&str, Option<&str>); N]) {
        let writes = rows.map(|(key, value)| {
            let value = value.map(|value| Json::parse(value).expect("well-formed"));
            StorageWrite { key: key.into(), value: value.into() }
        });
        self.store.write_storage("a-plugin", StorageWrites { writes: writes.into() }).await.expect("kept");
        self.answered(false).await;
        let kept = self.store.read_storage("a-plugin", StorageRead::default()).await.expect("read").rows;
        for (key, value) in rows {
            let kept = kept.iter().find(|row| row.key == key).map(|row| row.value.as_str());
            assert_eq!(kept, value, "what was answered is there");
        }
    }

    async fn set_workspace(&mut self, id: &str, title: &str) {
        let update = transom_agent::workspace::WorkspaceUpdate {
            id: id.into(),
            title: Maybe::Some(title.into()),
            default_cwd: Maybe::Some("/".into()),
        };
        let made = self.store.update_workspace(update).await.expect("made");
        self.answered(false).await;
        let all = self.store.workspaces(WorkspaceQuery::default()).await.expect("read").workspaces;
        assert!(all.contains(&made), "what was answered is there");
    }

    /// Deletes, and waits until nothing is left of it.
    async fn delete(&mut self, id: &str) {
        assert!(self.store.delete(id).await.expect("deleted").deleted);
        self.answered(false).await;
        assert!(self.store.find(id).await.is_err(), "what was answered is so");
        super::check::wait_until_nothing_is_left(&self.store).await.expect("its rows go");
    }

    /// The host stops and starts again, and ends what nobody runs any more.
    async fn restart(&mut self) {
        self.store.close().await;
        self.store = open_with_a_short_log(self.folder.path(), self.durability, &self.clock);
        self.repair().await;
    }

    /// Ends what nobody runs; how many turns that are.
    pub(super) async fn repair(&mut self) -> usize {
        let repaired = self.store.repair(Repair::default()).await.expect("repaired");
        self.answered(false).await;
        for lost in &repaired.lost {
            self.assert_known(&lost.conversation).await;
        }
        repaired.lost.len()
    }
}

fn open_with_a_short_log(folder: &Path, durability: Durability, clock: &Arc<AtomicI64>) -> Store {
    let open = || -> Result<Store, StartError> {
        let database = Arc::new(Database::claim(folder)?);
        let connection = database.open_to_write(durability)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        let clock = clock.clone();
        let store = Store::over(database, connection, move || clock.fetch_add(1, Ordering::Relaxed), |_| ())?;
        Ok(store.within(["/".into()]))
    };
    open().unwrap_or_else(|error| panic!("{error}"))
}

/// The run.
pub(super) async fn something_of_everything(session: &mut Session) {
    session.set_workspace("w", "Work").await;
    session.update(update("a", |update| update.workspace_id = "w".into())).await;
    turn_with_tools(session).await;
    session
        .remember([("c/a/waiting", Some("[1,2]")), ("c/gone/waiting", Some("[3]")), ("own", Some("{}"))])
        .await;
    turn_with_a_question(session).await;
    // What runs now is lost with the host; what is asked waits for an answer.
    session.append(beginning("lost", "lost-t", 1)).await;
    session.draft(draft_of_text("lost", "lost-t", 3, "half a wor")).await;
    session.restart().await;
    answer_to_the_question(session).await;
    session.fork("a", "copy").await;
    session.append_together(["d", "e", "f"].map(|id| beginning(id, &format!("{id}-t"), 1))).await;
    session
        .append_together(["d", "e", "f"].map(|id| ending(id, &format!("{id}-t"), 3, EndReason::Stop)))
        .await;
    session
        .append(append("gone", [user("1", "hello"), long("2", 240), user("3", &"long ".repeat(2_000))]))
        .await;
    session.update(update("copy", |update| update.title = "A copy".into())).await;
    session.delete("gone").await;
    session
        .update(update("e", |update| {
            update.status = Maybe::Some(transom_agent::conversation::Status::Closed)
        }))
        .await;
    session.remember([("own", None), ("c/a/waiting", Some("[2]"))]).await;
    session.append(beginning("copy", "copy-t", 40)).await;
    session.draft(draft("copy", "copy-t", [piece("copy-a", Role::Assistant, 42, 0, call("9"))])).await;
    session.append(beginning("d", "d-u", 6)).await;
    session.draft(draft_of_text("d", "d-u", 8, &"word ".repeat(300))).await;
}

/// A step with two calls whose results arrive out of order, then an answer that is drafted while it is said.
async fn turn_with_tools(session: &mut Session) {
    session.append(beginning("a", "t", 1)).await;
    session.draft(draft_of_text("a", "t", 3, "I lo")).await;
    session.draft(draft("a", "t", [piece("t-answer", Role::Assistant, 3, 4, text("ok"))])).await;
    let calls =
        [4, 5].map(|position| piece("t-answer", Role::Assistant, position, 0, call(&position.to_string())));
    session.draft(draft("a", "t", calls)).await;
    session.draft(draft("a", "t", [piece("r5", Role::Tool, 6, 0, result("5"))])).await;
    let step = [
        entry("t-answer", Role::Assistant, "t", 3, [text("I look"), call("4"), call("5")]),
        entry("r4", Role::Tool, "t", 7, [result("4")]),
        entry("r5", Role::Tool, "t", 6, [result("5")]),
        entry("facts", Role::System, "t", 8, [usage("t#0", 10), step_complete("t#0")]),
    ];
    session.append(of_entries("a", step)).await;
    session.draft(draft("a", "t", [piece("t-last", Role::Assistant, 10, 0, text("all is well"))])).await;
    let last = entry("t-last", Role::Assistant, "t", 10, [text("all is well")]);
    let end = Chunk::TurnEnd { record: record("t", EndReason::Stop) };
    session.append(of_entries("a", [last, entry("t-end", Role::System, "t", 11, [end])])).await;
}

async fn turn_with_a_question(session: &mut Session) {
    session.append(beginning("b", "q", 1)).await;
    let asks = entry("q-calls", Role::Assistant, "q", 3, [call("6")]);
    session.append(of_entries("b", [asks, entry("q-asks", Role::System, "q", 4, [question("may")])])).await;
}

async fn answer_to_the_question(session: &mut Session) {
    session.append(of_entries("b", [entry("q-told", Role::System, "q", 6, [answer("may")])])).await;
    session.append(of_entries("b", [entry("q-goes-on", Role::System, "q", 7, [gone_on("q#0")])])).await;
    session.draft(draft("b", "q", [piece("r6", Role::Tool, 8, 0, result("6"))])).await;
    session.append(of_entries("b", [entry("r6", Role::Tool, "q", 8, [result("6")])])).await;
    session.append(ending("b", "q", 9, EndReason::Stop)).await;
}

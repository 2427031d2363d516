//! The table of conversations: what is known about each without reading its log.

use rusqlite::{Connection, OptionalExtension, Row};
use transom_agent::conversation::{Conversation, Conversations, CurrentTurn, Query, Status};
use transom_agent::turn::TurnState;
use transom_agent::workspace::DEFAULT_WORKSPACE;
use transom_plugin_api::{CallError, Maybe};

use super::failure::Failure;
use crate::setting::Setting;
use crate::status;
use crate::title::plain;
use crate::word::of_word;

/// What is known about a conversation, and the number other tables know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) created_at: i64,
    pub(crate) last_activity_at: i64,
    /// The title until somebody sets one.
    pub(crate) first_words: String,
    pub(crate) title: Option<String>,
    pub(crate) closed: bool,
    pub(crate) latest_seq: i64,
    pub(crate) latest_position: i64,
    pub(crate) generation: u32,
    pub(crate) workspace: String,
    pub(crate) cwd: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) reasoning_effort: Option<String>,
    /// Where the last summary stands, if there is one.
    pub(crate) summary_seq: Option<i64>,
    /// The turn that runs or is parked, and which of them.
    pub(crate) turn: Option<(String, TurnState)>,
}

const SELECT: &str =
    "SELECT c.number, c.id, c.created_at, c.last_activity_at, c.first_words, c.title, c.closed,
    c.latest_seq, c.latest_position, c.generation, c.workspace, c.cwd, c.model, c.reasoning_effort,
    t.turn_id, t.state, c.summary_seq
    FROM conversations c
    LEFT JOIN turns t ON t.conversation = c.number AND t.state IN ('running', 'parked')";

impl Known {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: Option<String> = row.get(15)?;
        let state = state.and_then(|state| of_word(&state));
        Ok(Self {
            number: row.get(0)?,
            id: row.get(1)?,
            created_at: row.get(2)?,
            last_activity_at: row.get(3)?,
            first_words: row.get(4)?,
            title: row.get(5)?,
            closed: row.get(6)?,
            latest_seq: row.get(7)?,
            latest_position: row.get(8)?,
            generation: row.get(9)?,
            workspace: row.get(10)?,
            cwd: row.get(11)?,
            model: row.get(12)?,
            reasoning_effort: row.get(13)?,
            summary_seq: row.get(16)?,
            turn: row.get::<_, Option<String>>(14)?.zip(state),
        })
    }

    /// What the conversation is doing: closed wins over everything, and gives way where a turn begins.
    pub(crate) fn status(&self) -> Status {
        match (self.closed, &self.turn) {
            (true, _) => Status::Closed,
            (false, Some(_)) => Status::Active,
            (false, None) => Status::Idle,
        }
    }

    /// As callers of the store see it.
    pub(crate) fn conversation(&self) -> Conversation {
        let text = |text: &Option<String>| Maybe::from(text.as_ref().map(Into::into));
        let turn =
            self.turn.as_ref().map(|(id, state)| CurrentTurn { turn_id: id.into(), state: state.clone() });
        Conversation {
            id: (&self.id).into(),
            created_at: self.created_at,
            last_activity_at: self.last_activity_at,
            title: plain(self.title.as_ref().unwrap_or(&self.first_words)).as_ref().into(),
            status: self.status(),
            latest_seq: self.latest_seq,
            latest_position: self.latest_position,
            generation: self.generation,
            workspace_id: (&self.workspace).into(),
            cwd: text(&self.cwd),
            model: text(&self.model),
            reasoning_effort: self.reasoning_effort.as_deref().and_then(of_word).into(),
            turn: turn.into(),
        }
    }

    /// Takes a choice over.
    pub(crate) fn set(&mut self, setting: Setting) {
        match setting {
            Setting::Closed(closed) => self.closed = closed,
            Setting::Title(title) => self.title = title,
            Setting::Cwd(cwd) => self.cwd = cwd,
            Setting::Model(model) => self.model = model,
            Setting::ReasoningEffort(effort) => self.reasoning_effort = effort,
            Setting::Workspace(id) => self.workspace = id.unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned()),
        }
    }
}

/// One conversation.
pub(crate) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Known>> {
    let sql = format!("{SELECT} WHERE c.id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], Known::read).optional()
}

/// One conversation that has to be there.
pub(crate) fn find_known(connection: &Connection, id: &str) -> Result<Known, Failure> {
    let found = find(connection, id)?;
    found.ok_or_else(|| CallError::not_found(format!("there is no conversation `{id}`")).into())
}

/// One conversation by its number; nothing for one that was deleted.
pub(crate) fn numbered(connection: &Connection, number: i64) -> rusqlite::Result<Option<Known>> {
    let sql = format!("{SELECT} WHERE c.number = ?1 AND c.id IS NOT NULL");
    connection.prepare_cached(&sql)?.query_row([number], Known::read).optional()
}

/// Makes a conversation whose id nothing has.
pub(crate) fn make(connection: &Connection, id: &str, now: i64) -> Result<Known, Failure> {
    let sql = "INSERT INTO conversations (id, created_at, last_activity_at) VALUES (?1, ?2, ?2)";
    connection.prepare_cached(sql)?.execute((id, now))?;
    find_known(connection, id)
}

/// The conversations of some statuses whose ids begin with a prefix, the most recently active first.
pub(crate) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Conversations> {
    // Ids are ASCII, so the greatest character ends the range of those that begin with the prefix.
    let sql = format!(
        "{SELECT} WHERE c.id >= ?1 AND c.id < ?1 || char(0x10FFFF)
         AND CASE WHEN c.closed THEN 'closed' WHEN t.state IS NULL THEN 'idle' ELSE 'active' END IN (?2, ?3, ?4)
         AND (?5 IS NULL OR c.workspace = ?5)
         ORDER BY c.last_activity_at DESC, c.id"
    );
    let wanted = |status: &Status| query.status.is_empty() || query.status.contains(status);
    // No row says what is not among them, so a status of a later revision finds nothing.
    let [active, idle, closed] =
        status::ALL.each_ref().map(|status| wanted(status).then(|| status::name_of(status)));
    let mut statement = connection.prepare_cached(&sql)?;
    let workspace = query.workspace_id.as_deref();
    let rows = statement.query_map((query.prefix.as_str(), active, idle, closed, workspace), Known::read)?;
    let conversations = rows.map(|row| Ok(row?.conversation())).collect::<rusqlite::Result<_>>()?;
    Ok(Conversations { conversations })
}

/// Writes what is known about a conversation now.
pub(crate) fn store(connection: &Connection, known: &Known) -> rusqlite::Result<()> {
    let sql = "UPDATE conversations SET last_activity_at = ?2, first_words = ?3, title = ?4, closed = ?5,
                   latest_seq = ?6, latest_position = ?7, generation = ?8, workspace = ?9, cwd = ?10, model = ?11,
                   reasoning_effort = ?12, summary_seq = ?13
               WHERE number = ?1";
    let values = rusqlite::params![
        known.number,
        known.last_activity_at,
        known.first_words,
        known.title,
        known.closed,
        known.latest_seq,
        known.latest_position,
        known.generation,
        known.workspace,
        known.cwd,
        known.model,
        known.reasoning_effort,
        known.summary_seq,
    ];
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// The numbers of conversations behind a number, in order, at most so many.
pub(crate) fn numbers_after(connection: &Connection, after: i64, most: usize) -> rusqlite::Result<Vec<i64>> {
    let sql =
        "SELECT number FROM conversations WHERE number > ?1 AND id IS NOT NULL ORDER BY number LIMIT ?2";
    connection.prepare_cached(sql)?.query_map((after, most as i64), |row| row.get(0))?.collect()
}

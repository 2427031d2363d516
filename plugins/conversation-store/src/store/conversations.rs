//! The table of conversations: what is known about each without reading its log.

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row};
use transom_agent::conversation::{Conversation, Conversations, Query, Status};
use transom_plugin_api::{CallError, Maybe};

use super::failure::Failure;
use crate::status;

/// A conversation, and the number other tables know it by.
pub(crate) struct KnownConversation {
    pub(crate) number: i64,
    pub(crate) conversation: Conversation,
}

const COLUMNS: &str = "number, id, created_at, last_activity_at, title, status, latest_seq, cwd, model";

fn known(row: &Row<'_>) -> rusqlite::Result<KnownConversation> {
    let text = |column| row.get::<_, Option<String>>(column).map(|text| Maybe::from(text.map(Into::into)));
    let conversation = Conversation {
        id: row.get::<_, String>(1)?.into(),
        created_at: row.get(2)?,
        last_activity_at: row.get(3)?,
        title: row.get::<_, String>(4)?.into(),
        status: status_in(row, 5)?,
        latest_seq: row.get(6)?,
        cwd: text(7)?,
        model: text(8)?,
    };
    Ok(KnownConversation { number: row.get(0)?, conversation })
}

fn status_in(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let name = row.get_ref(column)?.as_str()?;
    status::named(name).ok_or_else(|| unknown_name(column, "status", name))
}

/// What a row says that no row of this version can.
pub(crate) fn unknown_name(column: usize, what: &str, name: &str) -> rusqlite::Error {
    let error = FromSqlError::other(CallError::failed(format!("`{name}` is no {what}")));
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// One conversation.
pub(crate) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<KnownConversation>> {
    let sql = format!("SELECT {COLUMNS} FROM conversations WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], known).optional()
}

/// One conversation that has to be there.
pub(crate) fn find_known(connection: &Connection, id: &str) -> Result<KnownConversation, Failure> {
    let found = find(connection, id)?;
    found.ok_or_else(|| CallError::not_found(format!("there is no conversation `{id}`")).into())
}

/// One conversation, made now when it is not there.
pub(crate) fn find_or_make(
    connection: &Connection,
    id: &str,
    now: i64,
) -> Result<KnownConversation, Failure> {
    if let Some(found) = find(connection, id)? {
        return Ok(found);
    }
    let sql = "INSERT INTO conversations (id, created_at, last_activity_at) VALUES (?1, ?2, ?2)";
    connection.prepare_cached(sql)?.execute((id, now))?;
    find_known(connection, id)
}

/// The conversations of some statuses whose ids begin with a prefix, the most recently active first.
pub(crate) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Conversations> {
    // Ids are ASCII, so the greatest character ends the range of those that begin with the prefix.
    let sql = format!(
        "SELECT {COLUMNS} FROM conversations
         WHERE id >= ?1 AND id < ?1 || char(0x10FFFF) AND status IN (?2, ?3, ?4)
         ORDER BY last_activity_at DESC, id"
    );
    let wanted = |status: &Status| query.status.is_empty() || query.status.contains(status);
    // No row says what is not among them, so a status of a later revision finds nothing.
    let [active, idle, closed] =
        status::ALL.each_ref().map(|status| wanted(status).then(|| status::name_of(status)));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map((query.prefix.as_str(), active, idle, closed), known)?;
    let conversations = rows.map(|row| Ok(row?.conversation)).collect::<rusqlite::Result<_>>()?;
    Ok(Conversations { conversations })
}

/// Notes that a log has grown: the title is only set while there is none.
pub(crate) fn note_activity(
    connection: &Connection,
    number: i64,
    latest_seq: i64,
    title: Option<&str>,
    now: i64,
) -> rusqlite::Result<()> {
    // The clock may have been set back; the order of conversations must not follow it.
    let sql = "UPDATE conversations SET latest_seq = ?2, last_activity_at = max(last_activity_at, ?4),
                   title = CASE title WHEN '' THEN coalesce(?3, '') ELSE title END
               WHERE number = ?1";
    connection.prepare_cached(sql)?.execute((number, latest_seq, title, now)).map(|_| ())
}

/// Writes what may be changed about a conversation.
pub(crate) fn store(connection: &Connection, changed: &KnownConversation) -> rusqlite::Result<()> {
    let KnownConversation { number, conversation } = changed;
    let sql = "UPDATE conversations SET status = ?2, cwd = ?3, model = ?4 WHERE number = ?1";
    let (cwd, model) = (conversation.cwd.as_deref(), conversation.model.as_deref());
    let values = (number, status::name_of(&conversation.status), cwd, model);
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// Makes every active conversation idle; answers how many there were.
pub(crate) fn settle_active(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute("UPDATE conversations SET status = 'idle' WHERE status = 'active'", ())
}

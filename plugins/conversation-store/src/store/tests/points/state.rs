//! Everything that a store holds, row by row, as text that can be compared.

use std::collections::BTreeMap;

use rusqlite::types::Value;

use super::super::*;

/// The rows of what belongs together: of one conversation, of what plugins remember, of what the store counts, of the
/// workspaces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State(BTreeMap<String, Vec<String>>);

// What has no id any more is deleted, whether or not its rows are gone.
const TABLES: [&str; 7] = [
    "SELECT 'conversation ' || id, * FROM conversations c WHERE id IS NOT NULL",
    "SELECT 'conversation ' || c.id, e.* FROM entries e JOIN conversations c ON c.number = e.place >> 32
     WHERE c.id IS NOT NULL ORDER BY e.place",
    "SELECT 'conversation ' || c.id, m.* FROM messages m JOIN conversations c ON c.number = m.conversation
     WHERE c.id IS NOT NULL ORDER BY m.message_id",
    "SELECT 'conversation ' || c.id, t.* FROM turns t JOIN conversations c ON c.number = t.conversation
     WHERE c.id IS NOT NULL ORDER BY t.number",
    "SELECT 'conversation ' || c.id, d.* FROM drafts d JOIN conversations c ON c.number = d.conversation
     WHERE c.id IS NOT NULL ORDER BY d.number",
    "SELECT iif(plugin = 'conversation-store', 'counts', 'storage'), * FROM storage ORDER BY number",
    "SELECT 'workspaces', * FROM workspaces ORDER BY id",
];

impl State {
    pub(super) async fn of(store: &Store) -> Result<Self, CallError> {
        store.readers.read(|connection| Ok(Self::read(connection)?)).await
    }

    fn read(connection: &rusqlite::Connection) -> rusqlite::Result<Self> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, sql) in TABLES.iter().enumerate() {
            let mut statement = connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let values: Vec<Value> =
                    (1..columns).map(|column| row.get(column)).collect::<rusqlite::Result<_>>()?;
                groups.entry(row.get(0)?).or_default().push(format!("{table}: {values:?}"));
            }
        }
        Ok(Self(groups))
    }

    /// Whether each part is as before or as after; what is counted may be on its way.
    pub(super) fn lies_between(&self, before: &Self, after: &Self) -> bool {
        let parts = self.0.keys().chain(before.0.keys()).chain(after.0.keys());
        parts.into_iter().filter(|part| *part != "counts").all(|part| {
            let (here, before, after) = (self.0.get(part), before.0.get(part), after.0.get(part));
            here == before || here == after
        })
    }

    /// In which parts it differs from another one, with the first row that does.
    pub(super) fn difference(&self, other: &Self) -> String {
        let nothing = Vec::new();
        let parts: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let mut told = String::new();
        for part in parts {
            let [here, there] = [self, other].map(|state| state.0.get(part).unwrap_or(&nothing));
            if here == there {
                continue;
            }
            let row = here.iter().zip(there).take_while(|(here, there)| here == there).count();
            let [found, expected] = [here, there].map(|rows| rows.get(row).map_or("nothing", String::as_str));
            told += &format!("\n  {part}: found {} rows, expected {}; ", here.len(), there.len());
            told += &format!("row {row} is {found:.200}, expected {expected:.200}");
        }
        told
    }
}

//! Workspaces: the rows of those that were made, and what is known about each.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension};
use transom_agent::folder;
use transom_agent::workspace::{
    DEFAULT_WORKSPACE, Workspace, WorkspaceDeleted, WorkspaceFolder, WorkspaceQuery, WorkspaceUpdate,
    Workspaces,
};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Maybe, Text};

use super::changed::Changed;
use super::conversations;
use super::failure::Failure;
use super::fold::Fold;
use super::writer::Write;
use crate::identity::check_workspace_id;
use crate::setting::{Setting, check_length, clean};

/// Makes a workspace unless it is there.
pub(crate) fn make(connection: &Connection, id: &str, now: i64) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO workspaces (id, created_at, last_activity_at) VALUES (?1, ?2, ?2) ON CONFLICT DO NOTHING";
    Ok(connection.prepare_cached(sql)?.execute((id, now))? == 1)
}

/// The workspaces asked for, the most recently active first.
pub(crate) fn list(connection: &Connection, query: &WorkspaceQuery) -> rusqlite::Result<Workspaces> {
    let sql = "SELECT w.id, w.title, w.default_cwd, w.created_at,
                   max(w.last_activity_at, coalesce(max(c.last_activity_at), 0)) AS active, count(c.number)
               FROM workspaces w LEFT JOIN conversations c ON c.workspace = w.id AND c.id IS NOT NULL
               WHERE ?1 IS NULL OR w.id = ?1 GROUP BY w.id ORDER BY active DESC, w.id";
    let workspace = |row: &rusqlite::Row<'_>| {
        let id: String = row.get(0)?;
        let title: Option<String> = row.get(1)?;
        Ok(Workspace {
            title: title.unwrap_or_else(|| id.clone()).into(),
            id: id.into(),
            default_cwd: row.get::<_, Option<String>>(2)?.map(Text::from).into(),
            created_at: row.get(3)?,
            last_activity_at: row.get(4)?,
            conversations: row.get(5)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([query.id.as_deref()], workspace)?;
    let mut workspaces: List<Workspace> = rows.collect::<rusqlite::Result<_>>()?;
    let wants_default = query.id.as_deref().is_none_or(|id| id == DEFAULT_WORKSPACE);
    if wants_default && !workspaces.iter().any(|workspace| workspace.id == DEFAULT_WORKSPACE) {
        workspaces.push(untouched_default(connection)?);
    }
    Ok(Workspaces { workspaces })
}

/// The folder of a workspace, if it is there and has one.
pub(crate) fn folder(connection: &Connection, id: &str) -> rusqlite::Result<WorkspaceFolder> {
    let sql = "SELECT default_cwd FROM workspaces WHERE id = ?1";
    let found: Option<Option<String>> =
        connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(WorkspaceFolder { default_cwd: found.flatten().map(Text::from).into() })
}

/// The default workspace while nothing was set in it.
fn untouched_default(connection: &Connection) -> rusqlite::Result<Workspace> {
    let sql = "SELECT count(*) FROM conversations WHERE workspace = ?1 AND id IS NOT NULL";
    let conversations = connection.prepare_cached(sql)?.query_row([DEFAULT_WORKSPACE], |row| row.get(0))?;
    Ok(Workspace {
        id: DEFAULT_WORKSPACE.into(),
        title: DEFAULT_WORKSPACE.into(),
        default_cwd: Maybe::None,
        created_at: 0,
        last_activity_at: 0,
        conversations,
    })
}

fn find(connection: &Connection, id: &str) -> Result<Workspace, Failure> {
    let query = WorkspaceQuery { id: Maybe::Some(id.into()) };
    let found = list(connection, &query)?.workspaces.pop();
    found.ok_or_else(|| CallError::not_found(format!("there is no workspace `{id}`")).into())
}

/// A change of a workspace, checked before it reaches the writer.
pub(crate) struct WorkspaceWrite {
    update: WorkspaceUpdate,
    /// Whether one that is there stays as it is.
    only_new: bool,
    now: i64,
}

impl WorkspaceWrite {
    /// A folder is taken as a turn that works there would take it, without its symlinks.
    pub(crate) fn prepare(
        mut update: WorkspaceUpdate,
        only_new: bool,
        roots: &[PathBuf],
        now: i64,
    ) -> Result<Self, CallError> {
        check_workspace_id("id", &update.id)?;
        if let Maybe::Some(title) = &update.title {
            update.title = Maybe::Some(clean("title", title)?.into());
        }
        if let Some(cwd) = update.default_cwd.as_deref().filter(|cwd| !cwd.is_empty()) {
            check_length("defaultCwd", cwd)?;
            if !sabotaged("take-any-folder") {
                update.default_cwd = Maybe::Some(folder::admitted("defaultCwd", cwd, roots)?);
            }
        }
        Ok(Self { update, only_new, now })
    }
}

impl Write for WorkspaceWrite {
    type Answer = Workspace;

    fn apply(&self, connection: &Connection, _: &mut Changed) -> Result<Workspace, Failure> {
        let id = self.update.id.as_str();
        let is_new = make(connection, id, self.now)?;
        if is_new || !self.only_new {
            let chosen =
                |text: &Maybe<Text>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
            let (title, cwd) = (&self.update.title, &self.update.default_cwd);
            let sql = "UPDATE workspaces SET title = CASE WHEN ?2 THEN ?3 ELSE title END,
                           default_cwd = CASE WHEN ?4 THEN ?5 ELSE default_cwd END,
                           last_activity_at = max(last_activity_at, ?6) WHERE id = ?1";
            let values = (id, title.is_some(), chosen(title), cwd.is_some(), chosen(cwd), self.now);
            connection.prepare_cached(sql)?.execute(values)?;
        }
        find(connection, id)
    }
}

/// The deletion of a workspace.
pub(crate) struct WorkspaceDelete {
    id: String,
    now: i64,
}

impl WorkspaceDelete {
    pub(crate) fn prepare(id: &str, now: i64) -> Result<Self, CallError> {
        check_workspace_id("id", id)?;
        if id == DEFAULT_WORKSPACE {
            return Err(CallError::conflict("workspace `default` is always there"));
        }
        Ok(Self { id: id.to_owned(), now })
    }
}

impl Write for WorkspaceDelete {
    type Answer = WorkspaceDeleted;

    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<WorkspaceDeleted, Failure> {
        let id = &self.id;
        let there =
            connection.query_row("SELECT 1 FROM workspaces WHERE id = ?1", [id], |_| Ok(())).optional()?;
        if there.is_none() {
            return Err(CallError::not_found(format!("there is no workspace `{id}`")).into());
        }
        let numbers: Vec<i64> = connection
            .prepare_cached("SELECT number FROM conversations WHERE workspace = ?1 AND id IS NOT NULL")?
            .query_map([id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut closed_count = 0;
        for number in numbers {
            let Some(known) = conversations::numbered(connection, number)? else { continue };
            let mut fold = Fold::of(connection, known);
            fold.choose(Setting::Closed(true), self.now)?;
            fold.choose(Setting::Workspace(None), self.now)?;
            fold.finish(changed)?;
            closed_count += 1;
        }
        connection.execute("DELETE FROM workspaces WHERE id = ?1", [id])?;
        Ok(WorkspaceDeleted { workspace_id: id.into(), closed_count })
    }
}

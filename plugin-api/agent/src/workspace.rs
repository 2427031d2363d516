//! Workspaces: conversations that belong together, with a folder that they work in. Served by the store.

use transom_plugin_api::{List, Maybe, Service, Text, contract};

/// The workspace of conversations that chose none. It is always there.
pub const DEFAULT_WORKSPACE: &str = "default";

/// A workspace.
#[contract]
pub struct Workspace {
    /// Its id: 1 to 40 of `a–z 0–9`, and hyphens between them.
    pub id: Text,
    /// What to call it; its id until somebody sets another.
    pub title: Text,
    /// The folder its conversations work in that chose none.
    pub default_cwd: Maybe<Text>,
    /// Milliseconds since the epoch; 0 for the default workspace until something is set in it.
    pub created_at: i64,
    /// Milliseconds since the epoch; 0 as above.
    pub last_activity_at: i64,
    /// How many conversations belong to it.
    pub conversations: u32,
}

/// All workspaces, the most recently active first.
#[contract]
pub struct Workspaces {
    /// The workspaces.
    pub workspaces: List<Workspace>,
}

/// Which workspaces to list.
#[contract]
#[derive(Default)]
pub struct WorkspaceQuery {
    /// Only this one; all when absent.
    pub id: Maybe<Text>,
}

/// Lists workspaces; empty when the one asked for is not there.
///
/// `agent/workspace.list` · service · 30 s · the conversation store answers
pub const WORKSPACES: Service<WorkspaceQuery, Workspaces> = Service::new("agent/workspace.list");

/// Where the conversations of a workspace work that chose no folder.
#[contract]
pub struct WorkspaceFolder {
    /// The folder; absent when the workspace has none, or is not there.
    pub default_cwd: Maybe<Text>,
}

/// Tells the folder of a workspace, by its id. Unlike [`WORKSPACES`] it looks at no conversation, so that it takes the same
/// time however many there are.
///
/// `agent/workspace.folder` · service · 30 s · the conversation store answers
pub const WORKSPACE_FOLDER: Service<Text, WorkspaceFolder> = Service::new("agent/workspace.folder");

/// What to change about a workspace; absent fields stay as they are, an empty text takes a choice back.
#[contract]
#[derive(Default)]
pub struct WorkspaceUpdate {
    /// Which one; made when it is not there.
    pub id: Text,
    /// What to call it.
    pub title: Maybe<Text>,
    /// The folder its conversations work in that chose none: one in which a turn [can work](crate::folder::admitted). It is
    /// kept without symlinks.
    pub default_cwd: Maybe<Text>,
}

/// Makes or changes a workspace.
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) for an id that is none, or a folder in which no turn
/// could work.
///
/// `agent/workspace.update` · service · 30 s · the conversation store answers
pub const WORKSPACE_UPDATE: Service<WorkspaceUpdate, Workspace> = Service::new("agent/workspace.update");

/// What a deletion found.
#[contract]
pub struct WorkspaceDeleted {
    /// The id.
    pub workspace_id: Text,
    /// Conversations that were closed, and belong to the default workspace now.
    pub closed_count: u32,
}

/// Deletes a workspace by id; its conversations are closed and move to the default one.
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when it is not there,
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) for the default one.
///
/// `agent/workspace.delete` · service · 30 s · the conversation store answers
pub const WORKSPACE_DELETE: Service<Text, WorkspaceDeleted> = Service::new("agent/workspace.delete");

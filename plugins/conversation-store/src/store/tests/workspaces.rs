//! Workspaces: made when they are named, counted, and gone with their conversations put away.

use transom_agent::conversation::{Query, Status};
use transom_plugin_api::{CallErrorKind, Text};

use super::scripts::*;
use super::*;

async fn listed(store: &Store) -> Vec<(String, u32)> {
    let workspaces = store.workspaces(WorkspaceQuery::default()).await.expect("listed").workspaces;
    workspaces.iter().map(|workspace| (workspace.id.to_string(), workspace.conversations)).collect()
}

async fn move_to(store: &Store, conversation: &str, workspace: &str) {
    store.update(update(conversation, |update| update.workspace_id = workspace.into())).await.expect("moved");
}

fn named(id: &str) -> WorkspaceUpdate {
    WorkspaceUpdate { id: id.into(), ..WorkspaceUpdate::default() }
}

fn only(id: &str) -> WorkspaceQuery {
    WorkspaceQuery { id: Maybe::Some(id.into()) }
}

#[tokio::test]
async fn the_default_workspace_is_always_there_and_untouched_until_something_is_set() {
    let folder = folder();
    let store = open(folder.path());
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    let workspaces = store.workspaces(WorkspaceQuery::default()).await.expect("listed").workspaces;
    let expected = Workspace {
        id: "default".into(),
        title: "default".into(),
        default_cwd: Maybe::None,
        created_at: 0,
        last_activity_at: 0,
        conversations: 1,
    };
    assert_eq!(workspaces.into_vec(), [expected]);
    move_to(&store, "c", "default").await;
    assert_eq!(count(&store, "workspaces").await, 0);
    let set = WorkspaceUpdate { title: "home".into(), ..named("default") };
    let set = store.update_workspace(set).await.expect("set");
    assert_eq!((set.title.as_str(), set.conversations, set.created_at > 0), ("home", 1, true));
    assert_eq!(listed(&store).await, [("default".to_owned(), 1)]);
}

#[tokio::test]
async fn a_workspace_is_made_when_it_is_named_and_the_most_active_stands_first() {
    let folder = folder();
    let store = open(folder.path());
    move_to(&store, "c", "w").await;
    store.update_workspace(named("v")).await.expect("made");
    assert_eq!(listed(&store).await, [("v".to_owned(), 0), ("w".to_owned(), 1), ("default".to_owned(), 0)]);
    store.append(append("c", [user("1", "hi")])).await.expect("appended");
    assert_eq!(listed(&store).await[0], ("w".to_owned(), 1));
    let query = Query { workspace_id: Maybe::Some("w".into()), ..Query::default() };
    assert_eq!(store.list(query).await.expect("listed").conversations.len(), 1);
    assert_eq!(store.workspaces(only("gone")).await.expect("listed").workspaces.len(), 0);
}

#[tokio::test]
async fn absent_fields_stay_and_empty_ones_are_taken_back() {
    let folder = folder();
    let store = open(folder.path()).within(["/".into()]);
    let change = async |title: Option<&str>, cwd: Option<&str>| {
        let text = |text: Option<&str>| Maybe::from(text.map(Text::from));
        let update = WorkspaceUpdate { title: text(title), default_cwd: text(cwd), ..named("w") };
        let workspace = store.update_workspace(update).await.expect("changed");
        (workspace.title.to_string(), workspace.default_cwd.as_deref().map(str::to_owned))
    };
    assert_eq!(change(None, None).await, ("w".to_owned(), None));
    assert_eq!(change(Some("work"), Some("/")).await, ("work".to_owned(), Some("/".to_owned())));
    assert_eq!(change(None, None).await, ("work".to_owned(), Some("/".to_owned())));
    assert_eq!(change(Some(""), Some("")).await, ("w".to_owned(), None));
    let made = WorkspaceUpdate { title: "other".into(), ..named("w") };
    assert_eq!(store.make_workspace(made).await.expect("it is there").title, "w");
}

#[tokio::test]
async fn what_is_no_workspace_is_refused_with_its_field() {
    let folder = folder();
    let store = open(folder.path());
    let refused = async |update| {
        let error = store.update_workspace(update).await.expect_err("refused");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        error.message.into_string()
    };
    assert!(refused(named("W")).await.starts_with("`id` is `W`"));
    assert!(
        refused(WorkspaceUpdate { title: " ".into(), ..named("w") }).await.starts_with("`title` is blank")
    );
}

fn at(folder: &Path) -> WorkspaceUpdate {
    WorkspaceUpdate { default_cwd: folder.to_str().expect("UTF-8").into(), ..named("w") }
}

#[tokio::test]
async fn a_folder_in_which_no_turn_could_work_is_refused_when_it_is_chosen() {
    let (data, outer) = (folder(), folder());
    let outer = outer.path().canonicalize().expect("is there");
    let (root, outside) = (outer.join("root"), outer.join("root-too"));
    std::fs::create_dir_all(root.join("inner")).expect("made");
    std::fs::create_dir(&outside).expect("made");
    std::fs::write(root.join("file"), "").expect("written");
    std::os::unix::fs::symlink(&outside, root.join("escape")).expect("linked");
    std::os::unix::fs::symlink(root.join("inner"), root.join("link")).expect("linked");
    let store = open(data.path()).within([root.clone()]);
    let (within, shown) = (format!("expected a folder inside `{}`", root.display()), Path::display);
    for (folder, problem) in [
        (outside.clone(), within.clone()),
        (root.join("escape"), within.clone()),
        (root.join("inner/../.."), within),
        (root.join("file"), "which is not a folder".to_owned()),
        (root.join("nowhere"), "which cannot be opened: No such file or directory (os error 2)".to_owned()),
        ("src".into(), "expected an absolute path".to_owned()),
    ] {
        let expected = format!("`defaultCwd` is `{}`, {problem}", shown(&folder));
        let refused = Err(CallError::invalid_input(expected));
        assert_eq!(store.update_workspace(at(&folder)).await, refused);
        assert_eq!(store.make_workspace(at(&folder)).await, refused);
    }
    assert_eq!(store.workspaces(only("w")).await.expect("listed").workspaces.len(), 0);
    let taken = store.update_workspace(at(&root.join("link"))).await.expect("taken");
    assert_eq!(taken.default_cwd.as_deref(), root.join("inner").to_str());
    let nowhere = open(folder().path());
    let refused = nowhere.update_workspace(at(&root)).await.expect_err("there is no root");
    assert_eq!(refused.kind, CallErrorKind::Unavailable);
}

#[tokio::test]
async fn a_workspace_whose_folder_lies_outside_by_now_is_read_and_changed_like_any_other() {
    let (data, root) = (folder(), folder());
    let store = open(data.path()).within(["/".into()]);
    let chosen = store.update_workspace(at(Path::new("/"))).await.expect("chosen");
    store.close().await;
    let store = open(data.path()).within([root.path().canonicalize().expect("is there")]);
    assert_eq!(store.workspaces(only("w")).await.expect("listed").workspaces.into_vec(), [chosen]);
    assert_eq!(store.workspace_folder("w").await.expect("told").default_cwd.as_deref(), Some("/"));
    let titled = WorkspaceUpdate { title: "work".into(), ..named("w") };
    assert_eq!(store.update_workspace(titled).await.expect("titled").default_cwd.as_deref(), Some("/"));
    assert!(store.update_workspace(at(Path::new("/"))).await.is_err(), "it is not chosen again");
    let back = WorkspaceUpdate { default_cwd: "".into(), ..named("w") };
    assert_eq!(store.update_workspace(back).await.expect("taken back").default_cwd, Maybe::None);
}

#[tokio::test]
async fn conversations_of_a_deleted_workspace_are_closed_and_move_to_the_default_one() {
    let folder = folder();
    let store = open(folder.path());
    for conversation in ["a", "b"] {
        move_to(&store, conversation, "w").await;
    }
    move_to(&store, "c", "v").await;
    let deleted = store.delete_workspace("w").await.expect("deleted");
    assert_eq!((deleted.workspace_id.as_str(), deleted.closed_count), ("w", 2));
    for conversation in ["a", "b"] {
        let known = store.find(conversation).await.expect("is there");
        assert_eq!((known.status, known.workspace_id.as_str()), (Status::Closed, "default"));
        assert_sound(&store, conversation).await;
    }
    assert_eq!(store.find("c").await.expect("is there").status, Status::Idle);
    assert_eq!(store.delete_workspace("w").await.expect_err("gone").kind, CallErrorKind::NotFound);
    assert_eq!(store.delete_workspace("default").await.expect_err("stays").kind, CallErrorKind::Conflict);
}

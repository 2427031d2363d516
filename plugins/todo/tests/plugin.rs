//! The plugin from outside: a model writes its list, and others read it.

#[path = "plugin/world.rs"]
mod world;

use std::time::Duration;

use serde_json::{Value, json as value};
use transom_agent::compaction::{COMPACTING, Draft};
use transom_agent::reach::{CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpRequest};
use transom_agent::surface::{Field, SURFACE, SURFACE_CHANGED, SurfaceChanged, SurfaceOf};
use transom_agent::todo::{TODOS, TODOS_CHANGED, Todo, TodoList, TodoStatus};
use transom_agent::tool::{TOOL, ToolCall, ToolOutput};
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe, Shared, Text};
use transom_testkit::{Stand, both_ways, contract_check, json};
use transom_todo::TodoLists;

use crate::world::World;

async fn started(stand: Stand, world: &World) -> Stand {
    let stand = stand.plugin::<TodoLists>(json!({}));
    world.put_on(&stand);
    stand.start().await.expect("it starts");
    stand
}

fn call_of(id: &str, input: Value) -> ToolCall {
    ToolCall {
        tool_call_id: "call".into(),
        input: input.into(),
        conversation_id: id.into(),
        turn_id: "turn".into(),
        cwd: "/".into(),
    }
}

async fn try_to_write(stand: &Stand, id: &str, input: Value) -> Result<ToolOutput, CallError> {
    stand.caller(TOOL).call_named("todo_write", call_of(id, input)).await
}

/// Writes a list that has to be taken; what the model is answered.
async fn write(stand: &Stand, id: &str, todos: Value) -> String {
    let output = try_to_write(stand, id, value!({ "todos": todos })).await.expect("it answers");
    assert!(!output.is_error, "{output:?}");
    output.content.into()
}

async fn list(stand: &Stand, id: &str) -> Result<List<Todo>, (CallErrorKind, String)> {
    let told = stand.caller(TODOS).call(id.into()).await;
    told.map(|list| list.todos).map_err(|error| (error.kind, error.message.into_string()))
}

async fn http(stand: &Stand, id: &str) -> Result<Value, (CallErrorKind, String)> {
    let route = "GET /conversations/:id/todos";
    let request = HttpRequest::new("GET", "/").with_param("id", id);
    let reply = stand.caller(HTTP_ROUTE).call_named(route, request).await;
    reply.map(|reply| reply.body.value()).map_err(|error| (error.kind, error.message.into_string()))
}

async fn command(stand: &Stand, words: &[&str], json: bool) -> CliOutcome {
    let arguments: List<_> = words.iter().map(|word| (*word).into()).collect();
    stand
        .caller(CLI_COMMAND)
        .call_named("todos", CliCall { arguments, json, ..CliCall::default() })
        .await
        .expect("it runs")
}

fn todo(content: &str, status: TodoStatus) -> Todo {
    Todo { content: content.into(), status }
}

/// Something done, something begun and something to do.
fn three() -> Value {
    value!([
        {"content": "look", "status": "completed"},
        {"content": "think", "status": "in_progress"},
        {"content": "act", "status": "pending"},
    ])
}

fn those_three() -> List<Todo> {
    let done = todo("look", TodoStatus::Completed);
    List::from([done, todo("think", TodoStatus::InProgress), todo("act", TodoStatus::Pending)])
}

#[test]
fn a_list_takes_the_place_of_the_one_before_and_is_told_the_same_everywhere() {
    both_ways(async |stand| {
        let stand = started(stand, &World::of(&["cafe1", "cafe2"])).await;
        let changed = stand.record(TODOS_CHANGED);
        assert_eq!(list(&stand, "cafe1").await, Ok(List::new()));
        let first = write(&stand, "cafe1", value!([{"content": "look", "status": "pending"}])).await;
        assert_eq!(first, "[ ] look\n1 in all: 0 completed, 0 in progress, 1 pending\n");
        let text = "[x] look\n[>] think\n[ ] act\n3 in all: 1 completed, 1 in progress, 1 pending\n";
        assert_eq!(write(&stand, "cafe1", three()).await, text);
        assert_eq!(list(&stand, "cafe1").await, Ok(those_three()));
        let told = value!({"conversationId": "cafe1", "todos": [
            {"content": "look", "status": "completed"},
            {"content": "think", "status": "in-progress"},
            {"content": "act", "status": "pending"},
        ]});
        assert_eq!(http(&stand, "cafe1").await, Ok(told.clone()));
        assert_eq!(command(&stand, &["cafe1"], false).await.output, text);
        let json = command(&stand, &["cafe1"], true).await.output;
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), told);
        assert_eq!(list(&stand, "cafe2").await, Ok(List::new()));
        let said: Vec<_> = changed.all().into_iter().map(|list| list.todos.len()).collect();
        assert_eq!(said, [1, 3]);
        assert_eq!(write(&stand, "cafe1", value!([])).await, "nothing is on the list\n");
        assert_eq!(command(&stand, &["cafe1"], false).await.output, "nothing is on the list\n");
        stand.stop().await;
    });
}

#[test]
fn a_list_is_there_after_a_restart_and_a_reload() {
    both_ways(async |stand| {
        let world = World::of(&["c"]);
        let stand = started(stand, &world).await;
        write(&stand, "c", three()).await;
        stand.reload::<TodoLists>(json!({}), Duration::from_secs(10)).await.expect("it is replaced");
        assert_eq!(list(&stand, "c").await, Ok(those_three()));
        let stand = started(stand.stop().await.stand(), &world).await;
        assert_eq!(list(&stand, "c").await, Ok(those_three()));
        stand.stop().await;
    });
}

#[test]
fn a_list_is_durable_before_the_tool_answers() {
    both_ways(async |stand| {
        let world = World::of(&["c"]);
        let stand = started(stand, &world).await;
        write(&stand, "c", three()).await;
        world.kept().is_full = true;
        let refused =
            try_to_write(&stand, "c", value!({"todos": []})).await.expect_err("nothing can be kept");
        assert_eq!(
            (refused.kind, refused.message.as_str()),
            (CallErrorKind::Unavailable, "no space is left")
        );
        assert_eq!(list(&stand, "c").await, Ok(those_three()));
        stand.stop().await;
    });
}

#[test]
fn a_change_is_told_when_it_is_durable() {
    both_ways(async |stand| {
        let world = World::of(&["c"]);
        let stand = started(stand, &world).await;
        let changed = stand.record(TODOS_CHANGED);
        world.kept().is_full = true;
        try_to_write(&stand, "c", value!({"todos": []})).await.expect_err("nothing can be kept");
        world.kept().is_full = false;
        write(&stand, "c", three()).await;
        assert_eq!(changed.all(), [TodoList { conversation_id: "c".into(), todos: those_three() }]);
        stand.stop().await;
    });
}

#[test]
fn a_list_that_was_begun_is_kept_and_told_when_the_turn_is_stopped_meanwhile() {
    both_ways(async |stand| {
        let world = World::of(&["c"]);
        let stand = started(stand, &world).await;
        let changed = stand.record(TODOS_CHANGED);
        let held = world.hold().await;
        let caller = stand.caller(TOOL);
        let writing = caller.call_named("todo_write", call_of("c", value!({ "todos": three() })));
        tokio::select! {
            biased;
            answered = writing => panic!("nothing is kept yet: {answered:?}"),
            () = stand.until(|| world.kept().arrived == 1) => {}
        }
        drop(held);
        assert_eq!(changed.next().await.todos, those_three());
        stand.stop().await;
    });
}

#[test]
fn a_list_goes_with_its_conversation() {
    both_ways(async |stand| {
        let world = World::of(&["c"]);
        let stand = started(stand, &world).await;
        write(&stand, "c", three()).await;
        world.delete("c");
        assert!(world.kept().rows.is_empty(), "{:?}", world.kept().rows);
        assert_eq!(list(&stand, "c").await.expect_err("it is gone").0, CallErrorKind::NotFound);
        stand.stop().await;
    });
}

#[test]
fn a_conversation_does_not_inherit_the_list_of_an_earlier_one_of_its_id() {
    both_ways(async |stand| {
        let world = World::of(&["c"]);
        let stand = started(stand, &world).await;
        write(&stand, "c", three()).await;
        // As if the list had been written while the conversation was being deleted.
        world.begin("c", 2);
        assert_eq!(list(&stand, "c").await, Ok(List::new()));
        stand.stop().await;
    });
}

#[test]
fn what_is_open_goes_with_a_summary() {
    both_ways(async |stand| {
        let world = World::of(&["c"]);
        let stand = started(stand, &world).await;
        write(&stand, "c", three()).await;
        let draft = |id: &str| Draft {
            conversation_id: id.into(),
            cwd: "/".into(),
            messages: Shared::new(List::new()),
            instruction: "".into(),
            text: Maybe::None,
            postponed: Maybe::None,
            files_read: List::new(),
            files_written: List::new(),
            open_tasks: List::from(["mend it".into()]),
        };
        let compacting = stand.applier(COMPACTING);
        let summed_up = compacting.apply(draft("c")).await.expect("it is not refused");
        assert_eq!(summed_up.open_tasks, ["mend it", "think (in progress)", "act"].map(Text::from)[..]);
        // One whose list cannot be read is summed up all the same.
        let unknown = compacting.apply(draft("nobody")).await.expect("it is not refused");
        assert_eq!(unknown.open_tasks, [Text::from("mend it")][..]);
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    both_ways(async |stand| {
        let world = World::of(&["cafe1", "cafe2"]);
        let stand = started(stand, &world).await;
        let wrong = value!({"todos": [{"content": "act", "status": "soon"}]});
        let refused = try_to_write(&stand, "cafe1", wrong).await.expect("it answers");
        let told = "`todos[0].status` is `soon`, expected `pending`, `in_progress` or `completed`; the list is as it was";
        assert_eq!(refused, ToolOutput::error(told));
        let unknown = (CallErrorKind::NotFound, "there is no conversation `nobody`".to_owned());
        assert_eq!(http(&stand, "nobody").await, Err(unknown.clone()));
        assert_eq!(list(&stand, "nobody").await, Err(unknown));
        assert_eq!(http(&stand, "..").await.expect_err("no id").0, CallErrorKind::InvalidInput);
        let written =
            try_to_write(&stand, "nobody", value!({"todos": []})).await.expect_err("nobody has a list");
        assert_eq!((written.kind, world.kept().rows.len()), (CallErrorKind::NotFound, 0));
        for (words, told) in [
            (&[][..], "ID is missing"),
            (&["cafe"], "`cafe` may be `cafe1`, `cafe2`; give more of the id"),
            (&["nobody"], "there is no conversation whose id begins with `nobody`"),
            (&["cafe1", "--all"], "`--all` is no option of this command"),
        ] {
            let refused = command(&stand, words, false).await;
            assert!(refused.code == 2 && refused.complaint.contains(told), "{refused:?}");
        }
        let help = command(&stand, &["--help"], false).await;
        assert!(help.code == 0 && help.output.contains("Example:"), "{help:?}");
        stand.stop().await;
    });
}

#[test]
fn the_list_is_a_surface_that_says_when_it_shows_something_else() {
    both_ways(async |stand| {
        let stand = started(stand, &World::of(&["c"])).await;
        let changed = stand.record(SURFACE_CHANGED);
        write(&stand, "c", three()).await;
        assert_eq!(changed.all(), [SurfaceChanged::of("todo", &"c".into())]);
        let show = |id: Maybe<Text>| {
            let show = stand.caller(SURFACE);
            async move { show.call_named("todo", SurfaceOf { conversation_id: id }).await }
        };
        let spec = show("c".into()).await.expect("it is there");
        assert_eq!(spec.fields[0], Field::Stat { label: "Done".into(), value: "1 of 3".into() });
        let Field::Custom { renderer, payload } = &spec.fields[1] else { panic!("{:?}", spec.fields[1]) };
        assert_eq!(
            (renderer.as_str(), payload.value()),
            (
                "todo",
                value!({"todos": [
                    {"content": "look", "status": "completed"},
                    {"content": "think", "status": "in-progress"},
                    {"content": "act", "status": "pending"},
                ]})
            )
        );
        assert_eq!(show("nobody".into()).await.expect_err("nobody").kind, CallErrorKind::NotFound);
        assert_eq!(show(Maybe::None).await.expect_err("whose").kind, CallErrorKind::InvalidInput);
        stand.stop().await;
    });
}

#[test]
fn it_touches_nothing_outside_of_the_host_and_runs_alone() {
    both_ways(async |stand| {
        let stand = started(stand, &World::default()).await;
        let [tool] = &stand.caller(TOOL).names()[..] else { panic!("one tool") };
        assert_eq!((tool.name.as_str(), tool.about.concurrency_safe), ("todo_write", false));
        assert_eq!(tool.about.effects, Maybe::Some(List::new()));
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<TodoLists>(json!({}));
}

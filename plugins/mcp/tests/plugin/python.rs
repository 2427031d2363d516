//! A server that is written with the official library for Python: `snake.py`, with the version in `requirements.txt`.
//!
//! The interpreter is the one that `TRANSOM_PYTHON` names, which has to have the library, or else `python3`, which may have none: then
//! these tests say that they are skipped.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::yield_now;
use transom_agent::tool::TOOL;
use transom_testkit::Stand;

use crate::world::{World, call, get, names, tools};

/// The variable that names an interpreter with the library.
const INTERPRETER: &str = "TRANSOM_PYTHON";

/// How long an interpreter may take to start where many others want the processor.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at how it is, the interpreter has the processor.
const LOOK: Duration = Duration::from_millis(5);

/// An interpreter that has the library; nothing where there is none.
fn interpreter() -> Option<String> {
    let chosen = std::env::var(INTERPRETER).ok();
    let program = chosen.clone().unwrap_or_else(|| "python3".to_owned());
    // To import it would take as long as a start.
    let is_there = "import importlib.metadata as m; assert m.version('mcp').startswith('2.')";
    let tried = Command::new(&program).args(["-c", is_there]).output();
    if tried.as_ref().is_ok_and(|tried| tried.status.success()) {
        return Some(program);
    }
    assert!(chosen.is_none(), "`{INTERPRETER}` is `{program}`, which has no library `mcp`: {tried:?}");
    let told = format!(
        "skipped: `python3` has no library `mcp` of version 2; `{INTERPRETER}` may name one that has\n"
    );
    // What is printed by the usual way is shown of tests that fail alone.
    let _ = std::io::stderr().write_all(told.as_bytes());
    None
}

/// The plugin with the server, which is being started. What the server says is the same however the plugin is loaded, and it takes
/// seconds to start: once is enough.
async fn with_snake(python: &str, environment: Value) -> Stand {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugin/snake.py");
    let snake = json!({"command": [python, program], "environment": environment, "timeout_s": 5});
    World::default().start(Stand::new(), json!({"servers": {"snake": snake}, "wait_ms": 0})).await
}

/// Waits until the server is so, and gives how it is told.
async fn until(stand: &Stand, is_so: impl Fn(&Value) -> bool) -> Value {
    let began_at = Instant::now();
    loop {
        let snake = get(stand, "/mcp").await["servers"][0].take();
        if is_so(&snake) {
            return snake;
        }
        assert!(began_at.elapsed() < PATIENCE, "it did not come to that: {snake:#}");
        std::thread::sleep(LOOK);
        yield_now().await;
    }
}

/// Waits until it is in a state.
async fn until_it_is(stand: &Stand, state: &str) -> Value {
    until(stand, |snake| snake["state"] == state).await
}

#[tokio::test(start_paused = true)]
async fn tools_of_a_server_in_python_are_listed_called_fail_hang_and_grow() {
    let Some(python) = interpreter() else { return };
    let stand = with_snake(&python, json!({})).await;
    until_it_is(&stand, "ready").await;
    let before = tools(&stand).await;
    let listed = ["snake__add", "snake__crash", "snake__fail", "snake__grow", "snake__hang"];
    assert_eq!(names(&before), listed);
    assert_eq!(before[0].description, "[snake] Adds two numbers.");
    assert_eq!(before[0].parameters.value()["required"], json!(["a", "b"]));
    let answer = call(&stand, "snake__add", json!({"a": 2, "b": 3})).await;
    assert_eq!((answer.content.as_str(), answer.is_error), ("it is 5", false));
    let answer = call(&stand, "snake__add", json!({"a": "two", "b": 3})).await;
    assert!(answer.is_error && answer.content.contains("two"), "{answer:?}");
    let answer = call(&stand, "snake__fail", json!({})).await;
    assert!(answer.is_error && answer.content.contains("it did not work"), "{answer:?}");

    let began = stand.root().join("began");
    let (answer, ()) = tokio::join!(call(&stand, "snake__hang", json!({"began": began})), async {
        stand.until(|| began.exists()).await;
        stand.advance(Duration::from_secs(5)).await;
    });
    assert_eq!(answer.content, "the server `snake` did not answer within 5 s");
    until(&stand, |snake| snake["unanswered"]["answersPings"] == true).await;

    assert_eq!(call(&stand, "snake__grow", json!({})).await.content, "grown");
    let served = stand.caller(TOOL);
    stand.until(|| served.names().iter().any(|name| name.name == "snake__grown")).await;
    assert_eq!(tools(&stand).await.len(), before.len() + 1);
    assert_eq!(call(&stand, "snake__grown", json!({})).await.content, "it is grown");
    stand.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_in_python_that_is_slow_to_start_and_crashes_is_waited_for_and_comes_back() {
    let Some(python) = interpreter() else { return };
    let place = tempfile::tempdir().expect("a folder");
    let go = place.path().join("go");
    let stand = with_snake(&python, json!({"WAITS_FOR": go.to_str().expect("text")})).await;
    until_it_is(&stand, "connecting").await;
    assert!(tools(&stand).await.is_empty(), "no turn waits for it");
    std::fs::write(&go, "").expect("written");
    until_it_is(&stand, "ready").await;
    let before = tools(&stand).await;
    let answer = call(&stand, "snake__crash", json!({})).await;
    assert_eq!(answer.content, "the server `snake` went away in the middle of the call");
    assert_eq!(until_it_is(&stand, "failed").await["error"], "it ended with code 3");
    assert_eq!(tools(&stand).await, before, "what a model is offered stays the same for a while");
    stand.advance(Duration::from_secs(1)).await;
    until(&stand, |snake| snake["state"] == "ready" && snake["starts"] == 2).await;
    assert_eq!(call(&stand, "snake__add", json!({"a": 2, "b": 3})).await.content, "it is 5");
    stand.stop().await;
}

//! The plugin from outside: which tools there are, and that they work where the turn works.

use transom_agent::tool::{Effect, TOOL, ToolCall, ToolOutput};
use transom_plugin_api::{CallError, List, Maybe};
use transom_testkit::{Stand, both_ways, contract_check, json};
use transom_tools_fs::FileTools;

fn served(stand: &Stand) -> Vec<String> {
    stand.caller(TOOL).names().into_iter().map(|tool| tool.name.into()).collect()
}

async fn call(stand: &Stand, tool: &str, input: serde_json::Value) -> Result<ToolOutput, CallError> {
    let call = ToolCall {
        tool_call_id: "call".into(),
        input: input.into(),
        conversation_id: "conversation".into(),
        turn_id: "turn".into(),
        cwd: stand.root().to_str().expect("text").into(),
    };
    stand.caller(TOOL).call_named(tool, call).await
}

#[test]
fn models_may_change_files_only_where_the_operator_says_so() {
    both_ways(async |stand| {
        let stand = stand.plugin::<FileTools>(json!({}));
        stand.start().await.expect("it starts");
        assert_eq!(served(&stand), ["glob", "grep", "list_dir", "read_file"]);
        let written = call(&stand, "write_file", json!({"path": "a.txt", "content": "a"})).await;
        assert!(written.is_err() && !stand.root().join("a.txt").exists(), "{written:?}");
        let stand = stand.stop().await.stand().plugin::<FileTools>(json!({"write": true}));
        stand.start().await.expect("it starts");
        assert_eq!(served(&stand), ["edit_file", "glob", "grep", "list_dir", "read_file", "write_file"]);
        let written = call(&stand, "write_file", json!({"path": "a.txt", "content": "a"})).await;
        assert!(written.is_ok_and(|output| !output.is_error) && stand.root().join("a.txt").exists());
        stand.stop().await;
    });
}

#[test]
fn a_file_is_read_in_the_turn_s_folder_and_not_beside_it() {
    both_ways(async |stand| {
        let stand = stand.plugin::<FileTools>(json!({}));
        std::fs::write(stand.root().join("a.txt"), "hello\n").expect("written");
        std::fs::write(stand.root().with_file_name("secret.txt"), "the secret\n").expect("written");
        stand.start().await.expect("it starts");
        let inside = call(&stand, "read_file", json!({"path": "a.txt"})).await.expect("it answers");
        assert!(!inside.is_error && inside.content.contains("hello"), "{inside:?}");
        let outside = call(&stand, "read_file", json!({"path": "../secret.txt"})).await.expect("it answers");
        assert!(outside.is_error && !outside.content.contains("the secret"), "{outside:?}");
        stand.stop().await;
    });
}

#[test]
fn files_are_found_and_searched_in_the_turn_s_folder_and_not_beside_it() {
    both_ways(async |stand| {
        let stand = stand.plugin::<FileTools>(json!({}));
        std::fs::create_dir(stand.root().join("sub")).expect("made");
        std::fs::write(stand.root().join("sub/a.txt"), "hello\n").expect("written");
        std::fs::write(stand.root().with_file_name("secret.txt"), "hello, the secret\n").expect("written");
        stand.start().await.expect("it starts");
        let found = call(&stand, "glob", json!({"pattern": "*.txt"})).await.expect("it answers");
        assert_eq!(found, ToolOutput::ok("sub/a.txt\n"));
        let lines = call(&stand, "grep", json!({"pattern": "HELLO", "ignoreCase": true})).await;
        let expected = "sub/a.txt:1: hello\n[matching lines: 1, in 1 of 1 searched files]\n";
        assert_eq!(lines, Ok(ToolOutput::ok(expected)));
        for (tool, path) in [("glob", ".."), ("grep", ".."), ("grep", "../secret.txt")] {
            let outside =
                call(&stand, tool, json!({"pattern": "*.txt", "path": path})).await.expect("it answers");
            assert!(outside.is_error && !outside.content.contains("the secret"), "{outside:?}");
        }
        stand.stop().await;
    });
}

#[test]
fn what_is_only_read_may_run_beside_others_and_says_so() {
    both_ways(async |stand| {
        let stand = stand.plugin::<FileTools>(json!({}));
        stand.start().await.expect("it starts");
        let reads = List::from([Effect::Reads { path: "path".into() }]);
        for tool in stand.caller(TOOL).names() {
            let definition = &tool.about;
            assert!(definition.concurrency_safe, "{}", definition.name);
            assert_eq!(definition.effects, Maybe::Some(reads.clone()), "{}", definition.name);
        }
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<FileTools>(json!({"write": true}));
}

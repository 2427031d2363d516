//! The plugin from outside: what a turn's tools look like behind its filter, what its tool answers, and which skills are active in a
//! conversation.

#[path = "plugin/world.rs"]
mod world;

#[path = "plugin/word.rs"]
mod word;

#[path = "plugin/active.rs"]
mod active;

#[path = "plugin/trust.rs"]
mod trust;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use transom_agent::tool::{TOOL, TOOLS, ToolAssembly, ToolCall, ToolOutput};
use transom_agent::trust::Trust;
use transom_plugin_api::{Caller, Json};
use transom_skills::Skills;
use transom_testkit::{Stand, both_ways, contract_check, json};

use crate::word::Word;

/// The skills of the working folder alone, whoever runs the tests; the operator trusts them.
fn with_skills(stand: Stand) -> Stand {
    Word::new(Some(Trust::Trusted)).put_on(&stand);
    untrusted(stand)
}

/// The same, where nobody says whether they are trusted.
fn untrusted(stand: Stand) -> Stand {
    stand.plugin::<Skills>(json!({"folders": []}))
}

fn add(cwd: &Path, name: &str, text: &str) {
    fs::create_dir_all(cwd.join(".skills")).expect("made");
    fs::write(cwd.join(".skills").join(name), text).expect("written");
}

/// A turn's tools as they are offered: those that are served.
fn offered(stand: &Stand) -> ToolAssembly {
    let served = stand.caller(TOOL).names();
    ToolAssembly {
        conversation_id: "conversation".into(),
        cwd: stand.root().to_str().expect("text").into(),
        tools: served.into_iter().map(|tool| tool.about).collect(),
    }
}

async fn told(stand: &Stand) -> ToolAssembly {
    stand.applier(TOOLS).apply(offered(stand)).await.expect("the filter is fail-open")
}

#[test]
fn the_skills_of_the_working_folder_are_told() {
    both_ways(async |stand| {
        let stand = with_skills(stand);
        add(&stand.root(), "pdf.md", "When there is a PDF\n---\nRead it\n");
        stand.start().await.expect("it starts");
        assert!(told(&stand).await.tools[0].description.ends_with("\npdf: When there is a PDF"));
        stand.stop().await;
    });
}

#[test]
fn without_skills_the_tool_is_gone() {
    both_ways(async |stand| {
        let stand = with_skills(stand);
        stand.start().await.expect("it starts");
        assert_eq!(offered(&stand).tools.len(), 1);
        assert!(told(&stand).await.tools.is_empty());
        stand.stop().await;
    });
}

#[test]
fn skills_that_cannot_be_read_change_nothing() {
    both_ways(async |stand| {
        let stand = with_skills(stand);
        fs::write(stand.root().join(".skills"), "a file, not a folder").expect("written");
        stand.start().await.expect("it starts");
        assert_eq!(told(&stand).await, offered(&stand));
        let reason = "the model is not told which skills there are";
        assert!(stand.log().iter().any(|line| line.message.contains(reason)), "{:#?}", stand.log());
        stand.stop().await;
    });
}

#[test]
fn an_edited_skill_is_told_in_the_next_turn() {
    both_ways(async |stand| {
        let stand = with_skills(stand);
        add(&stand.root(), "pdf.md", "one\n---\nRead it\n");
        stand.start().await.expect("it starts");
        for summary in ["one", "two", "six"] {
            add(&stand.root(), "pdf.md", &format!("{summary}\n---\nRead it\n"));
            let tools = told(&stand).await.tools;
            assert!(tools[0].description.ends_with(&format!("\npdf: {summary}")), "{}", tools[0].description);
        }
        stand.stop().await;
    });
}

#[test]
fn a_hostile_folder_neither_holds_up_a_turn_nor_shows_what_lies_outside() {
    both_ways(async |stand| {
        let stand = with_skills(stand);
        let cwd = stand.root();
        add(&cwd, "pdf.md", "When there is a PDF\n---\nRead it\n");
        let skills = cwd.join(".skills");
        fs::write(cwd.join("secret.md"), "SECRET\n---\nSECRET\n").expect("written");
        symlink("../secret.md", skills.join("leak.md")).expect("linked");
        symlink("..", skills.join("up")).expect("linked");
        symlink("loop.md", skills.join("loop.md")).expect("linked");
        fs::File::create(skills.join("huge.md")).and_then(|file| file.set_len(1 << 30)).expect("made");
        fs::write(skills.join("bytes.md"), b"\xff\xfe").expect("written");
        fs::create_dir(skills.join("bad")).expect("made");
        fs::write(skills.join("bad/SKILL.md"), "---\nname: [\n---\nStill here\n").expect("written");
        let tool = stand.caller(TOOL);
        stand.start().await.expect("it starts");
        let began = Instant::now();
        let description = told(&stand).await.tools[0].description.to_string();
        assert!(description.ends_with("\nbad\nbytes\nhuge\npdf: When there is a PDF"), "{description}");
        for name in ["leak", "loop", "up/secret", "huge", "bytes"] {
            let refused = load(&tool, &cwd, json!({"name": name}).into()).await;
            assert!(refused.is_error && !refused.content.contains("SECRET"), "{refused:?}");
        }
        let bad = load(&tool, &cwd, json!({"name": "bad"}).into()).await;
        assert!(!bad.is_error && bad.content.starts_with("Still here"), "{bad:?}");
        assert!(began.elapsed() < Duration::from_secs(2));
        stand.stop().await;
    });
}

#[test]
fn a_skill_is_loaded_by_its_name() {
    both_ways(async |stand| {
        let stand = with_skills(stand);
        let cwd = stand.root();
        add(&cwd, "pdf.md", "When there is a PDF\n---\nRead it\n");
        let tool = stand.caller(TOOL);
        stand.start().await.expect("it starts");
        let loaded = load(&tool, &cwd, json!({"name": "pdf"}).into()).await;
        assert!(!loaded.is_error && loaded.content.contains("Read it"), "{loaded:?}");
        let missing = load(&tool, &cwd, json!({"name": "word"}).into()).await;
        assert!(missing.is_error && missing.content.contains("pdf"), "{missing:?}");
        add(&cwd, "mute.md", "\n");
        let mute = load(&tool, &cwd, json!({"name": "mute"}).into()).await;
        assert!(!mute.is_error && mute.content == "[skill `mute` says nothing]", "{mute:?}");
        stand.stop().await;
    });
}

type Tool = Caller<ToolCall, ToolOutput, transom_agent::tool::ToolDefinition>;

async fn load(tool: &Tool, cwd: &Path, input: Json) -> ToolOutput {
    let call = ToolCall {
        tool_call_id: "call".into(),
        input,
        conversation_id: "conversation".into(),
        turn_id: "turn".into(),
        cwd: cwd.to_str().expect("text").into(),
    };
    tool.call_named("load_skill", call).await.expect("it answers")
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<Skills>(json!({}));
}

//! Commands that explain themselves, and answer for programs too.

use serde_json::Value;

use super::super::support::{Manner, Outcome, Scene, dylib};
use super::ids;

#[tokio::test]
async fn the_help_of_every_command_has_an_example() {
    let scene = Scene::new(Manner::Linked);
    let whole = help(&scene, &["--help"]).await;
    assert!(whole.contains("Example:\n  transom up"), "{whole}");
    let commands = whole.split("Commands:\n").nth(1).expect("it lists the commands");
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 5 && names.contains(&"check"), "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let text = help(&scene, &[name, "--help"]).await;
        assert!(text.contains("Example") && text.contains(&format!("\n  transom {name}")), "{text}");
    }
}

async fn help(scene: &Scene, arguments: &[&str]) -> String {
    let shown = Outcome::of(scene.bare_command(arguments)).await;
    assert_eq!((shown.code, shown.errors.as_str()), (Some(0), ""));
    shown.output
}

#[tokio::test]
async fn what_nobody_understands_is_refused_with_2() {
    let scene = Scene::new(Manner::Linked);
    for arguments in [vec!["up", "--lissen", "x"], vec!["inspect"], vec!["chat"]] {
        let refused = Outcome::of(scene.bare_command(&arguments)).await;
        assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(refused.errors.contains("Usage:"), "{}", refused.errors);
    }
    let scene = Scene::new(Manner::Linked);
    for (word, told) in [
        ("upp", "error: there is no command `upp`\n  help: did you mean `transom up`?\n"),
        (
            "frobnicate",
            "error: there is no command `frobnicate` of the program's own (`transom --help` lists them), and nobody can be asked",
        ),
    ] {
        let refused = Outcome::of(scene.bare_command(&[word])).await;
        assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""), "{word}");
        assert!(refused.errors.starts_with(told), "{}", refused.errors);
    }
}

#[tokio::test]
async fn a_command_that_a_plugin_brings_runs_in_the_host_that_runs() {
    let scene = Scene::new(Manner::Linked).with("compaction", "");
    let host = scene.start().await;
    let listed = scene.run(&["commands"]).await;
    assert_eq!((listed.code, listed.errors.as_str()), (Some(0), ""));
    assert_eq!(
        listed.output,
        "transom answer   answers what turns ask, or lists what they ask (`session-orchestrator`)\n\
         transom compact  sums up a conversation (`compaction`)\n\
         transom skills   shows, activates and lets go of skills (`skills`)\n"
    );
    host.client.turn("ship", "hello").await;
    host.client.turn("ship", "hello again").await;
    let words = ["compact", "ship", "--keep", "0", "--json"];
    let compacted = scene.run(&words).await;
    assert_eq!((compacted.code, compacted.errors.as_str()), (Some(0), ""), "{compacted:?}");
    let told: Value = serde_json::from_str(&compacted.output).expect("JSON");
    assert_eq!(told["conversationId"], "ship");
    let refused = scene.run(&["compact", "boat"]).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""));
    assert_eq!(refused.errors, "error: there is no conversation whose id begins with `boat`\n");
    let unknown = scene.run(&["frobnicate"]).await;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.errors.contains("no plugin of the running host brings one of that name"), "{unknown:?}");
    host.stop().await;
}

#[tokio::test]
async fn inspect_tells_programs_everything_a_bundled_plugin_says_of_itself() {
    let scene = Scene::new(Manner::Dylib);
    for id in scene.plugins() {
        let file = dylib(id).display().to_string();
        let inspected = Outcome::of(scene.bare_command(&["inspect", "--json", &file])).await;
        assert_eq!((inspected.code, inspected.errors.as_str()), (Some(0), ""));
        let document: Value = serde_json::from_str(&inspected.output).expect("JSON");
        assert_eq!(ids(&document), [id]);
        let plugin = &document["plugins"][0];
        assert_eq!(plugin["target"], transom_loader::TARGET);
        assert!(plugin["ports"].as_array().is_some_and(|ports| !ports.is_empty()), "{plugin}");
        assert_eq!(plugin["settings"]["type"], "object");
        let shown = Outcome::of(scene.bare_command(&["inspect", &file])).await;
        assert!(shown.output.starts_with(&format!("{id} ")), "{}", shown.output);
        for port in plugin["ports"].as_array().into_iter().flatten() {
            let point = port["point"].as_str().expect("a point");
            assert!(shown.output.contains(point), "`{point}` is missing in\n{}", shown.output);
        }
    }
}

#[tokio::test]
async fn plugins_are_listed_from_the_host_that_runs_or_else_from_the_manifest() {
    let scene = Scene::new(Manner::Linked);
    let states = async || {
        let listed = scene.run(&["plugins", "--json"]).await;
        assert_eq!((listed.code, listed.errors.as_str()), (Some(0), ""));
        let document: Value = serde_json::from_str(&listed.output).expect("JSON");
        let mut found = ids(&document).into_iter().map(str::to_owned).collect::<Vec<_>>();
        found.sort();
        assert_eq!(found, scene.plugins().collect::<Vec<_>>());
        let states =
            document["plugins"].as_array().into_iter().flatten().map(|plugin| plugin["state"].clone());
        let mut states: Vec<Value> = states.collect();
        states.dedup();
        states
    };
    assert_eq!(states().await, ["not running"]);
    let host = scene.start().await;
    assert_eq!(states().await, ["running"]);
    let shown = scene.run(&["plugins"]).await;
    assert_eq!(
        shown.output.lines().filter(|line| line.contains(" running ")).count(),
        scene.plugins().count()
    );
    host.stop().await;
    assert_eq!(states().await, ["not running"]);
}

#[tokio::test]
async fn the_graph_tells_who_is_where_and_why() {
    let scene = Scene::new(Manner::Linked);
    let whole = scene.run(&["graph"]).await;
    assert_eq!((whole.code, whole.errors.as_str()), (Some(0), ""));
    let expected = "host/shutdown.began (event)\n  says     host\n  hears    session-orchestrator\n";
    assert!(whole.output.contains(expected), "{}", whole.output);
    let why = scene.run(&["graph", "--why", "agent/turn.tools"]).await;
    let expected =
        "agent/turn.tools (fail-open-filter)\n  applies  session-orchestrator\n  links    skills: ";
    assert!(why.output.starts_with(expected) && why.output.lines().count() == 3, "{}", why.output);
    let document: Value = serde_json::from_str(&scene.run(&["graph", "--json"]).await.output).expect("JSON");
    let points = document["points"].as_array().expect("a list");
    assert!(
        points.iter().any(|point| point["point"] == "agent/tool.run" && point["kind"] == "named-service")
    );
    let dot = scene.run(&["graph", "--dot"]).await.output;
    assert!(dot.starts_with("digraph transom {") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("  \"agent/tool.run\" -> \"tools-fs\"\n"), "{dot}");
    let nothing = scene.run(&["graph", "--why", "nobody/knows"]).await;
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.errors.contains("touches a point `nobody/knows`"), "{}", nothing.errors);
}

#[tokio::test]
async fn help_tells_a_default_once() {
    let scene = Scene::new(Manner::Linked);
    for name in ["dev", "up", "reload", "chat", "new"] {
        let text = help(&scene, &[name, "--help"]).await;
        for line in text.lines() {
            assert!(line.matches("[default: ").count() < 2, "{name}: {line}");
        }
    }
}

//! The log of a host: whose line it is, how many there may be, at which level, and in which form.

use serde_json::{Value, json};

use super::support::{Host, Manner, Scene, dylib, eventually, linked_and_dylib};

linked_and_dylib![
    a_line_for_programs_names_plugin_spans_and_the_clients_trace,
    the_operator_changes_levels_while_the_host_runs,
];

fn scene(manner: Manner, keys: &str) -> Scene {
    let source = dylib("unruly").display().to_string();
    let tables = format!("[[plugin]]\nid = \"unruly\"\nsource = \"{source}\"\n{keys}\n");
    Scene::new(manner).with_tables(&tables)
}

async fn tell(host: &Host, what: &str) -> String {
    let told = host.client.get(&format!("/x/unruly/tell?what={what}")).await;
    told.as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_flood_is_held_back_counted_and_does_not_hide_an_error() {
    let scene = scene(Manner::Linked, "").with_host("log_limit = 20");
    let host = scene.start().await;
    tell(&host, "flood").await;
    let told = async || host.errors().contains("suppressed ");
    eventually("a line about what was held back", told, |told| *told).await;
    assert!(host.errors().contains("a leak behind the flood"), "{}", host.errors());
    tell(&host, "flood").await;
    host.signal("TERM").await;
    let (status, errors) = host.ended().await;
    assert!(status.success(), "{errors}");
    let drops = errors.lines().filter(|line| line.contains("a drop of a flood")).count();
    let held_back = |line: &str| -> Option<usize> {
        let (_, count) = line.split_once(": suppressed ")?;
        count.split_once(" lines of `unruly`")?.0.parse().ok()
    };
    let held_back: usize = errors.lines().filter_map(held_back).sum();
    assert!((100..2000).contains(&drops), "{drops} lines");
    assert_eq!(drops + held_back, 40_000);
}

async fn a_line_for_programs_names_plugin_spans_and_the_clients_trace(manner: Manner) {
    let scene = scene(manner, "");
    let mut command = scene.command(&["up", "--listen", "127.0.0.1:0", "--json", "--log-format", "json"]);
    command.stdin(std::process::Stdio::null());
    let host = Host::start(command).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");
    let request = host.client.request(reqwest::Method::GET, "/x/unruly").header("traceparent", traceparent);
    assert_eq!(request.send().await.expect("an answer").status(), 500);
    tell(&host, "fields").await;
    host.signal("TERM").await;
    let (_, errors) = host.ended().await;
    let lines = errors.lines().filter(|line| !line.starts_with("stopping; once more"));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect(line)).collect();
    let line = |plugin: &str, message: &str| -> &Value {
        let is_meant = |line: &&Value| {
            line["plugin"] == plugin && line["message"].as_str().is_some_and(|said| said.contains(message))
        };
        lines.iter().find(is_meant).unwrap_or_else(|| panic!("{message} of {plugin}: {errors}"))
    };
    for fault in [line("unruly", "slammed the door"), line("transport-http", "route `GET /x/unruly` failed")]
    {
        assert_eq!((&fault["level"], &fault["traceId"]), (&json!("error"), &json!(trace)), "{fault}");
        let span = &fault["spans"][0];
        assert_eq!((&span["name"], &span["plugin"]), (&json!("request"), &json!("transport-http")), "{span}");
        assert_eq!(
            (&span["fields"]["method"], &span["fields"]["path"]),
            (&json!("GET"), &json!("/x/unruly"))
        );
    }
    let told = line("unruly", "a line with fields");
    assert_eq!((&told["target"], &told["fields"]["count"]), (&json!("transom_unruly::telling"), &json!(-3)));
    assert_eq!(told["spans"][0]["fields"]["path"], "/x/unruly/tell");
    assert!(told["traceId"].as_str().is_some_and(|other| other.len() == 32 && other != trace), "{told}");
}

async fn the_operator_changes_levels_while_the_host_runs(manner: Manner) {
    let scene = scene(manner, "log = \"error\"").with_host("log = \"warn\"");
    let host = scene.start().await;
    let listed = async || -> Value {
        let outcome = scene.run(&["log", "--json"]).await;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        serde_json::from_str(&outcome.output).expect("JSON")
    };
    let level = |listed: &Value, plugin: &str| {
        let plugins = listed["plugins"].as_array().expect("a list");
        let found = plugins.iter().find(|one| one["plugin"] == plugin).expect("it is listed");
        (found["level"].as_str().expect("text").to_owned(), found["own"] == true)
    };
    let told = listed().await;
    assert_eq!((&told["host"], level(&told, "unruly")), (&json!("warn"), ("error".to_owned(), true)));
    assert_eq!(level(&told, "transport-http"), ("warn".to_owned(), false));
    assert_eq!(tell(&host, "level").await, "false");
    assert_eq!(scene.run(&["log", "unruly", "debug"]).await.code, Some(0));
    assert_eq!(tell(&host, "level").await, "true");

    let set = scene.run(&["log", "unruly", "host"]).await;
    assert_eq!(set.code, Some(0), "{set:?}");
    assert!(set.output.lines().any(|line| line.starts_with("unruly ") && line.ends_with("as the host")));
    assert_eq!(tell(&host, "level").await, "false");
    tell(&host, "fields").await;
    assert!(!host.errors().contains("a line with fields"), "{}", host.errors());

    // What is off for everybody is on for one.
    for (who, level) in [("host", "off"), ("transport-http", "error")] {
        let set = scene.run(&["log", who, level]).await;
        assert_eq!(set.code, Some(0), "{set:?}");
    }
    let before = host.errors();
    host.client.ask("/x/unruly").await;
    let failed = async || host.errors().contains("route `GET /x/unruly` failed");
    eventually("the line of the plugin that has a level", failed, |failed| *failed).await;
    let since = host.errors()[before.len()..].to_owned();
    assert!(since.contains("plugin=transport-http") && !since.contains("slammed the door: "), "{since}");
    assert_eq!(since.lines().count(), 1, "{since}");

    for (who, level, problem) in [
        ("nobody", "debug", "error: there is no plugin `nobody`"),
        ("unruly", "loud", "error: `loud` is no level: write `error`"),
        ("host", "loud", "error: the level holds `loud`, which is no level"),
    ] {
        let refused = scene.run(&["log", who, level]).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.errors.starts_with(problem), "{refused:?}");
    }
    assert_eq!(scene.run(&["log", "unruly"]).await.code, Some(2), "a level is missing");
    host.stop().await;
}

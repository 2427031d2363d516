//! Turns with a model behind a real HTTP server: what it says in the most awkward way arrives as what it meant.

mod endpoint;
mod prefix;

use std::path::Path;

use serde_json::{Value, json};

use self::endpoint::{Answer, Endpoint, whole};
use super::support::{Manner, Scene, eventually, linked_and_dylib, text_of, types_of};

linked_and_dylib![
    a_turn_with_a_tool_call_survives_an_awkward_stream,
    a_stream_that_is_never_said_to_be_done_is_whole_once_it_has_finished,
    the_key_arrives_at_the_endpoint_and_nowhere_else,
    a_full_provider_is_told_as_a_rate_limit,
    a_stopped_turn_closes_the_connection_to_the_provider,
    listed_models_are_offered,
];

const KEY: &str = "sk-barnacle-0123456789";
const MODELS: &str = r#"{"data":[{"id":"tiny"},{"id":"fleet/huge"}]}"#;

fn scene(manner: Manner, endpoint: &Endpoint) -> Scene {
    let settings = format!(
        "base_url = \"{}\"\nkey = \"env:BARNACLE_KEY\"\nmodel = \"tiny\"\nlist_models = false",
        endpoint.address
    );
    Scene::new(manner)
        .with_variable("BARNACLE_KEY", KEY)
        .with("provider-openai", &settings)
        .with("session-orchestrator", "default_model = \"openai/tiny\"\nsystem_prompt = \"Be brief.\"")
}

/// Every liberty that server-sent events allow: a byte order mark, comments, CRLF and LF, fields nobody needs, data
/// in several lines, a tool's input in fragments; and no `[DONE]`, which only a convention asks for.
const CALL: &str = concat!(
    "\u{feff}: the crew is waking up\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
    "\r\n\r\n",
    "event: message\r\nid: 1\r\nretry: 5\r\n",
    r#"data: {"choices":[{"index":0,"#,
    "\r\n",
    r#"data: "delta":{"content":"Let me look, Zoë ⚓. "}}]}"#,
    "\r\n\r\n",
    ": still here\n\n",
    r#"data:{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"read_file","arguments":""}}]}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"pa"}}]}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"th\":\"ship"}}]}}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"/løg.txt\"}"}}]}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    "\n\n",
    r#"data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4}}}"#,
    "\n\n",
);

const REPORT: &str = concat!(
    r#"data: {"choices":[{"index":0,"delta":{"content":"Wind from the west."}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "\n\n",
    r#"data: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":5}}"#,
    "\n\n",
    "data: [DONE]\n\n",
);

async fn a_turn_with_a_tool_call_survives_an_awkward_stream(manner: Manner) {
    let answers = [CALL, REPORT].map(|text| Answer::ByteByByte(text.to_owned()));
    let mut endpoint = Endpoint::start(MODELS, answers).await;
    let scene = scene(manner, &endpoint);
    scene.file("ship/løg.txt", "day 3: west wind\n");
    let host = scene.start().await;
    let frames = host.client.turn("c", "How is the wind?").await;
    assert_eq!(text_of(&frames), "Let me look, Zoë ⚓. Wind from the west.", "{frames:#?}");
    let one = |kind| frames.iter().find(|frame| frame["type"] == kind).expect(kind);
    let call = one("tool-call");
    assert_eq!((&call["toolCallId"], &call["input"]), (&json!("call_a"), &json!({ "path": "ship/løg.txt" })));
    let result = one("tool-result")["content"].as_str().expect("text");
    assert!(result.contains("day 3: west wind"), "{result}");
    let usages: Vec<&Value> =
        frames.iter().filter(|frame| frame["type"] == "usage").map(|frame| &frame["usage"]).collect();
    let first = json!({ "inputTokens": 11, "outputTokens": 7, "cacheReadTokens": 4 });
    assert_eq!(usages, [&first, &json!({ "inputTokens": 20, "outputTokens": 5 })]);
    let done = one("done");
    assert_eq!(done["reason"], "stop");
    assert_eq!(done["usage"], json!({ "inputTokens": 31, "outputTokens": 12, "cacheReadTokens": 4 }));
    check_requests(&mut endpoint, result).await;
}

/// What the endpoint was asked: the person's words first, then all of that with the call and what the tool answered.
async fn check_requests(endpoint: &mut Endpoint, result: &str) {
    let first = endpoint.request().await.body;
    assert_eq!((&first["model"], &first["stream"]), (&json!("tiny"), &json!(true)));
    let opening = [
        json!({ "role": "system", "content": "Be brief." }),
        json!({ "role": "user", "content": "How is the wind?" }),
    ];
    assert_eq!(first["messages"], json!(opening));
    let tools = first["tools"].as_array().expect("a list").iter();
    let tools: Vec<&str> = tools.filter_map(|tool| tool["function"]["name"].as_str()).collect();
    assert_eq!(tools, ["glob", "grep", "list_dir", "read_file"]);
    let second = endpoint.request().await.body;
    let messages = second["messages"].as_array().expect("a list");
    assert_eq!(messages[..2], opening);
    let call = &messages[2]["tool_calls"][0];
    assert_eq!((&call["id"], &call["function"]["name"]), (&json!("call_a"), &json!("read_file")));
    let input = call["function"]["arguments"].as_str().expect("text");
    assert_eq!(serde_json::from_str::<Value>(input).expect("JSON"), json!({ "path": "ship/løg.txt" }));
    assert_eq!(messages[3], json!({ "role": "tool", "tool_call_id": "call_a", "content": result }));
    assert_eq!(messages.len(), 4);
}

async fn a_stream_that_is_never_said_to_be_done_is_whole_once_it_has_finished(manner: Manner) {
    let finished = REPORT.strip_suffix("data: [DONE]\n\n").expect("it ends so");
    let torn = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Wind fr\"}}]}\n\n";
    let answers = [finished, torn].map(|text| Answer::ByteByByte(text.to_owned()));
    let endpoint = Endpoint::start(MODELS, answers).await;
    let scene = scene(manner, &endpoint);
    let host = scene.start().await;
    let frames = host.client.turn("c", "hello").await;
    assert_eq!(
        (text_of(&frames).as_str(), &frames[frames.len() - 2]["reason"]),
        ("Wind from the west.", &json!("stop"))
    );
    let frames = host.client.turn("d", "hello").await;
    assert_eq!(
        (text_of(&frames).as_str(), &frames[frames.len() - 2]["reason"]),
        ("Wind fr", &json!("error"))
    );
}

async fn the_key_arrives_at_the_endpoint_and_nowhere_else(manner: Manner) {
    let echo = format!("{{\"error\":{{\"message\":\"nobody here is called {KEY}\"}}}}");
    let answers =
        [Answer::ByteByByte(REPORT.to_owned()), Answer::Whole(whole("401 Unauthorized", "", &echo))];
    let mut endpoint = Endpoint::start(MODELS, answers).await;
    let scene = scene(manner, &endpoint).with_host("log = \"trace\"");
    let host = scene.start().await;
    host.client.turn("c", "hello").await;
    let frames = host.client.turn("c", "hello again").await;
    assert_eq!(frames[2]["code"], "authentication");
    for _ in 0..2 {
        assert_eq!(endpoint.request().await.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    }
    let mut shown = vec![json!(frames).to_string(), host.ready.to_string()];
    for path in ["/plugins", "/models", "/health", "/conversations/c"] {
        shown.push(host.client.get(path).await.to_string());
    }
    host.signal("TERM").await;
    shown.push(host.ended().await.1);
    assert!(shown.last().is_some_and(|log| log.contains("openai")), "the log says something");
    let outcome = scene.run(&["plugins"]).await;
    shown.extend([outcome.output, outcome.errors]);
    for text in shown {
        assert!(!text.contains(KEY), "{text}");
    }
    assert_eq!(files_with(KEY, &scene.data().join("plugins")), Vec::<String>::new());
}

/// Names of the files below a folder that contain a text.
fn files_with(text: &str, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(text, &path));
        } else if std::fs::read(&path)
            .expect("a file")
            .windows(text.len())
            .any(|window| window == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn a_full_provider_is_told_as_a_rate_limit(manner: Manner) {
    let full =
        whole("429 Too Many Requests", "Retry-After: 3\r\n", "{\"error\":{\"message\":\"come back later\"}}");
    let endpoint = Endpoint::start(MODELS, [Answer::Whole(full)]).await;
    let scene = scene(manner, &endpoint);
    let host = scene.start().await;
    let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": "hello" })).await;
    let retry = chat.until("provider-retry").await;
    assert_eq!((&retry["code"], &retry["attempt"]), (&json!("rate-limited"), &json!(0)), "{retry}");
    // The schedule begins with 5 s, which is more than the 3 s that the provider asks for.
    assert_eq!(retry["delayMs"], 5000);
    assert!(retry["message"].as_str().is_some_and(|text| text.contains("come back later")), "{retry}");
    // Nobody has to wait for that.
    host.client.post("/conversations/c/stop", &json!({})).await;
    let rest = chat.rest().await;
    // The step is complete, too, when the stop came before the wait.
    let end = &rest[rest.len() - 2..];
    assert_eq!(
        (types_of(end), &end[0]["reason"]),
        (vec!["done", "turn-sealed"], &json!("aborted")),
        "{rest:#?}"
    );
}

async fn a_stopped_turn_closes_the_connection_to_the_provider(manner: Manner) {
    let torn = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Wind \"}}]}\n\n";
    let mut endpoint = Endpoint::start(MODELS, [Answer::Hang(torn.to_owned())]).await;
    let scene = scene(manner, &endpoint);
    let host = scene.start().await;
    let mut chat = host.client.chat(&json!({ "conversationId": "c", "message": "hello" })).await;
    chat.until("text-delta").await;
    host.client.post("/conversations/c/stop", &json!({})).await;
    endpoint.departure().await;
    assert_eq!(chat.until("done").await["reason"], "aborted");
    assert_eq!(host.client.said("c").await[1]["chunk"]["text"], "Wind ");
}

async fn listed_models_are_offered(manner: Manner) {
    let endpoint = Endpoint::start(MODELS, []).await;
    let settings = format!("base_url = \"{}\"", endpoint.address);
    let scene = Scene::new(manner).with("provider-openai", &settings);
    let host = scene.start().await;
    let models = async || host.client.get("/models").await["models"].clone();
    let offered = json!(["openai/fleet/huge", "openai/tiny", "scripted/demo", "scripted/echo"]);
    eventually("the models of the endpoint", models, |models| *models == offered).await;
}

//! Every route that the host describes, asked with what is missing, wrong, too much, unknown or meant to do harm.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::wire::{Answer, Wire};
use super::{Held, check_healthy};
use crate::host::support::{Host, Manner, Scene};

/// A conversation that is there.
const THERE: &str = "there";

/// What stands where a path has a parameter: none of it is the id of anything.
const STRANGE: [&str; 13] = [
    "nobody",
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "%0d%0aset-cookie:%20a=b",
    "a%20b",
    "%E2%80%AE",
    "%ff",
    "%zz",
    "%F0%9F%92%A9",
    "'%20OR%201=1--",
    "99999999999999999999999999",
];

/// What stands behind a key of a query.
const QUERIES: [&str; 9] =
    ["", "-1", "0", "1e9", "99999999999999999999", "%00", "null", "%E2%80%AE", "0:99999999999:0"];

/// One operation of the description.
struct Operation {
    method: String,
    path: String,
    about: Value,
}

impl Operation {
    fn all(description: &Value) -> Vec<Self> {
        let mut all = Vec::new();
        for (path, item) in description["paths"].as_object().expect("paths") {
            for (method, about) in item.as_object().expect("operations") {
                let (method, path, about) = (method.to_uppercase(), path.clone(), about.clone());
                all.push(Self { method, path, about });
            }
        }
        // What deletes comes last, so that the others find something.
        all.sort_by_key(|operation| operation.method == "DELETE");
        all
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with this in the place of each parameter.
    fn target(&self, parameter: &str) -> String {
        let mut target = String::new();
        for part in self.path.split('/').skip(1) {
            target += "/";
            target += if part.starts_with('{') { parameter } else { part };
        }
        target
    }

    fn has_parameter(&self) -> bool {
        self.path.contains('{')
    }

    fn schema(&self) -> &Value {
        &self.about["requestBody"]["content"]["application/json"]["schema"]
    }

    /// A body that makes sense.
    ///
    /// A route that needs fields has to stand here, so that what is wrong with one field is tried while the others are right.
    fn sound_body(&self) -> Value {
        let body = match self.name().as_str() {
            "POST /chat" => json!({ "message": "hello", "conversationId": THERE }),
            "POST /conversations/{id}/queue" | "PUT /conversations/{id}/queue/{messageId}" => {
                json!({ "text": "hello" })
            }
            "POST /conversations/{id}/answer" => json!({ "questionId": "q", "choice": "yes" }),
            "PUT /conversations/{id}/model" => json!({ "model": "scripted/echo" }),
            "PUT /conversations/{id}/cwd" => json!({ "cwd": "/nowhere" }),
            "PUT /conversations/{id}/title" | "PUT /workspaces/{id}/title" => json!({ "title": "words" }),
            "POST /chat/warm" => json!({ "conversationId": THERE }),
            "PUT /concurrency/cooldown/{provider}" => json!({ "cooldownMs": 0 }),
            "PUT /concurrency/limits/{provider}" => json!({ "limit": 2 }),
            "PUT /conversations/{id}/compact-percent" => json!({ "threshold": 70 }),
            "PUT /conversations/{id}/reasoning-effort" => json!({ "reasoningEffort": "low" }),
            "PUT /permissions" => json!({ "decision": "ask", "rule": "run_shell(ls *)" }),
            "POST /permissions/check" => json!({ "tool": "read_file", "folder": "/" }),
            "PUT /system-prompt" => json!({ "template": "You are in [prompt:cwd]." }),
            "PUT /trust" => json!({ "folder": "/", "trusted": false }),
            "PUT /workspaces/{id}/default-cwd" => json!({ "defaultCwd": null }),
            _ => json!({}),
        };
        for field in self.schema()["required"].as_array().into_iter().flatten() {
            let is_there = field.as_str().is_some_and(|field| body.get(field).is_some());
            assert!(is_there, "{} needs {field}: say above what makes sense there", self.name());
        }
        body
    }

    /// Bodies with something wrong in them.
    fn bodies(&self) -> Vec<Vec<u8>> {
        let sound = self.sound_body();
        let texts =
            ["null", "[]", "7", "\"text\"", "{", "", "{\"a\":1,\"a\":2}", "{\"unknown\":1}", "\u{feff}{}"];
        let mut bodies: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        bodies.push(b"{\"\xff\":1}".to_vec());
        bodies.push(vec![b'['; 10_000]);
        let empty = serde_json::Map::new();
        for field in self.schema()["properties"].as_object().unwrap_or(&empty).keys() {
            let mut without = sound.clone();
            without.as_object_mut().expect("an object").remove(field);
            bodies.push(without.to_string().into_bytes());
            for wrong in [
                json!(null),
                json!(true),
                json!(-1),
                json!(1e300),
                json!(18_446_744_073_709_551_615_u64),
                json!([]),
                json!({ "a": [] }),
                json!(""),
                json!(" \n"),
                json!("\u{0}\u{1b}[2J\u{202e}"),
                json!("../../etc/passwd"),
                json!("/etc"),
                json!("x".repeat(5_000)),
                json!("👩".repeat(50_000)),
            ] {
                let mut body = sound.clone();
                body[field] = wrong;
                bodies.push(body.to_string().into_bytes());
            }
        }
        bodies
    }

    /// Whether an answer is one that is described, says what is wrong, and does not say it at length.
    fn check(&self, answer: &Answer, asked: &str) {
        let asked: String = asked.chars().take(200).collect();
        let told = || format!("{} {asked}: {answer:?}", self.name()).chars().take(2_000).collect::<String>();
        assert!(answer.status < 500, "{}", told());
        let is_described = self.about["responses"].get(answer.status.to_string()).is_some();
        // A path that no route has, and one that is too long, are no business of the route.
        let is_common = [404, 405, 414].contains(&answer.status);
        assert!(is_described || is_common, "{}", told());
        if answer.status >= 400 {
            let error = answer.document["error"].as_str();
            // What is too long to be read has no document.
            assert!(error.is_some_and(|error| !error.is_empty()) || answer.status == 414, "{}", told());
            assert!(answer.bytes < 2_500, "{}", told());
            let is_plain =
                |letter: char| !letter.is_control() && !('\u{202a}'..='\u{202e}').contains(&letter);
            assert!(error.unwrap_or_default().chars().all(is_plain), "{}", told());
        }
    }
}

const JSON: &str = "content-type: application/json\r\n";

/// What the program runs by itself.
const DEFAULT: &str = include_str!("../../../src/default.toml");

/// Every bundled plugin that has routes, also one that comes later: those that need an account have none.
fn everything() -> Scene {
    let ids = DEFAULT.lines().filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
    let scene = ids.fold(Scene::new(Manner::Linked), |scene, id| scene.with(id, ""));
    scene.with("provider-scripted", "pace_ms = 0")
}

async fn description(host: &Host) -> Vec<Operation> {
    Operation::all(&host.client.get("/openapi.json").await)
}

#[tokio::test]
async fn every_route_answers_what_is_wrong_as_it_is_described() {
    let scene = everything();
    let host = scene.start().await;
    host.client.turn(THERE, "[[say: hello]]").await;
    let before = Held::by(&host);
    let mut wire = Wire::to(&host);
    let operations = description(&host).await;
    check_everybody_is_asked(&operations);
    for operation in operations {
        let there = operation.target(THERE);
        for parameter in STRANGE.iter().filter(|_| operation.has_parameter()) {
            let target = operation.target(parameter);
            let body = operation.sound_body().to_string();
            let answer = wire.ask(&operation.method, &target, JSON, body.as_bytes()).await;
            operation.check(&answer, &target);
        }
        if operation.has_parameter() {
            for length in [129, 5_000, 70_000] {
                let target = operation.target(&"x".repeat(length));
                operation.check(&wire.ask(&operation.method, &target, "", b"").await, &target);
            }
        }
        for parameter in operation.about["parameters"].as_array().into_iter().flatten() {
            let Some(key) = parameter["name"].as_str().filter(|_| parameter["in"] == "query") else {
                continue;
            };
            for value in QUERIES {
                let target = format!("{there}?{key}={value}&{key}={value}");
                operation.check(&wire.ask(&operation.method, &target, "", b"").await, &target);
            }
        }
        let target = format!("{there}?unknown=1&%zz=%00");
        operation.check(&wire.ask(&operation.method, &target, "", b"").await, &target);
        if operation.method == "GET" {
            continue;
        }
        for body in operation.bodies() {
            let answer = wire.ask(&operation.method, &there, JSON, &body).await;
            operation.check(&answer, &String::from_utf8_lossy(&body));
        }
        let foreign = wire.ask(&operation.method, &there, "content-type: text/plain\r\n", b"{}").await;
        assert_eq!(foreign.status, 415, "{}: {foreign:?}", operation.name());
        // Too large by what is announced, none of which comes.
        let large = format!("{JSON}content-length: {}\r\n", 10_000_000);
        let refused = wire.ask(&operation.method, &there, &large, b"{").await;
        assert_eq!(refused.status, 413, "{}: {refused:?}", operation.name());
    }
    drop(wire);
    check_nothing_is_left(&host).await;
    before.is_back(&host).await;
    check_healthy(&host).await;
    host.stop().await;
}

/// No plugin of the scene has lost its routes, so that none would be asked.
fn check_everybody_is_asked(operations: &[Operation]) {
    let asked: BTreeSet<&str> =
        operations.iter().filter_map(|operation| operation.about["tags"][0].as_str()).collect();
    for plugin in [
        "cache-explainer",
        "cache-warming",
        "compaction",
        "concurrency",
        "conversation-store",
        "credentials",
        "mcp",
        "message-queue",
        "model-catalogue",
        "permissions",
        "session-orchestrator",
        "skills",
        "surface-registry",
        "system-prompt",
        "todo",
        "trust",
    ] {
        assert!(asked.contains(plugin), "no route of `{plugin}` is asked, only those of {asked:?}");
    }
}

/// Nothing runs, and no strange id has become a conversation.
async fn check_nothing_is_left(host: &Host) {
    let active = async || host.client.get("/conversations?status=active").await;
    let is_empty = |active: &Value| active["conversations"] == json!([]);
    crate::host::support::eventually("all turns to end", active, is_empty).await;
    let listed = host.client.get("/conversations").await;
    for conversation in listed["conversations"].as_array().expect("a list") {
        let id = conversation["id"].as_str().expect("text");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(id.len() <= 128 && id != ".." && id.bytes().all(is_plain), "{conversation}");
    }
}

/// What makes a conversation: a message, and a choice for the first one.
const MAKING: [&str; 5] = [
    "POST /conversations/{id}/queue",
    "PUT /conversations/{id}/cwd",
    "PUT /conversations/{id}/model",
    "PUT /conversations/{id}/reasoning-effort",
    "PUT /conversations/{id}/title",
];

#[tokio::test]
async fn an_unknown_conversation_is_not_found_by_any_route_and_made_by_none() {
    let scene = everything();
    let host = scene.start().await;
    let mut wire = Wire::to(&host);
    let mut found = BTreeSet::new();
    for operation in description(&host).await {
        let name = operation.name();
        if !name.contains("/conversations/{id}") {
            continue;
        }
        if MAKING.contains(&name.as_str()) {
            found.insert(name);
            continue;
        }
        let body = operation.sound_body().to_string();
        let answer = wire.ask(&operation.method, &operation.target("nobody"), JSON, body.as_bytes()).await;
        assert_eq!(answer.status, 404, "{name}: {answer:?}");
        let error = answer.document["error"].as_str().unwrap_or_default();
        assert!(
            error.contains("there is no conversation `nobody`") || name.contains("/answer"),
            "{name}: {error}"
        );
        assert_eq!(host.client.get("/conversations").await["conversations"], json!([]), "{name} made one");
    }
    assert_eq!(found, MAKING.map(str::to_owned).into());
    let back = wire.ask("PUT", "/conversations/nobody/model", JSON, b"{\"model\":null}").await;
    assert_eq!(back.status, 404, "there is nothing to take back: {back:?}");
    assert_eq!(host.client.get("/conversations").await["conversations"], json!([]));
    for (path, body) in [
        ("title", json!({ "title": "plans" })),
        ("model", json!({ "model": "scripted/echo" })),
        ("reasoning-effort", json!({ "reasoningEffort": "low" })),
        ("cwd", json!({ "cwd": scene.work() })),
    ] {
        let target = format!("/conversations/for-{path}/{path}");
        let answer = wire.ask("PUT", &target, JSON, body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(host.client.ask(&format!("/conversations/for-{path}/status")).await.0, 200);
    }
    let queued = wire.ask("POST", "/conversations/for-message/queue", JSON, b"{\"text\":\"hello\"}").await;
    assert_eq!((queued.status, &queued.document["startedTurn"]), (200, &json!(true)), "{queued:?}");
    host.client.idle("for-message").await;
    host.stop().await;
}

#[tokio::test]
async fn a_choice_that_no_turn_could_take_is_refused_in_the_words_of_the_turn() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    host.client.turn(THERE, "[[say: hello]]").await;
    let mut wire = Wire::to(&host);
    let outside = scene.data().display().to_string();
    let nowhere = scene.work().join("nowhere").display().to_string();
    for (field, value) in [
        ("model", "scripted/ehco"),
        ("model", "nobody/x"),
        ("cwd", &outside),
        ("cwd", &nowhere),
        ("cwd", "src"),
    ] {
        let target = format!("/conversations/{THERE}/{field}");
        let chosen = wire.ask("PUT", &target, JSON, json!({ field: value }).to_string().as_bytes()).await;
        let turn = json!({ "message": "hello", "conversationId": THERE, field: value }).to_string();
        let asked = wire.ask("POST", "/chat", JSON, turn.as_bytes()).await;
        assert_eq!((chosen.status, asked.status), (400, 400), "{field} {value}: {chosen:?} {asked:?}");
        assert_eq!(chosen.document["error"], asked.document["error"], "{field} {value}");
        if field == "cwd" {
            let told = asked.document["error"].as_str().unwrap_or_default();
            let body = json!({ "defaultCwd": value }).to_string();
            for target in ["/workspaces/w", "/workspaces/default/default-cwd"] {
                let chosen = wire.ask("PUT", target, JSON, body.as_bytes()).await;
                let error = chosen.document["error"].as_str().unwrap_or_default();
                assert_eq!(
                    (chosen.status, error),
                    (400, &*told.replacen("`cwd`", "`defaultCwd`", 1)),
                    "{target}"
                );
            }
        }
    }
    let near = wire.ask("PUT", "/conversations/there/model", JSON, b"{\"model\":\"scripted/ehco\"}").await;
    let told = near.document["error"].as_str().unwrap_or_default();
    assert!(told.contains("nearest") && told.contains("`scripted/echo`"), "{told}");
    host.stop().await;
}

//! Every operation over a WebSocket, said with what is missing, wrong, too much, unknown or meant to do harm.

use serde_json::{Map, Value, json};

use super::socket::{Socket, address_of};
use super::{Held, check_healthy};
use crate::host::support::{Manner, Scene};

/// The page that lists the operations with their fields.
const PAGE: &str = include_str!("../../../../docs/guide/websocket.md");

/// Where the transport tells them apart.
const KNOWN: &str = include_str!("../../../../plugins/transport-ws/src/asked.rs");

/// An operation, and its fields with whether they may be absent.
struct Operation {
    name: String,
    fields: Vec<(String, bool)>,
}

impl Operation {
    fn all() -> Vec<Self> {
        let rows = PAGE.lines().filter(|line| line.starts_with("| `chat.") && !line.contains("`event`"));
        let rows = rows.filter(|line| !line.contains("`chat.error`"));
        let all: Vec<Self> = rows
            .map(|row| {
                let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
                let parts: Vec<&str> = cells[1].split('`').collect();
                let fields = parts.chunks_exact(2).zip(parts.iter().skip(2).step_by(2));
                let fields = fields.map(|(pair, behind)| (pair[1].to_owned(), behind.starts_with('?')));
                Self { name: cells[0].trim().trim_matches('`').to_owned(), fields: fields.collect() }
            })
            .collect();
        assert!(all.len() >= 7, "the page lists only {} operations", all.len());
        all
    }

    /// A message that makes sense, on a conversation.
    fn sound(&self, conversation: &str) -> Map<String, Value> {
        let value = |field: &str| match field {
            "conversationId" => json!(conversation),
            "after" => json!("0:1:0"),
            "message" | "text" => json!("[[say: hello]]"),
            "model" => json!("scripted/echo"),
            "cwd" => Value::Null,
            "reasoningEffort" => json!("low"),
            "workspaceId" => json!("default"),
            "delivery" => json!("queue"),
            "messageId" | "questionId" => json!("nobody"),
            "choice" => json!("yes"),
            other => panic!("say above what makes sense as `{other}` of `{}`", self.name),
        };
        self.fields.iter().map(|(field, _)| (field.clone(), value(field))).collect()
    }
}

/// Says a message under an id, and hears what becomes of it.
async fn ask(socket: &mut Socket, of: &str, fields: &Map<String, Value>, id: &mut u64) -> Value {
    *id += 1;
    let mut message = fields.clone();
    message.insert("type".to_owned(), json!(of));
    message.insert("id".to_owned(), json!(*id));
    socket.say(&Value::Object(message).to_string()).await;
    socket.hear_of(&json!(*id)).await
}

#[test]
fn every_operation_that_the_transport_knows_is_on_the_page() {
    let arms = KNOWN.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "));
    let mut known: Vec<&str> = arms.map(|(name, _)| name).filter(|name| name.starts_with("chat.")).collect();
    let mut listed: Vec<String> = Operation::all().into_iter().map(|operation| operation.name).collect();
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, known);
}

#[tokio::test]
async fn every_operation_answers_what_is_wrong_and_the_connection_stays() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    host.client.turn("there", "[[say: hello]]").await;
    let before = Held::by(&host);
    let (mut socket, mut id) = (Socket::open(&address_of(&host).await).await, 0);
    for operation in Operation::all() {
        let sound = operation.sound("there");
        for (field, is_optional) in &operation.fields {
            let mut without = sound.clone();
            without.remove(field);
            let answer = ask(&mut socket, &operation.name, &without, &mut id).await;
            assert!(*is_optional || answer["type"] == "chat.error", "{}: {answer}", operation.name);
            for wrong in [
                json!(7),
                json!(true),
                json!([]),
                json!({ "a": 1 }),
                json!("\u{0}\u{1b}[2J\u{202e}"),
                json!("../../etc/passwd"),
                json!("x".repeat(5_000)),
            ] {
                let mut message = sound.clone();
                message.insert(field.clone(), wrong.clone());
                let answer = ask(&mut socket, &operation.name, &message, &mut id).await;
                let kind = answer["type"].as_str().unwrap_or_default();
                assert!(["chat.error", "reply"].contains(&kind), "{}: {answer}", operation.name);
                let is_text = wrong.is_string();
                assert!(kind == "chat.error" || is_text, "{} took {field} {wrong}", operation.name);
                let told = answer["message"].as_str().unwrap_or_default();
                assert!(told.len() < 1_500, "{}: {told}", operation.name);
            }
        }
        let mut unknown = sound.clone();
        unknown.insert("unknown".to_owned(), json!(1));
        let answer = ask(&mut socket, &operation.name, &unknown, &mut id).await;
        assert_eq!(answer["type"], "chat.error", "{}: {answer}", operation.name);
    }
    for text in
        ["", "7", "[]", "{", "null", "{}", "{\"type\":7}", r#"{"type":"a","type":"chat.stop"}"#, "\u{feff}"]
    {
        socket.say(text).await;
        assert_eq!(socket.hear().await.map(|heard| heard["type"].clone()), Ok(json!("error")), "{text}");
    }
    // Twice the same key is told as over HTTP.
    socket.say(r#"{"type":"chat.stop","id":"twice","conversationId":"a","conversationId":"b"}"#).await;
    let told = socket.hear().await.expect("it stays open");
    assert!(told["message"].as_str().is_some_and(|told| told.contains("`conversationId` twice")), "{told}");
    host.client.idle("there").await;
    drop(socket);
    before.is_back(&host).await;
    check_healthy(&host).await;
    host.stop().await;
}

#[tokio::test]
async fn an_unknown_conversation_is_not_found_by_any_operation_and_made_by_none() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    let (mut socket, mut id) = (Socket::open(&address_of(&host).await).await, 0);
    for operation in Operation::all() {
        // A message makes one, and that nothing is watched is so for what is not there.
        if ["chat.send", "chat.queue", "chat.unsubscribe"].contains(&operation.name.as_str()) {
            continue;
        }
        let answer = ask(&mut socket, &operation.name, &operation.sound("nobody"), &mut id).await;
        assert_eq!(answer["type"], "chat.error", "{}: {answer}", operation.name);
        assert_eq!(host.client.get("/conversations").await["conversations"], json!([]), "{}", operation.name);
    }
    let sent = json!({ "conversationId": "new", "text": "[[say: aye]]" });
    let queued = ask(&mut socket, "chat.queue", sent.as_object().expect("an object"), &mut id).await;
    assert_eq!(queued["result"]["startedTurn"], true, "{queued}");
    host.client.idle("new").await;
    let cancel = json!({ "conversationId": "new", "messageId": "gone" });
    let cancelled =
        ask(&mut socket, "chat.queue.cancel", cancel.as_object().expect("an object"), &mut id).await;
    assert_eq!(cancelled["result"]["cancelled"], false, "as over HTTP: {cancelled}");
    host.stop().await;
}

//! The routes: what clients are answered, and which field they are told of when something is wrong with it.

use serde_json::Value;
use transom_agent::conversation::{UPDATE, Update};
use transom_agent::log::{APPEND, Append, Entry};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::{ReasoningEffort, Usage};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::turn::{EndReason, TurnRecord};
use transom_conversation_store::ConversationStore;
use transom_plugin_api::{CallErrorKind, Caller, List, Maybe};
use transom_testkit::{Stand, json};

/// The routes of a store, and the stand that it runs on.
struct Client {
    stand: Stand,
    routes: Caller<HttpRequest, HttpReply, HttpRoute>,
}

impl Client {
    async fn new() -> Self {
        let stand = Stand::new().plugin::<ConversationStore>(json!({"durability": "normal"}));
        let routes = stand.caller(HTTP_ROUTE);
        stand.start().await.expect("it starts");
        Self { stand, routes }
    }

    /// Asks `METHOD /pattern` about `id`, with a query and a body.
    async fn ask(
        &self,
        route: &str,
        id: &str,
        query: &[(&str, &str)],
        body: Value,
    ) -> Result<Value, (u16, String)> {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let mut request = HttpRequest::new(method, path.replace(":id", id)).with_param("id", id);
        request.query = query.iter().map(|(key, value)| (*key, (*value).into())).collect();
        request.body = body.into();
        match self.routes.call_named(route, request).await {
            Ok(reply) => {
                assert_eq!(reply.status, 200);
                Ok(reply.body.value())
            }
            Err(error) => Err((status_of(error.kind), error.message.into_string())),
        }
    }

    async fn get(&self, route: &str, id: &str) -> Result<Value, (u16, String)> {
        self.ask(route, id, &[], Value::Null).await
    }

    async fn put(&self, route: &str, id: &str, body: Value) -> Result<Value, (u16, String)> {
        self.ask(route, id, &[], body).await
    }

    /// Chooses a folder, a workspace and a model, as whoever knows which there are does.
    async fn choose(&self, conversation: &str, cwd: &str, workspace: &str) {
        let update = Update {
            conversation_id: conversation.into(),
            cwd: Maybe::Some(cwd.into()),
            workspace_id: Maybe::Some(workspace.into()),
            model: Maybe::Some("a/b".into()),
            ..Update::default()
        };
        self.stand.caller(UPDATE).call(update).await.expect("chosen");
    }

    async fn append(&self, conversation: &str, entries: impl IntoIterator<Item = Entry>) {
        let append = Append { conversation_id: conversation.into(), entries: entries.into_iter().collect() };
        self.stand.caller(APPEND).call(append).await.expect("appended");
    }
}

/// The table in `transom_agent::reach`.
fn status_of(kind: CallErrorKind) -> u16 {
    match kind {
        CallErrorKind::InvalidInput => 400,
        CallErrorKind::NotFound => 404,
        CallErrorKind::Conflict => 409,
        other => panic!("{other:?}"),
    }
}

fn refused(status: u16, message: &str) -> Result<Value, (u16, String)> {
    Err((status, message.to_owned()))
}

fn said(id: &str, text: &str) -> Entry {
    Entry { message: Message::text(id, Role::User, text), turn_id: Maybe::None, positions: List::new() }
}

fn fact(id: &str, chunk: Chunk) -> Entry {
    let message = Message { id: id.into(), role: Role::System, chunks: List::from([chunk]) };
    Entry { message, turn_id: Maybe::None, positions: List::new() }
}

fn start() -> Entry {
    let reasoning_effort = ReasoningEffort::High;
    fact(
        "start",
        Chunk::TurnStart { turn_id: "t".into(), model: "a/b".into(), cwd: "/".into(), reasoning_effort },
    )
}

fn end(started_at: i64) -> Entry {
    let record = TurnRecord {
        turn_id: "t".into(),
        model: "a/b".into(),
        reason: EndReason::MaxSteps,
        usage: Usage { input_tokens: 3, output_tokens: 4, ..Usage::default() },
        steps: 1,
        error_class: Maybe::None,
        context_size: Maybe::Some(7),
        started_at,
        duration_ms: 2,
    };
    fact("end", Chunk::TurnEnd { record })
}

#[tokio::test]
async fn conversations_are_listed_read_copied_and_deleted() {
    let client = Client::new().await;
    client.append("c", [said("1", "hello"), said("2", "again")]).await;
    let list = client.get("GET /conversations", "").await.expect("listed");
    assert_eq!(
        (&list["conversations"][0]["id"], &list["conversations"][0]["workspaceId"]),
        (&json!("c"), &json!("default"))
    );
    let filtered = client.ask("GET /conversations", "", &[("q", "x")], Value::Null).await.expect("listed");
    assert_eq!(filtered, json!({"conversations": []}));
    let window = [("limit", "1"), ("oldest", "true")];
    let log = client.ask("GET /conversations/:id", "c", &window, Value::Null).await.expect("read");
    assert_eq!(
        (&log["chunks"][0]["seq"], &log["latestSeq"], &log["latestPosition"]),
        (&json!(1), &json!(2), &json!(0))
    );
    assert_eq!(client.get("GET /conversations/:id", "d").await, refused(404, "there is no conversation `d`"));
    let fork = "POST /conversations/:id/fork";
    let copy = client.put(fork, "c", json!({"to": "d", "atSeq": 1})).await.expect("copied");
    assert_eq!((&copy["id"], &copy["title"], &copy["latestSeq"]), (&json!("d"), &json!("hello"), &json!(2)));
    for number in 1..=2 {
        let named = client.put(fork, "c", Value::Null).await.expect("copied");
        assert_eq!(named["id"], json!(format!("c-fork-{number}")));
    }
    let taken = "there is a conversation `d` already; choose another id";
    assert_eq!(client.put(fork, "c", json!({"to": "d"})).await, refused(409, taken));
    assert_eq!(
        client.put(fork, "c", json!({"atSeq": "1"})).await,
        refused(400, "`atSeq` is expected to be a whole number")
    );
    let delete = "DELETE /conversations/:id";
    assert_eq!(client.get(delete, "c").await, Ok(json!({"conversationId": "c", "deleted": true})));
    assert_eq!(client.get(delete, "c").await, refused(404, "there is no conversation `c`"));
    assert_eq!(
        client.put(delete, "d", json!({"really": true})).await,
        refused(400, "the body contains `really`, expected none")
    );
    assert_eq!(client.get("GET /conversations/:id", "c").await, refused(404, "there is no conversation `c`"));
}

#[tokio::test]
async fn a_conversation_in_which_a_turn_runs_is_not_deleted_and_its_turns_are_told() {
    let client = Client::new().await;
    client.append("c", [said("1", "hello"), start()]).await;
    let refusal = refused(409, "turn `t` of conversation `c` runs; stop it first");
    assert_eq!(client.get("DELETE /conversations/:id", "c").await, refusal);
    let told = client.get("GET /conversations/:id/metrics", "c").await.expect("told");
    assert_eq!((&told["turns"][0]["turnId"], &told["turns"][0]["state"]), (&json!("t"), &json!("running")));
    client.append("c", [end(1)]).await;
    let told = client.get("GET /conversations/:id/metrics", "c").await.expect("told");
    let turn = &told["turns"][0];
    assert_eq!(
        (&turn["reason"], &turn["durationMs"], &turn["contextSize"]),
        (&json!("max-steps"), &json!(2), &json!(7))
    );
    let lately = client.get("GET /diagnostics/turns", "").await.expect("told");
    assert_eq!(lately["counts"], json!({"max-steps": 1}));
    assert_eq!(
        (&lately["turns"][0]["conversationId"], &lately["turns"][0]["turnId"]),
        (&json!("c"), &json!("t"))
    );
    let minutes = [("minutes", "soon")];
    let refusal = refused(400, "`minutes` is `soon`, expected a whole number, 1 or more");
    assert_eq!(client.ask("GET /diagnostics/turns", "", &minutes, Value::Null).await, refusal);
}

#[tokio::test]
async fn what_is_chosen_for_a_conversation_is_told_and_taken_back() {
    let client = Client::new().await;
    let unknown = refused(404, "there is no conversation `c`");
    for route in ["cwd", "model", "reasoning-effort"] {
        assert_eq!(client.get(&format!("GET /conversations/:id/{route}"), "c").await, unknown);
    }
    let back = "DELETE /conversations/:id/cwd";
    assert_eq!(client.get(back, "c").await, unknown, "and none is made");
    assert_eq!(client.get("GET /conversations/:id", "c").await, unknown);
    client.choose("c", "/srv", "w").await;
    let cwd = |cwd: Value| Ok(json!({"conversationId": "c", "cwd": cwd}));
    assert_eq!(client.get("GET /conversations/:id/cwd", "c").await, cwd(json!("/srv")));
    assert_eq!(client.get(back, "c").await, cwd(Value::Null));
    assert_eq!(
        client.get("GET /conversations/:id/model", "c").await,
        Ok(json!({"conversationId": "c", "model": "a/b"}))
    );

    let title = "PUT /conversations/:id/title";
    let titled = client.put(title, "c", json!({"title": "plans"})).await;
    assert_eq!(titled, Ok(json!({"conversationId": "c", "title": "plans"})));
    let blank = refused(400, "`title` is missing or blank, expected text");
    assert_eq!(client.put(title, "c", json!({"title": " "})).await, blank);

    let turned = client.put(title, "c", json!({"title": " a\u{202e}b\n\u{1b}c "})).await;
    assert_eq!(turned, Ok(json!({"conversationId": "c", "title": "ab c"})));
    let unseen = client.put(title, "c", json!({"title": "\u{202e}\u{7}"})).await;
    assert_eq!(unseen, refused(400, "`title` is blank, expected some words, or nothing at all"));

    let effort = "PUT /conversations/:id/reasoning-effort";
    let chosen = |effort: Value| Ok(json!({"conversationId": "c", "reasoningEffort": effort}));
    assert_eq!(client.put(effort, "c", json!({"reasoningEffort": "max"})).await, chosen(json!("max")));
    assert_eq!(client.get("GET /conversations/:id/reasoning-effort", "c").await, chosen(json!("max")));
    let unknown = client.put(effort, "c", json!({"reasoningEffort": "utmost"})).await;
    let expected = "`reasoningEffort` is `utmost`, expected one of `low`, `medium`, `high`, `xhigh`, `max`";
    assert_eq!(unknown, refused(400, expected));
}

#[tokio::test]
async fn workspaces_are_made_changed_and_deleted() {
    let client = Client::new().await;
    let put = "PUT /workspaces/:id";
    let root = json!(client.stand.root());
    let made = client.put(put, "w", json!({"title": "work", "defaultCwd": root})).await.expect("made");
    assert_eq!((&made["id"], &made["title"], &made["defaultCwd"]), (&json!("w"), &json!("work"), &root));
    let outside = client.put("PUT /workspaces/:id/default-cwd", "w", json!({"defaultCwd": "/"})).await;
    let within = format!("`defaultCwd` is `/`, expected a folder inside `{}`", client.stand.root().display());
    assert_eq!(outside, refused(400, &within));
    let again = client.put(put, "w", json!({"title": "other"})).await.expect("it is there");
    assert_eq!(again["title"], json!("work"), "one that is there stays as it is");
    let titled =
        client.put("PUT /workspaces/:id/title", "w", json!({"title": "more"})).await.expect("titled");
    assert_eq!(titled["title"], json!("more"));
    let cleared =
        client.put("PUT /workspaces/:id/default-cwd", "w", json!({"defaultCwd": null})).await.expect("set");
    assert_eq!(cleared.get("defaultCwd").cloned().unwrap_or_default(), Value::Null);
    let list = client.get("GET /workspaces", "").await.expect("listed");
    assert_eq!(list["workspaces"].as_array().map(Vec::len), Some(2));
    assert_eq!(client.get("GET /workspaces/:id", "default").await.expect("told")["conversations"], json!(0));
    assert_eq!(client.get("GET /workspaces/:id", "v").await, refused(404, "there is no workspace `v`"));
    let slug = "`id` is `W`, expected 1 to 40 of `a–z 0–9`, and hyphens between them";
    assert_eq!(client.put(put, "W", json!({})).await, refused(400, slug));
    client.choose("c", "/", "w").await;
    let delete = "DELETE /workspaces/:id";
    assert_eq!(client.get(delete, "w").await, Ok(json!({"workspaceId": "w", "closedCount": 1})));
    assert_eq!(client.get(delete, "w").await, refused(404, "there is no workspace `w`"));
    assert_eq!(client.get(delete, "default").await, refused(409, "workspace `default` is always there"));
    let closed = [("status", "closed"), ("workspaceId", "default")];
    let list = client.ask("GET /conversations", "", &closed, Value::Null).await.expect("listed");
    assert_eq!(list["conversations"][0]["id"], json!("c"));
}

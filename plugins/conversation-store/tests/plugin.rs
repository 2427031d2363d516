//! The plugin from outside: what was appended is there after a restart of the host, and everybody has a place of their own.

use transom_agent::conversation::{CHANGED, FIND, UPDATE, Update};
use transom_agent::log::{APPEND, Append, DOCTOR, Doctor, Entry, HISTORY, HistoryOf};
use transom_agent::message::{Message, Role};
use transom_agent::reach::{HTTP_ROUTE, HttpRequest};
use transom_agent::storage::{STORAGE_READ, STORAGE_WRITE, StorageRead, StorageWrite, StorageWrites};
use transom_conversation_store::ConversationStore;
use transom_plugin_api::{CallErrorKind, Json, List, Maybe};
use transom_testkit::{both_ways, contract_check, json};

fn append(id: &str, text: &str) -> Append {
    let message = Message::text(id, Role::User, text);
    let entry = Entry { message, turn_id: Maybe::None, positions: List::new() };
    Append { conversation_id: "c".into(), entries: List::from([entry]) }
}

fn history() -> HistoryOf {
    HistoryOf { conversation_id: "c".into(), after_seq: 0, before_seq: None.into() }
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ConversationStore>(json!({}));
        let appends = stand.caller(APPEND);
        stand.start().await.expect("it starts");
        assert_eq!(appends.call(append("1", "hello")).await.expect("appended").last_seq, 1);

        let stand = stand.stop().await.stand().plugin::<ConversationStore>(json!({}));
        let (appends, histories) = (stand.caller(APPEND), stand.caller(HISTORY));
        stand.start().await.expect("it starts again");
        assert_eq!(appends.call(append("2", "again")).await.expect("appended").last_seq, 2);
        let kept = histories.call(history()).await.expect("it answers");
        let expected = [Message::text("1", Role::User, "hello"), Message::text("2", Role::User, "again")];
        assert_eq!(**kept.messages, expected);
        let diagnosis = stand.caller(DOCTOR).call(Doctor {}).await.expect("examined");
        assert_eq!((diagnosis.conversations, diagnosis.faults.len()), (1, 0));
        stand.stop().await;
    });
}

#[test]
fn whoever_hears_of_a_change_can_read_it() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ConversationStore>(json!({}));
        let changed = stand.record(CHANGED);
        let updates = stand.caller(UPDATE);
        stand.start().await.expect("it starts");
        let model = Maybe::Some("a/b".into());
        let update = Update { conversation_id: "c".into(), model, ..Update::default() };
        let known = updates.call(update.clone()).await.expect("updated");
        assert_eq!(changed.next().await, known);
        updates.call(update).await.expect("it is the same");
        let known = stand.caller(APPEND).call(append("1", "hello")).await.expect("appended").conversation;
        assert_eq!(changed.next().await, known, "what changes nothing is not told");
        stand.stop().await;
    });
}

#[test]
fn what_a_plugin_remembers_is_its_own() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ConversationStore>(json!({}));
        let (writes, reads) = (stand.caller(STORAGE_WRITE), stand.caller(STORAGE_READ));
        stand.start().await.expect("it starts");
        let value = Maybe::Some(Json::parse(r#"{"a":1}"#).expect("well-formed"));
        let write = StorageWrite { key: "k".into(), value };
        writes.call(StorageWrites { writes: List::from([write]) }).await.expect("written");
        let rows = reads.call(StorageRead::default()).await.expect("read");
        assert_eq!((rows.rows[0].key.as_str(), rows.rows[0].value.as_str()), ("k", r#"{"a":1}"#));
        stand.stop().await;
    });
}

#[test]
fn its_routes_answer_what_its_services_do() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ConversationStore>(json!({"durability": "normal"}));
        let (find, route) = (stand.caller(FIND), stand.caller(HTTP_ROUTE));
        stand.start().await.expect("it starts");
        let get = || HttpRequest::new("GET", "/conversations/c").with_param("id", "c");
        let unknown =
            route.call_named("GET /conversations/:id", get()).await.expect_err("nobody said anything");
        assert_eq!(unknown.kind, CallErrorKind::NotFound);
        stand.caller(APPEND).call(append("1", "hello")).await.expect("it is stored");
        assert_eq!(find.call("c".into()).await.expect("it is there").title, "hello");
        assert_eq!(route.call_named("GET /conversations/:id", get()).await.expect("it answers").status, 200);
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<ConversationStore>(json!({}));
}

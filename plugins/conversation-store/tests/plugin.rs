//! The plugin from outside: what was appended is there after a restart of the host.

use transom_agent::conversation::{APPEND, Append, Appended, FIND, HISTORY};
use transom_agent::message::{Message, Role};
use transom_agent::reach::{HTTP_ROUTE, HttpRequest};
use transom_conversation_store::ConversationStore;
use transom_plugin_api::{CallErrorKind, List, Maybe};
use transom_testkit::{both_ways, contract_check, json};

fn append(id: &str, text: &str) -> Append {
    let messages = List::from([Message::text(id, Role::User, text)]);
    Append { conversation_id: "c".into(), messages, turn: Maybe::None }
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ConversationStore>(json!({}));
        let appends = stand.caller(APPEND);
        stand.start().await.expect("it starts");
        assert_eq!(appends.call(append("1", "hello")).await, Ok(Appended { first_seq: 1, last_seq: 1 }));

        let stand = stand.stop().await.stand().plugin::<ConversationStore>(json!({}));
        let (appends, history) = (stand.caller(APPEND), stand.caller(HISTORY));
        stand.start().await.expect("it starts again");
        assert_eq!(appends.call(append("2", "again")).await, Ok(Appended { first_seq: 2, last_seq: 2 }));
        let kept = history.call("c".into()).await.expect("it answers");
        let expected = [Message::text("1", Role::User, "hello"), Message::text("2", Role::User, "again")];
        assert_eq!(**kept.messages, expected);
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

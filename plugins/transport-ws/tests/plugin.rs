//! The plugin from outside: clients send, watch and ask, in front of an orchestrator that the test plays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use transom_agent::conversation::{CHANGED, Conversation, OPENED, Opened, Status};
use transom_agent::event::{AgentEventKind, Place};
use transom_agent::question::{ANSWER, AnswerQuestion, Answered};
use transom_agent::reach::{Verb, WS_OPERATION, WS_SUBSCRIPTION, WsPush};
use transom_agent::turn::{START, STOP, StartTurn, Stopped, TurnStarted, WATCH, Watch};
use transom_plugin_api::hosting::LISTENING;
use transom_plugin_api::{CallError, CallErrorKind, Json, Text};
use transom_testkit::{Stand, both_ways, contract_check, json};
use transom_transport_ws::TransportWs;

type Client = WebSocketStream<TcpStream>;

async fn connected(address: &str) -> Client {
    let stream = TcpStream::connect(address.strip_prefix("ws://").expect("it speaks WebSocket")).await;
    client_async(address, stream.expect("somebody listens")).await.expect("it is let in").0
}

async fn say(client: &mut Client, message: Value) {
    client.send(Message::text(message.to_string())).await.expect("the connection is open");
}

async fn hear(client: &mut Client) -> Value {
    let next = async {
        loop {
            match client.next().await.expect("a message").expect("the connection is open") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                other => assert!(other.is_ping(), "{other:?}"),
            }
        }
    };
    timeout(Duration::from_secs(20), next).await.expect("a message within the bound")
}

/// An orchestrator whose first stream ends as if it were replaced, and which goes on from the cursor.
fn serve_turns(stand: &Stand) {
    stand.serve(START, |turn: StartTurn, context| async move {
        assert_eq!(context.caller(), "transport-ws");
        let turn_id: Text = "turn-1".into();
        Ok(TurnStarted { conversation_id: turn.conversation_id, turn_id, model: "m".into(), cwd: "/".into() })
    });
    stand.serve(STOP, |conversation_id, _| async { Ok(Stopped { conversation_id, aborted_turn: false }) });
    stand.serve(ANSWER, |_: AnswerQuestion, _| async { Ok(Answered { open: 2 }) });
    let opened = Arc::new(AtomicU32::new(0));
    stand.serve_stream(WATCH, move |wanted: Watch, mut items, _| {
        let opened = opened.clone();
        async move {
            let after = wanted.after.as_ref().map_or(0, |cursor| cursor.position);
            let is_first = opened.fetch_add(1, Ordering::Relaxed) == 0;
            for position in after + 1..=if is_first { 2 } else { 4 } {
                let what = AgentEventKind::Steering { text: position.to_string().into() };
                let at = Place { position, ..Place::default() };
                items.send(what.of(&wanted.conversation_id, &"turn-1".into(), at)).await;
            }
            if is_first {
                return Err(CallError::new(CallErrorKind::Retired, "the plugin was replaced"));
            }
            std::future::pending().await
        }
    });
}

fn conversation(status: Status) -> Conversation {
    Conversation { status, ..Conversation::new("c", 0) }
}

#[test]
fn a_client_sends_watches_through_a_reload_and_asks() {
    both_ways(async |stand| {
        let stand = stand.plugin::<TransportWs>(json!({"listen": "127.0.0.1:0"}));
        serve_turns(&stand);
        let about = Verb { summary: "Repeats".into(), input: Json::default() };
        stand.serve_named(WS_OPERATION, "test.echo", about, |input: Json, _| async move { Ok(input) });
        let about = Verb { summary: "Tells of tides".into(), input: Json::default() };
        stand.serve_stream_named(WS_SUBSCRIPTION, "tides", about, |input: Json, mut items, _| async move {
            items.send(WsPush { kind: "tides.high".into(), fields: input }).await;
            std::future::pending().await
        });
        let listening = stand.record(LISTENING);
        let (opened, changed) = (stand.emitter(OPENED), stand.emitter(CHANGED));
        stand.start().await.expect("it starts");
        let mut client = connected(&listening.next().await.address).await;

        say(&mut client, json!({"type": "chat.send", "id": 1, "conversationId": "c", "message": "hi"})).await;
        assert_eq!(hear(&mut client).await["result"]["turnId"], "turn-1");
        for position in 1..=4 {
            let frame = hear(&mut client).await;
            assert_eq!(
                (&frame["type"], &frame["event"]["position"]),
                (&json!("chat.delta"), &json!(position))
            );
        }
        say(&mut client, json!({"type": "test.echo", "id": 2, "words": ["a"]})).await;
        assert_eq!(
            hear(&mut client).await,
            json!({"type": "reply", "id": 2, "op": "test.echo", "result": {"words": ["a"]}})
        );
        say(&mut client, json!({"type": "tides.subscribe", "id": 3, "port": "Hull"})).await;
        assert_eq!(hear(&mut client).await["op"], "tides.subscribe");
        assert_eq!(hear(&mut client).await, json!({"type": "tides.high", "port": "Hull"}));
        say(&mut client, json!({"type": "tides.unsubscribe", "id": 4, "port": "Hull"})).await;
        assert_eq!(hear(&mut client).await["type"], "reply");
        say(&mut client, json!({"type": "test.nothing"})).await;
        assert_eq!(hear(&mut client).await["op"], "test.nothing");
        say(&mut client, json!({"type": "chat.queue", "conversationId": "c", "text": "more"})).await;
        let refused = hear(&mut client).await;
        assert!(
            refused["message"].as_str().is_some_and(|message| message.contains("queue is not there")),
            "{refused}"
        );

        changed.emit(&conversation(Status::Active));
        changed.emit(&conversation(Status::Active));
        opened.emit(&Opened { conversation_id: "c".into(), workspace_id: "default".into() });
        assert_eq!(hear(&mut client).await["status"], "active");
        assert_eq!(hear(&mut client).await["type"], "conversation.open");
        stand.stop().await;
        let last = timeout(Duration::from_secs(20), client.next()).await.expect("it is told");
        assert!(matches!(last, Some(Ok(Message::Close(_)))), "{last:?}");
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<TransportWs>(json!({"listen": "127.0.0.1:0"}));
}

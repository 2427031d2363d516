//! Viewers over a WebSocket: one connection for all conversations, each with its cursor.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{PAUSE, Viewer};
use crate::whereabouts::Whereabouts;

/// What stands before a frame.
const BEFORE: &str = r#"{"type":"chat.delta","event":"#;

pub(super) async fn watch(whereabouts: Whereabouts, viewers: Vec<Arc<Viewer>>) {
    loop {
        let address = whereabouts.known().await.ws;
        if let Some(socket) = connect(&address).await {
            follow(socket, &viewers).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connect(address: &str) -> Option<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.ok()?;
    Some(client_async(format!("ws://{address}/"), stream).await.ok()?.0)
}

/// Until the connection ends.
async fn follow(mut socket: WebSocketStream<TcpStream>, viewers: &[Arc<Viewer>]) {
    for viewer in viewers {
        if !subscribe(&mut socket, viewer).await {
            return;
        }
    }
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        if let Some(frame) = text.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix('}')) {
            show(frame, viewers);
        } else if let Some(viewer) = given_up(&text, viewers) {
            tokio::time::sleep(PAUSE).await;
            if !subscribe(&mut socket, viewer).await {
                return;
            }
        }
    }
}

async fn subscribe(socket: &mut WebSocketStream<TcpStream>, viewer: &Viewer) -> bool {
    let (id, after) = (&viewer.conversation, viewer.cursor());
    let message = json!({ "type": "chat.subscribe", "conversationId": id, "after": after });
    socket.send(message.to_string().into()).await.is_ok()
}

fn show(frame: &str, viewers: &[Arc<Viewer>]) {
    let of = |viewer: &&Arc<Viewer>| {
        frame.starts_with(&format!("{{\"conversationId\":\"{}\"", viewer.conversation))
    };
    match viewers.iter().find(of) {
        Some(viewer) => drop(viewer.show(frame)),
        None => viewers[0].book().tally.remarks.push(format!("a frame of nobody's conversation: {frame}")),
    }
}

/// Whose conversation is not watched any more, where that is what a message says.
fn given_up<'a>(text: &str, viewers: &'a [Arc<Viewer>]) -> Option<&'a Viewer> {
    let document: Value = serde_json::from_str(text).ok()?;
    let id = document["conversationId"].as_str().filter(|_| document["type"] == "chat.error")?;
    viewers.iter().find(|viewer| viewer.conversation == id).map(|viewer| &**viewer)
}

//! A client that says exactly what it is told to, and reads what comes back.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::BOUND;

/// One connection.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The protocol that the server chose.
    pub(crate) protocol: Option<String>,
}

impl Client {
    /// The status of the refusal, when it is not let in.
    pub(crate) async fn connect(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut request = format!("ws://{address}/").into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers_mut().insert(name, HeaderValue::try_from(*value).unwrap());
        }
        match timeout(BOUND, client_async(request, stream)).await.expect("an answer within the bound") {
            Ok((socket, answer)) => {
                let protocol = answer.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|protocol| protocol.to_str().unwrap().to_owned());
                Ok(Self { socket, protocol })
            }
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("it is neither let in nor refused: {error}"),
        }
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        timeout(BOUND, self.socket.send(message.into())).await.expect("sent within the bound").unwrap();
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.send(message.to_string()).await;
    }

    /// The next message of whatever kind; `None` when the connection has ended.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        let next = timeout(BOUND, self.socket.next()).await.expect("a message within the bound");
        next.and_then(Result::ok)
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match self.message().await.expect("the connection is open") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("a text, not {other:?}"),
            }
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// Says something and gives what comes back.
    pub(crate) async fn ask(&mut self, message: Value) -> Value {
        self.say(&message).await;
        self.json().await
    }

    /// The code with which the server closes the connection.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await.expect("a close before the end") {
                Message::Close(frame) => return frame.expect("a reason").code.into(),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("a close, not {other:?}"),
            }
        }
    }

    /// The socket below, for who does not keep to the protocol.
    pub(crate) fn raw(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }
}

//! A key in the environment is all it takes to talk to a model of OpenAI's, or of whoever speaks like it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::super::support::{Host, Manner, Scene, eventually, text_of, within};
use super::{ids, unconfigured};

const KEY: &str = "sk-a-key-for-tests";
const MODELS: &str = r#"{"data":[{"id":"small"},{"id":"large"}]}"#;
const ANSWER: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"good day\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_key_in_the_environment_adds_its_models() {
    let (address, mut requests, serving) = provider("/v1", ANSWER).await;
    let scene = Scene::new(Manner::Linked)
        .with_variable("OPENAI_API_KEY", KEY)
        .with_variable("OPENAI_BASE_URL", &address)
        .with_variable("OPENAI_MODEL", "small");
    let host = Host::start(unconfigured(&scene)).await;

    assert_eq!(host.ready["model"], "openai/small");
    assert!(ids(&host.client.get("/plugins").await).contains(&"provider-openai"));
    let frames = host.client.turn("c", "hello").await;
    assert_eq!(text_of(&frames), "good day", "{frames:?}");
    let models = async || host.client.get("/models").await.to_string();
    eventually("the listed models", models, |models| models.contains("openai/large")).await;
    let asked = within("a request", requests.recv()).await.expect("it was asked");
    assert!(asked.to_lowercase().contains(&format!("authorization: bearer {KEY}")), "{asked}");
    assert!(!host.errors().contains(KEY), "the log tells the key");

    host.stop().await;
    serving.abort();
}

#[tokio::test]
async fn without_a_model_of_its_name_the_scripted_one_goes_on_answering() {
    let (address, _requests, serving) = provider("/v1", ANSWER).await;
    let scene = Scene::new(Manner::Linked)
        .with_variable("OPENAI_API_KEY", KEY)
        .with_variable("OPENAI_BASE_URL", &address);
    let host = Host::start(unconfigured(&scene)).await;
    let models = async || host.client.get("/models").await.to_string();
    eventually("the listed models", models, |models| models.contains("openai/large")).await;

    assert_eq!(host.ready["model"], "scripted/demo");
    let frames = host.client.turn("c", "[[say: as before]]").await;
    assert_eq!(text_of(&frames), "as before", "{frames:?}");

    host.stop().await;
    serving.abort();
}

#[tokio::test]
async fn without_a_key_nobody_is_asked() {
    let (address, mut requests, serving) = provider("/v1", ANSWER).await;
    let scene = Scene::new(Manner::Linked)
        .with_variable("OPENAI_API_KEY", "")
        .with_variable("OPENAI_BASE_URL", &address)
        .with_variable("OPENAI_MODEL", "small");
    let host = Host::start(unconfigured(&scene)).await;
    assert!(!ids(&host.client.get("/plugins").await).contains(&"provider-openai"));
    host.client.turn("c", "hello").await;
    host.stop().await;
    assert!(requests.try_recv().is_err(), "somebody was asked");
    serving.abort();
}

/// A server that lists two models and has one answer; the heads of its requests come through the channel.
pub(super) async fn provider(
    path: &str,
    said: &'static str,
) -> (String, UnboundedReceiver<String>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}{path}", listener.local_addr().expect("an address"));
    let (report, requests) = unbounded_channel();
    let serving = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection, report.clone(), said));
        }
    });
    (address, requests, serving)
}

async fn answer(
    mut connection: TcpStream,
    report: UnboundedSender<String>,
    said: &str,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let (media_type, body) =
        if request.starts_with("GET ") { ("application/json", MODELS) } else { ("text/event-stream", said) };
    // A test that has ended no longer listens.
    let _ = report.send(request);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all((head + body).as_bytes()).await?;
    connection.shutdown().await
}

/// Whether a request has come to its end, by the length it announced.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let announced = announced.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let head = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0) + 4;
    request.len() - head >= announced
}

//! What goes on in a host until it is killed: turns with tools, somebody who watches, messages that wait and that steer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::book::Book;
use super::random::Random;
use crate::host::support::{Client, within};

/// A message that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    /// Words that stand nowhere else.
    pub(crate) words: String,
    /// Whether it may still wait.
    pub(crate) is_queued: bool,
}

/// One conversation, and what is known of it outside.
pub(crate) struct Conversation {
    pub(crate) id: String,
    /// What its author saw, in the streams of `POST /chat`.
    author: Mutex<Book>,
    /// What somebody saw who watches all of it, and comes back with a cursor.
    watcher: Mutex<Book>,
    acknowledged: Mutex<Vec<Acknowledged>>,
    said: AtomicU64,
    enqueued: AtomicBool,
}

impl Conversation {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            id: format!("c{number}"),
            author: Mutex::default(),
            watcher: Mutex::default(),
            acknowledged: Mutex::default(),
            said: AtomicU64::new(0),
            enqueued: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_untouched(&self) -> bool {
        lock(&self.acknowledged).is_empty()
    }

    pub(crate) fn has_enqueued(&self) -> bool {
        self.enqueued.load(Ordering::SeqCst)
    }

    pub(crate) fn acknowledged(&self) -> Vec<Acknowledged> {
        lock(&self.acknowledged).clone()
    }

    /// That what was seen is what was read back; answers the most bytes of one text that were taken back.
    pub(crate) fn compare(&self, replayed: &Book) -> u64 {
        let lost = lock(&self.author).compare(replayed).max(lock(&self.watcher).compare(replayed));
        // Its stream is gone, and nobody tells it what was taken back.
        *lock(&self.author) = Book::default();
        lost
    }

    /// That the watcher, who came back each time with a cursor, knows all of it and nothing else.
    pub(crate) fn check_watched(&self, replayed: &Book) {
        lock(&self.watcher).check_same(replayed);
    }

    pub(crate) async fn watch_up_to(&self, client: &Client, position: i64) {
        let mut frames = self.watch(client).await.expect("the host runs");
        while lock(&self.watcher).position() < position {
            let frame = frames.next().await.expect("the host runs");
            lock(&self.watcher).take(&frame);
        }
    }

    async fn watch(&self, client: &Client) -> Option<Frames> {
        let cursor = lock(&self.watcher).cursor().unwrap_or("0:0:0").to_owned();
        let path = format!("/conversations/{}/events?after={cursor}", self.id);
        Frames::open(client.request(Method::GET, &path)).await
    }

    /// Words that stand nowhere else.
    fn words(&self) -> String {
        format!("words-{}-{}-end", self.id, self.said.fetch_add(1, Ordering::SeqCst))
    }

    fn acknowledge(&self, words: String, is_queued: bool) {
        lock(&self.acknowledged).push(Acknowledged { words, is_queued });
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that goes on.
pub(crate) struct Load(Vec<JoinHandle<()>>);

impl Load {
    /// Waits until everybody has noticed that the host is gone.
    pub(crate) async fn end(self) {
        for one in self.0 {
            within("the end of a client", one).await.expect("what was seen makes sense");
        }
    }
}

/// Begins to use every conversation in every way, until the host is gone.
pub(crate) fn begin(client: &Client, conversations: &[Arc<Conversation>], random: &mut Random) -> Load {
    let mut tasks = Vec::new();
    for conversation in conversations {
        // Connections of its own, which die with this host.
        let client = Client::new(&client.address);
        tasks.push(tokio::spawn(speak(client.clone(), Arc::clone(conversation), random.branch())));
        tasks.push(tokio::spawn(watch(client.clone(), Arc::clone(conversation))));
        tasks.push(tokio::spawn(add(client, Arc::clone(conversation), random.branch())));
    }
    Load(tasks)
}

/// One turn after the other.
async fn speak(client: Client, conversation: Arc<Conversation>, mut random: Random) {
    loop {
        let words = conversation.words();
        let answer: String = (0..random.below(60)).map(|word| format!("{word} fathoms ")).collect();
        let tool = r#"[[tool: read_file {"path":"chart.txt"}]]"#;
        let message = match random.below(3) {
            0 => format!("{words} [[think: hm]] [[pace: 3]] [[say: {answer}]]"),
            1 => format!("{words} [[pace: 2]] [[say: {answer}]] {tool} [[step]] [[say: so it is, ü]]"),
            _ => format!("{words} {tool} {tool} [[step]] {tool} [[step]] [[pace: 5]] [[say: {answer}]]"),
        };
        let body = json!({ "conversationId": conversation.id, "message": message });
        let request = client.request(Method::POST, "/chat").json(&body);
        let Some(mut frames) = Frames::open(request).await else {
            // Busy with what waited, or gone.
            tokio::time::sleep(Duration::from_millis(2)).await;
            if client.request(Method::GET, "/health").send().await.is_err() {
                return;
            }
            continue;
        };
        let mut is_acknowledged = false;
        while let Some(frame) = frames.next().await {
            lock(&conversation.author).take(&frame);
            if !is_acknowledged {
                is_acknowledged = true;
                conversation.acknowledge(words.clone(), false);
            }
        }
        if frames.broke {
            return;
        }
    }
}

/// Watches all of it, from where it was left.
async fn watch(client: Client, conversation: Arc<Conversation>) {
    let mut frames = loop {
        if let Some(frames) = conversation.watch(&client).await {
            break frames;
        }
        // It is not there before its first message, or the host is gone.
        tokio::time::sleep(Duration::from_millis(2)).await;
        if client.request(Method::GET, "/health").send().await.is_err() {
            return;
        }
    };
    while let Some(frame) = frames.next().await {
        lock(&conversation.watcher).take(&frame);
    }
}

/// Messages for the running turn, and for the one behind it.
async fn add(client: Client, conversation: Arc<Conversation>, mut random: Random) {
    loop {
        tokio::time::sleep(Duration::from_millis(20 + random.below(120))).await;
        let words = conversation.words();
        let delivery = if random.below(2) == 0 { "steer" } else { "queue" };
        let body = json!({ "text": format!("{words} [[say: aye]]"), "delivery": delivery });
        let path = format!("/conversations/{}/queue", conversation.id);
        // It may have happened although nobody was told.
        conversation.enqueued.store(true, Ordering::SeqCst);
        let Ok(response) = client.request(Method::POST, &path).json(&body).send().await else { return };
        let is_taken = response.status().is_success();
        let Ok(answer) = response.text().await else { return };
        assert!(is_taken, "{answer}");
        conversation.acknowledge(words, true);
    }
}

/// The events of a conversation behind a cursor.
pub(crate) async fn events(client: &Client, id: &str, cursor: &str) -> Frames {
    let request = client.request(Method::GET, &format!("/conversations/{id}/events?after={cursor}"));
    Frames::open(request).await.expect("the host runs")
}

/// Frames as they come, until they end or the host does.
pub(crate) struct Frames {
    response: Response,
    unread: Vec<u8>,
    /// Whether they ended in the middle.
    broke: bool,
}

impl Frames {
    /// `None` when the host is gone or refuses.
    async fn open(request: RequestBuilder) -> Option<Self> {
        let response = within("an answer", request.send()).await.ok()?;
        response.status().is_success().then(|| Self { response, unread: Vec::new(), broke: false })
    }

    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("a frame is JSON"));
            }
            match within("a frame", self.response.chunk()).await {
                Ok(Some(bytes)) => self.unread.extend_from_slice(&bytes),
                Ok(None) => return None,
                Err(_) => {
                    self.broke = true;
                    return None;
                }
            }
        }
    }
}

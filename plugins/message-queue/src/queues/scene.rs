//! A conversation whose queue is tested: people, turns that come and go, and hosts that crash.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, yield_now};
use transom_agent::queue::{Delivered, Delivery, Enqueue, Enqueued, Queue, Requeue, Requeued, Steering};
use transom_agent::turn::EndReason;
use transom_plugin_api::{CallError, Maybe, Text};

use crate::edges::fake::Fake;
use crate::queues::Queues;

/// The conversation `c`.
pub(crate) struct Scene {
    pub(crate) fake: Fake,
    pub(crate) queues: Arc<Queues<Fake>>,
}

pub(crate) fn message(text: &str, delivery: Delivery) -> Enqueue {
    Enqueue { conversation_id: "c".into(), text: text.into(), delivery, workspace_id: Maybe::None }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let fake = Fake::default();
        Self { queues: Queues::new(fake.clone()), fake }
    }

    /// A conversation in which somebody else's turn runs.
    pub(crate) fn busy() -> Self {
        let scene = Self::new();
        scene.fake.world().begin("other", "other");
        scene
    }

    /// Sends a message, while nobody waits for the answer yet.
    pub(crate) fn sending(&self, text: &str, delivery: Delivery) -> JoinHandle<Result<Enqueued, CallError>> {
        tokio::spawn(Arc::clone(&self.queues).enqueue(message(text, delivery)))
    }

    pub(crate) async fn send(&self, text: &str, delivery: Delivery) -> Result<Enqueued, CallError> {
        Arc::clone(&self.queues).enqueue(message(text, delivery)).await
    }

    pub(crate) async fn queue(&self, text: &str) -> Enqueued {
        self.send(text, Delivery::Queue).await.unwrap()
    }

    pub(crate) async fn steer(&self, text: &str) -> Enqueued {
        self.send(text, Delivery::Steer).await.unwrap()
    }

    pub(crate) async fn list(&self) -> Queue {
        self.queues.list("c".into()).await.unwrap()
    }

    /// The words that wait.
    pub(crate) async fn waiting(&self) -> Vec<String> {
        texts(&self.list().await)
    }

    pub(crate) async fn change(&self, id: &str, text: Option<&str>) -> Requeued {
        let text = text.map(Text::from).into();
        let change = Requeue { conversation_id: "c".into(), message_id: id.into(), text };
        self.queues.change(change).await.unwrap()
    }

    /// What the running turn is given.
    pub(crate) async fn take(&self) -> Option<Steering> {
        self.queues.take("c".into()).await.unwrap().steering.into_option()
    }

    pub(crate) async fn delivered(&self, message_id: &Text) -> Queue {
        let delivered = Delivered { conversation_id: "c".into(), message_id: message_id.clone() };
        self.queues.delivered(delivered).await.unwrap()
    }

    /// The turn that runs ends like this, and everything that follows happens.
    pub(crate) async fn end(&self, reason: EndReason) {
        {
            let mut world = self.fake.world();
            world.running = None;
            world.ends.push(reason.clone());
        }
        self.queues.settled(&"c".into(), &reason).await;
        self.quiet().await;
    }

    /// Everything that can happen now has happened.
    pub(crate) async fn quiet(&self) {
        // All is memory on one thread: whoever can go on does so in one of these turns.
        for _ in 0..100 {
            yield_now().await;
        }
    }

    /// Those who sleep wake up.
    pub(crate) async fn wake(&self) -> Vec<Duration> {
        let woken = self.fake.wake();
        self.quiet().await;
        woken
    }

    /// The host ends, and starts again.
    pub(crate) async fn crash(&mut self) {
        self.fake.crash();
        self.quiet().await;
        self.queues = Queues::new(self.fake.clone());
        self.queues.look_everywhere().await.unwrap();
        self.quiet().await;
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.fake.world().said()
    }
}

pub(crate) fn texts(queue: &Queue) -> Vec<String> {
    queue.queue.iter().map(|message| message.text.to_string()).collect()
}

//! A viewer and its queue: frames one by one while it keeps up, merged when it is behind, cut off when it is lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::Notify;
use transom_plugin_api::{CallError, CallErrorKind};

use super::frame::{Frame, merge};

/// Frames that wait for a viewer before neighbours are merged for it.
const PROMPT_FRAMES: usize = 64;
/// Bytes that may wait for a viewer before it is cut off.
const BYTES: usize = 8 * 1024 * 1024;

/// The hub's end of a viewer.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    end: End,
}

/// Whether more can come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// Nothing comes behind what is in the queue.
    Ended,
    /// The viewer was too slow, and has not been told yet.
    Cut,
    /// The next generation of the plugin goes on with it, and it has not been told yet.
    Retired,
}

impl Mailbox {
    /// Hands a frame over; never waits. False when nothing more can be handed over.
    pub(crate) fn put(&self, frame: &Arc<Frame>) -> bool {
        let mut queue = self.lock();
        if queue.end != End::Open {
            return false;
        }
        queue.push(frame);
        if queue.bytes > BYTES {
            *queue = Queue { end: End::Cut, ..Queue::default() };
        }
        let open = queue.end == End::Open;
        drop(queue);
        self.arrived.notify_one();
        open
    }

    /// Nothing comes any more.
    pub(crate) fn end(&self) {
        self.end_as(End::Ended);
    }

    /// Nothing comes any more from this generation of the plugin.
    pub(crate) fn retire(&self) {
        self.end_as(End::Retired);
    }

    fn end_as(&self, end: End) {
        let mut queue = self.lock();
        if queue.end == End::Open {
            queue.end = end;
        }
        drop(queue);
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, frame: &Arc<Frame>) {
        if self.frames.len() >= PROMPT_FRAMES
            && let Some(last) = self.frames.back_mut()
        {
            let before = last.weight();
            if merge(last, frame) {
                self.bytes += last.weight() - before;
                return;
            }
        }
        self.bytes += frame.weight();
        self.frames.push_back(Arc::clone(frame));
    }

    fn pop(&mut self) -> Option<Arc<Frame>> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.weight();
        Some(frame)
    }
}

/// A viewer's end. Dropping it is all it takes to go away.
#[derive(Debug)]
pub(crate) struct Viewer {
    mailbox: Arc<Mailbox>,
}

impl Viewer {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// `Unavailable`, and then the end, when the viewer fell too far behind. `Retired`, and then the end, when the plugin
    /// is being reloaded.
    pub(crate) async fn next(&self) -> Option<Result<Arc<Frame>, CallError>> {
        loop {
            if let Poll::Ready(next) = self.take() {
                return next;
            }
            self.mailbox.arrived.notified().await;
        }
    }

    fn take(&self) -> Poll<Option<Result<Arc<Frame>, CallError>>> {
        let mut queue = self.mailbox.lock();
        if let Some(frame) = queue.pop() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match queue.end {
            End::Open => Poll::Pending,
            End::Ended => Poll::Ready(None),
            End::Cut => {
                queue.end = End::Ended;
                Poll::Ready(Some(Err(CallError::unavailable(format!(
                    "the viewer fell more than {} MiB behind; what it missed is in the log of the conversation",
                    BYTES / 1024 / 1024
                )))))
            }
            End::Retired => {
                queue.end = End::Ended;
                let message = "whoever shows turns is being replaced; no turn runs, so watch again";
                Poll::Ready(Some(Err(CallError::new(CallErrorKind::Retired, message))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::event::AgentEventKind;

    use super::super::frame::tests::{frame, reasoning, text};
    use super::*;

    fn pair() -> (Arc<Mailbox>, Viewer) {
        let mailbox = Arc::new(Mailbox::default());
        (Arc::clone(&mailbox), Viewer::new(mailbox))
    }

    async fn rest(viewer: &Viewer) -> Vec<Arc<Frame>> {
        let mut frames = Vec::new();
        while let Some(frame) = viewer.next().await {
            frames.push(frame.unwrap());
        }
        frames
    }

    fn words(frames: &[Arc<Frame>]) -> String {
        let words = frames.iter().map(|frame| match &frame.event().what {
            AgentEventKind::TextDelta { delta } | AgentEventKind::ReasoningDelta { delta } => delta.as_str(),
            _ => "",
        });
        words.collect()
    }

    #[tokio::test]
    async fn a_viewer_that_keeps_up_gets_every_delta_by_itself() {
        let (mailbox, viewer) = pair();
        for delta in ["a", "b", "c"] {
            assert!(mailbox.put(&text(delta)));
            assert_eq!(viewer.next().await.unwrap().unwrap().event(), text(delta).event());
        }
        mailbox.end();
        assert!(viewer.next().await.is_none());
        assert!(viewer.next().await.is_none());
    }

    #[tokio::test]
    async fn a_slow_viewer_gets_merged_deltas_and_loses_none() {
        let (mailbox, viewer) = pair();
        let mut said = String::new();
        for number in 0..10_000 {
            let delta = format!("{number},");
            said.push_str(&delta);
            assert!(mailbox.put(&text(&delta)));
        }
        assert!(mailbox.put(&reasoning("!")));
        mailbox.end();
        let frames = rest(&viewer).await;
        assert!(frames.len() <= PROMPT_FRAMES + 2, "{}", frames.len());
        assert_eq!(words(&frames), said + "!");
    }

    #[tokio::test]
    async fn a_viewer_that_takes_nothing_is_cut_off_and_told() {
        let (mailbox, viewer) = pair();
        let large = frame(AgentEventKind::UserMessage { text: "x".repeat(1024 * 1024).into() });
        let taken = (0..20).filter(|_| mailbox.put(&large)).count();
        assert_eq!(taken, 7);
        let error = viewer.next().await.unwrap().unwrap_err();
        assert!(error.message.contains("8 MiB"), "{}", error.message);
        assert!(viewer.next().await.is_none());
    }

    #[tokio::test]
    async fn a_waiting_viewer_is_woken() {
        let (mailbox, viewer) = pair();
        let waiting = tokio::spawn(async move { viewer.next().await });
        tokio::task::yield_now().await;
        mailbox.put(&text("a"));
        assert!(waiting.await.unwrap().unwrap().is_ok());
    }
}

//! [`Followed`]: a stream that goes on with the documents of another request when its route says so, or when it was left.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use transom_agent::reach::{HttpFrame, HttpRequest};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Maybe};

use crate::app::Desk;
use crate::routes::{Frames, Routes};
use crate::untaken::Leave;

/// How long a route may be away while somebody waits for it: as long as a reload may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(50);

/// The frames of a route, and of those it hands over to.
pub(crate) struct Followed<R: Routes> {
    stream: Arc<Mutex<Stream<R>>>,
}

pub(crate) struct Stream<R: Routes> {
    desk: Arc<Desk<R>>,
    at: At<R::Frames>,
    /// Until when it may be passed on without a document in between, or a while in one place.
    limit: Option<Instant>,
    /// Since when it is where it is.
    since: Instant,
    /// How it goes on where it was left; nothing is left without it.
    resume: Option<HttpRequest>,
    /// Pieces that were taken.
    taken: u64,
    /// Whether it waits for the next piece, and will be polled when that is there.
    waits: bool,
}

enum At<F> {
    Frames(F),
    Underway(Pin<Box<dyn Future<Output = Result<Reached<F>, CallError>> + Send>>),
    /// Nothing of it is there, and it goes on as soon as it is polled.
    Left,
}

/// The other request's answer, and what of it was read already to find its head.
type Reached<F> = (Option<HttpFrame>, F);

impl<R: Routes> Followed<R> {
    pub(crate) fn new(desk: Arc<Desk<R>>, frames: R::Frames) -> Self {
        let at = At::Frames(frames);
        let since = Instant::now();
        let stream = Stream { desk, at, limit: None, since, resume: None, taken: 0, waits: true };
        Self { stream: Arc::new(Mutex::new(stream)) }
    }
}

impl<R: Routes> Stream<R> {
    fn go_on(&mut self, request: HttpRequest) {
        // Two routes that only point at each other must not keep a processor busy, and come to an end.
        let is_first = self.limit.is_none();
        let limit = *self.limit.get_or_insert_with(|| Instant::now() + PATIENCE);
        let desk = self.desk.clone();
        self.at = At::Underway(Box::pin(async move {
            if Instant::now() >= limit {
                return Err(CallError::failed("the answer is passed on and on, and nobody gives it"));
            }
            if !is_first {
                sleep(PAUSE).await;
            }
            reach(&desk, &request, limit).await
        }));
    }

    /// The next piece, and whether it says for the first time how the stream goes on.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> (Poll<Piece>, bool) {
        let mut is_new = false;
        loop {
            let polled = match &mut self.at {
                At::Frames(frames) => frames.poll_next(context),
                At::Left => {
                    let Some(request) = self.resume.clone() else { return (Poll::Ready(None), is_new) };
                    self.limit = None;
                    self.go_on(request);
                    continue;
                }
                At::Underway(reaching) => match reaching.as_mut().poll(context) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok((first, frames))) => {
                        self.at = At::Frames(frames);
                        self.since = Instant::now();
                        let Some(first) = first else { continue };
                        Poll::Ready(Some(Ok(first)))
                    }
                },
            };
            match polled {
                Poll::Ready(Some(Ok(HttpFrame::GoOn { request }))) => {
                    if self.since.elapsed() > PAUSE {
                        // It was served for a while, so that this is another time that it is passed on.
                        self.limit = None;
                    }
                    self.go_on(request);
                }
                Poll::Ready(Some(Ok(HttpFrame::Resume { request }))) => {
                    is_new |= self.resume.is_none();
                    self.resume = Some(request);
                }
                piece => return (self.noted(piece), is_new),
            }
        }
    }

    fn noted(&mut self, piece: Poll<Piece>) -> Poll<Piece> {
        self.waits = piece.is_pending();
        self.taken += u64::from(!self.waits);
        if let Poll::Ready(Some(Ok(HttpFrame::Data { id, .. }))) = &piece {
            self.limit = None;
            if let (Some(resume), Maybe::Some(id)) = (&mut self.resume, id) {
                resume.last_event_id = Maybe::Some(id.clone());
            }
        }
        if matches!(piece, Poll::Ready(None | Some(Err(_)))) {
            self.resume = None;
        }
        piece
    }
}

/// What a stream gives.
type Piece = Option<Result<HttpFrame, CallError>>;

impl<R: Routes> Leave for Stream<R> {
    fn taken(&self) -> Option<u64> {
        let can_be_left = self.resume.is_some() && !self.waits && !matches!(self.at, At::Left);
        can_be_left.then_some(self.taken)
    }

    fn leave(&mut self) {
        self.at = At::Left;
    }
}

impl<R: Routes> Frames for Followed<R> {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let (piece, is_new) = stream.poll_piece(context);
        if is_new {
            let desk = stream.desk.clone();
            drop(stream);
            desk.untaken().watch(&self.stream);
        }
        piece
    }
}

/// Asks for the other request until somebody answers it.
async fn reach<R: Routes>(
    desk: &Desk<R>,
    request: &HttpRequest,
    limit: Instant,
) -> Result<Reached<R::Frames>, CallError> {
    loop {
        match attempt(desk, request).await {
            Err(error) if is_away(&error) && Instant::now() < limit && !sabotaged("ask-once") => {
                sleep(PAUSE).await;
            }
            settled => return settled,
        }
    }
}

/// Whether somebody else may answer in a while.
fn is_away(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Retired)
}

async fn attempt<R: Routes>(desk: &Desk<R>, request: &HttpRequest) -> Result<Reached<R::Frames>, CallError> {
    let mut frames = desk.reopen(request)?;
    match poll_fn(|context| frames.poll_next(context)).await {
        // The answer has a head already.
        Some(Ok(HttpFrame::Head { .. })) => Ok((None, frames)),
        Some(Ok(first)) => Ok((Some(first), frames)),
        Some(Err(error)) => Err(error),
        None => Err(CallError::failed(format!("`{} {}` answers nothing", request.method, request.path))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use transom_entrance::Guard;

    use super::*;
    use crate::app::Limits;
    use crate::tests::fake::{Fake, FakeFrames, data, data_with_id, fake_frames, go_on, head, resume};
    use crate::viewings::tests::viewings;

    /// A stream that is followed to routes that are played, and where its frames come from.
    fn followed(frames: FakeFrames) -> (Arc<Fake>, Followed<Arc<Fake>>) {
        let fake = Arc::new(Fake::default());
        let guard = Guard::new(([127, 0, 0, 1], 80).into(), None);
        let limits = Limits { body_bytes: 1, body_time: PATIENCE };
        let desk = Arc::new(Desk::new(fake.clone(), guard, limits, viewings().0));
        (fake, Followed::new(desk, frames))
    }

    async fn next(followed: &mut Followed<Arc<Fake>>) -> Option<Result<Value, CallError>> {
        let frame = poll_fn(|context| followed.poll_next(context)).await?;
        Some(frame.map(|frame| serde_json::to_value(&frame).unwrap()["data"].clone()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_route_that_is_away_is_waited_for() {
        let (sender, frames) = fake_frames();
        let (fake, mut followed) = followed(frames);
        sender.send(go_on("/further/1")).unwrap();
        assert!(tokio::time::timeout(PATIENCE / 2, next(&mut followed)).await.is_err());
        // It is there again, but answers that it is on its way out; and then it is served by somebody else.
        fake.stream_further();
        let retiring = fake.frames();
        retiring.send(Err(CallError::new(CallErrorKind::Retired, "it was replaced"))).unwrap();
        assert!(tokio::time::timeout(PAUSE * 2, next(&mut followed)).await.is_err());
        let later = fake.frames();
        later.send(head()).unwrap();
        later.send(data(1)).unwrap();
        assert_eq!(next(&mut followed).await, Some(Ok(Value::from(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_in_which_nothing_happens_goes_on_through_every_reload() {
        const HOUR: Duration = Duration::from_secs(3600);
        let (sender, frames) = fake_frames();
        let (fake, mut followed) = followed(frames);
        fake.stream_further();
        sender.send(go_on("/further/1")).unwrap();
        for _ in 0..3 {
            let idle = fake.frames();
            idle.send(head()).unwrap();
            assert!(tokio::time::timeout(HOUR, next(&mut followed)).await.is_err());
            idle.send(go_on("/further/1")).unwrap();
        }
        let last = fake.frames();
        last.send(head()).unwrap();
        last.send(data(1)).unwrap();
        assert_eq!(next(&mut followed).await, Some(Ok(Value::from(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nobody_takes_is_left_and_goes_on_behind_the_last_document() {
        let (sender, frames) = fake_frames();
        let (fake, mut followed) = followed(frames);
        fake.stream_further();
        for item in [resume("/further/1"), data_with_id(1, "0:1:0"), data_with_id(2, "0:2:0"), data(3)] {
            sender.send(item).unwrap();
        }
        assert_eq!(next(&mut followed).await, Some(Ok(Value::from(1))));
        tokio::time::timeout(PATIENCE, sender.closed()).await.expect("it is dropped");
        assert!(fake.opened().is_empty(), "and nothing is asked for before somebody reads");
        let later = fake.frames();
        for item in [head(), resume("/further/1"), data_with_id(2, "0:2:0"), data(3)] {
            later.send(item).unwrap();
        }
        assert_eq!(next(&mut followed).await, Some(Ok(Value::from(2))));
        assert_eq!(fake.opened()[0].last_event_id.as_deref(), Some("0:1:0"));
        assert_eq!(next(&mut followed).await, Some(Ok(Value::from(3))));
        drop(later);
        assert_eq!(next(&mut followed).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_say_how_it_goes_on_and_one_that_waits_are_held() {
        for first in [data_with_id(1, "0:1:0"), resume("/further/1")] {
            let (sender, frames) = fake_frames();
            let (_fake, mut followed) = followed(frames);
            sender.send(first).unwrap();
            let _ = tokio::time::timeout(PAUSE, next(&mut followed)).await;
            assert!(tokio::time::timeout(PATIENCE, sender.closed()).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_route_that_stays_away_is_an_error() {
        let (sender, frames) = fake_frames();
        let (_fake, mut followed) = followed(frames);
        sender.send(go_on("/nowhere")).unwrap();
        let before = Instant::now();
        let error = next(&mut followed).await.expect("an item").expect_err("nobody is there");
        assert_eq!(
            (error.kind, error.message.as_str()),
            (CallErrorKind::NoProvider, "nobody answers `GET /nowhere`")
        );
        assert!(before.elapsed() >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_not_asked_again() {
        let (sender, frames) = fake_frames();
        let (fake, mut followed) = followed(frames);
        fake.stream_further();
        fake.frames().send(Err(CallError::not_found("there is no such turn"))).unwrap();
        sender.send(go_on("/further/1")).unwrap();
        assert_eq!(
            next(&mut followed).await.expect("an item").expect_err("refused").kind,
            CallErrorKind::NotFound
        );
        assert_eq!(fake.opened().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_only_ever_passed_on_comes_to_an_end() {
        let (sender, frames) = fake_frames();
        let (fake, mut followed) = followed(frames);
        fake.stream_further();
        let passing_on = tokio::spawn({
            let fake = fake.clone();
            async move {
                loop {
                    let frames = fake.frames();
                    let _ = frames.send(head());
                    let _ = frames.send(go_on("/further/1"));
                    frames.closed().await;
                }
            }
        });
        sender.send(go_on("/further/1")).unwrap();
        let error = next(&mut followed).await.expect("an item").expect_err("it ends");
        assert_eq!(error.kind, CallErrorKind::Failed, "{error}");
        passing_on.abort();
    }
}

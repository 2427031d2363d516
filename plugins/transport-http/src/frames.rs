//! A streamed answer: the frames of a route, one by one, as the body of a response.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde_json::json;
use tokio::time::{Instant, Interval, interval_at};
use transom_agent::reach::HttpFrame;
use transom_entrance::{Refused, public_message};
use transom_plugin_api::{CallError, CallErrorKind};

use crate::failure;
use crate::format::Format;
use crate::reply;
use crate::routes::Frames;
use crate::table::Route;
use crate::viewings::{Viewing, Viewings};

/// The header by which a route says whose frames follow.
const CONVERSATION: &str = "X-Conversation-Id";

/// Silence after which a stream of events says that it is still there: shorter than what proxies tolerate.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Waits for the head, then answers with what follows it.
pub(crate) async fn response<F: Frames>(
    route: &Route,
    mut frames: F,
    format: Format,
    viewings: &Arc<Viewings>,
) -> Result<Response, Refused> {
    let head = match poll_fn(|context| frames.poll_next(context)).await {
        Some(Ok(HttpFrame::Head { status, headers })) => (status, headers),
        Some(Err(error)) => return Err(failure::of_call(&route.name, &error)),
        Some(Ok(_)) | None => {
            return Err(failure::of_contract(&route.name, &route.plugin, "answered without a head"));
        }
    };
    let status = reply::status(route, head.0)?;
    let mut headers = HeaderMap::new();
    reply::add_headers(route, &head.1, &mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    let conversation = head.1.get(CONVERSATION).filter(|_| status.is_success());
    let viewing = conversation.map(|conversation| viewings.begin(conversation.clone(), format));
    Ok((status, headers, Body::new(FrameBody::new(route, frames, format, viewing))).into_response())
}

/// Dropped by the server when the client is gone, and the frames with it.
struct FrameBody<F> {
    route: String,
    /// `None` after the end.
    frames: Option<F>,
    format: Format,
    keep_alive: Option<Interval>,
    /// Where it is the stream of a conversation.
    viewing: Option<Viewing>,
}

impl<F: Frames> FrameBody<F> {
    fn new(route: &Route, frames: F, format: Format, viewing: Option<Viewing>) -> Self {
        let keep_alive =
            (format == Format::Events).then(|| interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE));
        Self { route: route.name.clone(), frames: Some(frames), format, keep_alive, viewing }
    }

    /// The next piece of the body.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(frames) = &mut self.frames else { return Poll::Ready(None) };
            let piece = match frames.poll_next(context) {
                Poll::Pending => return self.poll_keep_alive(context),
                Poll::Ready(Some(Ok(HttpFrame::Data { data, id }))) => {
                    Some(self.format.written(data.as_str(), id.as_deref()))
                }
                // A document by a name of a later revision; who reads it may know more.
                Poll::Ready(Some(Ok(HttpFrame::Unknown(frame)))) => {
                    Some(self.format.written(frame.content().as_str(), None))
                }
                // Only a stream that is followed goes on with another.
                Poll::Ready(Some(Ok(
                    HttpFrame::Head { .. } | HttpFrame::GoOn { .. } | HttpFrame::Resume { .. },
                ))) => {
                    tracing::warn!("route `{}` sends a second head, which is left out", self.route);
                    continue;
                }
                Poll::Ready(Some(Err(error))) => Some(self.end_with(&error)),
                Poll::Ready(None) => {
                    self.frames = None;
                    if let Some(viewing) = &mut self.viewing {
                        viewing.over();
                    }
                    None
                }
            };
            if let (Some(viewing), Some(piece)) = (&mut self.viewing, &piece) {
                viewing.wrote(piece);
            }
            if let Some(interval) = &mut self.keep_alive {
                interval.reset();
            }
            return Poll::Ready(piece);
        }
    }

    /// The status is long gone, so a failure becomes the last document.
    fn end_with(&mut self, error: &CallError) -> Bytes {
        match error.kind {
            // Such as a client that reads too slowly.
            CallErrorKind::Unavailable => tracing::warn!("route `{}` broke off: {error}", self.route),
            _ => tracing::error!("route `{}` failed in the middle of its answer: {error}", self.route),
        }
        self.frames = None;
        if let Some(viewing) = &mut self.viewing {
            viewing.failed();
        }
        self.format.written(&json!({ "type": "error", "message": public_message(error) }).to_string(), None)
    }

    fn poll_keep_alive(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(interval) = &mut self.keep_alive else { return Poll::Pending };
        interval.poll_tick(context).map(|_| Some(Bytes::from_static(b": keep-alive\n\n")))
    }
}

impl<F: Frames> hyper::body::Body for FrameBody<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_piece(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Way;
    use crate::table::Target;
    use crate::tests::fake::{FakeFrames, data, fake_frames, head};
    use crate::viewings::tests::viewings;

    fn route() -> Route {
        Route { target: Target::Offered(Way::Streamed), name: "GET /x".to_owned(), plugin: "some".to_owned() }
    }

    async fn next<F: Frames>(body: &mut FrameBody<F>) -> Option<String> {
        let piece = poll_fn(|context| body.poll_piece(context)).await;
        piece.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn body(frames: FakeFrames, format: Format) -> FrameBody<FakeFrames> {
        FrameBody::new(&route(), frames, format, None)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_comments_in_events_only() {
        let (sender, frames) = fake_frames();
        let mut events = body(frames, Format::Events);
        assert_eq!(next(&mut events).await.as_deref(), Some(": keep-alive\n\n"));
        assert_eq!(next(&mut events).await.as_deref(), Some(": keep-alive\n\n"));
        sender.send(data(1)).unwrap();
        assert_eq!(next(&mut events).await.as_deref(), Some("data: 1\n\n"));

        let (_sender, frames) = fake_frames();
        let mut lines = body(frames, Format::Lines);
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, next(&mut lines)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_puts_the_next_comment_off() {
        let (sender, frames) = fake_frames();
        let mut events = body(frames, Format::Events);
        tokio::time::advance(KEEP_ALIVE / 2).await;
        sender.send(data(1)).unwrap();
        assert_eq!(next(&mut events).await.as_deref(), Some("data: 1\n\n"));
        let before = Instant::now();
        assert_eq!(next(&mut events).await.as_deref(), Some(": keep-alive\n\n"));
        assert!(before.elapsed() >= KEEP_ALIVE);
    }

    #[tokio::test]
    async fn a_failure_is_the_last_document() {
        let (sender, frames) = fake_frames();
        sender.send(data(1)).unwrap();
        sender.send(Err(CallError::failed("the disk is full").at("store"))).unwrap();
        sender.send(data(2)).unwrap();
        let mut lines = body(frames, Format::Lines);
        assert_eq!(next(&mut lines).await.as_deref(), Some("1\n"));
        let last = next(&mut lines).await;
        assert_eq!(last.as_deref(), Some("{\"type\":\"error\",\"message\":\"the disk is full\"}\n"));
        assert_eq!(next(&mut lines).await, None);
        assert!(sender.is_closed(), "the frames are dropped at once");
    }

    #[tokio::test]
    async fn a_second_head_is_left_out() {
        let (sender, frames) = fake_frames();
        sender.send(head()).unwrap();
        sender.send(data(1)).unwrap();
        assert_eq!(next(&mut body(frames, Format::Lines)).await.as_deref(), Some("1\n"));
    }

    #[tokio::test]
    async fn a_frame_of_a_later_revision_is_written_as_it_came() {
        for (format, written) in [
            (Format::Lines, "{\"type\":\"trailer\",\"b\":[1,null],\"a\":-7}\n"),
            (Format::Events, "data: {\"type\":\"trailer\",\"b\":[1,null],\"a\":-7}\n\n"),
        ] {
            let (sender, frames) = fake_frames();
            let trailer = json!({ "type": "trailer", "b": [1, null], "a": -7 });
            sender.send(Ok(serde_json::from_value(trailer).unwrap())).unwrap();
            assert_eq!(next(&mut body(frames, format)).await.as_deref(), Some(written));
        }
    }

    #[tokio::test]
    async fn data_before_a_head_is_an_error_of_the_route() {
        let (sender, frames) = fake_frames();
        sender.send(data(1)).unwrap();
        assert_eq!(
            response(&route(), frames, Format::Lines, &viewings().0).await.unwrap_err().status().as_u16(),
            500
        );
    }
}

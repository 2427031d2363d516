//! [`Lane`]: the way between plugins of one dialect of a point and a handler of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::{AsyncHandler, Handler, InlineHandler, StreamHandler};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind};

use super::place::Place;
use super::{call, event, link, stream};
use crate::breadcrumb::Count;
use crate::table::{Contribution, PointTypes};

/// One value in so many is timed: looking at the clock twice costs a quarter of carrying a small one over.
const SAMPLE: u64 = 64;

/// What goes over a lane.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    values: Count,
    bytes: Count,
    timed: AtomicU64,
    nanos: AtomicU64,
}

/// What has gone over a lane so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) values: u64,
    /// Nanoseconds that were spent on them, judged by those that were timed.
    pub(crate) nanos: u64,
    /// Bytes of their documents.
    pub(crate) bytes: u64,
}

impl Traffic {
    /// Counts a value, and begins to time it if it is one of those.
    pub(crate) fn begin(&self) -> Option<Instant> {
        let before = self.values.add(1);
        // The first of all is timed wherever the count began, so that a cost is known.
        let is_timed = before.is_multiple_of(SAMPLE) || self.timed.load(Ordering::Relaxed) == 0;
        is_timed.then(Instant::now)
    }

    /// Notes that a value was carried over, as a document of so many bytes; 0 when there was none.
    pub(crate) fn end(&self, began: Option<Instant>, bytes: usize) {
        if !sabotaged("weigh-nothing") {
            self.bytes.add(bytes as u64);
        }
        if let Some(began) = began {
            let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.timed.fetch_add(1, Ordering::Relaxed);
            self.nanos.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    pub(crate) fn so_far(&self) -> Carried {
        let values = self.values.so_far();
        let (timed, nanos) = (self.timed.load(Ordering::Relaxed), self.nanos.load(Ordering::Relaxed));
        let all = u128::from(nanos) * u128::from(values) / u128::from(timed.max(1));
        let bytes = self.bytes.so_far();
        Carried { values, nanos: u64::try_from(all).unwrap_or(u64::MAX), bytes }
    }
}

/// The way to one handler.
pub(crate) struct Lane {
    /// The handler as its plugin contributed it.
    pub(super) inner: Arc<Contribution>,
    /// The types of those who emit, apply or call.
    pub(super) outer: PointTypes,
    /// The types of the handler.
    pub(super) own: PointTypes,
    pub(super) traffic: Arc<Traffic>,
}

impl Lane {
    /// The handler as plugins of another dialect see it, with what goes over to it.
    ///
    /// # Errors
    /// When what it says about its name cannot be carried over.
    pub(crate) fn contribution(
        inner: &Arc<Contribution>,
        point: u32,
        outer: PointTypes,
        own: PointTypes,
    ) -> Result<(Contribution, Arc<Traffic>), CallError> {
        let about = about_for(inner, &outer)?;
        let traffic = Arc::<Traffic>::default();
        let lane = Self { inner: Arc::clone(inner), outer, own, traffic: Arc::clone(&traffic) };
        let state = Box::into_raw(Box::new(lane)).cast();
        let handler = match &inner.handler {
            Handler::Inline(_) => {
                Handler::Inline(InlineHandler { state, call: event::hear, drop: drop_lane })
            }
            // Its mailbox is filled by the emission, and read by its plugin's own task.
            Handler::Queued(_, terms) => {
                Handler::Queued(AsyncHandler { state, start: event::never_called, drop: drop_lane }, *terms)
            }
            Handler::Link(_) => Handler::Link(AsyncHandler { state, start: link::start, drop: drop_lane }),
            Handler::Serve(_) => Handler::Serve(AsyncHandler { state, start: call::start, drop: drop_lane }),
            Handler::ServeStream(_) => {
                Handler::ServeStream(StreamHandler { state, open: stream::open, drop: drop_lane })
            }
        };
        let contribution = Contribution {
            seat: Arc::clone(&inner.seat),
            point,
            info: Arc::clone(&inner.info),
            name: inner.name.clone(),
            about,
            handler,
            mailbox: inner.mailbox.clone(),
            is_lane: true,
            waiting: inner.waiting.clone(),
            _running: Arc::clone(&inner._running),
        };
        Ok((contribution, traffic))
    }

    /// An error of this lane, with the plugin at its end.
    pub(super) fn blame(&self, error: CallError) -> CallError {
        blame(&self.inner, error)
    }
}

/// Says that a value did not get over to `handler`, or back.
pub(super) fn blame(handler: &Contribution, error: CallError) -> CallError {
    not_carried(handler.seat.id, &error)
}

/// Says that a value did not get over to `plugin`, or back.
pub(crate) fn not_carried(plugin: &'static str, error: &CallError) -> CallError {
    let message = format!("a value could not be bridged to another copy of its contract: {}", error.message);
    CallError::new(CallErrorKind::Failed, message).at(plugin)
}

/// Says that no lane leads to the link of `plugin` at `point`.
pub(crate) fn unreachable(plugin: &'static str, point: &str) -> CallError {
    let message = format!(
        "the link of `{plugin}` at `{point}` was built with another copy of the contract, to which no value can be bridged"
    );
    CallError::failed(message).at(plugin)
}

unsafe extern "C" fn drop_lane(state: *mut ()) {
    // SAFETY: made by `Lane::contribution`, dropped once.
    let lane = unsafe { Box::from_raw(state.cast::<Lane>()) };
    swallow_panic(|| drop(lane));
}

fn about_for(inner: &Contribution, outer: &PointTypes) -> Result<Option<Place>, CallError> {
    let Some(about) = &inner.about else { return Ok(None) };
    Place::decoded(outer.about, &about.encoded()?).map(Some)
}

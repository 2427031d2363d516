//! [`Traces`]: the trace id of each span, kept beside it.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Subscriber;
use tracing::dispatcher::get_default;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};
use transom_plugin_api::TraceId;

/// The field in which a span without a parent may bring the trace of whoever asked: a W3C `traceparent` header.
const TRACEPARENT: &str = "traceparent";

/// Gives each span the trace id of its parent; one without a parent that of its field `traceparent`, or a new one.
pub(super) struct Traces;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Traces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let inherited = span.parent().and_then(|parent| parent.extensions().get::<TraceId>().copied());
        let brought = || {
            let mut brought = Brought(None);
            attributes.record(&mut brought);
            brought.0
        };
        let trace = inherited.or_else(brought).unwrap_or_else(new);
        span.extensions_mut().insert(trace);
    }
}

struct Brought(Option<TraceId>);

impl Visit for Brought {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == TRACEPARENT {
            self.0 = TraceId::of_traceparent(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == TRACEPARENT {
            self.0 = TraceId::of_traceparent(&format!("{value:?}"));
        }
    }
}

/// An id that nobody else has: hashes of a counter, under keys that the system drew by lot for this process.
fn new() -> TraceId {
    static KEYS: OnceLock<[RandomState; 2]> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let [upper, lower] = KEYS.get_or_init(|| [RandomState::new(), RandomState::new()]);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let bits = u128::from(upper.hash_one(next)) << 64 | u128::from(lower.hash_one(next));
    // One bit is given away, since all zeros is no id.
    TraceId::new(bits | 1).expect("one of its bits is set")
}

/// The trace id of the span that this thread is in.
pub(super) fn current() -> Option<TraceId> {
    get_default(|log| {
        let registry = log.downcast_ref::<Registry>()?;
        let current = log.current_span();
        let span = registry.span(current.id()?)?;
        let kept = span.extensions();
        kept.get::<TraceId>().copied()
    })
}

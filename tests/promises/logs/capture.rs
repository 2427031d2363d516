//! The log of the test's process, kept.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::time::Duration;

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use transom_kernel::trace;

/// Whether everything of the unruly plugin is logged, and not only down to `info`.
pub(super) static VERBOSE: AtomicBool = AtomicBool::new(false);
/// Whether the limiter lets no warning pass.
pub(super) static WARNINGS_STOPPED: AtomicBool = AtomicBool::new(false);

static SAID: Mutex<Vec<Heard>> = Mutex::new(Vec::new());

/// An event as the host's subscriber got it.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) message: String,
    pub(super) level: &'static str,
    pub(super) target: &'static str,
    pub(super) plugin: Option<&'static str>,
    pub(super) place: Option<(&'static str, u32)>,
    /// All but the message.
    pub(super) fields: Value,
    /// The outermost first.
    pub(super) spans: Vec<(&'static str, Value)>,
}

/// Keeps what plugins log from now on.
pub(super) fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let log = tracing_subscriber::registry().with(Capture);
        tracing::subscriber::set_global_default(log).expect("nobody else in this program has a log");
        assert!(trace::set_limiter(Box::new(Limiter)));
    });
}

/// What was logged so far and is meant.
pub(super) fn said(is_meant: impl Fn(&Heard) -> bool) -> Vec<Heard> {
    let said = SAID.lock().expect("no test panics while it holds it");
    said.iter().filter(|heard| is_meant(heard)).cloned().collect()
}

/// The same, once there are that many.
pub(super) async fn eventually(is_meant: impl Fn(&Heard) -> bool, count: usize) -> Vec<Heard> {
    let found = async {
        loop {
            let found = said(&is_meant);
            if found.len() >= count {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), found).await;
    found.unwrap_or_else(|_| panic!("it was not said: {:#?}", said(|_| true)))
}

struct Limiter;

impl trace::Limiter for Limiter {
    fn admits(&self, plugin: &'static str, level: Level) -> bool {
        plugin != "unruly" || level != Level::WARN || !WARNINGS_STOPPED.load(Ordering::Relaxed)
    }
}

struct Capture;

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    let is_verbose = VERBOSE.load(Ordering::Relaxed) && trace::plugin_of(metadata) == Some("unruly");
    is_verbose || *metadata.level() <= Level::INFO
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_wanted(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_wanted(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if VERBOSE.load(Ordering::Relaxed) { LevelFilter::TRACE } else { LevelFilter::INFO })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields(json!({}));
        attributes.record(&mut fields);
        context.span(id).expect("it is new").extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("it is open");
        values.record(span.extensions_mut().get_mut::<Fields>().expect("it was kept"));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let Some(plugin) = trace::plugin_of(metadata) else { return };
        let mut fields = Fields(json!({}));
        event.record(&mut fields);
        let message = fields.0.as_object_mut().and_then(|fields| fields.remove("message"));
        let scope = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        let spans = scope.map(|span| {
            let fields = span.extensions().get::<Fields>().expect("it was kept").0.clone();
            (span.name(), fields)
        });
        let heard = Heard {
            message: message.and_then(|said| said["debug"].as_str().map(str::to_owned)).unwrap_or_default(),
            level: metadata.level().as_str(),
            target: metadata.target(),
            plugin: Some(plugin),
            place: metadata.file().zip(metadata.line()),
            fields: fields.0,
            spans: spans.collect(),
        };
        SAID.lock().expect("no test panics while it holds it").push(heard);
    }
}

/// Fields as JSON; what was formatted stands in `debug`.
struct Fields(Value);

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0[field.name()] = json!(value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0[field.name()] = json!(value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0[field.name()] = json!(value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0[field.name()] = json!(value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0[field.name()] = json!(value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0[field.name()] = json!({ "debug": format!("{value:?}") });
    }
}

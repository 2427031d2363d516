//! [`Lines`]: spans and events as lines.

use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};
use transom_plugin_api::TraceId;

use super::fields::Fields;
use super::{Log, json, text};
use crate::manifest::LogFormat;

/// Writes each event as a line, with the spans it happened in.
pub(super) struct Lines<W> {
    log: Arc<Log>,
    format: LogFormat,
    /// Takes a line with its end.
    write: W,
}

/// One line, before it has a form.
pub(super) struct Line {
    /// As RFC 3339, in UTC.
    pub(super) time: String,
    pub(super) level: Level,
    pub(super) plugin: Option<String>,
    pub(super) target: &'static str,
    pub(super) message: String,
    pub(super) fields: Fields,
    /// The outermost first.
    pub(super) spans: Vec<Surrounding>,
    pub(super) trace: Option<TraceId>,
}

/// A span that a line stands in.
pub(super) struct Surrounding {
    pub(super) name: &'static str,
    pub(super) plugin: Option<String>,
    /// In the form of the line.
    pub(super) fields: Written,
}

/// Fields in the form of the line.
pub(super) enum Written {
    Text(String),
    Document(serde_json::Map<String, serde_json::Value>),
}

/// What is kept with a span.
struct SpanFields {
    plugin: Option<String>,
    fields: Fields,
}

impl<W: Fn(&str)> Lines<W> {
    pub(super) fn new(log: Arc<Log>, format: LogFormat, write: W) -> Self {
        Self { log, format, write }
    }

    fn written(&self, fields: &Fields) -> Written {
        match self.format {
            LogFormat::Text => Written::Text(text::fields(fields)),
            LogFormat::Json => Written::Document(fields.document()),
        }
    }

    fn surroundings<'a, S>(&self, scope: Option<Scope<'a, S>>) -> (Vec<Surrounding>, Option<TraceId>)
    where
        S: Subscriber + LookupSpan<'a>,
    {
        let mut trace = None;
        let spans = scope.into_iter().flat_map(Scope::from_root).map(|span| {
            let kept = span.extensions();
            trace = kept.get::<TraceId>().copied();
            let (plugin, fields) = match kept.get::<SpanFields>() {
                Some(kept) => (kept.plugin.clone(), self.written(&kept.fields)),
                None => (None, self.written(&Fields::default())),
            };
            Surrounding { name: span.name(), plugin, fields }
        });
        (spans.collect(), trace)
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let owner = || self.log.plugin_at(attributes.metadata()).map(str::to_owned);
        let plugin = fields.take("plugin").or_else(owner);
        span.extensions_mut().insert(SpanFields { plugin, fields });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(kept) = span.extensions_mut().get_mut::<SpanFields>() {
            values.record(&mut kept.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let plugin = fields.take("plugin").or_else(|| self.log.plugin_at(metadata).map(str::to_owned));
        let message = fields.take("message").unwrap_or_default();
        let (spans, trace) = self.surroundings(context.event_scope(event));
        let (level, target) = (*metadata.level(), metadata.target());
        let line = Line { time: now(), level, plugin, target, message, fields, spans, trace };
        (self.write)(&match self.format {
            LogFormat::Text => text::line(&line),
            LogFormat::Json => json::line(&line),
        });
    }
}

fn now() -> String {
    let mut time = String::new();
    // Writing to a `String` cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

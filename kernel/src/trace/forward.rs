//! Spans and events of plugins, dispatched to whoever subscribed to the host's log.

use std::sync::OnceLock;

use tracing::dispatcher::get_default;
use tracing::field::{DisplayValue, Field, Value, ValueSet, display};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata};
use transom_plugin_api::abi::trace::{NEVER, RawField, RawParent, RawValue};
use transom_plugin_api::sabotage::sabotaged;

use super::callsite::{Callsite, Description, MOST_FIELDS, of_metadata, register};

/// Decides about each event of a dylib before it is formatted, and before any subscriber sees it.
pub trait Limiter: Send + Sync {
    /// Whether the plugin may log one more event of this level now.
    fn admits(&self, plugin: &'static str, level: Level) -> bool;
}

static LIMITER: OnceLock<Box<dyn Limiter>> = OnceLock::new();

/// Puts a limiter before the events of dylibs; without one all are admitted. A process has one: answers whether this is it.
pub fn set_limiter(limiter: Box<dyn Limiter>) -> bool {
    LIMITER.set(limiter).is_ok()
}

pub(crate) fn admits(callsite: &'static Callsite) -> bool {
    LIMITER.get().is_none_or(|limiter| limiter.admits(callsite.plugin, *callsite.metadata().level()))
}

pub(crate) fn max_level() -> u8 {
    match LevelFilter::current().into_level() {
        _ if sabotaged("log-what-is-switched-off") => 5,
        None => 0,
        Some(Level::ERROR) => 1,
        Some(Level::WARN) => 2,
        Some(Level::INFO) => 3,
        Some(Level::DEBUG) => 4,
        Some(Level::TRACE) => 5,
    }
}

pub(crate) fn is_enabled(callsite: &'static Callsite) -> bool {
    callsite.interest() != NEVER && get_default(|host| host.enabled(callsite.metadata()))
}

pub(crate) fn event(callsite: &'static Callsite, parent: RawParent, fields: &[RawField<'_>]) {
    // It was switched off, and its image has not been told yet.
    if callsite.interest() == NEVER {
        return;
    }
    with_values(callsite, fields, true, |metadata, values| {
        let event = match parent_of(parent) {
            RawParent::Current => Event::new(metadata, values),
            RawParent::Root => Event::new_child_of(None, metadata, values),
            RawParent::Span(span) => Event::new_child_of(id(span), metadata, values),
        };
        get_default(|host| host.event(&event));
    });
}

/// A line that has no callsite.
pub(crate) fn line(plugin: &'static str, level: u8, target: &str, message: &str) {
    let Some(callsite) = register(plugin, Description::of_line(level, target)) else { return };
    if is_enabled(callsite) && admits(callsite) {
        let value = RawValue::Formatted(message.into());
        event(callsite, RawParent::Current, &[RawField { index: 0, value }]);
    }
}

pub(crate) fn new_span(callsite: &'static Callsite, parent: RawParent, fields: &[RawField<'_>]) -> u64 {
    if callsite.interest() == NEVER {
        return 0;
    }
    with_values(callsite, fields, true, |metadata, values| {
        let attributes = match parent_of(parent) {
            RawParent::Current => Attributes::new(metadata, values),
            RawParent::Root => Attributes::new_root(metadata, values),
            RawParent::Span(span) => match id(span) {
                Some(span) => Attributes::child_of(span, metadata, values),
                None => Attributes::new_root(metadata, values),
            },
        };
        get_default(|host| host.new_span(&attributes).into_u64())
    })
}

fn parent_of(parent: RawParent) -> RawParent {
    if sabotaged("log-without-parents") { RawParent::Root } else { parent }
}

pub(crate) fn record(callsite: &'static Callsite, span: u64, fields: &[RawField<'_>]) {
    let Some(span) = id(span) else { return };
    with_values(callsite, fields, false, |_, values| {
        get_default(|host| host.record(&span, &Record::new(values)));
    });
}

pub(crate) fn follows_from(span: u64, follows: u64) {
    if let (Some(span), Some(follows)) = (id(span), id(follows)) {
        get_default(|host| host.record_follows_from(&span, &follows));
    }
}

pub(crate) fn enter(span: u64) {
    if let Some(span) = id(span) {
        get_default(|host| host.enter(&span));
    }
}

pub(crate) fn exit(span: u64) {
    if let Some(span) = id(span) {
        get_default(|host| host.exit(&span));
    }
}

pub(crate) fn clone_span(span: u64) -> u64 {
    id(span).map_or(0, |span| get_default(|host| host.clone_span(&span).into_u64()))
}

pub(crate) fn try_close(span: u64) -> bool {
    id(span).is_some_and(|span| get_default(|host| host.try_close(span.clone())))
}

/// The span that this thread is in, and its callsite when it is one of a dylib.
pub(crate) fn current() -> Option<(u64, Option<&'static Callsite>)> {
    let (span, metadata) = get_default(|host| host.current_span().into_inner())?;
    Some((span.into_u64(), of_metadata(metadata)))
}

/// `None` for 0, which is nobody's id.
fn id(span: u64) -> Option<Id> {
    std::num::NonZeroU64::new(span).map(Id::from_non_zero_u64)
}

/// One value, where `tracing` can borrow it.
enum Held<'a> {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Formatted(DisplayValue<&'a str>),
}

impl<'a> Held<'a> {
    fn of(raw: &'a RawValue<'_>) -> Self {
        match raw {
            RawValue::Signed(value) => Self::Signed(*value),
            RawValue::Unsigned(value) => Self::Unsigned(*value),
            RawValue::Float(value) => Self::Float(*value),
            RawValue::Bool(value) => Self::Bool(*value),
            RawValue::Text(text) => Self::Text(text.as_str()),
            RawValue::Formatted(text) => Self::Formatted(display(text.as_str())),
        }
    }

    fn value(&self) -> &dyn Value {
        match self {
            Self::Signed(value) => value,
            Self::Unsigned(value) => value,
            Self::Float(value) => value,
            Self::Bool(value) => value,
            Self::Text(text) => text,
            Self::Formatted(text) => text,
        }
    }
}

/// Runs `body` with the fields as values of the host's own callsite; `whole` adds those that are not the plugin's.
fn with_values<R>(
    callsite: &'static Callsite,
    raw: &[RawField<'_>],
    whole: bool,
    body: impl FnOnce(&'static Metadata<'static>, &ValueSet<'_>) -> R,
) -> R {
    let mut held: [Option<Held<'_>>; MOST_FIELDS] = [const { None }; MOST_FIELDS];
    if whole {
        held[0] = Some(Held::Text(callsite.plugin));
        if callsite.left_out > 0 {
            held[callsite.kept + 1] = Some(Held::Unsigned(callsite.left_out));
        }
    }
    for field in raw {
        if (field.index as usize) < callsite.kept {
            held[field.index as usize + 1] = Some(Held::of(&field.value));
        }
    }
    let fields = callsite.fields();
    let values: [(&Field, Option<&dyn Value>); MOST_FIELDS] = std::array::from_fn(|place| {
        // The places behind the last field hold nothing, and so may be anybody's.
        (fields.get(place).unwrap_or(&fields[0]), held[place].as_ref().map(Held::value))
    });
    let metadata = callsite.metadata();
    body(metadata, &metadata.fields().value_set(&values))
}

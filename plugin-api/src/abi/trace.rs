//! Spans and events of a dylib on their way into the host's log.
//!
//! A dylib has a `tracing` of its own. It makes each of its callsites known to the host once, and hands spans and events of
//! it over as plain values; the host dispatches them as its own. Spans are named by the host's ids, and are entered and
//! left on the thread on which that happens, so a span of one plugin is the parent of what another logs inside of it.

mod sink;

use abi_stable::StableAbi;

use super::RStr;

pub(crate) use sink::{Sink, Site};

/// The host is not interested in a callsite.
pub const NEVER: u8 = 0;
/// The host is to be asked each time.
pub const SOMETIMES: u8 = 1;
/// The host takes all of it.
pub const ALWAYS: u8 = 2;

/// The callsite is an event's.
pub const EVENT: u8 = 1;
/// The callsite is a span's.
pub const SPAN: u8 = 2;
/// The callsite only asks whether anybody is interested.
pub const HINT: u8 = 4;

/// The host's functions for spans and events. None of them unwinds, and all may be called from any thread.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct TraceFunctions {
    /// Seat, and what the host calls when the answers of `interest` and `max_level` may have changed.
    pub attach: unsafe extern "C" fn(*const (), LevelsChanged),
    /// The most verbose level that anybody is interested in: 0 none, 1 error … 5 trace.
    pub max_level: extern "C" fn() -> u8,
    /// Makes a callsite known: seat and callsite. Answers its handle, good for ever; null when the plugin has too many.
    pub register: unsafe extern "C" fn(*const (), *const RawCallsite<'_>) -> *const (),
    /// How interested the host is in a callsite: [`NEVER`], [`SOMETIMES`] or [`ALWAYS`].
    pub interest: unsafe extern "C" fn(*const ()) -> u8,
    /// Whether the host is interested now.
    pub is_enabled: unsafe extern "C" fn(*const ()) -> bool,
    /// Whether the plugin may log one more event of a callsite now; asked before its fields are formatted.
    pub admits: unsafe extern "C" fn(*const ()) -> bool,
    /// An event: callsite, parent, fields.
    pub event: unsafe extern "C" fn(*const (), RawParent, *const RawField<'_>, usize),
    /// A new span: callsite, parent, fields. Answers its id; 0 when there can be none.
    pub new_span: unsafe extern "C" fn(*const (), RawParent, *const RawField<'_>, usize) -> u64,
    /// Further fields of a span: callsite, span, fields.
    pub record: unsafe extern "C" fn(*const (), u64, *const RawField<'_>, usize),
    /// The first span follows from the second.
    pub follows_from: extern "C" fn(u64, u64),
    /// This thread enters a span.
    pub enter: extern "C" fn(u64),
    /// This thread leaves a span.
    pub exit: extern "C" fn(u64),
    /// One more holder of a span; answers its id.
    pub clone_span: extern "C" fn(u64) -> u64,
    /// One holder less; whether it was the last.
    pub try_close: extern "C" fn(u64) -> bool,
    /// The span that this thread is in.
    pub current: extern "C" fn() -> RawCurrent,
}

/// What an image is called when levels change.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct LevelsChanged {
    /// Has the image ask anew. It does not unwind.
    pub tell: extern "C" fn(),
}

/// What is known about a callsite. Texts are borrowed for the call.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawCallsite<'a> {
    /// Its name.
    pub name: RStr<'a>,
    /// Its target, usually a module.
    pub target: RStr<'a>,
    /// 1 error … 5 trace.
    pub level: u8,
    /// [`EVENT`], [`SPAN`] and [`HINT`], added up.
    pub kind: u8,
    /// Its file; empty when unknown.
    pub file: RStr<'a>,
    /// Its line; 0 when unknown.
    pub line: u32,
    /// Its module; empty when unknown.
    pub module: RStr<'a>,
    /// The names of its fields.
    pub fields: *const RStr<'a>,
    /// How many there are.
    pub field_count: usize,
}

/// The value of one field.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct RawField<'a> {
    /// The field's place among those of its callsite.
    pub index: u32,
    /// Its value.
    pub value: RawValue<'a>,
}

/// A value. What is neither a number nor text is formatted by the plugin.
#[repr(C, u8)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub enum RawValue<'a> {
    /// A signed number.
    Signed(i64),
    /// A number that is not negative.
    Unsigned(u64),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text that was given as text.
    Text(RStr<'a>),
    /// Anything else, formatted.
    Formatted(RStr<'a>),
}

/// The parent of a span or an event.
#[repr(C, u8)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub enum RawParent {
    /// The span that the thread is in.
    Current,
    /// It has none.
    Root,
    /// The span with this id.
    Span(u64),
}

/// The span that a thread is in.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct RawCurrent {
    /// Its id; 0 when there is none.
    pub span: u64,
    /// The handle of its callsite; null when it is not a plugin's.
    pub callsite: *const (),
}

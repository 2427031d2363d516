//! [`Sink`], the host's log as an image reaches it.

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;

use super::{
    ALWAYS, EVENT, HINT, LevelsChanged, RawCallsite, RawCurrent, RawField, RawParent, SOMETIMES, SPAN,
    TraceFunctions,
};
use crate::Host;
use crate::abi::RStr;
use crate::log::level_number;

/// The host's functions for spans and events, and the plugin in whose name they are used.
pub(crate) struct Sink {
    host: Host,
    functions: TraceFunctions,
}

/// A callsite as the host knows it. Good for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site(*const ());

// SAFETY: it names an immutable record of the host's that is never freed.
unsafe impl Send for Site {}
// SAFETY: as above.
unsafe impl Sync for Site {}

impl Sink {
    pub(crate) fn of(host: Host) -> Self {
        let functions = host.raw().table.trace();
        Self { host, functions }
    }

    /// Has `changed` called whenever levels change.
    pub(crate) fn attach(&self, changed: extern "C" fn()) {
        // SAFETY: the seat is held.
        unsafe { (self.functions.attach)(self.host.raw().seat, LevelsChanged { tell: changed }) }
    }

    pub(crate) fn max_level(&self) -> LevelFilter {
        match (self.functions.max_level)() {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }

    /// `None` when the host takes no further callsites of this plugin.
    pub(crate) fn register(&self, metadata: &Metadata<'_>) -> Option<Site> {
        let fields: Vec<RStr<'_>> =
            metadata.fields().iter().map(|field| RStr::from_str(field.name())).collect();
        self.register_as(&RawCallsite {
            name: RStr::from_str(metadata.name()),
            target: RStr::from_str(metadata.target()),
            level: level_number(*metadata.level()),
            kind: kind_of(metadata),
            file: RStr::from_str(metadata.file().unwrap_or_default()),
            line: metadata.line().unwrap_or_default(),
            module: RStr::from_str(metadata.module_path().unwrap_or_default()),
            fields: fields.as_ptr(),
            field_count: fields.len(),
        })
    }

    /// Makes known a callsite whose only field is its message.
    #[cfg(feature = "log")]
    pub(crate) fn register_line(&self, level: u8, target: &str, module: &str) -> Option<Site> {
        let fields = [RStr::from_str("message")];
        self.register_as(&RawCallsite {
            name: RStr::from_str("record"),
            target: RStr::from_str(target),
            level,
            kind: EVENT,
            file: RStr::from_str(""),
            line: 0,
            module: RStr::from_str(module),
            fields: fields.as_ptr(),
            field_count: fields.len(),
        })
    }

    fn register_as(&self, callsite: &RawCallsite<'_>) -> Option<Site> {
        // SAFETY: the seat is held; the description is borrowed for the call, and its count is that of its fields.
        let site = unsafe { (self.functions.register)(self.host.raw().seat, callsite) };
        (!site.is_null()).then_some(Site(site))
    }

    pub(crate) fn interest(&self, site: Site) -> Interest {
        // SAFETY: the host gave out the handle.
        match unsafe { (self.functions.interest)(site.0) } {
            ALWAYS => Interest::always(),
            SOMETIMES => Interest::sometimes(),
            _ => Interest::never(),
        }
    }

    pub(crate) fn is_enabled(&self, site: Site) -> bool {
        // SAFETY: as above.
        unsafe { (self.functions.is_enabled)(site.0) }
    }

    pub(crate) fn admits(&self, site: Site) -> bool {
        // SAFETY: as above.
        unsafe { (self.functions.admits)(site.0) }
    }

    pub(crate) fn event(&self, site: Site, parent: RawParent, fields: &[RawField<'_>]) {
        // SAFETY: as above; the fields are borrowed for the call.
        unsafe { (self.functions.event)(site.0, parent, fields.as_ptr(), fields.len()) }
    }

    /// The id of the new span; 0 when there can be none.
    pub(crate) fn new_span(&self, site: Site, parent: RawParent, fields: &[RawField<'_>]) -> u64 {
        // SAFETY: as above.
        unsafe { (self.functions.new_span)(site.0, parent, fields.as_ptr(), fields.len()) }
    }

    pub(crate) fn record(&self, site: Site, span: u64, fields: &[RawField<'_>]) {
        // SAFETY: as above.
        unsafe { (self.functions.record)(site.0, span, fields.as_ptr(), fields.len()) }
    }

    pub(crate) fn follows_from(&self, span: u64, follows: u64) {
        (self.functions.follows_from)(span, follows);
    }

    pub(crate) fn enter(&self, span: u64) {
        (self.functions.enter)(span);
    }

    pub(crate) fn exit(&self, span: u64) {
        (self.functions.exit)(span);
    }

    pub(crate) fn clone_span(&self, span: u64) -> u64 {
        (self.functions.clone_span)(span)
    }

    pub(crate) fn try_close(&self, span: u64) -> bool {
        (self.functions.try_close)(span)
    }

    /// The span this thread is in, and its callsite if it is a plugin's.
    pub(crate) fn current(&self) -> Option<(u64, Option<Site>)> {
        let RawCurrent { span, callsite } = (self.functions.current)();
        (span != 0).then_some((span, (!callsite.is_null()).then_some(Site(callsite))))
    }
}

fn kind_of(metadata: &Metadata<'_>) -> u8 {
    match (metadata.is_event(), metadata.is_span()) {
        (true, false) => EVENT,
        (false, true) => SPAN,
        (true, true) => EVENT | SPAN,
        // It only asks whether anybody is interested.
        (false, false) => HINT,
    }
}

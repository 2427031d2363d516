//! [`Bridge`], the subscriber of a dylib.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use tracing::callsite::{Callsite, Identifier};
use tracing::field::FieldSet;
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

use super::fields::Fields;
use crate::abi::trace::{RawParent, Sink, Site};

/// In place of the id of a span that the host did not take. No host counts so far.
const NOWHERE: u64 = u64::MAX;

/// Forwards everything to the host.
pub(super) struct Bridge {
    sink: Sink,
    /// What the host made of each callsite; `None` for one that it did not take.
    sites: RwLock<HashMap<Identifier, Option<Site>>>,
    /// The way back, to tell which span this is in.
    spans: RwLock<HashMap<Site, &'static Metadata<'static>>>,
}

impl Bridge {
    pub(super) fn over(sink: Sink) -> Self {
        Self { sink, sites: RwLock::default(), spans: RwLock::default() }
    }

    fn known(&self, callsite: &Identifier) -> Option<Option<Site>> {
        self.sites.read().unwrap_or_else(PoisonError::into_inner).get(callsite).copied()
    }

    /// The host's handle of a callsite. Another thread may ask while the first one still makes it known; the host answers
    /// both with the same.
    fn site(&self, metadata: &'static Metadata<'static>) -> Option<Site> {
        let callsite = metadata.callsite();
        if let Some(known) = self.known(&callsite) {
            return known;
        }
        let site = self.sink.register(metadata);
        self.sites.write().unwrap_or_else(PoisonError::into_inner).insert(callsite, site);
        if let (Some(site), true) = (site, metadata.is_span()) {
            self.spans.write().unwrap_or_else(PoisonError::into_inner).insert(site, metadata);
        }
        site
    }
}

impl Subscriber for Bridge {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.site(metadata).map_or_else(Interest::never, |site| self.sink.interest(site))
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // One that another thread makes known right now is taken: the host decides when it comes.
        let asked = |site: Option<Site>| site.is_some_and(|site| self.sink.is_enabled(site));
        self.known(&metadata.callsite()).is_none_or(asked)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.sink.max_level())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.site(attributes.metadata()).map_or(0, |site| {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            let parent = parent(attributes.is_root(), attributes.parent());
            fields.lend(|fields| self.sink.new_span(site, parent, fields))
        });
        Id::from_u64(if id == 0 { NOWHERE } else { id })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        let site = fields.callsite().and_then(|callsite| self.known(&callsite)).flatten();
        if let (Some(site), Some(span)) = (site, somewhere(span)) {
            fields.lend(|fields| self.sink.record(site, span, fields));
        }
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        if let (Some(span), Some(follows)) = (somewhere(span), somewhere(follows)) {
            self.sink.follows_from(span, follows);
        }
    }

    fn event(&self, event: &Event<'_>) {
        let Some(site) = self.site(event.metadata()) else { return };
        // Asked first, so that a flood is not even formatted.
        if !self.sink.admits(site) {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let parent = parent(event.is_root(), event.parent());
        fields.lend(|fields| self.sink.event(site, parent, fields));
    }

    fn enter(&self, span: &Id) {
        if let Some(span) = somewhere(span) {
            self.sink.enter(span);
        }
    }

    fn exit(&self, span: &Id) {
        if let Some(span) = somewhere(span) {
            self.sink.exit(span);
        }
    }

    fn clone_span(&self, span: &Id) -> Id {
        match somewhere(span).map(|span| self.sink.clone_span(span)) {
            Some(id @ 1..) => Id::from_u64(id),
            _ => Id::from_u64(NOWHERE),
        }
    }

    fn try_close(&self, span: Id) -> bool {
        somewhere(&span).is_some_and(|span| self.sink.try_close(span))
    }

    fn current_span(&self) -> Current {
        let Some((span, site)) = self.sink.current() else { return Current::none() };
        let spans = self.spans.read().unwrap_or_else(PoisonError::into_inner);
        let metadata = site.and_then(|site| spans.get(&site).copied()).unwrap_or(&FOREIGN);
        Current::new(Id::from_u64(span), metadata)
    }
}

/// The id of a span that the host has.
fn somewhere(span: &Id) -> Option<u64> {
    Some(span.into_u64()).filter(|span| *span != NOWHERE)
}

fn parent(is_root: bool, parent: Option<&Id>) -> RawParent {
    match parent.map(somewhere) {
        Some(Some(span)) => RawParent::Span(span),
        Some(None) => RawParent::Root,
        None if is_root => RawParent::Root,
        None => RawParent::Current,
    }
}

/// What this image knows about a span of the host's or of another plugin: that it is there.
struct Foreign;

static FOREIGN: Metadata<'static> = Metadata::new(
    "elsewhere",
    "transom",
    Level::ERROR,
    None,
    None,
    None,
    FieldSet::new(&[], Identifier(&Foreign)),
    Kind::SPAN,
);

impl Callsite for Foreign {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &FOREIGN
    }
}

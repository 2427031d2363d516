//! Points: the named, typed places of the bus, written once as constants by their owner.
//!
//! | kind | constant | who answers |
//! |---|---|---|
//! | event (hook) | [`Event<T>`] | any number of listeners; the emitter never fails |
//! | filter | [`Filter<T>`] | an ordered chain of links; each takes the value and returns it |
//! | service | [`Service<Req, Reply>`], [`StreamService<Req, Item>`] | exactly one provider, or one per name |
//!
//! A point's name is `owner/noun.fact`. How it behaves is said here and nowhere else: not by who emits, not by
//! who listens.
//!
//! ```
//! use transom_plugin_api::{Event, Filter, Service, Text, contract};
//!
//! /// A conversation has ended.
//! #[contract]
//! pub struct Ended {
//!     /// Which one.
//!     pub id: Text,
//! }
//!
//! pub const ENDED: Event<Ended> = Event::new("diary/conversation.ended");
//! pub const TITLE: Filter<Text> = Filter::fail_open("diary/title").stages(&["draft", "polish"]);
//! pub const COUNT: Service<Text, u64> = Service::new("diary/words.count").deadline_ms(500);
//! ```
//!
//! | | deadline unless the point says otherwise | past it |
//! |---|---|---|
//! | event, inline | none | the emitter waits for each listener |
//! | event, queued | none | a full mailbox loses by its own terms, see [`Mailbox`](crate::Mailbox) |
//! | event, [`paced`](Event::paced) | the one it is declared with | the emission ends with [`Deadline`](crate::CallErrorKind::Deadline) |
//! | filter | 5 s for each link | the link is dropped and counts as failed |
//! | service | 30 s; a caller may set one of its own | the call is dropped and ends with [`Deadline`](crate::CallErrorKind::Deadline) |
//! | streaming service | none | |
//!
//! # Sharing your points
//!
//! Whoever uses a point needs its constant and its contracts, and a plugin never depends on another plugin. So points
//! that others are to use, and the contracts they carry, live in a crate of their own beside the plugin's:
//!
//! ```text
//! diary/            the plugin, depends on diary/contract
//! diary/contract/   the points and contracts, depends on transom-plugin-api alone; a plain library
//! audit/            another plugin, depends on diary/contract
//! ```
//!
//! Points that nobody else uses stay in the plugin. Two builds of a contract are the same contract as long as their
//! [fingerprints](crate::Fingerprint) are equal, which neither the crate's name nor its version changes. Between plugins
//! with different ones each value is encoded, where that can work; where it cannot, `transom check` refuses them and says
//! why. What may be changed is in `docs/guide/contracts.md`. A constant takes only what is known when it is compiled:
//! `names` and `stage` in a [port](crate::port) are written as literals.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// How a point behaves, without its types: what two sides must agree on besides the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointSpec {
    /// `owner/noun.fact`.
    pub name: &'static str,
    /// What sort of place it is.
    pub kind: PointKind,
    /// Milliseconds one handler may take; 0 when it may take as long as it needs.
    pub deadline_ms: u64,
    /// The named stages of a filter, first to last; links without a stage come in the first.
    pub stages: &'static [&'static str],
}

/// The sorts of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointKind {
    /// An event, emitted synchronously.
    Event,
    /// An event whose emitter waits for room in full mailboxes.
    PacedEvent,
    /// A filter whose failing links change nothing.
    #[serde(rename = "fail-open-filter")]
    OpenFilter,
    /// A filter whose failing link ends the chain.
    #[serde(rename = "fail-closed-filter")]
    ClosedFilter,
    /// A service with one provider.
    Service,
    /// A service with one provider per name.
    NamedService,
    /// A streaming service with one provider.
    Stream,
    /// A streaming service with one provider per name.
    NamedStream,
}

impl PointKind {
    /// How it is written in descriptors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::PacedEvent => "paced-event",
            Self::OpenFilter => "fail-open-filter",
            Self::ClosedFilter => "fail-closed-filter",
            Self::Service => "service",
            Self::NamedService => "named-service",
            Self::Stream => "stream",
            Self::NamedStream => "named-stream",
        }
    }

    /// Whether each provider answers under a name of its own.
    #[must_use]
    pub const fn is_named(self) -> bool {
        matches!(self, Self::NamedService | Self::NamedStream)
    }
}

impl PointSpec {
    const fn new(name: &'static str, kind: PointKind, deadline_ms: u64) -> Self {
        Self { name, kind, deadline_ms, stages: &[] }
    }
}

/// Marks an event whose emission is synchronous: a slow listener loses, the emitter never waits.
#[derive(Clone, Copy, Debug)]
pub struct Immediate;

/// Marks an event whose emission is awaited: it waits, up to the point's deadline, for room in full mailboxes.
#[derive(Clone, Copy, Debug)]
pub struct Paced;

/// A fact in the past tense that anybody may hear.
///
/// Emitting never fails and never waits (except [`Event::paced`]). A listener chooses its delivery:
/// [`inline`](crate::Listener::inline) or [`queued`](crate::Listener::queued).
#[derive(Debug)]
pub struct Event<T, D = Immediate> {
    spec: PointSpec,
    of: PhantomData<fn() -> (T, D)>,
}

impl<T> Event<T> {
    /// An event that is emitted synchronously.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { spec: PointSpec::new(name, PointKind::Event, 0), of: PhantomData }
    }
}

impl<T> Event<T, Paced> {
    /// An event whose emitter waits, at most `deadline_ms` milliseconds, until every mailbox has room.
    #[must_use]
    pub const fn paced(name: &'static str, deadline_ms: u64) -> Self {
        Self { spec: PointSpec::new(name, PointKind::PacedEvent, deadline_ms), of: PhantomData }
    }
}

impl<T, D> Event<T, D> {
    /// The point without its type.
    #[must_use]
    pub const fn spec(&self) -> PointSpec {
        self.spec
    }
}

/// A value that an ordered chain of links may change or refuse on its way.
///
/// Links run by named stage, then by `before` and `after`, then by plugin id.
#[derive(Debug)]
pub struct Filter<T> {
    spec: PointSpec,
    of: PhantomData<fn() -> T>,
}

impl<T> Filter<T> {
    /// Milliseconds one link may take unless the point says otherwise.
    pub const DEADLINE_MS: u64 = 5_000;

    /// A filter where a link that fails changes nothing: the value from before it goes on. The kernel keeps a
    /// clone for that before each link.
    #[must_use]
    pub const fn fail_open(name: &'static str) -> Self {
        Self { spec: PointSpec::new(name, PointKind::OpenFilter, Self::DEADLINE_MS), of: PhantomData }
    }

    /// A filter where a link that fails ends the chain, and the applier gets its error. Nothing is cloned.
    #[must_use]
    pub const fn fail_closed(name: &'static str) -> Self {
        Self { spec: PointSpec::new(name, PointKind::ClosedFilter, Self::DEADLINE_MS), of: PhantomData }
    }

    /// Milliseconds one link may take before it is dropped and counts as failed.
    #[must_use]
    pub const fn deadline_ms(mut self, deadline_ms: u64) -> Self {
        self.spec.deadline_ms = deadline_ms;
        self
    }

    /// Names the stages of the chain, first to last.
    #[must_use]
    pub const fn stages(mut self, stages: &'static [&'static str]) -> Self {
        self.spec.stages = stages;
        self
    }

    /// The point without its type.
    #[must_use]
    pub const fn spec(&self) -> PointSpec {
        self.spec
    }
}

/// Marks a service with exactly one provider.
#[derive(Clone, Copy, Debug)]
pub struct Sole;

/// A question with one answer.
///
/// With the third parameter left out there is exactly one provider. With a contract there, there is one provider
/// per *name*, and each name comes with a value of that contract: what a caller can know about it without a call.
/// So a tool's definition is data beside its name, apart from the code that runs it.
#[derive(Debug)]
pub struct Service<Req, Reply, About = Sole> {
    spec: PointSpec,
    of: PhantomData<fn(Req) -> (Reply, About)>,
}

/// Milliseconds a service call may take unless the point says otherwise.
pub const SERVICE_DEADLINE_MS: u64 = 30_000;

impl<Req, Reply> Service<Req, Reply> {
    /// A service with exactly one provider.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { spec: PointSpec::new(name, PointKind::Service, SERVICE_DEADLINE_MS), of: PhantomData }
    }
}

impl<Req, Reply, About> Service<Req, Reply, About> {
    /// A service with one provider per name, each with an `About`.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self { spec: PointSpec::new(name, PointKind::NamedService, SERVICE_DEADLINE_MS), of: PhantomData }
    }

    /// Milliseconds a call may take before it is dropped; 0 for as long as it needs.
    #[must_use]
    pub const fn deadline_ms(mut self, deadline_ms: u64) -> Self {
        self.spec.deadline_ms = deadline_ms;
        self
    }

    /// The point without its types.
    #[must_use]
    pub const fn spec(&self) -> PointSpec {
        self.spec
    }
}

/// A question whose answer comes in pieces. Dropping the stream cancels it, down to the provider.
///
/// The third parameter is that of [`Service`].
#[derive(Debug)]
pub struct StreamService<Req, Item, About = Sole> {
    spec: PointSpec,
    of: PhantomData<fn(Req) -> (Item, About)>,
}

impl<Req, Item> StreamService<Req, Item> {
    /// A streaming service with exactly one provider.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { spec: PointSpec::new(name, PointKind::Stream, 0), of: PhantomData }
    }
}

impl<Req, Item, About> StreamService<Req, Item, About> {
    /// A streaming service with one provider per name, each with an `About`.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self { spec: PointSpec::new(name, PointKind::NamedStream, 0), of: PhantomData }
    }

    /// The point without its types.
    #[must_use]
    pub const fn spec(&self) -> PointSpec {
        self.spec
    }
}

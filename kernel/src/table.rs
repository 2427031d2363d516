//! The one immutable table of routes. Whoever changes it makes a new one.

use std::collections::{BTreeSet, HashMap};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use transom_plugin_api::CallContext;
use transom_plugin_api::abi::host_table::{
    AsyncHandler, FailurePlace, Handler, InlineHandler, StreamHandler,
};
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{READY, Step, limit};
use transom_plugin_api::point::PointKind;
use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

use crate::breadcrumb::{Times, crumb, next_counter};
use crate::bridge::lane::Traffic;
use crate::bridge::place::Place;
use crate::bus::gate::Gate;
use crate::bus::mailbox::Mailbox;
use crate::operator::arranged;
use crate::order::{self, places};
use crate::plan::place;
use crate::seat::Seat;

/// One dialect of a point: all plugins that were built with the same copies of its contracts share one. Made when the
/// first of them is admitted, never removed. Values reach handlers of other dialects over a [lane](crate::bridge).
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) kind: PointKind,
    /// Nanoseconds a handler may take; 0 when it may take as long as it needs.
    pub(crate) budget_ns: u64,
    /// How to handle the payloads, as the first plugin that resolved the point knows it.
    pub(crate) types: OnceLock<PointTypes>,
    /// Whether nobody can be there, because it stands in for a point that a plugin was not granted.
    pub(crate) is_void: bool,
    pub(crate) counter: u32,
    pub(crate) times: Times,
}

/// The payload types of a point.
#[derive(Clone, Copy)]
pub(crate) struct PointTypes {
    pub(crate) input: PayloadType,
    pub(crate) output: PayloadType,
    pub(crate) about: PayloadType,
}

impl Point {
    /// The time a handler may take, unless the caller says otherwise.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        limit(self.budget_ns)
    }

    pub(crate) fn of(port: &crate::descriptor::PortDescriptor) -> Self {
        Self {
            name: port.point.clone(),
            kind: port.kind,
            budget_ns: port.deadline_ms.saturating_mul(1_000_000),
            types: OnceLock::new(),
            is_void: false,
            counter: next_counter(),
            times: Times::default(),
        }
    }
}

/// A handler on the bus: what one activation contributes at one point. In-flight calls hold it; when the last holder is
/// gone its activation may be quiet.
pub(crate) struct Contribution {
    pub(crate) seat: Arc<Seat>,
    pub(crate) point: u32,
    pub(crate) info: Arc<Point>,
    /// The name at a named point.
    pub(crate) name: String,
    /// What it says about that name.
    pub(crate) about: Option<Place>,
    pub(crate) handler: Handler,
    /// The mailbox of a queued handler.
    pub(crate) mailbox: Option<Arc<Mailbox>>,
    /// Whether it is the end of a lane that leads to another contribution.
    pub(crate) is_lane: bool,
    /// Set where it only keeps the place of a handler whose plugin is being handed over.
    pub(crate) waiting: Option<Waiting>,
    /// Counts as running until dropped.
    pub(crate) _running: Arc<crate::quiet::Running>,
}

/// What keeps a place until the next generation takes it.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) gate: Arc<Gate>,
    /// What the handler does whose place it is.
    pub(crate) role: Role,
}

/// The handler of a place that is only kept; never called.
pub(crate) fn no_handler() -> Handler {
    unsafe extern "C" fn call(_: *const (), _: *const (), _: *const CallContext, _: FailurePlace) -> Step {
        READY
    }
    unsafe extern "C" fn drop(_: *mut ()) {}
    Handler::Inline(InlineHandler { state: std::ptr::null_mut(), call, drop })
}

impl Contribution {
    /// Whether it does this at its point, or keeps the place of one that does.
    pub(crate) fn does(&self, role: Role) -> bool {
        match (&self.waiting, &self.handler) {
            (Some(waiting), _) => waiting.role == role,
            (None, Handler::Inline(_) | Handler::Queued(..)) => role == Role::Hears,
            (None, Handler::Link(_)) => role == Role::Links,
            (None, Handler::Serve(_) | Handler::ServeStream(_)) => role == Role::Serves,
        }
    }

    /// What stands in the breadcrumb while it runs.
    pub(crate) fn crumb(&self) -> u64 {
        crumb(self.seat.number, self.point)
    }

    /// A copy of what it says about its name.
    pub(crate) fn about_again(&self) -> Option<Place> {
        let about = self.about.as_ref()?;
        // SAFETY: the value is there as long as the handler is.
        Some(unsafe { Place::cloned(*about.of(), about.address()) })
    }

    pub(crate) fn gate(&self) -> Option<&Arc<Gate>> {
        self.waiting.as_ref().map(|waiting| &waiting.gate)
    }

    pub(crate) fn asynchronous(&self) -> Option<&AsyncHandler> {
        match &self.handler {
            Handler::Queued(handler, _) | Handler::Link(handler) | Handler::Serve(handler) => Some(handler),
            _ => None,
        }
    }

    pub(crate) fn stream(&self) -> Option<&StreamHandler> {
        if let Handler::ServeStream(handler) = &self.handler { Some(handler) } else { None }
    }
}

/// A handler of calls or a link, with everything a crossing reads of it side by side.
#[derive(Clone, Copy)]
pub(crate) struct CallRoute {
    pub(crate) start: Start,
    pub(crate) state: *const (),
    /// Who runs there, for the breadcrumb.
    pub(crate) crumb: u64,
}

/// [`AsyncHandler::start`].
type Start = unsafe extern "C" fn(
    *const (),
    *mut (),
    *const CallContext,
    *mut (),
    FailurePlace,
    *const AbiWaker,
    *mut MaybeUninit<RawTask>,
) -> Step;

// SAFETY: the state belongs to the handler of a contribution in the same table, which is `Send` and `Sync`.
unsafe impl Send for CallRoute {}
// SAFETY: as above.
unsafe impl Sync for CallRoute {}

impl CallRoute {
    /// `None` where nobody is to be called: at a gate, and where streams are opened.
    fn of(contribution: &Contribution) -> Option<Self> {
        let handler = contribution.asynchronous()?;
        Some(Self { start: handler.start, state: handler.state, crumb: contribution.crumb() })
    }
}

/// A link of a filter.
pub(crate) struct LinkRoute {
    pub(crate) call: CallRoute,
    /// Owns the state.
    pub(crate) contribution: Arc<Contribution>,
}

impl LinkRoute {
    fn of(contribution: Arc<Contribution>) -> Option<Self> {
        Some(Self { call: CallRoute::of(&contribution)?, contribution })
    }
}

/// An inline listener with everything an emission reads of it side by side.
pub(crate) struct InlineRoute {
    pub(crate) call: unsafe extern "C" fn(*const (), *const (), *const CallContext, FailurePlace) -> Step,
    pub(crate) state: *const (),
    /// Who runs there, for the breadcrumb.
    pub(crate) crumb: u64,
    /// Owns the state.
    pub(crate) contribution: Arc<Contribution>,
}

// SAFETY: the state belongs to the contribution's handler, which is `Send` and `Sync`.
unsafe impl Send for InlineRoute {}
// SAFETY: as above.
unsafe impl Sync for InlineRoute {}

impl QueuedRoute {
    fn of(visible: &Visible) -> Option<Self> {
        let Visible { contribution, bridged } = visible;
        let mailbox = Arc::clone(contribution.mailbox.as_ref()?);
        Some(Self { mailbox, seat: Arc::clone(&contribution.seat), bridged: bridged.clone() })
    }
}

impl InlineRoute {
    fn of(contribution: &Arc<Contribution>) -> Option<Self> {
        let Handler::Inline(handler) = &contribution.handler else { return None };
        if contribution.waiting.is_some() {
            return None;
        }
        Some(Self {
            call: handler.call,
            state: handler.state,
            crumb: contribution.crumb(),
            contribution: Arc::clone(contribution),
        })
    }
}

/// A listener with a mailbox.
pub(crate) struct QueuedRoute {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) seat: Arc<Seat>,
    /// The type it reads, when that is not the emitter's; and what goes over to it.
    pub(crate) bridged: Option<(PayloadType, Arc<Traffic>)>,
}

/// A handler as one dialect sees it.
#[derive(Clone)]
pub(crate) struct Visible {
    pub(crate) contribution: Arc<Contribution>,
    /// The type it reads and what goes over to it, when it is of another dialect.
    pub(crate) bridged: Option<(PayloadType, Arc<Traffic>)>,
}

/// The handlers of one point.
pub(crate) struct Routes {
    pub(crate) point: Arc<Point>,
    /// Where the point counts, beside what a crossing reads.
    pub(crate) counter: u32,
    /// Inline listeners in order.
    pub(crate) inline: Box<[InlineRoute]>,
    pub(crate) queued: Box<[QueuedRoute]>,
    /// Whether a listener of another dialect hears what is emitted here.
    pub(crate) is_bridged: bool,
    /// Whether everybody who listens does so inline, and in the emitter's dialect.
    pub(crate) is_plain: bool,
    /// Links in order; shared with chains that wait.
    pub(crate) links: Arc<[LinkRoute]>,
    /// Closed while the plugin of a link is being handed over.
    pub(crate) gate: Option<Arc<Gate>>,
    /// At a fail-closed filter, a plugin with a link to which no lane leads from here: nothing may pass without it.
    pub(crate) unreached: Option<&'static str>,
    /// Providers by name, in byte order; a service without names has one, under the empty name.
    pub(crate) providers: Box<[Arc<Contribution>]>,
    /// The provider of a service without names, where it can be called.
    sole: Option<CallRoute>,
    /// Whether values may go through the links now: no gate is closed, and none is out of reach.
    pub(crate) is_passable: bool,
}

impl Routes {
    /// `listed` are the plugins that the operator wants to stand in that order.
    pub(crate) fn new(point: Arc<Point>, mut here: Vec<Visible>, listed: &[String]) -> Self {
        order(&mut here, &point.name, listed);
        let is_bridged = here.iter().any(|visible| visible.bridged.is_some());
        let queued: Box<[QueuedRoute]> = here.iter().filter_map(QueuedRoute::of).collect();
        let here: Vec<Arc<Contribution>> = here.into_iter().map(|visible| visible.contribution).collect();
        let pick = |role: Role| here.iter().filter(move |contribution| contribution.does(role)).cloned();
        let mut providers: Vec<Arc<Contribution>> = pick(Role::Serves).collect();
        providers.sort_by(|a, b| a.name.cmp(&b.name));
        let gate = pick(Role::Links).find_map(|link| link.gate().cloned());
        Self {
            inline: here.iter().filter_map(InlineRoute::of).collect(),
            is_plain: !is_bridged && queued.is_empty(),
            queued,
            is_bridged,
            links: pick(Role::Links).filter_map(LinkRoute::of).collect(),
            is_passable: gate.is_none(),
            gate,
            unreached: None,
            sole: providers.first().filter(|only| only.name.is_empty()).and_then(|only| CallRoute::of(only)),
            providers: providers.into(),
            counter: point.counter,
            point,
        }
    }

    /// Says which plugin's link is out of reach.
    pub(crate) fn without(mut self, unreached: Option<&'static str>) -> Self {
        self.is_passable &= unreached.is_none() || sabotaged("pass-refused-links-by");
        Self { unreached, ..self }
    }

    /// Whom to call under `name`; `None` where there is nobody, or has yet to be.
    #[inline]
    pub(crate) fn callable(&self, name: &str) -> Option<CallRoute> {
        if name.is_empty() { self.sole } else { CallRoute::of(self.provider(name)?) }
    }

    pub(crate) fn provider(&self, name: &str) -> Option<&Arc<Contribution>> {
        // Names are compared only where there are some: comparing two empty ones took longer than the rest of a call,
        // because an empty `str` points nowhere and some processors stumble over looking there.
        if name.is_empty() {
            return self.providers.first().filter(|only| only.name.is_empty());
        }
        let found = self.providers.binary_search_by(|provider| provider.name.as_str().cmp(name));
        found.ok().map(|index| &self.providers[index])
    }
}

// The plan has refused cycles already; should one be left, the order is that of the ids.
fn order(here: &mut [Visible], point: &str, listed: &[String]) {
    let seats: Vec<&Arc<Seat>> = here.iter().map(|visible| &visible.contribution.seat).collect();
    let wishes: Vec<_> = seats.iter().filter_map(|seat| Some(place(seat.id, seat.port_at(point)?))).collect();
    let natural = places(&wishes).unwrap_or_else(|_| by_id(&wishes));
    let order = arranged(natural, listed);
    let rank: HashMap<String, usize> =
        order.iter().enumerate().map(|(rank, id)| ((*id).to_owned(), rank)).collect();
    here.sort_by_key(|visible| {
        let id = visible.contribution.seat.id;
        (rank.get(id).copied().unwrap_or(usize::MAX), id)
    });
}

fn by_id<'a>(wishes: &[order::Place<'a>]) -> Vec<&'a str> {
    wishes.iter().map(|wish| wish.plugin).collect::<BTreeSet<&str>>().into_iter().collect()
}

/// All routes at one moment.
pub(crate) struct RouteTable {
    pub(crate) version: u64,
    pub(crate) points: Box<[Routes]>,
}

impl RouteTable {
    pub(crate) fn new(points: Vec<Routes>) -> Self {
        static VERSION: AtomicU64 = AtomicU64::new(1);
        Self { version: VERSION.fetch_add(1, Ordering::Relaxed), points: points.into() }
    }
}

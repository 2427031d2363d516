//! Ports: a plugin's typed handles to points, gathered in one struct with `#[derive(Ports)]`.
//!
//! | attribute | field type | what it does |
//! |---|---|---|
//! | `#[says(EVENT)]` | [`Emitter<T>`] | emits |
//! | `#[hears(EVENT)]` | [`Listener<T>`] | listens, inline or queued |
//! | `#[applies(FILTER)]` | [`Applier<T>`] | runs the chain over a value |
//! | `#[links(FILTER)]` | [`Link<T>`] | is one link of the chain |
//! | `#[calls(SERVICE)]` | [`Caller<Req, Reply>`], [`StreamCaller<Req, Item>`] | asks |
//! | `#[serves(SERVICE)]` | [`Server<Req, Reply>`], [`StreamServer<Req, Item>`] | answers |
//!
//! The struct is the whole list of what a plugin touches: the descriptor is made from it, and what is not in it
//! cannot be reached.
//!
//! | in the attribute | where | meaning |
//! |---|---|---|
//! | `optional` | `hears`, `calls`, `applies` | the plugin also runs when nobody is at the other end |
//! | `names = ["a", "b"]` | `serves` | the names it will answer under, known before it runs |
//! | `names = "dynamic"` | `serves` | names that only show when it runs |
//! | `stage = "…"`, `before = ["…"]`, `after = ["…"]` | `links`, `hears` | its place in the order; plugin ids |

mod call;
mod event;
mod filter;
mod stream;

pub use call::{Caller, Provided, Server};
pub use event::{Emitter, Listener, Mailbox, Received};
pub use filter::{Applier, Link};
pub use stream::{Items, ItemStream, StreamCaller, StreamServer};

use std::mem::MaybeUninit;

use crate::abi::host_table::{Contribution, Handler, PortRequest};
use crate::abi::payload::PayloadType;
use crate::abi::{READY, RStr, plugin_table::no_failure};
use crate::contract::{Contract, Fingerprint};
use crate::point::{Event, Filter, PointSpec, Service, Sole, StreamService};
use crate::{CallError, Host, StartError};

/// A struct of ports. Derived, never written by hand.
pub trait Ports: Sized + Send + 'static {
    /// What the descriptor says about each field, in order.
    const DECLARED: &'static [PortDecl];

    /// Resolves every port.
    ///
    /// # Errors
    /// When the host refuses one; the message names plugin, point and both types.
    fn connect(host: &Host) -> Result<Self, StartError>;
}

impl Ports for () {
    const DECLARED: &'static [PortDecl] = &[];
    fn connect(_: &Host) -> Result<Self, StartError> {
        Ok(())
    }
}

/// What a plugin does at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Emits an event.
    Says,
    /// Listens to an event.
    Hears,
    /// Runs a filter.
    Applies,
    /// Is a link of a filter.
    Links,
    /// Calls a service.
    Calls,
    /// Provides a service.
    Serves,
}

impl Role {
    /// How it is written in descriptors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Says => "says",
            Self::Hears => "hears",
            Self::Applies => "applies",
            Self::Links => "links",
            Self::Calls => "calls",
            Self::Serves => "serves",
        }
    }
}

/// A payload type as a descriptor names it.
#[derive(Clone, Copy, Debug)]
pub struct TypeDecl {
    /// [`Contract::NAME`].
    pub name: &'static str,
    /// [`Contract::FINGERPRINT`].
    pub fingerprint: Fingerprint,
}

impl TypeDecl {
    const NONE: Self = Self { name: <() as Contract>::NAME, fingerprint: <() as Contract>::FINGERPRINT };

    const fn of<T: Contract>() -> Self {
        Self { name: T::NAME, fingerprint: T::FINGERPRINT }
    }
}

/// One port as a descriptor shows it; built in const context by `#[derive(Ports)]`.
#[derive(Clone, Copy, Debug)]
pub struct PortDecl {
    /// What the plugin does there.
    pub role: Role,
    /// The point.
    pub point: PointSpec,
    /// The event's, the filter's or the request's type.
    pub input: TypeDecl,
    /// The reply's or the item's type.
    pub output: TypeDecl,
    /// What is known about each name.
    pub about: TypeDecl,
    /// Whether the plugin also runs when nobody is at the other end.
    pub optional: bool,
    /// The names it answers under.
    pub names: &'static [&'static str],
    /// Whether further names show only when it runs.
    pub dynamic_names: bool,
    /// Its stage in a filter.
    pub stage: &'static str,
    /// Plugins that come after it.
    pub before: &'static [&'static str],
    /// Plugins that come before it.
    pub after: &'static [&'static str],
}

/// What a contract says about the names of a service: nothing when there are none.
pub trait AboutNames: 'static {
    /// The type in descriptors.
    const DECL: TypeDecl;
    /// The type at run time.
    const TYPE: PayloadType;
}

impl AboutNames for Sole {
    const DECL: TypeDecl = TypeDecl::NONE;
    const TYPE: PayloadType = PayloadType::of::<()>();
}

impl<T: Contract> AboutNames for T {
    const DECL: TypeDecl = TypeDecl::of::<T>();
    const TYPE: PayloadType = PayloadType::of::<T>();
}

impl PortDecl {
    const fn new(role: Role, point: PointSpec, input: TypeDecl, output: TypeDecl, about: TypeDecl) -> Self {
        Self {
            role,
            point,
            input,
            output,
            about,
            optional: false,
            names: &[],
            dynamic_names: false,
            stage: "",
            before: &[],
            after: &[],
        }
    }

    /// A port at an event.
    #[must_use]
    pub const fn event<T: Contract, D>(role: Role, point: &Event<T, D>) -> Self {
        Self::new(role, point.spec(), TypeDecl::of::<T>(), TypeDecl::NONE, TypeDecl::NONE)
    }

    /// A port at a filter.
    #[must_use]
    pub const fn filter<T: Contract>(role: Role, point: &Filter<T>) -> Self {
        Self::new(role, point.spec(), TypeDecl::of::<T>(), TypeDecl::NONE, TypeDecl::NONE)
    }

    /// A port at a service.
    #[must_use]
    pub const fn service<Q: Contract, R: Contract, A: AboutNames>(role: Role, point: &Service<Q, R, A>) -> Self {
        Self::new(role, point.spec(), TypeDecl::of::<Q>(), TypeDecl::of::<R>(), A::DECL)
    }

    /// A port at a streaming service.
    #[must_use]
    pub const fn stream<Q: Contract, I: Contract, A: AboutNames>(
        role: Role,
        point: &StreamService<Q, I, A>,
    ) -> Self {
        Self::new(role, point.spec(), TypeDecl::of::<Q>(), TypeDecl::of::<I>(), A::DECL)
    }
}


/// A resolved point: who asks, and the place in the host's table.
#[derive(Clone, Debug)]
struct Seated {
    host: Host,
    point: u32,
}

impl Seated {
    fn resolve(
        host: &Host,
        port: u32,
        spec: PointSpec,
        input: PayloadType,
        output: PayloadType,
        about: PayloadType,
    ) -> Result<Self, StartError> {
        let request = PortRequest { port, point: RStr::from_str(spec.name), input, output, about };
        let mut point = 0;
        let mut failure = no_failure();
        let raw = host.raw();
        // SAFETY: the seat is held, the places are free.
        let step =
            unsafe { (raw.table.resolve())(raw.seat, &raw const request, &raw mut point, &raw mut failure) };
        settle(step, failure)?;
        Ok(Self { host: host.clone(), point })
    }

    fn contribute(&self, name: &str, about: *mut (), handler: Handler) -> Result<(), StartError> {
        // The host copies the name; the transmuted lifetime does not outlive the call.
        // SAFETY: only the lifetime changes.
        let name = unsafe { std::mem::transmute::<RStr<'_>, RStr<'static>>(RStr::from_str(name)) };
        let mut contribution = MaybeUninit::new(Contribution { name, about, handler });
        let mut failure = no_failure();
        let raw = self.host.raw();
        // SAFETY: the seat is held; the contribution moves over, whatever the answer is.
        let step = unsafe {
            (raw.table.contribute())(raw.seat, self.point, contribution.as_mut_ptr(), &raw mut failure)
        };
        settle(step, failure)
    }
}

fn settle(step: crate::abi::Step, failure: MaybeUninit<CallError>) -> Result<(), StartError> {
    if step == READY {
        return Ok(());
    }
    // SAFETY: the step says that the failure was written.
    let error = unsafe { failure.assume_init() };
    Err(StartError::new(String::from(error.message)))
}

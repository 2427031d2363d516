//! Ports: a plugin's typed handles to points, gathered in one struct with `#[derive(Ports)]`.
//!
//! | attribute | field type | what it does | the method to look at |
//! |---|---|---|---|
//! | `#[says(EVENT)]` | [`Emitter<T>`] | emits | [`emit`](Emitter::emit) |
//! | `#[hears(EVENT)]` | [`Listener<T>`] | listens, inline or queued | [`inline`](Listener::inline), [`queued`](Listener::queued) |
//! | `#[applies(FILTER)]` | [`Applier<T>`] | runs the chain over a value | [`apply`](Applier::apply) |
//! | `#[links(FILTER)]` | [`Link<T>`] | is one link of the chain | [`link`](Link::link) |
//! | `#[calls(SERVICE)]` | [`Caller<Req, Reply>`], [`StreamCaller<Req, Item>`] | asks | [`call`](Caller::call), [`open`](StreamCaller::open) |
//! | `#[serves(SERVICE)]` | [`Server<Req, Reply>`], [`StreamServer<Req, Item>`] | answers | [`serve`](Server::serve), [`serve`](StreamServer::serve) |
//!
//! A named service has a third parameter, the `About` of its names, and so have its handles; their methods end in
//! `_named`. Those that end in `_with` hand a clone of some state to every call.
//!
//! The struct is the whole list of what a plugin touches: the descriptor is made from it, and what is not in it
//! cannot be reached. One port does one thing; a plugin that says and hears the same event has two.
//!
//! | in the attribute | where | meaning |
//! |---|---|---|
//! | `optional` | `calls` | the plugin also runs when nobody provides the service, or the operator does not grant the point; without it `check` refuses a manifest in which nobody does |
//! | `names = ["a", "b"]` | `serves` | the names it may answer under, known before it runs; two plugins that declare the same one are refused |
//! | `names = "dynamic"` | `serves` | further names show only when it runs; the first plugin to take one has it |
//! | `stage = "…"` | `links` | one of the stages that the filter names; its first when left out |
//! | `before = ["…"]`, `after = ["…"]` | `links`, `hears` | its place among the other plugins there, by their ids; a plugin that is not there, or in another stage, does not matter |
//!
//! Each of them once:
//!
//! ```
//! use transom_plugin_api::prelude::*;
//! # const SAID: Event<Text> = Event::new("demo/said");
//! # const WORDING: Filter<Text> = Filter::fail_open("demo/wording").stages(&["draft", "polish"]);
//! # const COUNT: Service<Text, u64> = Service::new("demo/words.count");
//! # const LINES: StreamService<Text, Text> = StreamService::new("demo/lines.read");
//! # const VOICE: Service<Text, Text, Text> = Service::named("demo/voice.speak");
//! # const TUNE: StreamService<Text, Text, Text> = StreamService::named("demo/tune.play");
//!
//! #[derive(Ports)]
//! pub struct Everything {
//!     #[says(SAID)]
//!     said: Emitter<Text>,
//!     #[hears(SAID, after = ["audit"])]
//!     heard: Listener<Text>,
//!     #[applies(WORDING)]
//!     wording: Applier<Text>,
//!     #[links(WORDING, stage = "polish", before = ["censor"])]
//!     polish: Link<Text>,
//!     #[calls(COUNT, optional)]
//!     count: Caller<Text, u64>,
//!     #[calls(LINES)]
//!     lines: StreamCaller<Text, Text>,
//!     #[serves(VOICE, names = ["alto", "bass"])]
//!     voice: Server<Text, Text, Text>,
//!     #[serves(TUNE, names = ["scale"], names = "dynamic")]
//!     tune: StreamServer<Text, Text, Text>,
//! }
//!
//! fn register(ports: &Everything) -> Result<(), StartError> {
//!     ports.heard.inline(|words, context| tracing::info!("{} said {words}", context.caller()))?;
//!     ports.polish.link(|words, _| async move { Ok(words.trim().into()) })?;
//!     ports.voice.serve_named("alto", "high".into(), |words, _| async move { Ok(words) })?;
//!     ports.tune.serve_named("scale", "eight notes".into(), |words, mut items, _| async move {
//!         for note in words.split(' ') {
//!             items.send(note.into()).await;
//!         }
//!         Ok(())
//!     })
//! }
//!
//! async fn use_them(ports: &Everything) -> Result<(), CallError> {
//!     ports.said.emit(&"hello".into());
//!     let wording = ports.wording.apply("hello".into()).await?;
//!     let words = ports.count.call(wording).await?;
//!     let mut lines = ports.lines.open("a.txt".into())?;
//!     while let Some(line) = lines.next().await {
//!         tracing::info!("{words}: {}", line?);
//!     }
//!     Ok(())
//! }
//! ```

mod call;
mod event;
mod filter;
mod stream;

pub use call::{Caller, Provided, Server};
pub use event::{Emitter, Listener, Mailbox, Received};
pub use filter::{Applier, Link};
pub use stream::{ItemStream, Items, StreamCaller, StreamServer};

use std::mem::MaybeUninit;

use serde::{Deserialize, Serialize};

use crate::abi::host_table::{Contribution, Handler, PortRequest};
use crate::abi::payload::PayloadType;
use crate::abi::{READY, RStr, plugin_table::no_failure};
use crate::contract::{Contract, Fingerprint};
use crate::describe::Piece;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// [`Contract::REVISION`].
    pub revision: u32,
    /// [`Contract::SHAPE`].
    pub shape: &'static [Piece],
}

impl TypeDecl {
    const NONE: Self = Self::of::<()>();

    const fn of<T: Contract>() -> Self {
        Self { name: T::NAME, fingerprint: T::FINGERPRINT, revision: T::REVISION, shape: T::SHAPE }
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

/// The roles as types, for [`HandleFor`].
pub mod role {
    /// `#[says]`
    #[derive(Debug)]
    pub struct Says;
    /// `#[hears]`
    #[derive(Debug)]
    pub struct Hears;
    /// `#[applies]`
    #[derive(Debug)]
    pub struct Applies;
    /// `#[links]`
    #[derive(Debug)]
    pub struct Links;
    /// `#[calls]`
    #[derive(Debug)]
    pub struct Calls;
    /// `#[serves]`
    #[derive(Debug)]
    pub struct Serves;
}

/// A handle that goes with a role at a kind of point.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the handle of a port that `{R}`",
    label = "this handle does something else",
    note = "says: Emitter; hears: Listener; applies: Applier; links: Link; calls: Caller or StreamCaller; serves: Server or StreamServer"
)]
pub trait HandleFor<R>: Sized {
    /// The kind of point.
    type Point;
    /// The event's, the filter's or the request's type.
    const INPUT: TypeDecl;
    /// The reply's or the item's type.
    const OUTPUT: TypeDecl;
    /// What is known about each name.
    const ABOUT: TypeDecl;
    /// Resolves it.
    ///
    /// # Errors
    /// When the host refuses it.
    fn connect(host: &Host, point: &Self::Point, port: u32) -> Result<Self, StartError>;
}

macro_rules! handles {
    ($($role:ident $handle:ident<$($p:ident $(: $bound:ident)?),*> at $point:ident, $input:ty, $output:ty, $about:expr;)*) => {$(
        impl<$($p $(: $bound)?),*> HandleFor<role::$role> for $handle<$($p),*> {
            type Point = $point<$($p),*>;
            const INPUT: TypeDecl = TypeDecl::of::<$input>();
            const OUTPUT: TypeDecl = TypeDecl::of::<$output>();
            const ABOUT: TypeDecl = $about;
            fn connect(host: &Host, point: &Self::Point, port: u32) -> Result<Self, StartError> {
                Self::connect(host, point, port)
            }
        }
    )*};
}
handles! {
    Says Emitter<T: Contract, D> at Event, T, (), TypeDecl::NONE;
    Hears Listener<T: Contract, D> at Event, T, (), TypeDecl::NONE;
    Applies Applier<T: Contract> at Filter, T, (), TypeDecl::NONE;
    Links Link<T: Contract> at Filter, T, (), TypeDecl::NONE;
    Calls Caller<Q: Contract, A: Contract, N: AboutNames> at Service, Q, A, N::DECL;
    Serves Server<Q: Contract, A: Contract, N: AboutNames> at Service, Q, A, N::DECL;
    Calls StreamCaller<Q: Contract, A: Contract, N: AboutNames> at StreamService, Q, A, N::DECL;
    Serves StreamServer<Q: Contract, A: Contract, N: AboutNames> at StreamService, Q, A, N::DECL;
}

impl PortDecl {
    /// A port with handle `H` in role `R`.
    #[must_use]
    pub const fn of<R, H: HandleFor<R>>(role: Role, point: PointSpec) -> Self {
        Self::new(role, point, H::INPUT, H::OUTPUT, H::ABOUT)
    }

    /// How many types a port has.
    pub(crate) const TYPES: usize = 3;

    /// Its types by number, so that a constant can go through them.
    pub(crate) const fn nth_type(&self, index: usize) -> &TypeDecl {
        match index {
            0 => &self.input,
            1 => &self.output,
            _ => &self.about,
        }
    }

    /// The types it names: input, output, about.
    #[must_use]
    pub const fn types(&self) -> [TypeDecl; 3] {
        [self.input, self.output, self.about]
    }

    /// What only the whole port shows to be wrong.
    #[must_use]
    pub const fn checked(self) -> Self {
        let has_names = !self.names.is_empty() || self.dynamic_names;
        let serves = matches!(self.role, Role::Serves);
        assert!(
            !has_names || self.point.kind.is_named(),
            "`names` goes with a named service; this one has a single provider"
        );
        assert!(
            has_names || !serves || !self.point.kind.is_named(),
            "a named service needs `names = [...]` or `names = \"dynamic\"`"
        );
        self
    }
}

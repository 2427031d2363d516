//! What a plugin may ask of its host.

use std::mem::MaybeUninit;

use abi_stable::StableAbi;
use abi_stable::std_types::RSlice;

use super::document::Encoded;
use super::payload::PayloadType;
use super::task::{AbiWaker, RawStream, RawTask};
use super::trace::TraceFunctions;
use super::{RStr, Step};
use crate::{CallContext, CallError, Text};

/// A free place for a failure.
pub type FailurePlace = *mut MaybeUninit<CallError>;

/// The functions of the host. Each takes the plugin's seat first: the host's own record of one activation, which
/// says who calls. They may be called from any thread and never unwind.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
#[sabi(missing_field(panic))]
pub struct HostTable {
    /// Address of the host image's [`IMAGE`](super::IMAGE).
    pub image: &'static u8,
    /// One more holder of the seat.
    pub retain: unsafe extern "C" fn(*const ()),
    /// One holder less.
    pub release: unsafe extern "C" fn(*const ()),
    /// Facts about this activation. Valid as long as the seat is held.
    pub facts: unsafe extern "C" fn(*const ()) -> *const StartFacts,
    /// Finds a declared point and checks both sides' types; writes its index or a failure.
    pub resolve: unsafe extern "C" fn(*const (), *const PortRequest, *mut u32, FailurePlace) -> Step,
    /// Emits at an event point; the payload is borrowed.
    pub emit: unsafe extern "C" fn(*const (), u32, *const ()),
    /// Emits at a paced event point; the payload is borrowed for the call only.
    pub emit_paced: unsafe extern "C" fn(
        *const (),
        u32,
        *const (),
        FailurePlace,
        *const AbiWaker,
        *mut MaybeUninit<RawTask>,
    ) -> Step,
    /// Runs a filter chain over the value in place. On failure the value is gone.
    pub apply: unsafe extern "C" fn(
        *const (),
        u32,
        *mut (),
        FailurePlace,
        *const AbiWaker,
        *mut MaybeUninit<RawTask>,
    ) -> Step,
    /// Calls a service: point, name, budget in nanoseconds (0: the point's), request (moved), reply place.
    pub call: unsafe extern "C" fn(
        *const (),
        u32,
        RStr<'_>,
        u64,
        *mut (),
        *mut (),
        FailurePlace,
        *const AbiWaker,
        *mut MaybeUninit<RawTask>,
    ) -> Step,
    /// Opens a stream: point, name, request (moved), stream place.
    pub open: unsafe extern "C" fn(
        *const (),
        u32,
        RStr<'_>,
        *mut (),
        *mut MaybeUninit<RawStream>,
        FailurePlace,
    ) -> Step,
    /// Visits the names at a named point, in byte order: visitor's state, then name, plugin, about.
    pub names: unsafe extern "C" fn(*const (), u32, *mut (), NameVisitor),
    /// A number that changes whenever any route does.
    pub routes_version: unsafe extern "C" fn(*const ()) -> u64,
    /// Contributes at a resolved point.
    pub contribute: unsafe extern "C" fn(*const (), u32, *mut Contribution, FailurePlace) -> Step,
    /// Takes back the contribution under a name.
    pub withdraw: unsafe extern "C" fn(*const (), u32, RStr<'_>),
    /// Registers what runs when the plugin is stopped; last registered, first run.
    pub on_stop: unsafe extern "C" fn(*const (), RawTask),
    /// Runs a task in the background of the plugin; it is dropped when the plugin is stopped.
    pub spawn: unsafe extern "C" fn(*const (), RawTask),
    /// A task that is ready after so many nanoseconds.
    pub sleep: unsafe extern "C" fn(*const (), u64) -> RawTask,
    // What one generation leaves to the next.
    /// Registers who makes what the next generation is given: an [`Encoded`] contract.
    pub on_hand_over: unsafe extern "C" fn(*const (), TaskMaker),
    /// Registers who brings to an end what would go on, when the generation is to be replaced.
    pub on_drain: unsafe extern "C" fn(*const (), TaskMaker),
    /// What the generation before handed over; empty when there was nothing, and once it was taken.
    pub handed_over: unsafe extern "C" fn(*const ()) -> Encoded,
    /// Lends a listening socket, which outlives the generations that use it: writes a descriptor that the caller owns,
    /// or a failure.
    pub listen: unsafe extern "C" fn(*const (), RStr<'_>, *mut i32, FailurePlace) -> Step,
    /// Whether the calling thread is inside a dispatch, where a panic will be caught.
    pub is_dispatching: unsafe extern "C" fn(*const ()) -> bool,
    /// Milliseconds since the epoch.
    pub now_ms: unsafe extern "C" fn(*const ()) -> i64,
    // Work that blocks.
    /// Polls a task once on a thread that may block, and drops it there; unpolled once the plugin is stopped.
    pub run_blocking: unsafe extern "C" fn(*const (), RawTask),
    // Secrets.
    /// Writes the text of the operator's secret of that name, or a failure.
    pub secret: unsafe extern "C" fn(*const (), RStr<'_>, *mut MaybeUninit<Text>, FailurePlace) -> Step,
    // Filters.
    /// Whether anybody may change or refuse what is run through a filter now.
    pub is_linked: unsafe extern "C" fn(*const (), u32) -> bool,
    // Spans and events.
    /// Takes the plugin's spans and events.
    pub trace: TraceFunctions,
    /// Logs a line that has no callsite, such as a panic: level (1 error … 5 trace), target, message.
    #[sabi(last_prefix_field)]
    pub log: unsafe extern "C" fn(*const (), u8, RStr<'_>, RStr<'_>),
}

impl HostTable {
    /// Makes the table last as long as the process.
    #[must_use]
    pub fn leak(self) -> HostTableRef {
        use abi_stable::prefix_type::PrefixTypeTrait;
        self.leak_into_prefix()
    }
}

/// Called once per name.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct NameVisitor {
    /// Visitor's state, name, plugin, about.
    pub visit: unsafe extern "C" fn(*mut (), RStr<'_>, RStr<'_>, *const ()),
}

/// Makes a task each time it is asked to.
#[repr(C)]
#[derive(StableAbi)]
pub struct TaskMaker {
    /// The plugin's closure.
    pub state: *mut (),
    /// Makes one, told how many nanoseconds it is given; the task holds what it needs itself.
    pub make: unsafe extern "C" fn(*const (), u64) -> RawTask,
    /// Frees the closure.
    pub drop: unsafe extern "C" fn(*mut ()),
}

/// What an activation is told about its place in the world.
#[repr(C)]
#[derive(StableAbi)]
pub struct StartFacts {
    /// The plugin's id.
    pub id: RStr<'static>,
    /// A folder of its own, made when first asked for.
    pub data_folder: RStr<'static>,
    /// Folders in which the operator lets agents work, absolute and canonical.
    pub roots: RSlice<'static, RStr<'static>>,
    /// Version of the host program.
    pub host_version: RStr<'static>,
}

/// What a port asks for when it is resolved: what the descriptor says too, and how to handle the payloads.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct PortRequest {
    /// The place in the plugin's own list of ports.
    pub port: u32,
    /// Name of the point.
    pub point: RStr<'static>,
    /// The event's, the filter's or the request's type.
    pub input: PayloadType,
    /// The reply's or the item's type; `()` elsewhere.
    pub output: PayloadType,
    /// What is known about each name; `()` elsewhere.
    pub about: PayloadType,
}

/// How a queued listener wants its mailbox.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct MailboxTerms {
    /// Events it holds. At least 1.
    pub capacity: u32,
    /// What happens when it is full: 0 the oldest is dropped, 1 only the newest is kept, 2 a paced emitter waits.
    pub when_full: u8,
}

/// A handler and how it is to be attached.
#[repr(C)]
#[derive(StableAbi)]
pub struct Contribution {
    /// The name at a named point; empty elsewhere.
    pub name: RStr<'static>,
    /// What is known about the name: a place with an `About`, which moves to the host, or null.
    pub about: *mut (),
    /// The handler.
    pub handler: Handler,
}

/// The handlers a plugin can contribute, by how they are called.
#[repr(C, u8)]
#[derive(StableAbi)]
pub enum Handler {
    /// Called in the emitter.
    Inline(InlineHandler),
    /// Called from its own mailbox and task; the input is a [`RawReceived`].
    Queued(AsyncHandler, MailboxTerms),
    /// A filter link: input and output are the same place.
    Link(AsyncHandler),
    /// A service: request in, reply out.
    Serve(AsyncHandler),
    /// A streaming service.
    ServeStream(StreamHandler),
}

/// Called with a borrowed payload: [`READY`](super::READY), or [`FAILED`](super::FAILED) after a panic.
#[repr(C)]
#[derive(StableAbi)]
pub struct InlineHandler {
    /// The plugin's closure.
    pub state: *mut (),
    /// Calls it.
    pub call: unsafe extern "C" fn(*const (), *const (), *const CallContext, FailurePlace) -> Step,
    /// Frees it.
    pub drop: unsafe extern "C" fn(*mut ()),
}

/// Started and first polled with a moved input: state, input, context, output place, failure place, waker, task.
#[repr(C)]
#[derive(StableAbi)]
pub struct AsyncHandler {
    /// The plugin's closure.
    pub state: *mut (),
    /// Starts one call of it.
    pub start: unsafe extern "C" fn(
        *const (),
        *mut (),
        *const CallContext,
        *mut (),
        FailurePlace,
        *const AbiWaker,
        *mut MaybeUninit<RawTask>,
    ) -> Step,
    /// Frees it.
    pub drop: unsafe extern "C" fn(*mut ()),
}

/// Opens a stream with a moved request: state, request, context, stream place, failure place.
#[repr(C)]
#[derive(StableAbi)]
pub struct StreamHandler {
    /// The plugin's closure.
    pub state: *mut (),
    /// Opens one stream.
    pub open: unsafe extern "C" fn(
        *const (),
        *mut (),
        *const CallContext,
        *mut MaybeUninit<RawStream>,
        FailurePlace,
    ) -> Step,
    /// Frees it.
    pub drop: unsafe extern "C" fn(*mut ()),
}

macro_rules! owned_handlers {
    ($($handler:ident)*) => {$(
        // SAFETY: the SDK only builds them around closures that are `Send` and `Sync`.
        unsafe impl Send for $handler {}
        // SAFETY: as above.
        unsafe impl Sync for $handler {}
        impl Drop for $handler {
            fn drop(&mut self) {
                // SAFETY: the state belongs to this handle.
                unsafe { (self.drop)(self.state) }
            }
        }
    )*};
}
owned_handlers!(InlineHandler AsyncHandler StreamHandler TaskMaker);

/// One event out of a mailbox, shared with the other mailboxes that hold it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawReceived {
    /// The payload.
    pub payload: *const (),
    /// Events this mailbox lost since the one before.
    pub lost: u64,
    /// The host's record of the shared payload.
    pub owner: *const (),
    /// One holder less.
    pub release: unsafe extern "C" fn(*const ()),
}

// SAFETY: the payload is a `Contract`, so `Send` and `Sync`; the count behind `release` is atomic.
unsafe impl Send for RawReceived {}
// SAFETY: as above.
unsafe impl Sync for RawReceived {}

impl Drop for RawReceived {
    fn drop(&mut self) {
        // SAFETY: this handle is one holder.
        unsafe { (self.release)(self.owner) }
    }
}

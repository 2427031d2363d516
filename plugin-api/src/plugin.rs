//! [`Plugin`]: what an author writes, and when each part of it is called.
//!
//! 1. The host reads the descriptor from the plugin's file. No code of the plugin runs.
//! 2. It orders the plugins by what they call and checks settings against the schema. Still no code runs.
//! 3. It loads the file and calls [`Plugin::start`] with the settings and the resolved ports. The plugins that serve what
//!    it calls have started by then; where that would be a circle, at least those that it cannot do without (no
//!    `optional`, no names).
//! 4. When `start` returns `Ok`, everything it registered becomes visible in one step; on an error, a panic or past the
//!    start deadline, nothing does: the plugin is disabled, with those that need it, and the host goes on. What is
//!    registered after `start` becomes visible at once.
//! 5. When every plugin has started or is disabled, [`STARTED_UP`](crate::hosting::STARTED_UP) answers: for
//!    those who wait for all others, such as transports.
//! 6. To stop, its contributions leave the bus in one step; mailboxes are read to their end and calls under way finish, for
//!    at most half of its time to stop (5 s); then what [`Host::on_stop`] was given runs, in what is left of that time, on a
//!    thread of its own; then background tasks and calls that are left are dropped. Plugins stop in the reverse order
//!    of their start, all of them within the host's deadline (10 s unless the manifest says otherwise).
//!
//! One that does not return in time is cut off and named to the operator; its thread is left behind.

use std::future::Future;
use std::sync::Once;

use crate::abi::guard::{self, guarded_anywhere};
use crate::abi::host_table::FailurePlace;
use crate::abi::plugin_table::{Header, PluginTable, PluginTableRef, RawHost};
use crate::abi::{FAILED, IMAGE, READY, RStr, Step};
use crate::runtime::{Runtime, RuntimeChoice};
use crate::{CallError, Host, Ports, Settings, StartError, log};

/// The unit of extension. The type itself holds the plugin's settings.
///
/// ```
/// use transom_plugin_api::prelude::*;
///
/// /// Something was said.
/// #[contract]
/// pub struct Said {
///     /// The words.
///     pub words: Text,
/// }
/// pub const SAID: Event<Said> = Event::new("parrot/said");
///
/// /// Repeats what it hears.
/// #[derive(Settings)]
/// pub struct Parrot {
///     /// How often each word is repeated. At least 1.
///     #[setting(default = 2, min = 1)]
///     times: u64,
/// }
///
/// #[derive(Ports)]
/// pub struct ParrotPorts {
///     #[hears(SAID)]
///     said: Listener<Said>,
/// }
///
/// impl Plugin for Parrot {
///     type Ports = ParrotPorts;
///
///     async fn start(self, ports: ParrotPorts, _host: Host) -> Result<(), StartError> {
///         ports.said.inline(move |said, _| {
///             for _ in 0..self.times {
///                 tracing::info!("{}", said.words);
///             }
///         })
///     }
/// }
///
/// export_plugin!(Parrot, id = "parrot");
/// # fn main() {}
/// ```
pub trait Plugin: Settings + Send + 'static {
    /// The points it touches: a struct with `#[derive(Ports)]`, or `()`.
    type Ports: Ports;

    /// Registers handlers and acquires what the plugin needs.
    ///
    /// Called: once per activation, after the plugins it calls have started, on a thread of its own.
    /// May block: yes, up to the start deadline (10 s unless the manifest says otherwise). It should return when the
    /// plugin can serve; what may take long, such as asking a network, belongs under [`Host::spawn`].
    ///
    /// # Errors
    /// Whatever keeps the plugin from running; the operator reads it. Nothing it registered becomes visible.
    fn start(self, ports: Self::Ports, host: Host) -> impl Future<Output = Result<(), StartError>> + Send;
}

/// A plugin compiled into this program, as `inventory` collects it.
#[derive(Clone, Copy)]
pub struct LinkedPlugin {
    /// The same static that a dylib exports under its symbol.
    pub header: &'static Header,
    /// The section's record: magic, length, descriptor.
    pub record: &'static [u8],
}

impl LinkedPlugin {
    /// Its id, as its record says it; empty when the record is none.
    #[must_use]
    pub fn id(&self) -> &'static str {
        #[derive(serde::Deserialize)]
        struct Named<'a> {
            id: &'a str,
        }
        let json = self.record.get(crate::describe::RECORD_HEAD..).unwrap_or_default();
        serde_json::from_slice::<Named<'_>>(json).map_or("", |named| named.id)
    }
}

inventory::collect!(LinkedPlugin);

/// All plugins compiled into this program, in no particular order.
pub fn linked_plugins() -> impl Iterator<Item = LinkedPlugin> {
    let lost = usize::from(crate::sabotage::sabotaged("drop-a-registration"));
    inventory::iter::<LinkedPlugin>.into_iter().copied().skip(lost)
}

/// For the export macro: what a plugin's type says at compile time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not exported as a plugin",
    note = "write `export_plugin!({Self}, id = \"…\")` beside it"
)]
pub trait Exported: Plugin {
    /// The record in the file's section.
    const RECORD: &'static [u8];
    /// The runtime it asked for.
    const RUNTIME: RuntimeChoice;
    /// The crate that exports it, as its file is called; empty where the compiler was not told.
    const CRATE: &'static str;
}

/// For the export macro: the tables of `P`.
#[must_use]
pub fn plugin_table<P: Exported>() -> PluginTableRef {
    PluginTable { describe: describe::<P>, start: start::<P>, rest }.leak()
}

extern "C" fn describe<P: Exported>() -> RStr<'static> {
    RStr::from_str(crate::describe::json_of_record(P::RECORD))
}

extern "C" fn rest() {
    guard::swallow_panic(crate::runtime::end_own);
}

unsafe extern "C" fn start<P: Exported>(host: RawHost, settings: RStr<'_>, failure: FailurePlace) -> Step {
    let linked = std::ptr::eq(host.table.image(), &IMAGE);
    let outcome = guarded_anywhere(|| {
        start_plugin::<P>(host, settings.as_str(), linked).map_err(|error| error.to_string())
    });
    match outcome {
        Ok(Ok(())) => READY,
        Ok(Err(message)) => {
            // SAFETY: a free place, by the contract of the table.
            unsafe { (*failure).write(CallError::failed(message)) };
            FAILED
        }
        Err(panic) => {
            // SAFETY: as above.
            unsafe { (*failure).write(panic) };
            FAILED
        }
    }
}

fn start_plugin<P: Exported>(raw: RawHost, settings: &str, linked: bool) -> Result<(), StartError> {
    let runtime = Runtime::for_plugin(P::RUNTIME, linked);
    // The handle is made before anything can fail, so that the seat is released on every way out.
    let host = Host::from_raw(raw, runtime.as_ref().cloned().unwrap_or_default());
    let runtime = runtime?;
    if !linked {
        furnish_image(&host);
    }
    let plugin = P::from_json(settings)?;
    let ports = P::Ports::connect(&host)?;
    runtime.block_on(plugin.start(ports, host))
}

/// A dylib has a panic hook and a log of its own; both are pointed at the host, once per image.
fn furnish_image(host: &Host) {
    static FURNISHED: Once = Once::new();
    FURNISHED.call_once(|| {
        // A handle of the runtime would keep the descriptors of one that has ended.
        let host = host.without_runtime();
        log::install(host.clone());
        let (asked, told) = (host.clone(), host);
        guard::install_panic_hook(
            move || asked.is_dispatching(),
            move |message| log::report_panic(&told, message),
        );
    });
}

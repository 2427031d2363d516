//! What a Transom plugin is written against.
//!
//! A plugin is one crate: settings, ports, a `start`, and one line that exports it. [`Plugin`] shows a small one; the
//! front page of the crate [`transom_agent`](../transom_agent/index.html) shows a whole one, with its `Cargo.toml`, a
//! tool for models, an HTTP route and a service of its own.
//!
//! | to … | look at |
//! |---|---|
//! | say what may cross a point, and change it later | [`contract`](macro@contract), [`Text`], [`List`], [`Maybe`], [`Map`], [`Json`], [`Shared`], [`Opaque`], [`SecretText`] |
//! | declare a point, and share it with other plugins | [`point`] |
//! | use points | [`port`], with a line for each attribute |
//! | be configured | [`settings`], and [below](#settings) |
//! | use a secret that the operator keeps for several plugins | [`Host::secret`], [`capability`] |
//! | sleep, spawn, stop, keep files | [`Host`] |
//! | fail well | [`StartError`], [`CallError`], [`Refusal`] |
//! | talk to models, tools and conversations | [`transom_agent`](../transom_agent/index.html) |
//! | ask about the host's other plugins | [`hosting`] |
//! | be tested | the crate `transom-testkit`, and `docs/guide/testing.md` |
//!
//! # The crate
//!
//! `transom new plugin parrot` writes one. By hand it begins like this:
//!
//! ```toml
//! [package]
//! name = "parrot"
//! version = "0.1.0"
//! edition = "2024"
//! description = "Repeats what it hears"      # its first line stands in every listing
//!
//! [lib]
//! crate-type = ["cdylib", "rlib"]            # loaded from its file, or linked into a program: one build serves both
//!
//! [dependencies]
//! transom-plugin-api = { path = "../transom/plugin-api" }
//! transom-agent = { path = "../transom/plugin-api/agent" }      # for turns, tools, models and routes
//! tracing = { version = "0.1", default-features = false }        # for a log
//!
//! [dev-dependencies]
//! transom-testkit = { path = "../transom/plugin-api/testkit" }
//! ```
//!
//! `export_plugin!(Parrot, id = "parrot")` stands once in it. `cargo build --release` makes
//! `target/release/libparrot.so`; `transom inspect` shows what that says of itself, and three lines in the
//! operator's manifest run it:
//!
//! ```toml
//! [[plugin]]
//! id = "parrot"
//! source = "target/release/libparrot.so"
//! ```
//!
//! The same crate runs linked into a host or loaded as a dylib and cannot tell which. It never depends on another
//! plugin, on the kernel or on the host.
//!
//! # Handlers
//!
//! Handlers are what a plugin registers at its ports.
//!
//! * **They must not block.** A link and a service's handler are polled on the task of whoever applies or calls; a queued
//!   listener on a task of its own; an inline listener runs inside the `emit` that it hears. All of these share the
//!   host's few threads. Files, long computations and blocking libraries belong into
//!   [`Host::blocking`], which has threads for that.
//! * **They may be dropped at any `.await`**: when the deadline of the point or of the caller has passed, when the caller
//!   went away, when the plugin is stopped. What must be undone then is undone in a `Drop`. What must be finished
//!   runs under [`Host::spawn`] or [`Host::blocking`], and the handler waits for it.
//! * **A deadline acts between two polls.** Nothing interrupts a handler that blocks.
//! * **A panic is caught** in the plugin and becomes [`CallErrorKind::Panicked`] for who called; the host goes on. A
//!   crate built with `panic = "abort"` is refused.
//! * **They share state by an `Arc`.** The methods that end in `_with` hand a clone of it to every call, so that
//!   a handler can be an `async` closure or a method: `ports.find.serve_with(&store, async |store, id, _| …)`.
//! * **They may be registered later, too.** What is registered in [`start`](Plugin::start) becomes visible in one step when
//!   `start` returns; what is registered afterwards, from any thread, at once.
//!
//! A wait that may be called off is [`Host::within`]: it ends with its future or with the time, whichever comes
//! first. The host's clock is UTC ([`Host::now_ms`]); local time is a matter for a crate such as `jiff` or `chrono`.
//!
//! # Settings
//!
//! A setting is a field of the struct with `#[derive(Settings)]`, and the key in the manifest is the field's name as
//! it is written, `max_bytes` for `max_bytes`. Units go into the name (`_ms`, `_s`, `_bytes`).
//!
//! | type | in the manifest | when it is left out |
//! |---|---|---|
//! | `bool`, `u8`, `u16`, `u32`, `u64`, `i64`, `f64`, `NonZeroU32`, `NonZeroU64` | a boolean, a number in range | `default = …`, else an error |
//! | `String`, `PathBuf` | text; a path is taken as it is written | `default = "…"`, else an error |
//! | [`Secret`] | text, `env:NAME`, `file:PATH` or `keyring:NAME`; never shown | `default = "…"`, else an error |
//! | `Option<T>` | as `T` | `None` |
//! | `Vec<T>` | a list | `default = […]`, else empty |
//! | `BTreeMap<String, T>` | a table | empty |
//! | an enum without fields, with `#[derive(Settings)]` | its variant in `kebab-case` | `default = "…"`, else an error |
//! | a struct with `#[derive(Settings)]` | a table | an error, unless it stands in an `Option` |
//!
//! `${NAME}` inside any text is filled in from the host's environment before the plugin sees it. A doc comment on a field
//! is what `transom inspect` and error messages say about it. A default is not compared with its `min` and `max` at
//! compile time: a test that reads `{}` finds out (`MySettings::from_json("{}")`).
//!
//! # Files, network, processes
//!
//! A native plugin runs in the host's process with the host's rights. `capabilities = ["net", "fs"]` in its export
//! says what it uses: declared, not enforced, but an operator who loads it from a file has to repeat it. The list is closed:
//! see [`capability`]. A plugin that uses tokio's sockets, timers or tasks says `runtime = "tokio"` in
//! its export and takes the feature `tokio` of this crate; the host's own timers, tasks and threads ([`Host::sleep`],
//! [`Host::spawn`], [`Host::blocking`]) need neither.

extern crate self as transom_plugin_api;

pub mod abi;
pub mod capability;
pub mod codec;
pub mod contract;
pub mod describe;
pub mod hosting;
pub mod plugin;
pub mod point;
pub mod port;
pub mod runtime;
#[doc(hidden)]
pub mod sabotage;
pub mod settings;

mod background;
mod blocking;
mod context;
mod error;
mod host;
mod log;
mod trace_id;

pub use abi::facade::{Json, List, Map, Maybe, Opaque, SecretText, Shared, Text};
pub use background::Background;
pub use context::CallContext;
pub use contract::{Contract, Fingerprint};
pub use error::{CallError, CallErrorKind, Refusal, StartError};
pub use host::Host;
pub use plugin::Plugin;
pub use point::{Event, Filter, Immediate, Paced, Service, Sole, StreamService};
pub use port::{
    Applier, Caller, Emitter, ItemStream, Items, Link, Listener, Mailbox, Ports, Provided, Received, Server,
    StreamCaller, StreamServer,
};
pub use settings::{Secret, Settings, SettingsError};
pub use trace_id::TraceId;
pub use transom_plugin_macros::{Ports, Settings, export_plugin};

/// Makes a struct or an enum a payload that may cross a point.
///
/// It fixes the layout, derives `Clone`, `Debug`, `PartialEq` and serde, computes the fingerprint and writes down the
/// shape of the encoded form. Fields are written with [`Text`], [`List`], [`Maybe`], [`Map`], [`Json`], [`Shared`],
/// numbers, `bool` and other contracts. Further derives (`Default`, `Eq`, `Copy` …) go below the attribute.
///
/// The encoded form has `camelCase` fields; enums with fields carry their variant's `kebab-case` name as `type`, enums
/// whose variants have none are that name.
///
/// # Changing it later
///
/// Plugins are built at different times, so two copies of a contract meet that differ. Then values are [encoded](codec) by
/// one and read by the other, if the shapes say that this can work:
///
/// | what changes | what to write | what the other copy gets |
/// |---|---|---|
/// | a field is added | `#[contract(default)]` on it, with its type's `Default` | the default, for what an older copy did not say |
/// | a `Maybe` is added | nothing | its absence |
/// | many fields are added, of which some have a default of their own | `#[contract(default)]` with `#[derive(Default)]` below it, on the struct | the struct's default |
/// | a field is renamed | `#[contract(was = "oldName")]` on it, as it was encoded | the field |
/// | an enum gets a variant | nothing, if it `grows` | [`Opaque`] |
///
/// A field without a default must be there: so a field that is added later needs one, and a field that is there from the
/// beginning should have none, unless its absence means something.
///
/// ```
/// use transom_plugin_api::prelude::*;
///
/// #[contract(revision = 2)]
/// pub struct Parcel {
///     pub label: Text,
///     /// Called `weight` in revision 1.
///     #[contract(was = "weight")]
///     pub weight_g: u32,
///     /// New in revision 2.
///     #[contract(default)]
///     pub fragile: bool,
/// }
///
/// let old = r#"{"label":"books","weight":900}"#;
/// let new = Parcel { label: "books".into(), weight_g: 900, fragile: false };
/// assert_eq!(Json::parse(old)?.read::<Parcel>()?, new);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Enums that grow
///
/// `#[contract(grows)]` says that an enum will get further variants. It adds one more, `Unknown(Opaque)`, which keeps a
/// variant of a later revision: its tag and all of its content. So who matches on the enum must say what happens then, and
/// who passes it on passes on what it does not understand, unchanged. It cannot be `Copy`. An enum without fields stays
/// one.
///
/// ```
/// use transom_plugin_api::prelude::*;
///
/// #[contract(grows)]
/// pub enum Carrier {
///     Post { office: u64 },
///     Courier { name: Text },
/// }
///
/// fn describe(carrier: &Carrier) -> String {
///     match carrier {
///         Carrier::Post { office } => format!("at post office {office}"),
///         Carrier::Courier { name } => format!("with {name}"),
///         Carrier::Unknown(opaque) => format!("with a {}", opaque.tag()),
///     }
/// }
///
/// let from_a_later_revision = Json::parse(r#"{"type":"drone","heightM":90}"#)?;
/// let carrier: Carrier = from_a_later_revision.read()?;
/// assert_eq!(describe(&carrier), "with a drone");
/// assert_eq!(Json::of(&carrier)?, from_a_later_revision);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// What is not written there does not compile:
///
/// ```compile_fail,E0004
/// # use transom_plugin_api::prelude::*;
/// # #[contract(grows)]
/// # pub enum Carrier {
/// #     Post { office: u64 },
/// #     Courier { name: Text },
/// # }
/// fn describe(carrier: &Carrier) -> String {
///     match carrier {
///         Carrier::Post { office } => format!("at post office {office}"),
///         Carrier::Courier { name } => format!("with {name}"),
///     }
/// }
/// ```
pub use transom_plugin_macros::contract;

/// Everything a plugin usually names.
pub mod prelude {
    pub use crate::{
        Applier, CallContext, CallError, CallErrorKind, Caller, Emitter, Event, Filter, Host, ItemStream,
        Items, Json, Link, List, Listener, Mailbox, Map, Maybe, Opaque, Plugin, Ports, Provided, Received,
        Refusal, Secret, Server, Service, Settings, Shared, StartError, StreamCaller, StreamServer,
        StreamService, Text, contract, export_plugin,
    };
}

/// What the macros' output names; not for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::contract::growing;
    pub use {abi_stable, inventory, serde, serde_json};
}

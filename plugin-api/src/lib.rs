//! What a Transom plugin is written against.
//!
//! A plugin is one crate: settings, ports, a `start`, and one line that exports it. [`Plugin`] shows a whole one.
//!
//! | to … | look at |
//! |---|---|
//! | say what may cross a point | [`contract`](macro@contract), [`Text`], [`List`], [`Maybe`], [`Map`], [`Json`], [`Shared`] |
//! | declare a point | [`Event`], [`Filter`], [`Service`], [`StreamService`] |
//! | use points | [`port`] and its table of attributes |
//! | be configured | [`settings`] |
//! | sleep, spawn, stop, keep files | [`Host`] |
//! | fail well | [`StartError`], [`CallError`], [`Refusal`] |
//!
//! The same crate runs linked into a host or loaded as a dylib and cannot tell which; `crate-type = ["cdylib",
//! "rlib"]` in its `Cargo.toml` is all it takes.

extern crate self as transom_plugin_api;

pub mod abi;
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

mod context;
mod error;
mod host;
mod log;

pub use abi::facade::{Json, List, Map, Maybe, Shared, Text};
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
pub use transom_plugin_macros::{Ports, Settings, contract, export_plugin};

/// Everything a plugin usually names.
pub mod prelude {
    pub use crate::{
        Applier, CallContext, CallError, CallErrorKind, Caller, Emitter, Event, Filter, Host, ItemStream,
        Items, Json, Link, List, Listener, Mailbox, Map, Maybe, Plugin, Ports, Provided, Received, Refusal,
        Secret, Server, Service, Settings, Shared, StartError, StreamCaller, StreamServer, StreamService,
        Text, contract, export_plugin,
    };
}

/// What the macros' output names; not for authors.
#[doc(hidden)]
pub mod __private {
    pub use {abi_stable, inventory, serde, serde_json};
}

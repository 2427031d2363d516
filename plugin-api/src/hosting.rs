//! Points of the host itself: what it tells its plugins, and what they tell it.

use crate::{Event, List, Map, Maybe, Service, Text, contract};

/// A plugin of this host and how it is.
#[contract]
pub struct PluginStatus {
    /// Its id.
    pub id: Text,
    /// Its crate's version.
    pub version: Text,
    /// One sentence about it.
    pub about: Text,
    /// How it was attached.
    pub attach: Attach,
    /// Where it is in its life.
    pub state: PluginState,
    /// Counts its activations, from 1: a reload makes the next.
    pub generation: u32,
    /// Earlier generations that still have calls to end.
    pub draining: u32,
    /// Why it is not running, when it is not.
    pub reason: Maybe<Text>,
    /// Handlers it has on the bus.
    pub contributions: u64,
    /// The [capabilities](crate::capability) it asks for.
    pub capabilities: List<Text>,
    /// What went wrong in it, by point.
    pub faults: List<PointFaults>,
}

/// What went wrong in a plugin at one point: panics, deadlines that passed, values that did not get over, and errors of
/// filter links. A refusal is none.
#[contract]
pub struct PointFaults {
    /// The point.
    pub point: Text,
    /// How often.
    pub count: u64,
    /// The last time.
    pub last: Text,
}

/// The ways to attach a plugin.
#[contract(grows)]
#[derive(Eq)]
pub enum Attach {
    /// Compiled into the host's binary.
    Linked,
    /// Loaded from a file.
    Dylib,
}

/// The stations of a plugin's life that others can see.
#[contract(grows)]
#[derive(Eq)]
pub enum PluginState {
    /// It is about to be started.
    Waiting,
    /// Its `start` is running.
    Starting,
    /// Its contributions are on the bus.
    Running,
    /// It could not start, or something it needs could not.
    Disabled,
    /// It failed too often, and its handlers are off the bus until somebody releases it.
    Quarantined,
    /// It was stopped.
    Stopped,
}

/// A plugin is in another state than before.
#[contract]
pub struct PluginChange {
    /// Its id.
    pub plugin: Text,
    /// The state it is in now.
    pub state: PluginState,
    /// Why, when it does not run.
    pub reason: Maybe<Text>,
}

/// Said by the host when a plugin starts, is disabled, quarantined, released or stopped. Nobody can refuse it; a queued
/// listener with a full mailbox loses by its terms.
pub const PLUGIN_CHANGED: Event<PluginChange> = Event::new("host/plugins.changed");

/// All plugins of the host.
#[contract]
pub struct PluginList {
    /// In the order in which they start.
    pub plugins: List<PluginStatus>,
}

/// Lists the host's plugins. Served by the host.
pub const PLUGINS: Service<(), PluginList> = Service::new("host/plugins.list");

/// A transport accepts connections.
#[contract]
pub struct Listening {
    /// What it speaks, such as `http`.
    pub protocol: Text,
    /// Where, such as `http://127.0.0.1:24203`.
    pub address: Text,
    /// Whether clients are asked for a token.
    pub needs_token: bool,
}

/// Said by a transport when it begins to accept connections, after everything it serves is there. Nobody can refuse
/// it. The host hears it and tells the operator.
pub const LISTENING: Event<Listening> = Event::new("host/transport.listening");

/// Something keeps a running plugin from its work, or does not any more.
#[contract]
pub struct Hampered {
    /// What, in a sentence for the operator with what to do about it; absent when nothing does.
    pub by: Maybe<Text>,
}

/// Said by a plugin whose work depends on something outside of the host, such as room on a disk, when that is missing and
/// when it is back. Nobody can refuse it. The host hears it, and shows it in `transom status` as long as the plugin runs.
///
/// `host/plugin.hampered`: an event, heard inline by the host.
pub const HAMPERED: Event<Hampered> = Event::new("host/plugin.hampered");

/// Every plugin of the manifest has started or is disabled.
#[contract]
pub struct Ready {
    /// The disabled ones.
    pub disabled: List<Text>,
}

/// Answers when start-up is over; at once when it was over already. Transports ask it before they accept connections.
/// Served by the host, without a deadline.
pub const STARTED_UP: Service<(), Ready> = Service::new("host/startup.wait").deadline_ms(0);

/// The host is about to stop.
#[contract]
pub struct Stopping {
    /// Milliseconds all plugins together have left.
    pub deadline_ms: u64,
}

/// Said by the host when it was told to stop, before the first plugin is. Whoever has long work for a client ends it
/// now, so that the client still hears of the end: transports are stopped before those that they serve.
///
/// `host/shutdown.began`: an event; nobody can refuse it; a queued listener with a full mailbox loses the oldest.
pub const STOPPING: Event<Stopping> = Event::new("host/shutdown.began");

/// How much there is of what a plugin has, at this moment.
#[contract]
pub struct Figures {
    /// By name: lower-case words joined by `-`, such as `viewers`. Figures of one name, from several plugins, are added up.
    pub figures: Map<u64>,
}

/// Answers with figures of a plugin; the name is the plugin's id. The host asks now and then, for `transom status` and for
/// what it logs about its memory. To have figures shown, serve this with numbers that are there already: the host waits half a
/// second and goes on without them.
///
/// `host/figures`: a named service, 30 s; plugins answer, the host asks.
pub const FIGURES: Service<(), Figures, ()> = Service::named("host/figures");

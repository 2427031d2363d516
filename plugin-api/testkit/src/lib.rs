//! Tests a plugin on the real kernel, in the process of the test.
//!
//! A [`Stand`] is a kernel of one test's own. On it are the plugins under test and whatever the test puts around them: callers
//! and emitters, recorded events, services in place of those that other plugins would provide, handlers that go wrong,
//! a clock that stands still. Nothing of the plugin or of the kernel is imitated.
//!
//! | to … | write |
//! |---|---|
//! | run a test with the plugin linked in, and again with its file | [`both_ways`] |
//! | run it one way, in an `async` test | [`Stand::new`], [`Stand::of_files`] |
//! | know that the plugin starts, stops and cleans up as it must | [`contract_check`] |
//! | call, emit, apply | [`Stand::caller`], [`stream_caller`](Stand::stream_caller), [`emitter`](Stand::emitter), [`applier`](Stand::applier) |
//! | see what was said | [`Stand::record`] |
//! | stand in for another plugin | [`Stand::serve`], [`serve_named`](Stand::serve_named), [`serve_stream`](Stand::serve_stream), [`link`](Stand::link) |
//! | let that one fail | [`fault`] |
//! | make time stand still, and let it pass | [`both_ways_paused`], [`Stand::advance`] |
//! | see faults and log | [`Stand::faults`], [`status`](Stand::status), [`log`](Stand::log) |
//! | replace the plugin by another generation of it | [`Stand::reload`] |
//! | restart on the same files | [`Stopped::stand`] |
//!
//! The guide is `docs/guide/testing.md`. For tests only: a plugin names this crate under `[dev-dependencies]`.

pub mod fault;

mod both_ways;
mod contract;
mod found;
mod host_side;
mod logbook;
mod not_started;
mod patience;
mod ports;
mod recorded;
mod sockets;
mod sources;
mod stand;
mod time;
mod way;

pub use both_ways::{both_ways, both_ways_paused};
pub use contract::{ContractCheck, contract_check};
pub use logbook::LogLine;
pub use not_started::NotStarted;
pub use recorded::Recorded;
pub use serde_json::json;
pub use stand::{Stand, Stopped};
pub use tracing::Level;
pub use transom_plugin_api::hosting::{PluginState, PluginStatus, PointFaults};

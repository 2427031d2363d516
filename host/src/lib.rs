//! The Transom host as a library, without plugins.
//!
//! Reads what the operator wrote, checks it, loads and runs the plugins; knows no plugin by name.
//!
//! | file | subject |
//! |---|---|
//! | [`program`] | the command line |
//! | [`manifest`] | `transom.toml`, and everything that can be wrong in it |
//! | [`assembly`] | the plugins of a manifest, found, read, checked and put in order |
//! | [`running`] | an assembly that runs: kernel, residents, ready, stop |
//! | [`reload`] | a running host brought to what its manifest says now |
//! | `images` | the plugin files that were opened, and what they take |
//! | `sockets` | listening sockets that outlive a generation |
//! | `whereabouts` | where the host can be reached, and the run file that tells it |
//! | [`data`] | the data folder: lock, run file, images |
//! | [`lock`] | which plugins a manifest was found with |
//! | `log` | the log: levels, floods, lines, trace ids |
//! | [`crash`] | the last line of a process that native code brings down |
//! | `attendant` | a thread for signals, the control socket and the watchdog |
//! | `control` | the control socket, both ends |
//! | `regular_file` | files that are read as a whole: the manifest, the lock file, secrets |
//! | `keeping` | examinations and copies of conversations, by whoever keeps them |
//! | `hampers` | what keeps plugins from their work |
//! | `footprint` | threads and memory of the process |
//! | `figures`, `memory` | what plugins count; what the log tells about memory |

pub mod assembly;
pub mod crash;
pub mod data;
pub mod lock;
pub mod manifest;
pub mod program;
pub mod reload;
pub mod running;

mod attendant;
mod client;
mod command;
mod commands;
mod control;
mod figures;
mod footprint;
mod hampers;
mod images;
mod keeping;
mod log;
mod memory;
mod rates;
mod regular_file;
mod residents;
mod sockets;
mod terminal;
mod whereabouts;

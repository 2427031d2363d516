//! What every transport needs at its door: where it may listen, who is let in, and a server that can be replaced.
//!
//! For authors of transports; no other plugin needs it. It stands in one place because a rule about strangers that is
//! written twice is soon two rules. It is a plain library: no points, no settings, no words of the agent runtime.
//!
//! | to … | look at |
//! |---|---|
//! | read and permit the setting `listen`, and be lent the host's socket | [`address`] |
//! | judge `Host`, `Origin` and token of a request | [`Guard`] |
//! | read the setting `origins` | [`Origins`] |
//! | open when start-up is over | [`start_up`] |
//! | accept connections, and leave the socket to the next generation | [`Server`] |
//! | refuse documents that are none, or say two things | [`json`] |
//! | refuse, with a status and `{"error": …}` | [`Refused`] |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking"))]

pub mod address;
pub mod json;
pub mod start_up;

mod guard;
mod origins;
mod refused;
mod server;
mod shortage;

pub use guard::Guard;
pub use origins::Origins;
pub use refused::{Refused, public_message};
pub use server::{Server, Times};

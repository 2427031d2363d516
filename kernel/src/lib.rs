//! The kernel: a typed bus and the life of plugins on it.
//!
//! It is mechanism only. It opens no file and no socket, names no plugin, and knows no word of the agent runtime;
//! the host gives it plugins that are loaded already.
//!
//! | file | subject |
//! |---|---|
//! | [`kernel`] | [`Kernel`], what a host holds |
//! | [`descriptor`] | what a plugin says of itself |
//! | [`plan`](mod@plan) | who needs whom; faults that show before any code runs |
//! | [`graph`](mod@graph) | who does what at each point, and why in that order |
//! | [`order`] | topological order, of plugins and of links |
//! | `faults` | what went wrong in a plugin, and its budget |
//! | `lifecycle` | start with a deadline, stop in reverse order |
//! | `seat` | the record of one activation, and its contributions |
//! | `snapshot` | one pointer to it, read without a locked instruction |
//! | `table` | the one immutable table of routes |
//! | `bus` | emitting, filtering, calling, streaming on a snapshot of it |
//! | `door` | the C functions behind which all of that stands |
//! | `draft` | what the next table is made of |
//! | `bridge` | values between plugins that were built with different copies of a contract |
//! | `watch` | handlers that do not come back |
//! | `clock` | what time it is |
//! | `breadcrumb` | who is running on each thread; counts and sampled times |

pub mod descriptor;
pub mod graph;
pub mod kernel;
pub mod order;
pub mod plan;

mod breadcrumb;
mod bridge;
mod bus;
mod clock;
mod door;
mod draft;
mod faults;
mod lifecycle;
mod reaper;
mod seat;
mod snapshot;
mod table;
mod watch;

pub use breadcrumb::{PointMetrics, is_dispatching};
pub use bridge::BridgeStatus;
pub use clock::Clock;
pub use descriptor::Descriptor;
pub use faults::FaultBudget;
pub use graph::{PointGraph, PointUse, graph};
pub use kernel::{Kernel, KernelConfig};
pub use lifecycle::{PluginToStart, StartReport, StopReport};
pub use plan::{Plan, PlanFault, PlannedLane, plan};
pub use watch::{LongRunning, Watch};

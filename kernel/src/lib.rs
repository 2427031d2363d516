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
//! | `lend` | sockets that outlive a generation |
//! | `lives` | all plugins, and what state they are in |
//! | `lifecycle` | start with a deadline, stop in reverse order |
//! | `quiet` | when the last that runs of an activation is gone |
//! | `reload` | one generation in the place of another |
//! | `seat` | the record of one activation, and its contributions |
//! | `snapshot` | one pointer to it, read without a locked instruction |
//! | `table` | the one immutable table of routes |
//! | `routes` | its changes, each in one step |
//! | `bus` | emitting, filtering, calling, streaming on a snapshot of it |
//! | `door` | the C functions behind which all of that stands |
//! | `draft` | what the next table is made of |
//! | `bridge` | values between plugins that were built with different copies of a contract |
//! | `watch` | handlers that do not come back |
//! | `breadcrumb` | who is running on each thread; counts and sampled times |

pub mod descriptor;
pub mod graph;
pub mod kernel;
pub mod order;
pub mod plan;

mod breadcrumb;
mod bridge;
mod bus;
mod door;
mod draft;
mod faults;
mod lend;
mod lifecycle;
mod lives;
mod quiet;
mod reaper;
mod reload;
mod routes;
mod seat;
mod snapshot;
mod sync;
mod table;
mod watch;

pub use breadcrumb::{PointMetrics, is_dispatching};
pub use bridge::BridgeStatus;
pub use descriptor::Descriptor;
pub use faults::FaultBudget;
pub use graph::{PointGraph, PointUse, graph};
pub use kernel::{Kernel, KernelConfig};
pub use lend::{Lender, Sockets};
pub use lifecycle::{PluginToStart, StartReport, StopReport};
pub use plan::{LaneRefusal, Plan, PlanFault, PlannedLane, plan};
pub use reload::{ReloadError, ReloadReport, ReloadTerms, Reloaded};
pub use watch::{LongRunning, Watch};

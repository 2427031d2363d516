//! Contracts can change: plugins whose copies of one differ work together wherever the table of changes says so.
//!
//! The plugins are files under `tests/fixtures/dialects`, loaded as dylibs. Each is at both ends of every kind of point
//! that `base` owns, and has a copy of the contract that departs from the one of `base` in one thing.

mod carried;
mod control;
mod copies;
mod judged;
mod page;
mod relayed;
mod stage;

//! Judges by rules which calls of tools may run, and has a person asked about the others.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]
#![allow(dead_code, reason = "it is being built")]

mod act;
mod command_line;
mod judge;
mod offer;
mod rule;
mod ruleset;

//! The Transom host as a library, without plugins.
//!
//! Reads what the operator wrote and says what is wrong with it; does not know any plugin by name.

pub mod manifest;

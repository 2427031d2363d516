//! The agent vocabulary: what plugins of the agent runtime say to each other.
//!
//! | file | subject |
//! |---|---|
//! | [`message`] | messages and the chunks they are made of |
//! | [`conversation`] | the log of a conversation, and what is known about it |
//! | [`turn`] | a question and everything until its answer is sealed |
//! | [`event`] | the frames a viewer of a turn receives |
//! | [`provider`] | models, and what is streamed from them |
//! | [`tool`] | tools: their definitions, and their running |
//! | [`reach`] | how a plugin is reached from outside: HTTP routes, WebSocket operations, CLI commands |
//!
//! It holds contracts and points only. The encoded forms (`camelCase`, `type` tags) are those clients see.

pub mod conversation;
pub mod event;
pub mod message;
pub mod provider;
pub mod reach;
pub mod tool;
pub mod turn;

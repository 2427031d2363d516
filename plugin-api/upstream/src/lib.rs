//! What every provider of models needs to reach a service: accounts, endpoints, streams, failures, lists of models.
//!
//! For authors of providers; no other plugin needs it. What two services do differently is one trait, [`WireFormat`], with
//! a [`Reader`] for the answers; the rest stands here once, so that a rule about keys, time or lost connections is
//! the same for all of them. It has no settings and is no plugin: a provider declares [`ProviderPorts`] as its ports and
//! hands everything to [`provide`].
//!
//! | to … | look at |
//! |---|---|
//! | say how a service is spoken to | [`WireFormat`], [`Target`], [`Page`], [`Listed`] |
//! | say what a frame of an answer means | [`Reader`], [`Told`], [`Frame`], [`Fragment`] |
//! | put a failure into a class | [`Failure`], [`Complaint`] |
//! | send the input of a tool back as an object | [`tool_input`] |
//! | read the setting `extra_body` | [`extra_body`] |
//! | run a provider | [`provide`], [`Provision`], [`Account`], [`Times`] |
//! | test one | `loopback` and `exchange`, under the feature `loopback` |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking"))]

pub mod extra_body;
pub mod tool_input;

mod account;
mod accounts;
mod answer;
mod calls;
mod catalogue;
mod desk;
mod endpoint;
mod failure;
mod format;
mod headers;
mod known;
mod provider;
mod retry_after;
mod shelf;
mod sse;
mod stream;

#[cfg(any(test, feature = "loopback"))]
pub mod exchange;
#[cfg(any(test, feature = "loopback"))]
pub mod fixture;
#[cfg(any(test, feature = "loopback"))]
pub mod loopback;
#[cfg(test)]
mod plain;

pub use account::Account;
pub use answer::{Answer, Told};
pub use calls::Fragment;
pub use catalogue::{Listed, Page, is_model_id};
pub use endpoint::{Clock, Endpoint, Times};
pub use failure::{Complaint, Failure};
pub use format::{Reader, Target, WireFormat};
pub use provider::{ProviderPorts, Provision, provide};
pub use sse::{Decoder, Frame};
pub use stream::ModelStream;

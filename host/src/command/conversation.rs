//! What the commands over conversations share: the host they ask, and what they say when that fails.

pub(super) mod asked;
pub(crate) mod attach;
pub(crate) mod delete;
pub(crate) mod fork;
pub(super) mod identity;
pub(crate) mod list;
pub(super) mod message;
mod pages;
pub(crate) mod queue;
pub(crate) mod read;
pub(crate) mod send;
pub(crate) mod show;
pub(crate) mod state;
mod taken_back;
pub(super) mod view;

use clap::Args;
use serde_json::Value;

use super::refuse;
use crate::client::{Client, Problem};
use crate::data::{Guest, why_nobody};
use crate::program::{Common, FAILED, REFUSED};
use crate::running::Refused;
use crate::terminal::print;

pub(crate) use view::word;

/// The conversation that is meant.
#[derive(Args)]
pub(crate) struct One {
    /// The conversation's id, or how it begins: 4 characters or more
    #[arg(value_name = "ID", value_parser = identity::id)]
    id: String,
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
    nobody_there: bool,
}

impl Failure {
    /// Refused before anything was done.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: REFUSED, nobody_there: false }
    }

    /// It was tried.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED, nobody_there: false }
    }

    /// What it is, for a person.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Whether the host was gone, so that it was not asked.
    pub(super) const fn is_nobody_there(&self) -> bool {
        self.nobody_there
    }

    /// With what to do about it.
    pub(super) fn with_help(mut self, help: &str) -> Self {
        self.message = format!("{}\n  help: {help}", self.message);
        self
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let is_refusal = matches!(problem.status, Some(400..500));
        let code = if is_refusal { REFUSED } else { FAILED };
        let failure = Self { message: problem.message, code, nobody_there: problem.nobody_there };
        match problem.status {
            None => failure.with_help("`transom status` tells whether the host runs"),
            Some(_) => failure,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::refused(refused.to_string().trim_start_matches("error: "))
    }
}

/// The exit code of a command; what went wrong is told.
pub(crate) fn told(common: &Common, outcome: Result<u8, Failure>) -> u8 {
    outcome.unwrap_or_else(|failure| {
        refuse(&Refused::Host(failure.message), common.json);
        failure.code
    })
}

/// A host that runs, and goes on to run while a command asks it.
pub(super) struct Host {
    pub(super) client: Client,
    _guest: Guest,
}

/// The host that runs on the data folder.
pub(super) fn host(common: &Common) -> Result<Host, Failure> {
    let folder = common.data_folder_of_host()?;
    let Some(guest) = Guest::of(&folder) else {
        return Err(Failure::failed(why_nobody(&folder)));
    };
    if let Some(stopped) = guest.host.told_if_stopped() {
        return Err(Failure::failed(stopped));
    }
    Ok(Host { client: Client::new(&guest.host.address), _guest: guest })
}

/// Prints the host's document for programs, or what `described` makes of it for people.
pub(super) fn tell(common: &Common, document: &Value, described: impl FnOnce(&Value) -> String) {
    print(&if common.json { format!("{document}\n") } else { described(document) });
}

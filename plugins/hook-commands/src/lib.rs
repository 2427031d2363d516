//! Runs the operator's commands at points of a turn, as other agents' hooks are run.
//!
//! Links [`INPUT`], [`GATE`], [`RAN`], [`ENDING`] and [`COMPACTING`]; hears [`BEGUN`], [`CLOSED`], [`COMPACTED`], [`NOTICE`] and
//! [`QUESTION_ASKED`]; says [`NOTICE`]; asks [`TRUST`] for each file of a folder, and [`READ`] what a person is asked about; answers questions and stops turns where a hook says
//! so. Serves `GET /hooks` and the command `hooks`. Does not use what the operator does not trust, does not make anything more
//! lenient, and does not run a hook for which nobody has a place.
//!
//! | file | subject |
//! |---|---|
//! | `occasion`, `hooks_file`, `fields`, `matcher` | the format: events, files, whom a hook is for |
//! | `tool_names` | the table of tools and fields, and both ways through it |
//! | `decision`, `answer` | the rule: what the end of a hook means, and what several say together |
//! | `source`, `library`, `told` | where hooks lie, which of them count, and what is wrong with them |
//! | `process`, `environment`, `runner` | a hook as a process, within bounds |
//! | `hooks`, `known`, `asked_call`, `points` | who is asked when, what that takes to know, and what becomes of the answer |
//! | `listing`, `legible`, `routes`, `command` | what there is, over HTTP and from a terminal |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod answer;
mod asked_call;
mod command;
mod decision;
mod environment;
mod fields;
mod hooks;
mod hooks_file;
mod known;
mod legible;
mod library;
mod listing;
mod matcher;
mod occasion;
mod points;
mod process;
mod routes;
mod runner;
mod source;
mod told;
mod tool_names;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use transom_agent::compaction::{COMPACTED, COMPACTING, Compacted, Draft};
use transom_agent::conversation::{BEGUN, Begun, CLOSED, Conversation, FIND};
use transom_agent::log::{Chunks, READ, Read};
use transom_agent::notice::{NOTICE, Notice};
use transom_agent::question::{ANSWER, AnswerQuestion, Answered, OpenQuestion, QUESTION_ASKED};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::tool::{GATE, RAN, ToolGate, ToolRan};
use transom_agent::trust::{Found, TRUST, Trust};
use transom_agent::turn::{ENDING, INPUT, STOP, Stopped, TurnEnding, TurnInput};
use transom_plugin_api::prelude::*;

use crate::environment::Allowed;
use crate::hooks::Hooks;
use crate::known::Known;
use crate::library::Library;
use crate::runner::Runner;
use crate::told::Told;

/// How long what was killed may take to be answered for.
const LAST: Duration = Duration::from_secs(1);

/// What an operator may set.
///
/// ```
/// use transom_hook_commands::HookCommands;
/// use transom_plugin_api::Settings;
///
/// assert!(HookCommands::from_json(r#"{"file": "~/.transom/hooks.json", "guards_fail": "open"}"#).is_ok());
/// assert!(HookCommands::from_json(r#"{"guards_fail": "ajar"}"#).is_err());
/// ```
#[derive(Debug, Settings)]
pub struct HookCommands {
    /// A file of hooks of the operator's own: absolute, or in the home of whoever runs the host. It has to be there.
    file: Option<PathBuf>,
    /// Seconds that a hook may take which says nothing about it. At least 1.
    #[setting(default = 60, min = 1, max = 110)]
    timeout_s: u32,
    /// What it means that a hook fails which guards something: `closed` forbids it, `open` passes over the hook.
    #[setting(default = "closed")]
    guards_fail: GuardsFail,
    /// Variables of the host's environment that hooks are given besides the usual ones; `*` stands for any end. Names that look
    /// like credentials are given only where they stand here in full.
    #[setting(default = [])]
    environment: Vec<String>,
}

/// What it means that a hook fails which guards something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Settings)]
pub enum GuardsFail {
    /// It is forbidden.
    Closed,
    /// The hook is passed over.
    Open,
}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct HookPorts {
    #[links(INPUT)]
    input: Link<TurnInput>,
    #[links(GATE, stage = "change")]
    gate: Link<ToolGate>,
    #[links(RAN)]
    ran: Link<ToolRan>,
    #[links(ENDING)]
    ending: Link<TurnEnding>,
    #[links(COMPACTING)]
    compacting: Link<Draft>,
    #[hears(BEGUN)]
    begun: Listener<Begun>,
    #[hears(CLOSED)]
    closed: Listener<Text>,
    #[hears(COMPACTED)]
    compacted: Listener<Compacted>,
    #[hears(NOTICE)]
    noticed: Listener<Notice>,
    #[hears(QUESTION_ASKED)]
    asked: Listener<OpenQuestion>,
    #[says(NOTICE)]
    notices: Emitter<Notice>,
    #[calls(TRUST, optional)]
    trust: Caller<Found, Trust>,
    #[calls(FIND, optional)]
    find: Caller<Text, Conversation>,
    #[calls(READ, optional)]
    read: Caller<Read, Chunks>,
    #[calls(ANSWER, optional)]
    answer: Caller<AnswerQuestion, Answered>,
    #[calls(STOP, optional)]
    stop: Caller<Text, Stopped>,
    #[serves(HTTP_ROUTE, names = ["GET /hooks"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["hooks"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for HookCommands {
    type Ports = HookPorts;

    async fn start(self, ports: HookPorts, host: Host) -> Result<(), StartError> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let own = self.file.map(|file| own_file(&file, home.as_deref())).transpose()?;
        let allowed = Allowed::with(self.environment).map_err(StartError::new)?;
        let hooks = Arc::new(Hooks {
            library: Library::new(host.clone(), ports.trust.clone(), own),
            runner: Runner::new(host.clone(), allowed),
            known: Known::default(),
            told: Told::default(),
            timeout: Duration::from_secs(self.timeout_s.into()),
            is_open: self.guards_fail == GuardsFail::Open,
            under_way: Hooks::room(),
            ports: ports.clone(),
            host: host.clone(),
        });
        points::register(&hooks, &ports)?;
        routes::register(&hooks, &ports.routes)?;
        command::register(&hooks, &ports.commands)?;
        end_with_the_plugin(&host, &hooks);
        // What is wrong with the operator's own file is in the log before the first turn.
        host.spawn(async move { hooks.look_at_own().await });
        Ok(())
    }
}

/// The operator's own file.
fn own_file(written: &Path, home: Option<&Path>) -> Result<PathBuf, StartError> {
    let file = match (written.strip_prefix("~"), home) {
        (Ok(inside), Some(home)) => home.join(inside),
        _ => written.to_owned(),
    };
    if file.is_absolute() {
        return Ok(file);
    }
    let problem = format!("setting `file` is `{}`, expected an absolute path", written.display());
    Err(StartError::new(problem).help("write the whole path, or one that begins with `~/`"))
}

/// Ends what runs when the plugin ends: in a reload as late as it may, so that what is short comes to its end.
fn end_with_the_plugin(host: &Host, hooks: &Arc<Hooks>) {
    let (drained, waiting) = (Arc::clone(hooks), host.clone());
    host.on_drain(move |patience| {
        let (hooks, host) = (Arc::clone(&drained), waiting.clone());
        async move {
            let may_take = patience.saturating_sub(LAST);
            if host.within(may_take, hooks.runner.until_idle()).await.is_none() {
                hooks.runner.end();
            }
        }
    });
    let stopped = Arc::clone(hooks);
    host.on_stop(async move {
        stopped.runner.end();
        stopped.runner.until_idle().await;
    });
}

export_plugin!(HookCommands, id = "hook-commands", capabilities = ["fs", "process"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_file_is_absolute_or_at_home() {
        let check = |file: &str| own_file(Path::new(file), Some(Path::new("/home/me"))).ok();
        assert_eq!(check("/etc/hooks.json"), Some("/etc/hooks.json".into()));
        assert_eq!(check("~/hooks.json"), Some("/home/me/hooks.json".into()));
        assert_eq!(check("hooks.json"), None);
        assert!(own_file(Path::new("~/hooks.json"), None).is_err());
    }
}

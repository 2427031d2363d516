//! A tool that runs commands in the folder a turn works in.
//!
//! Hears nothing; says [`PRINTED`] while a command runs; serves [`TOOL`] as `run_shell`. Does not ask anybody whether a command may
//! run, keeps none in the background, and does not lock it in: what its user may do, it may do.

mod arguments;
mod course;
mod decoder;
mod ending;
mod environment;
mod excerpt;
#[cfg(test)]
#[path = "keeper/main.rs"]
mod keeper;
mod keeping;
mod live;
mod output;
mod shift;
mod spill;
mod stray;
mod stream;
mod tool;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use transom_agent::tool::{PRINTED, TOOL, ToolCall, ToolDefinition, ToolOutput, ToolPrinted};
use transom_plugin_api::prelude::*;
use transom_plugin_api::sabotage::sabotaged;

use crate::environment::Allowed;
use crate::keeping::Program;
use crate::shift::Shift;
use crate::spill::Shelf;
use crate::tool::{Place, Times, Tool};

/// How long a command that was killed may take to be answered for.
const LAST: Duration = Duration::from_secs(1);

/// What an operator may set.
///
/// ```
/// use transom_plugin_api::Settings;
/// use transom_tool_shell::Shell;
///
/// assert!(Shell::from_json(r#"{"shell": "/bin/bash", "environment": ["CARGO_*"]}"#).is_ok());
/// assert!(Shell::from_json(r#"{"timeout_s": 0}"#).is_err());
/// ```
#[derive(Settings)]
pub struct Shell {
    /// The shell, an absolute path. It is run with `-c` and the command.
    #[setting(default = "/bin/sh")]
    shell: PathBuf,
    /// Seconds that a command may take, where the call says nothing. At least 1.
    #[setting(default = 120, min = 1, max = 86_400)]
    timeout_s: u32,
    /// Seconds that a command may take, whatever the call says. At least 1.
    #[setting(default = 3_600, min = 1, max = 86_400)]
    max_timeout_s: u32,
    /// Bytes of output in an answer: the first half and the last, where there is more. At least 1000.
    #[setting(default = 50_000, min = 1_000, max = 16_777_216)]
    max_output_bytes: u32,
    /// Bytes of a file with an output that is too long for an answer.
    #[setting(default = 104_857_600, min = 1, max = 1_099_511_627_776)]
    max_spill_bytes: u64,
    /// Milliseconds between SIGTERM and SIGKILL.
    #[setting(default = 2_000, max = 8_000)]
    kill_after_ms: u32,
    /// Variables of the host's environment that commands are given besides the usual ones; `*` stands for any end. Names that
    /// look like credentials are given only where they stand here in full.
    #[setting(default = [])]
    environment: Vec<String>,
}

/// The points it touches.
#[derive(Ports)]
pub struct ShellPorts {
    #[serves(TOOL, names = ["run_shell"])]
    tools: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[says(PRINTED)]
    printed: Emitter<ToolPrinted>,
}

impl Plugin for Shell {
    type Ports = ShellPorts;

    async fn start(self, ports: ShellPorts, host: Host) -> Result<(), StartError> {
        let (place, shift) = (self.place(&host)?, Shift::begin());
        end_with_the_plugin(&host, &shift, place.times.kill_after);
        let (definition, tool) = (tool::definition(&place), Tool::new(host, ports.printed, place, shift));
        let name = definition.name.clone();
        ports.tools.serve_named(&name, definition, move |call, _| tool.clone().answer(call))
    }
}

/// Ends what runs when the plugin ends: in a reload as late as it may, so that what is short comes to its end, and its caller hears
/// of it.
fn end_with_the_plugin(host: &Host, shift: &Shift, kill_after: Duration) {
    let (drained, waiting) = (shift.clone(), host.clone());
    host.on_drain(move |patience| {
        let (shift, host) = (drained.clone(), waiting.clone());
        async move {
            let may_take = patience.saturating_sub(kill_after + LAST);
            let is_idle = host.within(may_take, shift.until_idle()).await.is_some();
            if !is_idle && !sabotaged("cut-commands-off") {
                shift.end();
            }
        }
    });
    let stopped = shift.clone();
    host.on_stop(async move {
        stopped.end();
        stopped.until_idle().await;
    });
}

impl Shell {
    fn place(self, host: &Host) -> Result<Place, StartError> {
        let shell = self.shell;
        if !shell.is_absolute() {
            let problem = format!("setting `shell` is `{}`, expected an absolute path", shell.display());
            return Err(StartError::new(problem));
        }
        let folder = host.data_folder()?.join("output");
        let shelf = Shelf::at(folder.clone(), self.max_spill_bytes).map_err(|error| {
            StartError::new(format!("folder `{}` cannot be made: {error}", folder.display()))
        })?;
        shelf.tidy(0, SystemTime::now());
        let program = Program::load()
            .map_err(|error| StartError::new(format!("no program can be run out of memory: {error}")))?;
        let times = Times {
            default: Duration::from_secs(self.timeout_s.into()),
            most: Duration::from_secs(self.max_timeout_s.into()),
            kill_after: Duration::from_millis(self.kill_after_ms.into()),
        };
        let allowed = Allowed::with(self.environment).map_err(StartError::new)?;
        Ok(Place { program, shell, allowed, times, most: self.max_output_bytes as usize, shelf })
    }
}

export_plugin!(Shell, id = "tool-shell", capabilities = ["fs", "process"]);

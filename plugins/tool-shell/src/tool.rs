//! `run_shell`: runs a command and tells what it printed and how it ended.

use std::io::{PipeReader, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde_json::json;
use transom_agent::tool::{Effect, ToolCall, ToolDefinition, ToolOutput, ToolPrinted};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Emitter, Host, List, Maybe};
use uuid::Uuid;

use crate::arguments::Request;
use crate::course::{Course, Outcome, Stop};
use crate::ending::{Cut, Ending};
use crate::environment::Allowed;
use crate::keeping::{Order, Program};
use crate::output::{Output, Show};
use crate::shift::Shift;
use crate::spill::{Shelf, Spill};

/// How long what a shell has left running may take to end by itself: what it wrote last is on its way.
const GRACE: Duration = Duration::from_millis(250);

/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long commands may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Where a call says nothing.
    pub(crate) default: Duration,
    /// Whatever a call says.
    pub(crate) most: Duration,
    /// Between SIGTERM and SIGKILL.
    pub(crate) kill_after: Duration,
}

/// Where and how commands run.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) program: Program,
    pub(crate) shell: PathBuf,
    pub(crate) allowed: Allowed,
    pub(crate) times: Times,
    /// Bytes of output that an answer has at most.
    pub(crate) most: usize,
    pub(crate) shelf: Shelf,
}

pub(crate) fn definition(place: &Place) -> ToolDefinition {
    let (default, most) = (place.times.default.min(place.times.most), place.times.most.as_millis());
    ToolDefinition {
        name: "run_shell".into(),
        description: format!(
            "Runs a command with `{} -c` in the working folder and answers with what it printed and its exit code. Each \
             call is a shell of its own: variables and the current folder do not last. There is no input and no terminal, \
             so choose options that ask nothing. When the shell ends, or after `timeoutMs`, everything that it started is \
             ended, too: nothing keeps running in the background. Of a long output you see the beginning and the end, and \
             are told where all of it is.",
            place.shell.display()
        )
        .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "command": {"type": "string", "minLength": 1, "description": "What the shell is to run."},
                "timeoutMs": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": u64::try_from(most).unwrap_or(u64::MAX),
                    "default": u64::try_from(default.as_millis()).unwrap_or(u64::MAX),
                    "description": "Milliseconds that it may take."
                }
            },
            "required": ["command"],
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: false,
        effects: Maybe::Some(List::from([Effect::Runs { command: "command".into() }])),
    }
}

/// What is behind the tool.
#[derive(Clone)]
pub(crate) struct Tool {
    host: Host,
    printed: Emitter<ToolPrinted>,
    place: Arc<Place>,
    shift: Shift,
}

impl Tool {
    pub(crate) fn new(host: Host, printed: Emitter<ToolPrinted>, place: Place, shift: Shift) -> Self {
        Self { host, printed, place: Arc::new(place), shift }
    }

    /// Runs what a call asks for. Dropped, it ends it, which goes on behind it.
    pub(crate) async fn answer(self, call: ToolCall) -> Result<ToolOutput, CallError> {
        let request = match Request::of(&call.input, &self.place.times) {
            Ok(request) => request,
            Err(problem) => return Ok(ToolOutput::error(problem)),
        };
        let limit = request.limit;
        let seat = self.shift.seat().await;
        let (hearer, mut bell) = match std::io::pipe() {
            Ok(pipe) => pipe,
            Err(error) => return Ok(ToolOutput::error(format!("commands cannot be run: {error}"))),
        };
        // Goes with whoever waits for the answer: behind it nothing more may be shown.
        let asking = Arc::new(());
        let (place, show) = (Arc::clone(&self.place), self.show(&call, Arc::downgrade(&asking)));
        let work = move || {
            let answer = place.run(request, &call, hearer, show);
            drop(seat);
            answer
        };
        let mut answer = pin!(self.host.blocking(work));
        let stop = tokio::select! {
            biased;
            answer = &mut answer => return answer,
            () = self.host.sleep(limit) => Stop::Over,
            () = self.shift.until_over() => Stop::Closing,
        };
        if stop != Stop::Over || !sabotaged("run-without-end") {
            // It has room for one byte, and whoever has stopped reading is about to answer.
            let _ = bell.write_all(&[stop as u8]);
        }
        answer.await
    }

    /// What shows viewers something, as long as somebody asks.
    fn show(&self, call: &ToolCall, asked: Weak<()>) -> Show {
        let printed = self.printed.clone();
        let (conversation_id, tool_call_id) = (call.conversation_id.clone(), call.tool_call_id.clone());
        Box::new(move |stream, text| {
            if asked.strong_count() > 0 {
                printed.emit(&ToolPrinted {
                    conversation_id: conversation_id.clone(),
                    tool_call_id: tool_call_id.clone(),
                    data: text.into(),
                    stream: stream.name().into(),
                });
            }
        })
    }
}

impl Place {
    /// Runs a command to its end, or to that of the bell. Waits for it.
    fn run(&self, request: Request, call: &ToolCall, bell: PipeReader, show: Show) -> ToolOutput {
        let order = Order {
            shell: self.shell.clone(),
            command: request.command,
            folder: PathBuf::from(&*call.cwd),
            environment: self.allowed.of(std::env::vars_os()),
            run: Uuid::new_v4().to_string(),
            grace: GRACE,
            kill_after: self.times.kill_after,
            patience: PATIENCE,
        };
        let spill = Spill::on(self.shelf.clone(), order.run.clone());
        let mut output = Output::new(self.most, spill, show);
        let began = Instant::now();
        let outcome = Course::begin(&self.program, &order, bell, &mut output).and_then(Course::finish);
        let took = began.elapsed();
        match outcome {
            Ok(outcome) => self.told(output.end(), &outcome, request.limit, took),
            Err(problem) => ToolOutput::error(problem),
        }
    }

    fn told(&self, text: String, outcome: &Outcome, limit: Duration, took: Duration) -> ToolOutput {
        let Outcome { status, stop, left, is_stubborn } = *outcome;
        let cut = stop.map(|stop| if stop == Stop::Over { Cut::At(limit) } else { Cut::WithTheTool });
        let ending = Ending { status, cut, left, is_stubborn, took };
        let content = text + &ending.told(self.times.most);
        if ending.is_error() { ToolOutput::error(content) } else { ToolOutput::ok(content) }
    }
}

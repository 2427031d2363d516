//! Models without a network: they stream, think, call tools and fail as their script says.
//!
//! Serves [`MODEL`] under `scripted/echo`, `scripted/demo` and one name per script of the settings. Does not run the
//! tools it asks for, and has no chance in it: the same request gets the same answer.
//!
//! | model | what it does |
//! |---|---|
//! | `scripted/echo` | says what the person said |
//! | `scripted/demo` | gives a tour; `read <file>` in a message makes it call the tool `read_file` and say what it answered |
//! | `scripted/<name>` | follows the script `<name>` of the settings, whatever the person says |
//!
//! # Directives
//!
//! A script is text. Plain words are said; directives do the rest. They work in a message to `scripted/echo` or
//! `scripted/demo`, so that every way a turn can go may be shown without a key, and in the steps of the settings.
//!
//! | directive | meaning |
//! |---|---|
//! | `[[think: words]]`, `[[say: words]]` | thinks, says |
//! | `[[tool: read_file {"path":"a.txt"}]]` | asks for a tool; `{}` when no input is given |
//! | `[[results]]` | says what the tools of the step before answered |
//! | `[[step]]` | what follows answers the next request of the turn |
//! | `[[pace: 20]]` | from here on, 20 ms lie between two pieces |
//! | `[[usage: 10 20]]` | reports 10 tokens read and 20 written; two more numbers are those read from and written to the cache |
//! | `[[finish: length]]` | finishes for this reason: `stop`, `tool-calls`, `length`, `content-filter` |
//! | `[[fail: rate-limited 2000 1]]` | fails with this class, asks to wait 2,000 ms, and only for the first attempt; the numbers may be left out |
//! | `[[hang]]` | says nothing more and does not end |
//! | `[[break]]` | ends without finishing |
//!
//! A turn takes one step for each request. What is said or thought behind a call of a tool belongs to the next step,
//! when the tool has answered; past the last step the model says what the tools answered. White space behind a
//! directive belongs to it. A directive that cannot be followed fails the request as invalid and is named. Without
//! `usage`, words are reported as tokens.
//!
//! ```toml
//! [[plugin.settings.scripts]]
//! name = "reviewer"
//! steps = ['[[think: Where to begin?]] I read the code. [[tool: read_file {"path":"src/lib.rs"}]]', "It is fine."]
//! ```

mod attempts;
mod demo;
mod directive;
#[cfg(test)]
mod fixture;
mod models;
mod parser;
mod performance;
mod script;
mod turn;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use transom_agent::provider::{MODEL, ModelInfo, ModelRequest, ProviderEvent};
use transom_plugin_api::prelude::*;

use crate::attempts::Attempts;
use crate::models::Model;
use crate::performance::{Beat, perform};

/// What an operator may set.
#[derive(Debug, Settings)]
pub struct ScriptedModels {
    /// Milliseconds between two pieces of an answer; 0 streams as fast as it is read. At most 60000.
    #[setting(default = 15, max = 60000)]
    pub pace_ms: u64,
    /// Further models, each with a script of its own.
    pub scripts: Vec<ScriptedModel>,
}

/// A model with a script.
#[derive(Debug, Settings)]
pub struct ScriptedModel {
    /// Its name behind `scripted/`: 1 to 64 characters of A–Z a–z 0–9 - _ .
    pub name: String,
    /// What it does in the first, second, … step of each turn: words and `[[directives]]`. At least one.
    pub steps: Vec<String>,
}

/// The points this plugin touches.
#[derive(Debug, Ports)]
pub struct ScriptedPorts {
    #[serves(MODEL, names = ["scripted/echo", "scripted/demo"], names = "dynamic")]
    model: StreamServer<ModelRequest, ProviderEvent, ModelInfo>,
}

impl Plugin for ScriptedModels {
    type Ports = ScriptedPorts;

    async fn start(self, ports: ScriptedPorts, host: Host) -> Result<(), StartError> {
        let mut models = vec![("echo".to_owned(), Model::Echo), ("demo".to_owned(), Model::Demo)];
        models.extend(models::configured(&self.scripts)?);
        let stage = Arc::new(Stage { pace_ms: self.pace_ms, attempts: Attempts::default(), host });
        for (name, model) in models {
            let (stage, model) = (stage.clone(), Arc::new(model));
            let about = ModelInfo { provider: "scripted".into(), ..ModelInfo::default() };
            ports.model.serve_named(&format!("scripted/{name}"), about, move |request, items, _| {
                let (stage, model) = (stage.clone(), model.clone());
                async move {
                    stage.answer(&model, &request, items).await;
                    Ok(())
                }
            })?;
        }
        Ok(())
    }
}

export_plugin!(ScriptedModels, id = "provider-scripted");

/// Where scripts are performed.
struct Stage {
    pace_ms: u64,
    attempts: Attempts,
    host: Host,
}

impl Stage {
    async fn answer(&self, model: &Model, request: &ModelRequest, mut items: Items<ProviderEvent>) {
        let beats = match model.script(request) {
            Ok(script) => perform(&script, request, self.pace_ms, self.attempts.count(request)),
            Err(error) => vec![Beat::Send(error)],
        };
        // When the next beat is due: waits follow one schedule, so that what timers are late by, up to one wait, does not add up.
        let mut due = self.host.now_ms();
        for beat in beats {
            match beat {
                Beat::Send(event) => items.send(event).await,
                Beat::Wait(ms) => due = self.wait(due, ms).await,
                Beat::Hang => pending().await,
            }
        }
    }

    /// Waits until `ms` after `due`, or not at all when that is over; answers what counts from then on.
    async fn wait(&self, due: i64, ms: u64) -> i64 {
        let now = self.host.now_ms();
        let next = due.saturating_add_unsigned(ms);
        // A clock that was set back makes no pause longer than it was to be.
        let left = u64::try_from(next.saturating_sub(now)).unwrap_or_default().min(ms);
        if left > 0 {
            self.host.sleep(Duration::from_millis(left)).await;
        }
        next.max(now)
    }
}

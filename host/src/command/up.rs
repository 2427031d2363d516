//! `transom up`: runs the host until it is told to stop.

use clap::Args;
use transom_kernel::StopReport;

use super::check::sound_manifest;
use super::refuse;
use crate::assembly::Overrides;
use crate::attendant::{Attendant, STOP_WITHOUT_FOLDER};
use crate::data::DataFolder;
use crate::log;
use crate::manifest::LogFormat;
use crate::program::{Common, DONE, FAILED, INTERRUPTED, REFUSED};
use crate::running::{Refused, Running};
use crate::terminal::{complain, note, print, shown};

/// Run the host
#[derive(Args, Default)]
#[command(after_help = "Example:\n  transom up --manifest team.toml --strict")]
pub(crate) struct Arguments {
    /// Where to listen, in place of the manifest's [default: 127.0.0.1:24203]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// End with exit code 2 when any plugin does not start
    #[arg(long)]
    strict: bool,
    /// Refuse plugins that differ from the lock file beside the manifest
    #[arg(long)]
    locked: bool,
    /// How the log is written, in place of the manifest's `log_format`
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

pub(crate) async fn run(common: &Common, arguments: Arguments) -> u8 {
    let mut attendant = match Attendant::start() {
        Ok(attendant) => attendant,
        Err(error) => {
            complain(&format!("error: signals cannot be heard: {error}"));
            return REFUSED;
        }
    };
    let manifest = match sound_manifest(common).await {
        Ok(manifest) => manifest,
        Err(refused) => return refuse(&refused, common.json),
    };
    log::install(&log::Options::of(&manifest.host, arguments.log_format));
    let held = common
        .data_folder(&manifest)
        .and_then(|folder| DataFolder::hold(&folder).map_err(|error| Refused::Host(error.to_string())));
    let data = match held {
        Ok(data) => data,
        Err(refused) => return refuse(&refused, common.json),
    };
    let overrides = Overrides { listen: arguments.listen, locked: arguments.locked };
    let starting = Running::start(manifest, data, &overrides, arguments.strict);
    let mut running = tokio::select! {
        started = starting => match started {
            Ok(running) => running,
            Err(refused) => return refuse(&refused, common.json),
        },
        // Nothing is served yet; what has started is dropped with the process.
        () = attendant.interrupted() => return INTERRUPTED,
    };
    transom_loader::return_free_memory();
    attendant.attend(running.duty());
    announce(&running, common.json).await;
    let failure = tokio::select! {
        () = attendant.interrupted() => None,
        (plugin, reason) = running.required_is_lost() => {
            Some(format!("error: plugin `{plugin}`, which is required, was quarantined: {reason}"))
        }
        () = attendant.folder_is_lost() => {
            let told = running.told_lost();
            return ended(running.stop_within(STOP_WITHOUT_FOLDER).await, Some(&told));
        }
    };
    if failure.is_none() {
        note("stopping; once more ends at once");
    }
    ended(running.stop().await, failure.as_deref())
}

/// What is told in the end, and the exit code.
fn ended(stopped: StopReport, failure: Option<&str>) -> u8 {
    for (plugin, doing) in &stopped.cut_off {
        complain(&format!("plugin `{plugin}` was cut off: {doing}"));
    }
    if let Some(failure) = failure {
        // The last line of a host that ends is the one that is read.
        complain(failure);
    }
    if stopped.cut_off.is_empty() && failure.is_none() { DONE } else { FAILED }
}

async fn announce(running: &Running, json: bool) {
    let model = running.default_model().await;
    if json {
        let disabled: Vec<_> = running
            .disabled
            .iter()
            .map(|(plugin, reason)| serde_json::json!({ "plugin": plugin, "reason": reason }))
            .collect();
        let ready = serde_json::json!({
            "ready": true,
            "address": running.address(),
            "data": running.data(),
            "model": model,
            "plugins": running.plugin_count(),
            "disabled": disabled,
        });
        print(&format!("{ready}\n"));
        return;
    }
    for (plugin, reason) in &running.disabled {
        complain(&format!("plugin `{plugin}` is disabled: {reason}"));
    }
    let address = running.address();
    let at = address.as_ref().map_or("without a transport".to_owned(), |address| format!("at {address}"));
    let answers = match &model {
        Some(model) => format!("; model `{model}` answers"),
        None => match running.model_count().await {
            0 => "; no model is served".to_owned(),
            count => {
                format!("; the default model is none of the {count} that are served, see `transom models`")
            }
        },
    };
    let down = match running.disabled.len() {
        0 => String::new(),
        down => format!(", {down} disabled"),
    };
    let run = match running.plugin_count() {
        1 => "1 plugin runs".to_owned(),
        count => format!("{count} plugins run"),
    };
    print(&format!("transom is ready {at}{answers}; {run}{down}\n"));
    if let (Some(address), Some(_)) = (&address, model) {
        let token = if running.needs_token() { " -H \"Authorization: Bearer $TRANSOM_TOKEN\"" } else { "" };
        print(&format!(
            "curl -N {address}/chat{token} -H 'Content-Type: application/json' -d '{{\"message\":\"hello\"}}'\n"
        ));
    }
    print(&shown(&format!("its data is in `{}`\n", running.data().display())));
}

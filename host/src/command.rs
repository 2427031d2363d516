//! One file per command. Each prints for people or, with `--json`, for programs, and answers an exit code.

pub(crate) mod backup;
pub(crate) mod brought;
mod capability;
pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod conversation;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod graph;
pub(crate) mod inspect;
mod keeper;
mod lanes;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod models;
pub(crate) mod new;
pub(crate) mod plugins;
pub(crate) mod reload;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod workspaces;

use crate::manifest::Faults;
use crate::program::REFUSED;
use crate::running::Refused;
use crate::terminal::{complain, print};

/// Prints why something was refused.
pub(crate) fn refuse(refused: &Refused, json: bool) -> u8 {
    if json {
        let faults = match refused {
            Refused::Faults(faults) => fault_list(faults),
            other => serde_json::json!([{ "message": other.to_string().trim_start_matches("error: ") }]),
        };
        print(&format!("{}\n", serde_json::json!({ "ok": false, "faults": faults })));
    } else {
        complain(&refused.to_string());
    }
    REFUSED
}

fn fault_list(faults: &Faults) -> serde_json::Value {
    let fault = |fault: &crate::manifest::Fault| {
        serde_json::json!({
            "file": fault.file,
            "line": fault.position.map(|position| position.line),
            "column": fault.position.map(|position| position.column),
            "message": fault.message,
            "help": fault.help,
        })
    };
    faults.as_slice().iter().map(fault).collect()
}

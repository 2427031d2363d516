//! `transom plugins`: the plugins of the running host, else of the manifest.

use serde_json::{Value, json};

use super::check::assembled;
use super::{capability, refuse};
use crate::client::Client;
use crate::data::running_host;
use crate::program::{Common, DONE, FAILED};
use crate::running::Refused;
use crate::terminal::{aside, print, shown};

pub(crate) async fn run(common: &Common) -> u8 {
    let folder = match common.data_folder_of_host() {
        Ok(folder) => folder,
        Err(refused) => return refuse(&refused, common.json),
    };
    let listed = match running_host(&folder) {
        Some(host) if host.told_if_stopped().is_some() => {
            refuse(&Refused::Host(host.told_if_stopped().unwrap_or_default()), common.json);
            return FAILED;
        }
        Some(host) => match Client::new(&host.address).get("/plugins").await {
            Ok(answer) => {
                if !common.json {
                    aside(&format!("of the host that runs at {}", host.address));
                }
                answer["plugins"].clone()
            }
            Err(problem) => {
                let problem = format!("the host at {} could not be asked: {}", host.address, problem.message);
                refuse(&Refused::Host(problem), common.json);
                return FAILED;
            }
        },
        None => match of_manifest(common).await {
            Ok(plugins) => plugins,
            Err(refused) => return refuse(&refused, common.json),
        },
    };
    let note = note(&listed);
    if common.json {
        print(&format!("{}\n", json!({ "plugins": listed, "note": note })));
        return DONE;
    }
    for plugin in listed.as_array().into_iter().flatten() {
        print(&shown(&line(plugin)));
    }
    if let Some(note) = note {
        print(&shown(&format!("{note}\n")));
    }
    DONE
}

/// The capabilities of a plugin as a listing has them.
pub(super) fn capabilities_of(plugin: &Value) -> impl Iterator<Item = &str> {
    plugin["capabilities"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// What stands below a listing of plugins.
pub(super) fn note(plugins: &Value) -> Option<String> {
    capability::note(plugins.as_array().into_iter().flatten().flat_map(capabilities_of))
}

async fn of_manifest(common: &Common) -> Result<Value, crate::running::Refused> {
    let assembly = assembled(common).await?;
    let plugin = |plugin: &crate::assembly::Assembled| {
        json!({
            "id": plugin.descriptor.id,
            "version": plugin.descriptor.version,
            "about": plugin.descriptor.about,
            "attach": plugin.attach(),
            "state": "not running",
            "capabilities": plugin.descriptor.capabilities,
        })
    };
    Ok(assembly.plugins.iter().map(plugin).collect())
}

fn line(plugin: &Value) -> String {
    let text = |key: &str| plugin[key].as_str().unwrap_or_default().to_owned();
    let asked = Some(capability::asked(capabilities_of(plugin))).filter(|asked| !asked.is_empty());
    let asked = asked.map(|asked| format!(" ({asked})")).unwrap_or_default();
    let reason = plugin["reason"].as_str().map(|reason| format!("\n    {reason}")).unwrap_or_default();
    format!(
        "{:22} {:8} {:7} {:12} {}{asked}{reason}\n",
        text("id"),
        text("version"),
        text("attach"),
        text("state"),
        text("about")
    )
}

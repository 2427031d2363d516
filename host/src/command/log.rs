//! `transom log`: who logs at which level in a running host.

use clap::Args;
use serde_json::Value;

use super::status::{asked, list, text_of};
use crate::control::Question;
use crate::program::{Common, DONE};
use crate::terminal::{print, shown};

/// Show or set who logs at which level in the running host
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom log\n  transom log skills debug\n  transom log skills host\n  transom log host \"warn,transom_kernel=debug\"\n\nWhat is set holds until the host ends."
)]
pub(crate) struct Arguments {
    /// The plugin, or `host` for whatever has no level of its own
    #[arg(requires = "level")]
    plugin: Option<String>,
    /// error, warn, info, debug, trace or off; `host` takes a plugin's own level away again
    level: Option<String>,
}

pub(crate) fn run(common: &Common, arguments: &Arguments) -> u8 {
    let set = arguments.plugin.clone().zip(arguments.level.clone());
    match asked(common, &Question::Log { set }) {
        Err(code) => code,
        Ok(answer) => {
            print(&if common.json { format!("{answer}\n") } else { shown(&described(&answer)) });
            DONE
        }
    }
}

fn described(answer: &Value) -> String {
    let line = |plugin: &str, level: &str| format!("{plugin:22} {level}\n");
    let mut text = line("host", text_of(answer, "host"));
    for plugin in list(answer, "plugins") {
        let level = if plugin["own"] == true { text_of(plugin, "level") } else { "as the host" };
        text += &line(text_of(plugin, "plugin"), level);
    }
    text
}

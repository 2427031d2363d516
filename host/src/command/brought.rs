//! Commands that plugins of the running host bring: `transom commands` lists them, and a word that is no command of the program's
//! own is looked for among them.

use clap::CommandFactory;
use serde_json::Value;

use super::status::{asked, list, text_of};
use crate::control::{Question, is_answered};
use crate::data::why_nobody;
use crate::program::{Common, DONE, FAILED, REFUSED};
use crate::terminal::{complain, print, shown};

/// Lists them.
pub(crate) fn list_all(common: &Common) -> u8 {
    match asked(common, &Question::Commands) {
        Err(code) => code,
        Ok(answer) => {
            print(&if common.json { format!("{answer}\n") } else { shown(&described(&answer)) });
            DONE
        }
    }
}

fn described(answer: &Value) -> String {
    let width =
        list(answer, "commands").map(|one| text_of(one, "name").chars().count()).max().unwrap_or_default();
    let line = |one: &Value| {
        format!(
            "transom {:width$}  {} (`{}`)\n",
            text_of(one, "name"),
            text_of(one, "summary"),
            text_of(one, "plugin")
        )
    };
    let lines: String = list(answer, "commands").map(line).collect();
    if lines.is_empty() { "no plugin of this host brings a command\n".to_owned() } else { lines }
}

/// Runs the command that the words begin with.
pub(crate) fn run<P: CommandFactory>(common: &Common, words: Vec<String>) -> u8 {
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let (common, arguments) = match common.with_options_among(words) {
        Ok(told) => told,
        Err(problem) => {
            complain(&format!("error: {problem}"));
            return REFUSED;
        }
    };
    if let Ok(folder) = common.data_folder_of_host()
        && !is_answered(&folder)
    {
        return refuse(&unknown::<P>(
            &name,
            &Value::Null,
            &format!("and nobody can be asked for those of plugins: {}", why_nobody(&folder)),
        ));
    }
    let cwd = std::env::current_dir().ok().and_then(|folder| folder.to_str().map(str::to_owned));
    let cwd = cwd.unwrap_or_default();
    let question = Question::Command { name: name.clone(), arguments, json: common.json, cwd };
    match asked(&common, &question) {
        Err(code) => code,
        Ok(answer) if answer["unknown"] == true => refuse(&unknown::<P>(
            &name,
            &asked(&common, &Question::Commands).unwrap_or_default(),
            "and no plugin of the running host brings one of that name (`transom commands` lists those)",
        )),
        Ok(answer) => {
            print(text_of(&answer, "output"));
            let complaint = text_of(&answer, "complaint").trim_end();
            if !complaint.is_empty() {
                complain(complaint);
            }
            answer["code"].as_u64().and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
        }
    }
}

fn refuse(problem: &str) -> u8 {
    complain(&format!("error: {problem}"));
    REFUSED
}

/// That there is no such command, with what may have been meant: one of the program's own, or of those that plugins bring.
fn unknown<P: CommandFactory>(name: &str, of_plugins: &Value, why: &str) -> String {
    const NEAR: f64 = 0.8;
    let program = P::command();
    let of_program = program.get_subcommands().map(|command| command.get_name().to_owned());
    let near = of_program
        .chain(list(of_plugins, "commands").map(|one| text_of(one, "name").to_owned()))
        .map(|known| (strsim::jaro_winkler(name, &known), known))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let name = name.escape_debug();
    match near {
        Some((_, known)) => {
            format!("there is no command `{name}`\n  help: did you mean `transom {}`?", shown(&known))
        }
        None => {
            format!("there is no command `{name}` of the program's own (`transom --help` lists them), {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_told_with_their_plugins() {
        let answer = json!({ "commands": [
            { "name": "compact", "plugin": "compaction", "summary": "sums up a conversation" },
            { "name": "warm", "plugin": "cache-warming", "summary": "keeps a cache warm" },
        ] });
        assert_eq!(
            described(&answer),
            "transom compact  sums up a conversation (`compaction`)\ntransom warm     keeps a cache warm (`cache-warming`)\n"
        );
        assert_eq!(described(&json!({ "commands": [] })), "no plugin of this host brings a command\n");
    }

    #[test]
    fn a_command_of_a_plugin_that_was_mistyped_is_named() {
        #[derive(clap::Parser)]
        enum Program {
            Status,
        }
        let of_plugins = json!({ "commands": [{ "name": "hooks" }] });
        for (typed, meant) in [("hoks", "transom hooks"), ("statsu", "transom status")] {
            assert!(unknown::<Program>(typed, &of_plugins, "").contains(meant), "{typed}");
        }
        assert!(unknown::<Program>("compile", &of_plugins, "and so on").ends_with("and so on"));
    }
}

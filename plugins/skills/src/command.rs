//! `transom skills`: the same from a terminal.

use std::sync::Arc;

use transom_agent::command::{Manual, REFUSED, Words, conversation, failed, printed, refused};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_plugin_api::{CallError, Json, List, Server, StartError, Text};

use crate::listing;
use crate::pins::{Failure, Outlook, Pins};
use crate::routes::checked;

const MANUAL: Manual = Manual {
    help: "Show the skills there are, and which of them are active in a conversation; activate them, and let them go

Usage: transom skills [OPTIONS] [ID]

Options:
  --on NAME     Make a skill active in the conversation; may be given several times
  --off NAME    Let an active skill go; may be given several times, and is done first
  --force       Activate also what contradicts an active skill, or has to be cut
  --cwd FOLDER  Without ID: the folder whose skills are shown, in place of the host's first root
  --json        Print JSON for programs instead of text for people

Example:
  transom skills 1e1d --off deploy --on pdf-forms
",
    words: &["ID"],
    flags: &["--force"],
    options: &["--cwd"],
};

/// Puts the command on the bus.
pub(crate) fn register(
    pins: &Arc<Pins>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about = Verb { summary: "shows, activates and lets go of skills".into(), input: Json::default() };
    commands.serve_named_with("skills", about, pins, async |pins, call, _| {
        Ok(match Wish::read(&call) {
            Ok(wish) => run(&pins, &wish, call.json).await.unwrap_or_else(|instead| instead),
            Err(instead) => instead,
        })
    })
}

/// What is wanted.
struct Wish {
    id: Option<String>,
    cwd: Option<Text>,
    on: Vec<String>,
    off: Vec<String>,
    force: bool,
}

impl Wish {
    fn read(call: &CliCall) -> Result<Self, CliOutcome> {
        let (mut on, mut off) = (Vec::new(), Vec::new());
        let (mut rest, mut given) = (List::new(), call.arguments.iter());
        while let Some(word) = given.next() {
            let (option, value) =
                word.split_once('=').map_or((word.as_str(), None), |(option, value)| (option, Some(value)));
            let names = match option {
                "--on" => &mut on,
                "--off" => &mut off,
                _ => {
                    rest.push(word.clone());
                    continue;
                }
            };
            let name = value.or_else(|| given.next().map(Text::as_str));
            let name =
                name.ok_or_else(|| refused(&format!("`{option}` lacks its value\n\n{}", MANUAL.help)))?;
            names.push(checked(option, name).map_err(|error| failed(&error))?);
        }
        let call = CliCall { arguments: rest, ..call.clone() };
        Self::of(&MANUAL.read_given(&call)?, on, off).checked()
    }

    fn of(words: &Words, on: Vec<String>, off: Vec<String>) -> Self {
        let id = Some(words.word(0)).filter(|id| !id.is_empty()).map(str::to_owned);
        Self {
            id,
            cwd: words.value("--cwd").map(|given| words.path(given).into()),
            on,
            off,
            force: words.has("--force"),
        }
    }

    fn checked(self) -> Result<Self, CliOutcome> {
        let is_change = !self.on.is_empty() || !self.off.is_empty();
        let problem = match &self.id {
            None if is_change => "ID is missing: skills are active in conversations",
            Some(_) if self.cwd.is_some() => "`--cwd` is for calls without ID: a conversation has its folder",
            _ if self.force && self.on.is_empty() => "`--force` is for `--on`",
            _ => return Ok(self),
        };
        Err(refused(&format!("{problem}\n\n{}", MANUAL.help)))
    }
}

/// What is printed; as an error where something failed.
async fn run(pins: &Arc<Pins>, wish: &Wish, json: bool) -> Result<CliOutcome, CliOutcome> {
    let failed = |error: CallError| failed(&error);
    let Some(given) = &wish.id else {
        let outlook = pins.outlook_of_folder(wish.cwd.clone()).await.map_err(failed)?;
        return Ok(told(pins, None, &outlook, json));
    };
    let id = conversation(&pins.ports.list, given).await.map_err(failed)?.id;
    for name in &wish.off {
        pins.deactivate(id.clone(), name.clone()).await.map_err(failed)?;
    }
    for name in &wish.on {
        pins.activate(id.clone(), name.clone(), wish.force)
            .await
            .map_err(|failure| unactivated(name, failure, json))?;
    }
    let outlook = pins.outlook(&id).await.map_err(failed)?;
    Ok(told(pins, Some(&id), &outlook, json))
}

fn told(pins: &Pins, id: Option<&Text>, outlook: &Outlook, json: bool) -> CliOutcome {
    if json {
        return printed(format!("{}\n", listing::told(id.map(Text::as_str), outlook, pins.limits)));
    }
    printed(listing::printed(outlook, id.map(|_| pins.limits)))
}

fn unactivated(name: &str, failure: Failure, json: bool) -> CliOutcome {
    let unfit = match failure {
        Failure::Call(error) => return failed(&error),
        Failure::Unfit(unfit) => unfit,
    };
    let refusal = listing::refusal(name, &unfit);
    let outcome = refused(refusal["error"].as_str().unwrap_or_default());
    let output = if json { format!("{refusal}\n") } else { String::new() };
    CliOutcome { output: output.into(), code: REFUSED, ..outcome }
}

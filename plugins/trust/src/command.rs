//! `transom trust`: the same from a terminal.

use std::sync::Arc;

use serde_json::json;
use transom_agent::command::{Manual, Words, failed, printed, refused};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::book::Waiting;
use crate::folder;
use crate::keeper::Keeper;
use crate::row;
use crate::subject::Subject;

/// Digits of a digest that people are shown.
const DIGITS: usize = 12;

const MANUAL: Manual = Manual {
    help: "Say which files of working folders may be used; without a folder, list those that wait to be trusted

Usage: transom trust [OPTIONS] [FOLDER]

With a folder, everything that waits there is trusted, as it was when a turn came upon it last: a change since then waits
again. What a turn has found changed since it was listed is listed again in place of being trusted.

Options:
  --file NAME   Only this file of the folder
  --refuse      Refuse what waits
  --always      Trust the folder, or the file, whatever is in it from now on
  --forget      Forget what was answered there
  --json        Print JSON for programs instead of text for people

Example:
  transom trust .
",
    words: &["FOLDER"],
    flags: &["--refuse", "--always", "--forget"],
    options: &["--file"],
};

/// Puts the command on the bus.
pub(crate) fn register(
    keeper: &Arc<Keeper>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about =
        Verb { summary: "says which files of working folders may be used".into(), input: Json::default() };
    commands.serve_named_with("trust", about, keeper, async |keeper, call, _| {
        Ok(match MANUAL.read_given(&call) {
            Ok(words) => run(&keeper, &words, call.json).await,
            Err(instead) => instead,
        })
    })
}

async fn run(keeper: &Keeper, words: &Words, json: bool) -> CliOutcome {
    let (folder, file) = (words.path(words.word(0)), words.value("--file"));
    let chosen = MANUAL.flags.iter().filter(|flag| words.has(flag)).count();
    match (&*folder, chosen) {
        ("", 0) if file.is_none() => list(keeper, json),
        ("", _) => refused(&format!("FOLDER is missing\n\n{}", MANUAL.help)),
        (_, 2..) => refused("`--refuse`, `--always` and `--forget` exclude each other"),
        (folder, _) => at(keeper, folder, file, words, json).await.unwrap_or_else(|error| failed(&error)),
    }
}

fn list(keeper: &Keeper, json: bool) -> CliOutcome {
    let waiting = keeper.listed();
    if json {
        return printed(format!("{}\n", row::told(&keeper.book())));
    }
    if waiting.is_empty() {
        return printed("nothing waits to be trusted\n");
    }
    printed(lines(&waiting))
}

fn lines(waiting: &[(Subject, Waiting)]) -> String {
    let cells: Vec<[String; 4]> = waiting.iter().map(|(file, waiting)| cells(file, waiting)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (folder, name, purpose) = (width(0), width(1), width(2));
    let line = |[a, b, c, d]: &[String; 4]| format!("{a:folder$}  {b:name$}  {c:purpose$}  {d}\n");
    cells.iter().map(line).collect()
}

fn cells(file: &Subject, waiting: &Waiting) -> [String; 4] {
    let digits = waiting.sha256.chars().take(DIGITS).collect();
    let name = shown(file.name.as_deref().unwrap_or_default(), usize::MAX);
    [shown(&file.folder, usize::MAX), name, waiting.purpose.clone(), digits]
}

/// What is done at a folder.
async fn at(
    keeper: &Keeper,
    written: &str,
    file: Option<&str>,
    words: &Words,
    json: bool,
) -> Result<CliOutcome, CallError> {
    Subject::new(written, file, None)?;
    let subject = Subject::new(&folder::resolved(&keeper.host, written).await?, file, None)?;
    if words.has("--forget") {
        return forget(keeper, &subject, json).await;
    }
    if words.has("--always") {
        return always(keeper, subject, json).await;
    }
    answer(keeper, &subject, !words.has("--refuse"), json).await
}

async fn forget(keeper: &Keeper, subject: &Subject, json: bool) -> Result<CliOutcome, CallError> {
    let forgotten = keeper.forget(subject).await?;
    Ok(match forgotten {
        _ if json => printed(format!("{}\n", json!({ "forgotten": forgotten }))),
        0 => printed("nothing was answered there\n"),
        1 => printed("1 answer is forgotten\n"),
        _ => printed(format!("{forgotten} answers are forgotten\n")),
    })
}

async fn always(keeper: &Keeper, subject: Subject, json: bool) -> Result<CliOutcome, CallError> {
    let what = match &subject.name {
        Some(name) => format!("`{}` in `{}`", shown(name, usize::MAX), shown(&subject.folder, usize::MAX)),
        None => format!("`{}`", shown(&subject.folder, usize::MAX)),
    };
    keeper.answer(subject, true).await?;
    Ok(if json {
        printed(format!("{}\n", row::told(&keeper.book())))
    } else {
        printed(format!("{what} is trusted, whatever is in it from now on\n"))
    })
}

async fn answer(
    keeper: &Keeper,
    subject: &Subject,
    trusted: bool,
    json: bool,
) -> Result<CliOutcome, CallError> {
    let book = keeper.book();
    let waits = book.waiting().iter().filter(|(file, _)| {
        file.folder == subject.folder && (subject.name.is_none() || file.name == subject.name)
    });
    let waits: Vec<_> = waits.map(|(file, waiting)| (file.clone(), waiting.clone())).collect();
    if waits.is_empty() {
        let folder = shown(&subject.folder, usize::MAX);
        return Err(CallError::not_found(format!("nothing waits to be trusted in `{folder}`")));
    }
    let has_changed = |(_, waiting): &(Subject, Waiting)| {
        trusted && waiting.has_changed() && !sabotaged("trust-what-was-not-seen")
    };
    if waits.iter().any(has_changed) {
        // From now on it has been shown.
        keeper.listed();
        return Ok(refused(&format!(
            "it has changed since it was listed; look at it, then trust it:\n{}",
            lines(&waits).trim_end()
        )));
    }
    for (file, waiting) in &waits {
        let content = Subject { sha256: Some(waiting.sha256.clone()), ..file.clone() };
        keeper.answer(content, trusted).await?;
    }
    Ok(if json {
        printed(format!("{}\n", row::told(&keeper.book())))
    } else {
        printed(format!("{}{}\n", lines(&waits), if trusted { "trusted" } else { "refused" }))
    })
}

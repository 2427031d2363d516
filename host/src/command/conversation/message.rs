//! What a person says: words on the command line, a file, or both.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Failure;

/// Bytes of a file that are read at most; a host takes no larger body, unless it was told to.
const LIMIT: u64 = 8 << 20;

/// A message.
#[derive(Args)]
pub(crate) struct Message {
    /// What to say
    #[arg(required_unless_present = "file")]
    text: Option<String>,
    /// A file with what to say, behind the text when there is one; `-` is standard input
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

/// How the turn that a message begins is made.
#[derive(Args)]
pub(crate) struct Manner {
    /// The model to ask, as `transom models` names it
    #[arg(long)]
    model: Option<String>,
    /// How hard the model is to think
    #[arg(long, value_enum)]
    effort: Option<Effort>,
    /// The folder the turn works in; must lie in a root of the host
    #[arg(long, value_name = "PATH")]
    cwd: Option<PathBuf>,
}

/// How hard a model is to think.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Effort {
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

impl Message {
    /// The words.
    pub(crate) fn words(&self) -> Result<String, Failure> {
        let file = self.file.as_deref().map(content).transpose()?;
        let parts = [self.text.as_deref(), file.as_deref()];
        Ok(parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"))
    }
}

impl Manner {
    /// Writes what was chosen into the body of `POST /chat`.
    pub(crate) fn write(&self, body: &mut Value) -> Result<(), Failure> {
        let cwd = self.cwd.as_deref().map(std::path::absolute).transpose();
        let unusable = |error| Failure::refused(format!("the folder after `--cwd` cannot be used: {error}"));
        let cwd = cwd.map_err(unusable)?.map(|cwd| cwd.display().to_string());
        let effort = self.effort.and_then(|effort| Some(effort.to_possible_value()?.get_name().to_owned()));
        for (field, value) in [("model", &self.model), ("cwd", &cwd), ("reasoningEffort", &effort)] {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        Ok(())
    }
}

fn content(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let unreadable =
        |error: io::Error| Failure::refused(format!("`{name}` after `--file` cannot be read: {error}"));
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(unreadable)?)
    };
    source.take(LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Failure::refused(format!(
            "`{name}` after `--file` is too long, expected at most {LIMIT} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::refused(format!("`{name}` after `--file` is no text: byte {at} is not UTF-8"))
    })
}

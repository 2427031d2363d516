//! `transom new plugin NAME`: a plugin crate that builds, tests and loads as it stands.

mod name;
mod template;
mod workspace;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use transom_plugin_api::sabotage::sabotaged;

use self::name::Name;
use self::workspace::Origin;
use super::conversation::word;
use super::refuse;
use crate::manifest::Fault;
use crate::program::{Common, DONE, REFUSED};
use crate::running::Refused;
use crate::terminal::{complain, print, shown};

/// Make something new
#[derive(Args)]
#[command(after_help = "Example:\n  transom new plugin door-bell")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A plugin crate that builds, tests and loads as it stands
    #[command(after_help = "Example:\n  transom new plugin door-bell --path ~/plugins/door-bell")]
    Plugin(Plugin),
}

#[derive(Args)]
struct Plugin {
    /// Its id: lower-case words joined by `-`
    name: String,
    /// The folder to write it into; it must be empty or not there yet [default: NAME in this folder]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

pub(crate) fn run(common: &Common, arguments: Arguments) -> u8 {
    let What::Plugin(Plugin { name, path }) = arguments.what;
    let folder = path.unwrap_or_else(|| PathBuf::from(&name));
    match Name::parse(&name).and_then(|name| written(&name, &Origin::of_this_program()?, &folder)) {
        Ok(files) => {
            report(common.json, &name, &folder, &files);
            DONE
        }
        Err(unmade) => {
            complain_about(common.json, &unmade, &folder);
            REFUSED
        }
    }
}

/// Why nothing was made, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unmade {
    problem: String,
    help: String,
}

impl Unmade {
    fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: help.into() }
    }
}

/// Writes the crate, and gives the paths of its files within `folder`.
fn written(name: &Name, origin: &Origin, folder: &Path) -> Result<Vec<&'static str>, Unmade> {
    let failed = |error: io::Error| {
        Unmade::new(
            format!("`{}` cannot be written: {error}", folder.display()),
            "name another folder with `--path`",
        )
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let is_empty = fs::read_dir(folder).map_err(failed)?.next().is_none();
    if !is_empty && !sabotaged("write-into-any-folder") {
        return Err(Unmade::new(
            format!("folder `{}` is not empty", folder.display()),
            "name another one with `--path`",
        ));
    }
    let files = template::files(name, origin);
    for (path, content) in &files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        fs::write(path, content).map_err(failed)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn report(json: bool, name: &str, folder: &Path, files: &[&str]) {
    if json {
        let document = serde_json::json!({ "ok": true, "id": name, "folder": folder, "files": files });
        return print(&format!("{document}\n"));
    }
    let folder = folder.display().to_string();
    print(&shown(&format!(
        "plugin `{name}` is in `{folder}`; begin reading at src/lib.rs\n  cd {}\n  cargo test\n  transom dev\n",
        word(&folder)
    )));
}

fn complain_about(json: bool, Unmade { problem, help }: &Unmade, folder: &Path) {
    if json {
        let (file, help) = (folder.display().to_string(), Some(help.clone()));
        let fault = Fault { file, position: None, message: problem.clone(), help, explanation: None };
        refuse(&Refused::Faults(fault.into()), true);
    } else {
        complain(&shown(&format!("error: {problem}\n  help: {help}")));
    }
}

//! [`Act`]: what a call would do, by what its tool says of itself and what the model has written.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;
use transom_agent::tool::Effect;

use crate::command_line::{self, Command};

/// One thing that a call would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It reads or writes what is at a path.
    Path {
        writes: bool,
        /// As the model wrote it.
        given: String,
        /// Where that is; `None` when nobody can tell.
        place: Option<Place>,
    },
    /// It runs a command.
    Command {
        /// As the model wrote it.
        given: String,
        /// Each command of it; `None` when it is not plain.
        plain: Option<Vec<Command>>,
    },
    /// It asks somebody outside of the host.
    Reach { whom: String },
    /// Nobody knows what it does.
    Unknown,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// As it is written, from the root, without `.` and `..`.
    pub(crate) written: PathBuf,
    /// Without symlinks, as far as it is there.
    pub(crate) resolved: PathBuf,
}

impl Place {
    /// Whether it is below a folder, both as it is written and as it is.
    pub(crate) fn is_below(&self, folder: &Path) -> bool {
        self.written.starts_with(folder) && self.resolved.starts_with(folder)
    }
}

impl Act {
    /// Whether a call with these effects has to be looked up on the disk.
    pub(crate) fn any_at_a_path(effects: Option<&[Effect]>) -> bool {
        let is_at_a_path = |effect: &Effect| matches!(effect, Effect::Reads { .. } | Effect::Writes { .. });
        effects.is_some_and(|effects| effects.iter().any(is_at_a_path))
    }

    /// What a call would do. It looks at the disk where there is [a path](Self::any_at_a_path), to follow symlinks.
    pub(crate) fn all(effects: Option<&[Effect]>, input: &Value, cwd: &Path) -> Vec<Self> {
        let Some(effects) = effects else { return vec![Self::Unknown] };
        effects.iter().map(|effect| Self::of(effect, input, cwd)).collect()
    }

    fn of(effect: &Effect, input: &Value, cwd: &Path) -> Self {
        match effect {
            Effect::Reads { path } => Self::of_path(false, input.get(path.as_str()), cwd),
            Effect::Writes { path } => Self::of_path(true, input.get(path.as_str()), cwd),
            Effect::Runs { command } => match input.get(command.as_str()).and_then(Value::as_str) {
                Some(given) => {
                    Self::Command { given: given.to_owned(), plain: command_line::commands(given) }
                }
                None => Self::Unknown,
            },
            Effect::Reaches { whom } => Self::Reach { whom: whom.to_string() },
            Effect::Unknown(_) => Self::Unknown,
        }
    }

    fn of_path(writes: bool, given: Option<&Value>, cwd: &Path) -> Self {
        match given {
            None | Some(Value::Null) => Self::Path { writes, given: ".".to_owned(), place: place(".", cwd) },
            Some(Value::String(given)) => {
                Self::Path { writes, given: given.clone(), place: place(given, cwd) }
            }
            Some(_) => Self::Unknown,
        }
    }
}

/// Where a path leads that is written in a folder. A `..` is gone up where it is written, and once more where links lead: only a path
/// on which both agree is known.
fn place(given: &str, cwd: &Path) -> Option<Place> {
    if given.contains('\0') {
        return None;
    }
    let joined = cwd.join(given);
    let written = without_dots(&joined)?;
    let resolved = resolved(&joined)?;
    Some(Place { written, resolved })
}

fn without_dots(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                if !plain.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    Some(plain)
}

/// A path without symlinks, as far as it is there. What is not there yet has no links in it; a `..` behind that leads nowhere.
fn resolved(path: &Path) -> Option<PathBuf> {
    let mut there = path;
    let mut rest: Vec<&std::ffi::OsStr> = Vec::new();
    loop {
        // One look at what is not there, and all links are followed once: each is a call of the system.
        if there.symlink_metadata().is_ok() {
            // What is made where a link leads nowhere yet lands where that leads.
            let found = there.canonicalize().ok()?;
            return Some(rest.iter().rev().fold(found, |path, part| path.join(part)));
        }
        rest.push(there.file_name()?);
        there = there.parent()?;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;

    fn reads(given: Value, cwd: &Path) -> Option<Place> {
        let effects = [Effect::Reads { path: "path".into() }];
        match &Act::all(Some(&effects), &json!({ "path": given }), cwd)[..] {
            [Act::Path { place, .. }] => place.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let cwd = folder.path().canonicalize().unwrap().join("cwd");
        fs::create_dir(&cwd).unwrap();
        (folder, cwd)
    }

    #[test]
    fn a_path_below_the_folder_is_below_it_whether_it_is_there_or_not() {
        let (_folder, cwd) = folder();
        fs::write(cwd.join("a"), "").unwrap();
        for given in ["a", "./a", "b/c", "."] {
            let place = reads(json!(given), &cwd);
            assert!(place.is_some_and(|place| place.is_below(&cwd)), "{given}");
        }
        assert_eq!(reads(Value::Null, &cwd).map(|place| place.resolved), Some(cwd.clone()));
    }

    #[test]
    fn a_path_that_leads_out_is_not_below_the_folder_however_it_is_written() {
        let (_folder, cwd) = folder();
        let out = cwd.parent().unwrap().join("out");
        fs::create_dir(&out).unwrap();
        symlink(&out, cwd.join("link")).unwrap();
        symlink(&cwd, out.join("back")).unwrap();
        symlink(out.join("new"), cwd.join("dangling")).unwrap();
        for given in [
            "../out/x",
            "link/x",
            "link",
            "link/../x",
            "/etc/passwd",
            "/proc/self/cwd/../x",
            "/proc/self/root",
            "dangling",
            "b/../../out",
        ] {
            let is_below = reads(json!(given), &cwd).is_some_and(|place| place.is_below(&cwd));
            assert!(!is_below, "{given}");
        }
        assert!(!reads(json!("../out/back/x"), &cwd).unwrap().is_below(&cwd), "it is written outside");
    }

    #[test]
    fn what_is_no_path_and_no_command_is_unknown() {
        let effects = [Effect::Reads { path: "path".into() }, Effect::Runs { command: "command".into() }];
        let acts = Act::all(Some(&effects), &json!({"path": 3, "command": ["a"]}), Path::new("/"));
        assert_eq!(acts, [Act::Unknown, Act::Unknown]);
        assert_eq!(Act::all(None, &json!({}), Path::new("/")), [Act::Unknown]);
        assert!(Act::all(Some(&[]), &json!({}), Path::new("/")).is_empty());
        for given in ["a\0b", "nowhere/../a", "/../"] {
            assert_eq!(reads(json!(given), Path::new("/nowhere")), None, "{given:?}");
        }
    }
}

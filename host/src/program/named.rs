//! [`Named`]: the manifests that the operator has named, by their contents.
//!
//! A manifest starts programs, and says what models may do. One that lies in a folder, such as that of a cloned repository, is
//! anybody's word before the operator has named it, and anybody's again when it has changed since.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use transom_plugin_api::sabotage::sabotaged;

use crate::manifest::Fault;

/// Manifests that are remembered; of more, those that were named last.
const REMEMBERED: usize = 500;
/// The variable by which a manifest is named.
const VARIABLE: &str = "TRANSOM_MANIFEST";
/// Bytes of the list that are read.
const LONGEST: u64 = 4 << 20;

/// Where it is kept which manifests were named: a list with a line for each, `DIGEST  PATH`, the last one at the end.
pub(super) struct Named {
    path: PathBuf,
}

impl Named {
    /// The list of whoever runs this process: `$XDG_STATE_HOME/transom/manifests`, else `$HOME/.local/state/transom/manifests`; none
    /// where neither is an absolute path.
    pub(super) fn of_user() -> Option<Self> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(Self { path: state.join("transom/manifests") })
    }

    /// Remembers that the operator has named the manifest at `path`, which says `text`.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn remember(&self, path: &Path, text: &str) -> io::Result<()> {
        let (line, known) = (line(path, text)?, self.lines());
        if known.contains(&line) {
            return Ok(());
        }
        let place = line.split_once("  ").map(|(_, path)| path.to_owned());
        let is_other = |known: &&String| known.split_once("  ").map(|(_, path)| path) != place.as_deref();
        let mut lines: Vec<_> = known.iter().filter(is_other).collect();
        lines.push(&line);
        let last = lines.split_off(lines.len().saturating_sub(REMEMBERED));
        self.write(&last)
    }

    /// Whether the operator has named the manifest at `path` when it said `text`.
    pub(super) fn knows(&self, path: &Path, text: &str) -> bool {
        line(path, text).is_ok_and(|line| self.lines().contains(&line))
    }

    fn lines(&self) -> Vec<String> {
        let is_fit = fs::metadata(&self.path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST);
        let text = if is_fit { fs::read_to_string(&self.path).unwrap_or_default() } else { String::new() };
        text.lines().map(str::to_owned).collect()
    }

    /// Whole or not at all; for nobody else to read.
    fn write(&self, lines: &[&String]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let draft = self.path.with_extension(format!("{}.draft", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
        fs::rename(draft, &self.path)
    }
}

/// A path that holds a line break makes two lines, neither of which anybody looks for.
fn line(path: &Path, text: &str) -> io::Result<String> {
    let path = path.canonicalize()?;
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{digest}  {}", path.display()))
}

/// The manifest that the environment names.
///
/// # Errors
/// When its path is relative: then it would be that of any folder.
pub(super) fn in_environment() -> Result<Option<PathBuf>, Fault> {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(relative) = path.as_ref().filter(|path| path.is_relative()) else { return Ok(path) };
    Err(Fault {
        file: relative.display().to_string(),
        position: None,
        message: format!("`{VARIABLE}` is a relative path, expected an absolute one"),
        help: Some(format!(
            "one that is relative would name the manifest of any folder; `{VARIABLE}=$PWD/transom.toml` names one"
        )),
        explanation: None,
    })
}

/// Why a manifest that was found, and not named, is not run.
pub(super) fn unnamed(file: &Path, text: &str) -> Result<(), Fault> {
    let is_known = Named::of_user().is_some_and(|named| named.knows(file, text));
    if is_known || sabotaged("run-any-manifest-that-is-found") {
        return Ok(());
    }
    Err(Fault {
        file: file.display().to_string(),
        position: None,
        message: "nobody has named this manifest as it is now, and one that is found is not run: it may start programs, and say \
                  what models may do"
            .to_owned(),
        help: Some(format!(
            "read it, then name it with `--manifest {}`, which is remembered until it changes, or in `{VARIABLE}`; or name the data \
             folder of the host that is meant with `--data`",
            file.display()
        )),
        explanation: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_known_as_it_was_when_it_was_named_and_where() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "").expect("written");
            path
        };
        let (one, other) = (at("one.toml"), at("other.toml"));
        let named = Named { path: folder.path().join("state/transom/manifests") };
        assert!(!named.knows(&one, "a"));
        named.remember(&one, "a").expect("written");
        assert!(named.knows(&one, "a") && !named.knows(&one, "b") && !named.knows(&other, "a"));
        named.remember(&other, "a").expect("written");
        named.remember(&one, "b").expect("written");
        assert!(named.knows(&one, "b") && named.knows(&other, "a"));
        assert!(!named.knows(&one, "a"), "what it said before is not what was named last");
        assert_eq!(named.lines().len(), 2);
    }

    #[test]
    fn those_that_were_named_last_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = Named { path: folder.path().join("manifests") };
        let path = |number: usize| folder.path().join(format!("{number}.toml"));
        for number in 0..REMEMBERED + 2 {
            fs::write(path(number), "").expect("written");
            named.remember(&path(number), "").expect("written");
        }
        assert_eq!(named.lines().len(), REMEMBERED);
        assert!(!named.knows(&path(1), "") && named.knows(&path(2), ""));
    }
}

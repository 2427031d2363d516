//! [`Rules`]: which names a search leaves out, because a `.gitignore` or an `.ignore` on the way says so.
//!
//! The files of the turn's folder and of those below it count, and no others: neither those of the folders above, nor what a
//! user of this machine keeps for all repositories. So the same tree gives the same answer everywhere.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cap_std::fs::Dir;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::folder::regular_file;

/// In which files rules stand; of two in one folder the second has the last word.
const FILES: [&str; 2] = [".gitignore", ".ignore"];

/// Bytes of rules that count on the way to one folder. They are held in memory many times as large.
pub(crate) const MOST_BYTES: u64 = 32 << 10;

/// The rules of a folder, with those of the folders above it.
#[derive(Debug)]
pub(crate) struct Rules {
    above: Option<Rc<Self>>,
    /// The folder, from the turn's folder.
    base: PathBuf,
    own: Gitignore,
    /// Bytes of all of them.
    bytes: u64,
}

/// What is to be known about a folder before what is in it is looked at.
#[derive(Debug)]
pub(crate) struct RulesFound {
    pub(crate) rules: Option<Rc<Rules>>,
    /// Files with rules that do not count, since they are too long or cannot be read.
    pub(crate) unread: u64,
}

/// The rules in `dir`, which is at `base`, below those of the folders `above`.
pub(crate) fn of_folder(above: Option<Rc<Rules>>, dir: &Dir, base: &Path) -> RulesFound {
    let mut bytes = above.as_ref().map_or(0, |above| above.bytes);
    let mut builder = GitignoreBuilder::new(".");
    let mut unread = 0;
    for name in FILES {
        match read(dir, Path::new(name), MOST_BYTES - bytes) {
            Ok(text) => {
                bytes += text.len() as u64;
                add_lines(&mut builder, &text);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => unread += 1,
        }
    }
    match builder.build() {
        Ok(own) if own.is_empty() => RulesFound { rules: above, unread },
        Ok(own) => {
            let rules = Rules { above, base: base.to_owned(), own, bytes };
            RulesFound { rules: Some(Rc::new(rules)), unread }
        }
        Err(_) => RulesFound { rules: above, unread: unread + 1 },
    }
}

/// A symlink is not followed, as Git follows none here.
fn read(dir: &Dir, name: &Path, most: u64) -> io::Result<Vec<u8>> {
    let open = regular_file(dir, name)?;
    let mut text = Vec::new();
    open.file.take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// A line that is no pattern says nothing, as in Git.
fn add_lines(builder: &mut GitignoreBuilder, text: &[u8]) {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok()) {
        let _ = builder.add_line(None, line);
    }
}

impl Rules {
    /// Whether what is at `path`, from the turn's folder, is left out: the last pattern that fits of the nearest folder says it.
    pub(crate) fn leave_out(&self, path: &Path, is_folder: bool) -> bool {
        let mut next = Some(self);
        while let Some(rules) = next {
            let below = path.strip_prefix(&rules.base).unwrap_or(path);
            match rules.own.matched(below, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => next = rules.above.as_deref(),
            }
        }
        false
    }
}

//! What a repository says of itself: the branch, from its files, and the status, from `git`.
//!
//! Only a repository whose `.git` stands in the folder itself counts, never one further up. Where `.git` is a file, as in a
//! worktree, the place that it names counts only when that place names it in turn.

mod status;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub(crate) use self::status::status;

/// Bytes of a file that names something.
const LONGEST_NOTE: u64 = 4 << 10;
/// Bytes of a configuration.
const LARGEST_CONFIG: u64 = 256 << 10;
/// Characters of a branch.
const LONGEST_BRANCH: usize = 200;
/// Digits of a commit that are shown.
const DIGITS: usize = 12;

/// The branch that is checked out in a folder; the commit where none is; `None` where there is no repository, or it cannot be told.
/// Asks the disk.
pub(crate) fn branch(folder: &Path) -> Option<String> {
    let head = small(&git_folder(folder)?.join("HEAD"), LONGEST_NOTE).ok()?;
    head_of(&head)
}

fn head_of(head: &str) -> Option<String> {
    let head = head.trim_end();
    if let Some(name) = head.strip_prefix("ref: refs/heads/") {
        // What no branch can be called, and what nobody could tell from an instruction, is left out.
        let is_plain = |character: char| character.is_alphanumeric() || "-_./+@#=,".contains(character);
        // Repositories of another format say this to those that do not know it.
        let is_name = name != ".invalid" && name.chars().count() <= LONGEST_BRANCH;
        return (is_name && !name.is_empty() && name.chars().all(is_plain)).then(|| name.to_owned());
    }
    let is_commit = matches!(head.len(), 40 | 64) && head.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| head[..DIGITS].to_owned())
}

/// The digest of everything by which `git` may be made to start processes in a folder; `None` where there is no repository, or a
/// part of its configuration stands elsewhere. Asks the disk.
pub(crate) fn config(folder: &Path) -> Option<String> {
    let own = git_folder(folder)?;
    let common = match small(&own.join("commondir"), LONGEST_NOTE) {
        Ok(common) => own.join(common.trim_end()),
        Err(_) => own.clone(),
    };
    let config = explicit(&common.join("config"))?;
    let digest = Sha256::new().chain_update(&config);
    let digest = match explicit(&own.join("config.worktree")) {
        Some(more) => digest.chain_update([0]).chain_update(more),
        None if own.join("config.worktree").symlink_metadata().is_err() => digest,
        None => return None,
    };
    Some(format!("{:x}", digest.finalize()))
}

/// A part of a configuration that brings no other file in: neither by `[include]` nor by `[includeIf "…"]`.
fn explicit(path: &Path) -> Option<String> {
    let text = small(path, LARGEST_CONFIG).ok()?;
    (!text.to_ascii_lowercase().contains("include")).then_some(text)
}

/// Where a repository keeps what belongs to this folder.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    let metadata = git.symlink_metadata().ok()?;
    if metadata.is_dir() {
        return Some(git);
    }
    if !metadata.is_file() {
        return None;
    }
    let named = small(&git, LONGEST_NOTE).ok()?;
    let there = folder.join(named.trim_end().strip_prefix("gitdir: ")?);
    let back = small(&there.join("gitdir"), LONGEST_NOTE).ok()?;
    let back = there.join(back.trim_end()).canonicalize().ok()?;
    (back == git.canonicalize().ok()?).then_some(there)
}

/// A small regular file, whatever takes its place meanwhile. The last part of its name is no link.
fn small(path: &Path, most: u64) -> io::Result<String> {
    let unfit = || io::Error::other("it is no small regular file");
    if !path.symlink_metadata()?.is_file() {
        return Err(unfit());
    }
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(unfit());
    }
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most { Err(unfit()) } else { Ok(text) }
}

#[cfg(test)]
mod tests;

//! Files of a working folder: what one says, read so that it cannot lead out of the folder, hold anybody up, or be too much.
//!
//! A file is opened below its folder, through one handle that resolves symlinks in there and refuses to leave. It is a regular
//! one of bounded size, and UTF-8. What it said last is known by its digest as long as its times and numbers stand still.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Component, Path};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use sha2::{Digest, Sha256};
use transom_plugin_api::sabotage::sabotaged;

/// Bytes of a file.
const LARGEST: u64 = 64 << 10;
/// Files of which is remembered what they said.
const REMEMBERED: usize = 1_000;
/// For so long after a change of a file another one may leave its times as they are: clocks of file systems are coarse.
const COARSE_NS: i128 = 2_000_000_000;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// There is no such file.
    Missing,
    /// There is something that is not read, for this reason.
    Unfit(String),
    /// A file that may be read.
    Said {
        /// SHA-256 of its content, in hexadecimal digits.
        sha256: String,
        /// Its content; nothing when only its digest was wanted, and nobody had to read it.
        text: Option<String>,
    },
}

/// By what a change of a file is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    device: u64,
    number: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a change after `now` shows in the times.
    fn is_settled(&self, now_ns: i128) -> bool {
        let changed_ns = i128::from(self.changed.0) * 1_000_000_000 + i128::from(self.changed.1);
        changed_ns + COARSE_NS < now_ns
    }
}

/// Looks at files, and remembers what they said.
#[derive(Debug, Default)]
pub(crate) struct Files {
    known: Mutex<HashMap<(String, String), (Stat, String)>>,
}

impl Files {
    /// What a file says. Asks the disk.
    pub(crate) fn look(&self, folder: &str, name: &str, wants_text: bool) -> Sight {
        match self.read(folder, name, wants_text) {
            Ok(sight) => sight,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Sight::Missing,
            Err(error) if is_escape(&error) => Sight::Unfit("it leads out of the folder".to_owned()),
            Err(error) => Sight::Unfit(error.to_string()),
        }
    }

    fn read(&self, folder: &str, name: &str, wants_text: bool) -> io::Result<Sight> {
        if !is_below(name) {
            return Ok(Sight::Unfit("it leads out of the folder".to_owned()));
        }
        let (dir, name) = opened(folder, name)?;
        let before = dir.metadata(&name)?;
        if let Some(problem) = unfit(&before) {
            return Ok(Sight::Unfit(problem));
        }
        let key = (folder.to_owned(), name.clone());
        let known = self.known().get(&key).cloned();
        match known {
            Some((stat, sha256)) if !wants_text && stat == Stat::of(&before) => {
                return Ok(Sight::Said { sha256, text: None });
            }
            _ => {}
        }
        let now_ns = since_epoch_ns();
        // A pipe that takes the file's place meanwhile must not hang anybody.
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = dir.open_with(&name, file)?;
        let metadata = file.metadata()?;
        if let Some(problem) = unfit(&metadata) {
            return Ok(Sight::Unfit(problem));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Ok(Sight::Unfit(too_large("more")));
        }
        let sha256 = format!("{:x}", Sha256::digest(&bytes));
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(Sight::Unfit("it is not UTF-8".to_owned()));
        };
        self.remember(key, Stat::of(&metadata), now_ns, &sha256);
        Ok(Sight::Said { sha256, text: Some(text) })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(String, String), (Stat, String)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, key: (String, String), stat: Stat, now_ns: i128, sha256: &str) {
        let mut known = self.known();
        if !stat.is_settled(now_ns) {
            known.remove(&key);
            return;
        }
        // To read one again is cheap.
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, (stat, sha256.to_owned()));
    }
}

/// The folder, and a name in it; by the break a wider folder, as if the name were followed wherever it leads.
fn opened(folder: &str, name: &str) -> io::Result<(Dir, String)> {
    let folder = Path::new(folder);
    let (folder, name) = match (folder.parent(), folder.file_name()) {
        (Some(around), Some(last)) if sabotaged("read-anything") => {
            (around, format!("{}/{name}", last.to_string_lossy()))
        }
        _ => (folder, name.to_owned()),
    };
    Ok((Dir::open_ambient_dir(folder, ambient_authority())?, name))
}

/// Whether a name leads downwards only, as it is written.
fn is_below(name: &str) -> bool {
    let is_step = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    Path::new(name).components().all(is_step) || sabotaged("read-anything")
}

fn unfit(metadata: &Metadata) -> Option<String> {
    if !metadata.is_file() {
        return Some("it is not a regular file".to_owned());
    }
    (metadata.len() > LARGEST).then(|| too_large(&metadata.len().to_string()))
}

fn too_large(bytes: &str) -> String {
    format!("it has {bytes} bytes, expected at most {LARGEST}")
}

/// What the directory handle says when a path leads out, which the system does not.
fn is_escape(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

fn since_epoch_ns() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests;

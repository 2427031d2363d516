//! The data folder: who holds it, where its host can be reached, and the private copies of plugin files.

mod claim;
mod nobody;
mod place;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use transom_plugin_api::sabotage::sabotaged;

pub(crate) use claim::Claim;
pub(crate) use nobody::{silence, why_nobody};
pub use place::{NoPlace, default_folder};

/// A data folder that this process holds, until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    claim: Claim,
    _lock: File,
}

/// Why a data folder cannot be held.
#[derive(Debug)]
pub enum DataError {
    /// Another host has it.
    Held {
        /// The folder.
        path: PathBuf,
        /// The other host's process, when it could be read.
        pid: Option<u32>,
    },
    /// It belongs to somebody else, who could read and change everything in it.
    Foreign {
        /// The folder.
        path: PathBuf,
        /// The number of the user whose it is.
        owner: u32,
    },
    /// It cannot be made or opened.
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl std::fmt::Display for DataError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held { path, pid } => {
                let holder = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
                write!(
                    f,
                    "the data folder `{}` is held by another host ({holder})\n  help: stop that host, or give this one another folder with `--data PATH`",
                    path.display()
                )
            }
            Self::Foreign { path, owner } => write!(
                f,
                "the data folder `{}` belongs to another user (number {owner}), and this process is user {}\n  help: run it as that user, make the folder yours by `chown`, or choose another with `--data PATH`",
                path.display(),
                geteuid().as_raw()
            ),
            Self::Unusable { path, error } => write!(
                f,
                "the data folder `{}` cannot be used: {error}\n  help: make it writable, or choose another with `--data PATH`",
                path.display()
            ),
        }
    }
}

impl std::error::Error for DataError {}

/// How to reach the host that holds a data folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunFile {
    /// Its process.
    pub pid: u32,
    /// Where it listens, such as `http://127.0.0.1:24203`.
    pub address: String,
    /// Its version.
    pub version: String,
}

impl DataFolder {
    /// Makes the folder (0700) when it is not there, and holds it. The lock is the kernel's: it goes with the process,
    /// however that ends.
    ///
    /// # Errors
    /// When another host holds it, it belongs to another user, or it cannot be used.
    pub fn hold(path: &Path) -> Result<Self, DataError> {
        let unusable = |error| DataError::Unusable { path: path.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let unusable = |error| DataError::Unusable { path: path.clone(), error };
        let owner = path.metadata().map_err(unusable)?.uid();
        if owner != geteuid().as_raw() && !sabotaged("keep-data-in-any-folder") {
            return Err(DataError::Foreign { path, owner });
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(path.join("lock")).map_err(unusable)?;
        if !claim::take(&lock).map_err(unusable)? {
            let pid = claim::pid_in(&mut lock);
            return Err(DataError::Held { path, pid });
        }
        claim::sign(&mut lock).map_err(unusable)?;
        let claim = Claim::of(path.join("lock"), &lock).map_err(unusable)?;
        options.open(path.join("guests")).map_err(unusable)?;
        let folder = Self { path, claim, _lock: lock };
        folder.remove_run_file();
        folder.empty_images().map_err(|error| DataError::Unusable { path: folder.path.clone(), error })?;
        Ok(folder)
    }

    /// The folder, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells whether the folder is still where it was.
    pub(crate) const fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Where plugins keep their files, each in a folder of its id; not made here.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.path.join("plugins")
    }

    /// Where the private copies of plugin files are.
    #[must_use]
    pub fn images(&self) -> PathBuf {
        self.path.join("images")
    }

    // What an earlier process left behind is nobody's: the lock is ours.
    fn empty_images(&self) -> io::Result<()> {
        let images = self.images();
        match std::fs::remove_dir_all(&images) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(images)
    }

    /// Tells others where this host can be reached.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_run_file(&self, address: &str) -> io::Result<()> {
        if self.claim.is_lost() {
            // What is there now is another host's.
            return Err(io::Error::other("the data folder was removed or replaced"));
        }
        let run = RunFile {
            pid: std::process::id(),
            address: address.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let draft = self.path.join("run.json.draft");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        writeln!(file, "{}", serde_json::to_string(&run)?)?;
        std::fs::rename(draft, self.path.join("run.json"))
    }

    /// Whether a [`Guest`] uses the host.
    #[must_use]
    pub fn has_guests(&self) -> bool {
        // Whoever can have the file alone proves that nobody shares it.
        File::open(self.path.join("guests")).is_ok_and(|guests| guests.try_lock().is_err())
    }

    /// Takes back what [`write_run_file`](Self::write_run_file) told.
    pub fn remove_run_file(&self) {
        self.remove("run.json");
    }

    fn remove(&self, file: &str) {
        // In a folder that took the place of this one it is another host's.
        if !self.claim.is_lost() {
            // When it stays it is recognised as stale: nobody holds the lock.
            let _ = std::fs::remove_file(self.path.join(file));
        }
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        self.remove_run_file();
        self.remove("control.sock");
    }
}

/// Somebody who has found a host and is using it.
#[derive(Debug)]
pub struct Guest {
    /// The host.
    pub host: RunFile,
    _pass: File,
}

impl Guest {
    /// Finds the host that runs on the data folder at `path`. A host that was told so waits for its guests before it
    /// ends; whoever comes after the run file was removed finds none.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        // Held before the run file is read, so that there is no moment between the two in which the host could end.
        let pass = File::open(path.join("guests")).ok()?;
        pass.lock_shared().ok()?;
        Some(Self { host: running_host(path)?, _pass: pass })
    }
}

/// The host that runs on the data folder at `path`, if there is one.
#[must_use]
pub fn running_host(path: &Path) -> Option<RunFile> {
    let lock = File::open(path.join("lock")).ok()?;
    // Whoever can share the lock proves that nobody holds it.
    if lock.try_lock_shared().is_ok() {
        return None;
    }
    serde_json::from_str(&std::fs::read_to_string(path.join("run.json")).ok()?).ok()
}
